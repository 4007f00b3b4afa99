import { AppError } from '../lib/errors.ts';
import type { ArgoInstance } from '../argocd/instances.ts';
import { findTicket } from '../ticket/ticket-store.ts';
import type { AgentDeps, GraphDeps } from './deps.ts';

/** What the nodes of this ticket work with: the Argo CD its stored target names, and everything that is shared. */
export async function toTicketDeps(deps: GraphDeps, ticketId: string): Promise<AgentDeps> {
  const ticket = await findTicket(deps.db.knex, ticketId);
  if (ticket === undefined) throw new AppError('not_found', `there is no ticket ${ticketId}`);
  return toInstanceDeps(deps, deps.instances.get(ticket.instance));
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
