import type { ApplicationRef } from './application.ts';
import type { ObservationFacts } from './facts.ts';
import { listHealthItems } from './health-items.ts';
import type { Decision, ObservationInput, ObservationProgress } from './observation.ts';
import { toRevisionAt } from './source.ts';

export interface Reporter {
  /** Sends what differs from the look before. */
  look(facts: ObservationFacts, decision: Decision): Promise<void>;
  action(
    action: 'sync' | 'terminate',
    stage: 'before' | 'done' | 'refused',
    revision: string,
    text: string,
  ): Promise<void>;
}

/** Turns looks into progress, each kind sent only when it says something new. */
export function createReporter(
  application: ApplicationRef,
  input: ObservationInput,
  on: (progress: ObservationProgress) => Promise<void> | void,
): Reporter {
  const last = new Map<ObservationProgress['type'], string>();
  const send = async (progress: ObservationProgress) => {
    const text = JSON.stringify(progress);
    if (last.get(progress.type) === text) return;
    last.set(progress.type, text);
    await on(progress);
  };
  return {
    look: async (facts, decision) => {
      if (facts.reading.state === 'read') {
        await send(toSyncProgress(application, input, facts.reading.application));
        // Resources are rated with the tree at hand, or their health would seem to change with what was read.
        if (facts.tree !== undefined) await send(toHealthProgress(application, facts, facts.reading.application));
      }
      if (decision.kind !== 'conclude')
        await send({ type: 'note', application, phase: decision.phase, text: decision.reason });
    },
    action: async (action, stage, revision, text) =>
      await on({ type: 'action', application, action, stage, revision, text }),
  };
}

type ReadApplication = Extract<ObservationFacts['reading'], { state: 'read' }>['application'];

function toSyncProgress(
  application: ApplicationRef,
  input: ObservationInput,
  { operation, status }: ReadApplication,
): ObservationProgress {
  const state = status.operationState;
  return {
    type: 'sync',
    application,
    status: status.sync.status,
    revision: toRevisionAt(status.sync, input.snapshot.sourceIndex),
    operation: state?.phase ?? (operation === undefined ? '' : 'Running'),
    message: state?.message ?? '',
  };
}

function toHealthProgress(
  application: ApplicationRef,
  facts: ObservationFacts,
  read: ReadApplication,
): ObservationProgress {
  const unhealthy = listHealthItems(facts, read)
    .filter(({ status }) => status !== 'Healthy' && status !== '')
    .map(({ ref, status, message }) => ({ object: ref, status, message }));
  return { type: 'health', application, status: read.status.health.status, unhealthy };
}
