import { toAbortError } from '../lib/clock.ts';
import { toErrorMessage } from '../lib/errors.ts';
import { type CommitSha, isCommitSha } from '../lib/ids.ts';
import { createReader, toReadVersion, type ReaderDeps } from './fact-reader.ts';
import type { ObservationFacts } from './facts.ts';
import { toRevisionAt } from './source.ts';
import { decideSoak, type SoakFacts, type SoakInput, type SoakOutcome, type SoakTrace } from './verdict-soak.ts';
import type { HintSource } from './watch.ts';

interface SoakDeps extends ReaderDeps {
  /** Whether anything between our commit and a later one changed the services ours had changed. Rejects when git cannot say. */
  isTouched(later: CommitSha): Promise<boolean>;
  /** Wakes the wait when the application may have changed. Without it the poll alone is used. */
  hints?: HintSource;
}

const MAX_READS = 8;
/** A burst of hints is one reason to look, and a soak is in no hurry. */
const HINT_PAUSE_MS = 1_000;

/**
 * Watches one Application on after its commit was found live, by reads alone. Holds nothing that matters: after a crash it is
 * called again with the same stored input. Rejects only when the signal aborts.
 */
export async function watchSoak(deps: SoakDeps, input: SoakInput, signal: AbortSignal): Promise<SoakOutcome> {
  const { clock } = deps;
  const ref = { ...input.application, ...input.snapshot.application };
  const reader = createReader(deps, input, ref, signal);
  const findTouched = createTouchReader(deps, input, signal);
  let trace: SoakTrace = {};
  for (;;) {
    if (signal.aborted) throw toAbortError(signal);
    let read = await reader.look();
    let facts: SoakFacts = { ...read, touched: await findTouched(read) };
    let verdict = decideSoak(input, facts, trace);
    for (let reads = 0; reads < MAX_READS && verdict.decision.kind === 'read'; reads += 1) {
      read = await reader.read(read, verdict.decision.what);
      facts = { ...read, touched: facts.touched };
      verdict = decideSoak(input, facts, verdict.trace);
    }
    trace = verdict.trace;
    const { decision } = verdict;
    if (decision.kind === 'conclude') return decision.outcome;
    const recheckMs = decision.kind === 'wait' ? decision.recheckMs : input.budgets.tickMs;
    if (deps.hints === undefined) await clock.sleep(recheckMs, signal);
    else if ((await deps.hints.wait(ref, recheckMs, signal, toReadVersion(facts))) === 'hint')
      await clock.sleep(Math.min(HINT_PAUSE_MS, recheckMs), signal);
  }
}

/** History does not change: what git has said of a revision once is not asked again. */
function createTouchReader({ isTouched, logger }: SoakDeps, input: SoakInput, signal: AbortSignal) {
  const known: Record<string, boolean> = {};
  return async ({ reading, ancestry }: ObservationFacts): Promise<Record<string, boolean>> => {
    if (reading.state !== 'read') return known;
    const revision = toRevisionAt(reading.application.status.sync, input.snapshot.sourceIndex);
    if (!isCommitSha(revision) || revision === input.commit || known[revision] !== undefined) return known;
    if (ancestry[revision]?.containsCommit !== true) return known;
    try {
      known[revision] = await isTouched(revision);
    } catch (error) {
      if (signal.aborted) throw error;
      logger.warn({ revision, error: toErrorMessage(error) }, 'git could not say what a revision changed');
    }
    return known;
  };
}
