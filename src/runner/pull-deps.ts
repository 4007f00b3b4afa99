import type { GraphDeps, Proposals } from '../agent/deps.ts';
import type { Ticket } from '../ticket/ticket.ts';

/** What looking after pull requests works with. */
export interface PullLookDeps extends Pick<GraphDeps, 'db' | 'journal' | 'clock' | 'logger' | 'repo' | 'instances'> {
  proposals: Proposals;
  /** Told after a ticket was moved. */
  changed: (ticket: Ticket) => void;
}
