import { AppError } from '../lib/errors.ts';
import type { AgentDeps, RunContext } from './deps.ts';
import { changedServices } from './deploys.ts';
import { findPlan } from '../ticket/plan-store.ts';
import { recordTicketOccurrences } from '../ticket/occurrences.ts';
import { toScope } from './facts.ts';
import type { AgentStateValue, AgentUpdate } from './state.ts';

/** The last node: says what memory holds about the services now. The outcomes themselves were written when they were seen. */
export async function runRecorder(deps: AgentDeps, state: AgentStateValue, context: RunContext): Promise<AgentUpdate> {
  if (state.ending === null) throw new AppError('internal', 'the work ended without an ending');
  if (state.pushed === null) return {};
  const plan = await findPlan(deps.db.knex, state);
  const changes = plan?.draft?.changes ?? [];
  const memory = await deps.memory.current();
  for (const service of changedServices(changes)) {
    const objects = changes
      .filter((change) => change.service === service)
      .flatMap((one) => one.after ?? one.before ?? []);
    const scope = toScope(deps.settings.cluster, service, objects);
    const known = memory.context(scope, deps.clock.now());
    await context.emit('recorder', [
      {
        type: 'memory',
        data: {
          service,
          what: 'recorded',
          probability: known.risk.probability,
          strategy: known.strategy.strategy,
          sentences: known.recommendations,
        },
      },
    ]);
  }
  const { db, redactor } = deps;
  await recordTicketOccurrences({ knex: db.knex, dir: deps.settings.occurrencesDir, redactor }, state.ticketId);
  return {};
}
