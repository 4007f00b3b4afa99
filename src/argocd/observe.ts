import { toAbortError } from '../lib/clock.ts';
import { toErrorMessage } from '../lib/errors.ts';
import type { CommitSha } from '../lib/ids.ts';
import type { ApplicationRef } from './application.ts';
import { isArgoError } from './error.ts';
import { createTrace, noteRefresh, noteSync, type ObservationFacts, type Trace } from './facts.ts';
import { createReader, toReadVersion, type ReaderDeps } from './fact-reader.ts';
import type { ArgoClient } from './http.ts';
import type { ObservationAction, ObservationInput, ObservationProgress } from './observation.ts';
import type { Outcome } from './outcome.ts';
import { createReporter, type Reporter } from './report.ts';
import { decide } from './verdict.ts';
import { SYNC_MARK } from './verdict-operation.ts';
import type { HintSource } from './watch.ts';

interface ObserveDeps extends ReaderDeps {
  argo: ArgoClient;
  /** Wakes the wait when the application may have changed. Without it the poll alone is used. */
  hints?: HintSource;
}

/** Reads that may follow one look; a verdict never needs more kinds of facts than there are. */
const MAX_READS = 8;
/** A burst of hints is one reason to look. */
const HINT_PAUSE_MS = 100;

/**
 * Watches one Application until the pushed commit's fate is known. Holds nothing that matters: after a crash it is called again
 * with the same stored input and comes to the same end. Rejects only when the signal aborts or `on` does.
 */
export async function observeCommit(
  deps: ObserveDeps,
  input: ObservationInput,
  on: (progress: ObservationProgress) => Promise<void> | void,
  signal: AbortSignal,
): Promise<Outcome> {
  const { clock } = deps;
  const ref = { ...input.application, ...input.snapshot.application };
  const reader = createReader(deps, input, ref, signal);
  const reporter = createReporter(input, on);
  let trace = createTrace(clock.now());
  for (;;) {
    if (signal.aborted) throw toAbortError(signal);
    let facts = await reader.look();
    let verdict = decide(input, facts, trace);
    for (let reads = 0; reads < MAX_READS; reads += 1) {
      const { decision } = verdict;
      if (decision.kind !== 'act' || decision.action.type !== 'read') break;
      facts = await reader.read(facts, decision.action.what);
      verdict = decide(input, facts, verdict.trace);
    }
    trace = verdict.trace;
    const { decision } = verdict;
    await reporter.look(facts, decision);
    if (decision.kind === 'conclude') {
      deps.logger.info({ application: ref, outcome: decision.outcome.kind }, 'observation ended');
      return decision.outcome;
    }
    if (decision.kind === 'act') {
      trace = await act(deps, { ref, input, facts, trace, reporter, signal }, decision.action);
    } else if (deps.hints === undefined) {
      await clock.sleep(decision.recheckMs, signal);
    } else if ((await deps.hints.wait(ref, decision.recheckMs, signal, toReadVersion(facts))) === 'hint') {
      await clock.sleep(HINT_PAUSE_MS, signal);
    }
  }
}

interface Acting {
  ref: ApplicationRef;
  input: ObservationInput;
  facts: ObservationFacts;
  trace: Trace;
  reporter: Reporter;
  signal: AbortSignal;
}

async function act(deps: ObserveDeps, acting: Acting, action: ObservationAction): Promise<Trace> {
  switch (action.type) {
    case 'refresh':
      return await refresh(deps, acting);
    case 'sync':
      return await requestSync(deps, acting, action.revision);
    case 'terminate':
      return await terminate(deps, acting, action);
    case 'read':
      // More reads in one look than there are kinds of facts: a pause keeps a mistake from becoming a storm.
      await deps.clock.sleep(acting.input.budgets.tickMs, acting.signal);
      return acting.trace;
  }
}

async function refresh({ argo, clock, logger }: ObserveDeps, { ref, input, trace, signal }: Acting): Promise<Trace> {
  const startedAtMs = clock.now();
  try {
    await argo.getApplication(ref, { refresh: 'normal', timeoutMs: input.budgets.refreshTimeoutMs, signal });
    return noteRefresh(trace, startedAtMs, clock.now());
  } catch (error) {
    if (signal.aborted) throw error;
    logger.debug({ application: ref, error: toErrorMessage(error) }, 'refresh was not answered');
    return noteRefresh(trace, startedAtMs, clock.now(), toErrorMessage(error));
  }
}

async function requestSync(
  { argo, clock }: ObserveDeps,
  { ref, input, trace, reporter, signal }: Acting,
  revision: CommitSha | '',
): Promise<Trace> {
  const index = input.snapshot.sourceIndex;
  const pin =
    revision === '' ? {} : index === undefined ? { revision } : { revisions: [revision], sourcePositions: [index + 1] };
  const infos = input.ticketId === undefined ? [] : [{ name: SYNC_MARK, value: input.ticketId }];
  await reporter.action('sync', 'before', revision, 'asking Argo CD to sync');
  try {
    await argo.sync(ref, { ...pin, infos, signal });
  } catch (error) {
    if (signal.aborted || !isArgoError(error)) throw error;
    await reporter.action('sync', 'refused', revision, error.message);
    return noteSync(trace, clock.now(), { reason: error.reason, message: error.upstreamMessage });
  }
  await reporter.action('sync', 'done', revision, 'Argo CD accepted the sync');
  return noteSync(trace, clock.now());
}

async function terminate(
  { argo, clock }: ObserveDeps,
  { ref, trace, reporter, signal }: Acting,
  action: Extract<ObservationAction, { type: 'terminate' }>,
): Promise<Trace> {
  await reporter.action('terminate', 'before', '', `ending a stuck operation: ${action.message}`);
  try {
    await argo.terminateOperation(ref, { signal });
    await reporter.action('terminate', 'done', '', 'the operation was asked to end');
  } catch (error) {
    if (signal.aborted || !isArgoError(error)) throw error;
    // It may have ended by itself just now; the next look tells.
    await reporter.action('terminate', 'refused', '', error.message);
  }
  const { startedAt, message } = action;
  return { ...trace, terminated: { atMs: clock.now(), startedAt, message } };
}
