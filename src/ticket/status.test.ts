import { describe, expect, it } from 'vitest';
import {
  isEnded,
  isLegalAction,
  isLegalMove,
  isResumable,
  isRunnable,
  legalActions,
  nextStatuses,
  TICKET_ACTIONS,
  TICKET_STATUSES,
  type TicketStatus,
} from './status.ts';

// Written out once more, by hand, as a picture: rows are from, columns are to, in the order of TICKET_STATUSES.
const PICTURE: Record<TicketStatus, string> = {
  //                      d p a x g i m o z r f e c
  draft: /*            */ '. 1 . . . . . . . . . . 1',
  planning: /*         */ '. . 1 1 . 1 . . 1 1 1 1 1',
  pending_plan_approval: '. 1 . 1 . . . . 1 . . . 1',
  executing: /*        */ '. 1 . . 1 1 1 1 1 1 1 1 1',
  pending_approval: /* */ '. 1 . 1 . . . 1 1 . 1 . 1',
  pending_input: /*    */ '. 1 . 1 . . . 1 1 . 1 . 1',
  pending_merge: /*    */ '. . . 1 . . . 1 1 . . . 1',
  observing: /*        */ '. 1 . 1 1 1 . . 1 1 1 1 1',
  paused: /*           */ '. 1 1 1 1 1 1 1 . . . . 1',
  resolved: /*         */ '. . . . . . . . . . . . .',
  failed: /*           */ '. 1 . . . . . . . . . . .',
  errored: /*          */ '. 1 . 1 . . . 1 . . . . 1',
  cancelled: /*        */ '. . . . . . . . . . . . .',
};

describe('the status table', () => {
  const pairs = TICKET_STATUSES.flatMap((from) => TICKET_STATUSES.map((to, column) => ({ from, to, column })));

  it.each(pairs)('$from -> $to is as drawn', ({ from, to, column }) => {
    expect(isLegalMove(from, to)).toBe(PICTURE[from].split(' ')[column] === '1');
  });

  it('reaches every status from draft', () => {
    const seen = new Set<TicketStatus>(['draft']);
    for (const status of seen) for (const next of nextStatuses(status)) seen.add(next);
    expect([...seen].sort()).toEqual([...TICKET_STATUSES].sort());
  });

  it('can always be ended by a person until it has ended', () => {
    for (const status of TICKET_STATUSES) {
      if (status === 'resolved' || status === 'cancelled' || status === 'failed') continue;
      expect(isLegalMove(status, 'cancelled'), status).toBe(true);
    }
  });

  it('pauses exactly the statuses it can return to', () => {
    for (const status of TICKET_STATUSES) {
      expect(isLegalMove(status, 'paused'), status).toBe(isResumable(status));
      expect(isLegalMove('paused', status) && status !== 'cancelled', status).toBe(isResumable(status));
    }
  });

  it('never runs a ticket that waits or has ended', () => {
    expect(TICKET_STATUSES.filter(isRunnable)).toEqual(['planning', 'executing', 'observing']);
    expect(TICKET_STATUSES.filter((status) => isRunnable(status) && isEnded(status))).toEqual([]);
  });
});

describe('what a person may ask', () => {
  const pairs = TICKET_STATUSES.flatMap((status) => TICKET_ACTIONS.map((action) => ({ status, action })));

  it.each(pairs)('$action in $status is listed exactly when it is legal', ({ status, action }) => {
    expect(legalActions(status).includes(action)).toBe(isLegalAction(action, status));
  });

  it('offers nothing on a resolved or cancelled ticket', () => {
    expect(legalActions('resolved')).toEqual([]);
    expect(legalActions('cancelled')).toEqual([]);
  });

  it('offers a retry only after failure', () => {
    expect(TICKET_STATUSES.filter((status) => isLegalAction('retry', status))).toEqual(['failed', 'errored']);
  });
});
