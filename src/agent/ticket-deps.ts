import { AppError, isAppError } from '../lib/errors.ts';
import type { ArgoInstance } from '../argocd/instances.ts';
import { findTicket } from '../ticket/ticket-store.ts';
import type { AgentDeps, GraphDeps } from './deps.ts';

/** What the nodes of this ticket work with: the Argo CD its stored target names, and everything that is shared. */
export async function toTicketDeps(deps: GraphDeps, ticketId: string): Promise<AgentDeps> {
  const ticket = await findTicket(deps.db.knex, ticketId);
  if (ticket === undefined) throw new AppError('not_found', `there is no ticket ${ticketId}`);
  return toInstanceDeps(deps, getTicketInstance(deps, ticket.instance));
}

/** Where a ticket is out already nothing else will do: another Argo CD knows nothing of it. */
function getTicketInstance({ instances }: GraphDeps, name: string): ArgoInstance {
  try {
    return instances.get(name);
  } catch (error) {
    if (!isAppError(error, 'unknown_target')) throw error;
    throw new AppError(
      'unknown_target',
      `This ticket is for Argo CD ${name}, which is not configured any more. Configure it again under that name and retry, or cancel the ticket: what it has pushed stays pushed.`,
      { cause: error, details: error.details, ...(error.hint === undefined ? {} : { hint: error.hint }) },
    );
  }
}

/** The same for one instance. */
export function toInstanceDeps(
  deps: GraphDeps,
  { name, cluster, argo, watch, rollouts, kubernetes }: ArgoInstance,
): AgentDeps {
  const planner = deps.planners.get(name);
  if (planner === undefined) throw new AppError('internal', `no planner was made for instance ${name}`);
  return {
    ...deps,
    instance: name,
    argo,
    watch,
    rollouts,
    kubernetes,
    planner,
    settings: { ...deps.settings, cluster },
  };
}
