import { toRefLabel } from '../manifest/object.ts';
import type { ObservationFacts } from './facts.ts';
import { listHealthItems } from './health-items.ts';
import type { Decision, ObservationInput, ObservationProgress } from './observation.ts';
import type { Application } from './schema.ts';
import { toRevisionAt } from './source.ts';

export interface Reporter {
  /** Sends what differs from the look before. */
  look(facts: ObservationFacts, decision: Decision): Promise<void>;
  /** Sent every time: it is how the caller books what is done to the world. */
  action(
    name: 'sync' | 'terminate',
    stage: 'before' | 'done' | 'refused',
    revision: string,
    text: string,
  ): Promise<void>;
}

/** Turns looks into progress, each kind sent only when it says something new. */
export function createReporter(
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
        await send(toSyncProgress(input, facts.reading.application));
        // Rated with the tree at hand only, or health would seem to change with what happened to be read.
        if (facts.tree !== undefined) await send(toHealthProgress(facts, facts.reading.application));
      }
      if (decision.kind !== 'conclude') await send({ type: 'note', phase: decision.phase, text: decision.reason });
    },
    action: async (name, stage, revision, text) =>
      await on({ type: 'note', phase: 'operation', text, action: { name, stage, revision } }),
  };
}

function toSyncProgress(input: ObservationInput, { operation, status }: Application): ObservationProgress {
  const state = status.operationState;
  const phase = state?.phase ?? (operation === undefined ? '' : 'Running');
  return {
    type: 'sync',
    status: status.sync.status,
    revision: toRevisionAt(status.sync, input.snapshot.sourceIndex),
    ...(phase === '' ? {} : { operationPhase: phase }),
    ...(state === undefined || state.message === '' ? {} : { message: state.message }),
  };
}

function toHealthProgress(facts: ObservationFacts, application: Application): ObservationProgress {
  const { status, message } = application.status.health;
  const resources = listHealthItems(facts, application)
    .filter((item) => item.status !== 'Healthy' && item.status !== '')
    .map((item) => ({
      resource: toRefLabel(item.ref),
      health: item.status,
      ...(item.message === '' ? {} : { message: item.message }),
    }));
  return { type: 'health', status, ...(message === '' ? {} : { message }), resources };
}
