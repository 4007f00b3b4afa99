/** Where a ticket stands, as a person sees it. */
export const TICKET_STATUSES = [
  'draft',
  'planning',
  'pending_plan_approval',
  'executing',
  'pending_approval',
  'pending_input',
  'pending_merge',
  'observing',
  'paused',
  'resolved',
  'failed',
  'errored',
  'cancelled',
] as const;
export type TicketStatus = (typeof TICKET_STATUSES)[number];

/** The statuses a paused ticket can return to. */
const RESUMABLE = [
  'planning',
  'pending_plan_approval',
  'executing',
  'pending_approval',
  'pending_input',
  'pending_merge',
  'observing',
] as const satisfies readonly TicketStatus[];

// The one table of legal moves. Nothing else decides; nothing else is written to the status column.
const MOVES = {
  draft: ['planning', 'cancelled'],
  // `executing` without a stop is a plan that policy approves by itself; `resolved` is a question answered or nothing to change.
  planning: [
    'pending_plan_approval',
    'pending_input',
    'executing',
    'resolved',
    'failed',
    'errored',
    'paused',
    'cancelled',
  ],
  pending_plan_approval: ['executing', 'planning', 'paused', 'cancelled'],
  executing: [
    'observing',
    'pending_approval',
    'pending_input',
    'pending_merge',
    'planning',
    'resolved',
    'failed',
    'errored',
    'paused',
    'cancelled',
  ],
  pending_approval: ['executing', 'observing', 'planning', 'failed', 'paused', 'cancelled'],
  pending_input: ['planning', 'executing', 'observing', 'failed', 'paused', 'cancelled'],
  // To `executing` where somebody merged it, or where it conflicts and is made anew.
  pending_merge: ['executing', 'observing', 'paused', 'cancelled'],
  // Back to `executing` is the revert being written; back to `planning` is another attempt at the same ticket.
  observing: [
    'resolved',
    'failed',
    'executing',
    'planning',
    'pending_approval',
    'pending_input',
    'errored',
    'paused',
    'cancelled',
  ],
  paused: [...RESUMABLE, 'cancelled'],
  resolved: [],
  failed: ['planning'],
  errored: ['planning', 'executing', 'observing', 'cancelled'],
  cancelled: [],
} as const satisfies Record<TicketStatus, readonly TicketStatus[]>;

export type ResumableStatus = (typeof RESUMABLE)[number];

export function isResumable(status: TicketStatus): status is ResumableStatus {
  return RESUMABLE.some((candidate) => candidate === status);
}

/** The statuses that may follow `from`. */
export function nextStatuses(from: TicketStatus): readonly TicketStatus[] {
  return MOVES[from];
}

export function isLegalMove(from: TicketStatus, to: TicketStatus): boolean {
  return nextStatuses(from).includes(to);
}

/** True where nothing more happens unless a person asks for it. */
export function isEnded(status: TicketStatus): boolean {
  return status === 'resolved' || status === 'failed' || status === 'errored' || status === 'cancelled';
}

/** True where a runner has work to do on the ticket. */
export function isRunnable(status: TicketStatus): boolean {
  return status === 'planning' || status === 'executing' || status === 'observing';
}

/** True where the ticket goes on only when a person does something. */
export function needsPerson(status: TicketStatus): boolean {
  return !isEnded(status) && !isRunnable(status);
}

/** What a person can ask of a ticket. */
export const TICKET_ACTIONS = [
  'start',
  'edit',
  'approve_plan',
  'reject_plan',
  'grant',
  'deny',
  'answer',
  'pause',
  'resume',
  'cancel',
  'retry',
] as const;
export type TicketAction = (typeof TICKET_ACTIONS)[number];

const LEGAL_IN = {
  start: ['draft'],
  edit: ['draft', 'failed', 'errored'],
  approve_plan: ['pending_plan_approval'],
  reject_plan: ['pending_plan_approval'],
  grant: ['pending_plan_approval', 'pending_approval'],
  deny: ['pending_plan_approval', 'pending_approval'],
  answer: ['pending_input'],
  pause: RESUMABLE,
  resume: ['paused'],
  cancel: ['draft', ...RESUMABLE, 'paused', 'errored'],
  retry: ['failed', 'errored'],
} as const satisfies Record<TicketAction, readonly TicketStatus[]>;

export function isLegalAction(action: TicketAction, status: TicketStatus): boolean {
  const statuses: readonly TicketStatus[] = LEGAL_IN[action];
  return statuses.includes(status);
}

/** What can be asked of a ticket in this status. */
export function legalActions(status: TicketStatus): TicketAction[] {
  return TICKET_ACTIONS.filter((action) => isLegalAction(action, status));
}
