import type { CommitSha } from '../lib/ids.ts';
import type { TicketEventBody } from '../ticket/event.ts';

/** Commits that are made and not yet anywhere but in the mirror. */
export interface Made {
  kind: 'made';
  head: CommitSha;
  /** Oldest first. */
  commits: CommitSha[];
  /** What there is to tell once they are pushed. */
  events: TicketEventBody[];
}
