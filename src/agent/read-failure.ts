import type { ApplicationRef } from '../argocd/application.ts';
import { diagnose, toFingerprint } from '../argocd/diagnose.ts';
import { toErrorMessage } from '../lib/errors.ts';
import type { ObjectRef } from '../manifest/object.ts';
import type { TicketEventBody } from '../ticket/event.ts';
import type { AgentDeps } from './deps.ts';
import { readCluster } from './read-cluster.ts';
import type { Failure } from './state.ts';

/** A failure as the verdict alone tells it. */
export function toVerdictFailure(failureClass: string, sentence: string): Failure {
  return { failureClass, signature: sentence.replace(/[0-9a-f]{7,40}|\d+/g, '#').slice(0, 200), sentence };
}

/**
 * Why it failed, from events, pod states and logs as Argo CD shows them; the verdict alone where they cannot be read. The
 * events tell what was read, or why nothing was; also of the cluster around it, where that may be read. Reads only.
 */
export async function readFailure(
  deps: Pick<AgentDeps, 'argo' | 'kubernetes' | 'clock' | 'redactor'>,
  input: { application: ApplicationRef; name: string; changed: readonly ObjectRef[]; verdict: Failure },
  signal: AbortSignal,
): Promise<{ failure: Failure; events: TicketEventBody[] }> {
  const { failure, event } = await readArgo(deps, input, signal);
  const around = await readCluster(deps, input.application, signal);
  return { failure, events: around === undefined ? [event] : [event, around] };
}

async function readArgo(
  deps: Pick<AgentDeps, 'argo' | 'clock' | 'redactor'>,
  input: { application: ApplicationRef; name: string; changed: readonly ObjectRef[]; verdict: Failure },
  signal: AbortSignal,
): Promise<{ failure: Failure; event: TicketEventBody }> {
  const { application, name, changed, verdict } = input;
  const { argo, clock, redactor } = deps;
  const started = clock.now();
  try {
    const diagnosis = await diagnose(argo, application, { changed, redactor, clock, signal });
    const output = [diagnosis.sentence, ...diagnosis.logTail.slice(-20)].join('\n');
    const event: TicketEventBody = {
      type: 'tool_call',
      data: {
        tool: 'argocd.diagnose',
        input: `resource tree, events and logs of ${name}`,
        output,
        durationMs: clock.now() - started,
        ok: true,
      },
    };
    const sentence = `${verdict.sentence} ${diagnosis.sentence}`;
    if (diagnosis.class === 'unknown') return { failure: { ...verdict, sentence }, event };
    const fingerprint = toFingerprint(diagnosis);
    return { failure: { failureClass: fingerprint.class, signature: fingerprint.signature, sentence }, event };
  } catch (error) {
    if (signal.aborted) throw error;
    const text = `reading why it failed did not work: ${toErrorMessage(error)}`;
    return { failure: verdict, event: { type: 'note', data: { node: 'resolver', text } } };
  }
}
