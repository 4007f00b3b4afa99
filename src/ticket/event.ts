import { z } from 'zod';
import { TICKET_STATUSES } from './status.ts';

// The closed union of what can happen to a ticket. Each event is one row, in order; what a client sees live is read
// from the same rows, so a replay after a restart is the same story.

const objectRef = z.object({ group: z.string(), kind: z.string(), namespace: z.string(), name: z.string() });
const evidence = z.array(z.object({ object: z.string(), field: z.string(), value: z.string() }));

const EVENT_DATA = {
  /** The ticket moved. `reason` says why in one sentence; `code` is stable. */
  status: z.object({
    from: z.enum(TICKET_STATUSES).nullable(),
    to: z.enum(TICKET_STATUSES),
    code: z.string(),
    reason: z.string(),
  }),
  /** A plan was made or its rendered difference changed. */
  plan: z.object({
    attempt: z.number(),
    revision: z.number(),
    summary: z.string(),
    steps: z.array(z.object({ kind: z.string(), title: z.string() })),
    strategy: z.string(),
    careReasons: z.array(z.string()),
    changedObjects: z.number(),
    risk: z.string(),
    changeHash: z.string(),
  }),
  model_call: z.object({
    provider: z.string(),
    model: z.string(),
    purpose: z.string(),
    promptTokens: z.number(),
    completionTokens: z.number(),
    /** In the currency of the configured prices; null where none are configured. */
    cost: z.number().nullable(),
    durationMs: z.number(),
    outcome: z.string(),
  }),
  tool_call: z.object({
    tool: z.string(),
    input: z.string(),
    output: z.string(),
    durationMs: z.number(),
    ok: z.boolean(),
  }),
  finding: z.object({
    check: z.string(),
    severity: z.enum(['error', 'warning', 'info']),
    object: objectRef.optional(),
    field: z.string().optional(),
    message: z.string(),
    fix: z.string(),
  }),
  approval: z.object({
    approvalId: z.string(),
    kind: z.enum(['plan', 'revert', 'promotion', 'changed_difference']),
    state: z.enum(['pending', 'granted', 'denied', 'expired', 'superseded']),
    changeHash: z.string(),
    by: z.string().optional(),
    reason: z.string().optional(),
    risk: z.string().optional(),
  }),
  question: z.object({
    questionId: z.string(),
    question: z.string(),
    options: z.array(z.string()),
    answer: z.string().optional(),
    by: z.string().optional(),
  }),
  commit: z.object({
    sha: z.string(),
    subject: z.string(),
    step: z.number(),
    purpose: z.enum(['change', 'revert']),
    files: z.number(),
  }),
  push: z.object({
    branch: z.string(),
    base: z.string(),
    head: z.string(),
    commits: z.array(z.string()),
    /** `proposed`: to a branch of its own, for a pull request. `merged`: that one was merged. */
    outcome: z.enum(['pushed', 'already_pushed', 'non_fast_forward', 'rejected', 'unknown', 'proposed', 'merged']),
    purpose: z.enum(['change', 'revert']),
    detail: z.string().optional(),
  }),
  /** What became of a pull request. `by` is a name on the git host. */
  pull_request: z.object({
    number: z.number(),
    url: z.string(),
    branch: z.string(),
    state: z.enum(['opened', 'found', 'updated', 'edited', 'conflict', 'unreadable', 'merged', 'closed']),
    purpose: z.enum(['change', 'revert']),
    head: z.string(),
    commit: z.string().optional(),
    by: z.string().optional(),
    detail: z.string().optional(),
  }),
  /** A person's word at a pull request: text of a stranger, shown and nothing else. */
  review: z.object({
    number: z.number(),
    remark: z.string(),
    verdict: z.enum(['comment', 'approved', 'changes_requested', 'dismissed']),
    author: z.string(),
    text: z.string(),
    path: z.string().optional(),
    line: z.number().optional(),
    url: z.string(),
    saidAt: z.string(),
  }),
  sync: z.object({
    application: z.string(),
    status: z.string(),
    revision: z.string(),
    operationPhase: z.string().optional(),
    message: z.string().optional(),
  }),
  health: z.object({
    application: z.string(),
    status: z.string(),
    message: z.string().optional(),
    resources: z.array(z.object({ resource: z.string(), health: z.string(), message: z.string().optional() })),
  }),
  verdict: z.object({
    application: z.string(),
    commit: z.string(),
    outcome: z.string(),
    reason: z.string().optional(),
    sentence: z.string(),
    evidence,
  }),
  /** Watching on after a commit was found live: begun, or ended otherwise than by a regression. */
  soak: z.object({
    application: z.string(),
    commit: z.string(),
    state: z.enum(['watching', 'quiet', 'superseded', 'lost', 'unseen']),
    until: z.string(),
    sentence: z.string(),
  }),
  /** What had been live and healthy failed by itself while it was watched on. The ticket stays resolved. */
  regressed: z.object({
    application: z.string(),
    commit: z.string(),
    reason: z.string(),
    sentence: z.string(),
    evidence,
    failureClass: z.string(),
    /** The ticket that takes the change back, where one was opened. */
    followUp: z.string().optional(),
  }),
  memory: z.object({
    service: z.string(),
    what: z.enum(['consulted', 'recorded']),
    probability: z.number().optional(),
    strategy: z.string().optional(),
    sentences: z.array(z.string()),
  }),
  note: z.object({ node: z.string(), text: z.string() }),
  error: z.object({ node: z.string(), code: z.string(), message: z.string(), hint: z.string().optional() }),
} as const;

export type EventType = keyof typeof EVENT_DATA;
export const EVENT_TYPES = Object.keys(EVENT_DATA) as readonly EventType[];

/** What happened, before it has a place in the order. */
export type TicketEventBody = { [T in EventType]: { type: T; data: z.infer<(typeof EVENT_DATA)[T]> } }[EventType];

/** One event as stored and as sent: `id` grows by commit order over all tickets. */
export type TicketEvent = TicketEventBody & { id: number; ticketId: string; at: string };

const envelope = { id: z.number().int(), ticketId: z.string(), at: z.string() };

/** The wire form of every event, for the API contract and for reading rows back. */
export const ticketEventSchema = z.discriminatedUnion('type', [
  z.object({ ...envelope, type: z.literal('status'), data: EVENT_DATA.status }),
  z.object({ ...envelope, type: z.literal('plan'), data: EVENT_DATA.plan }),
  z.object({ ...envelope, type: z.literal('model_call'), data: EVENT_DATA.model_call }),
  z.object({ ...envelope, type: z.literal('tool_call'), data: EVENT_DATA.tool_call }),
  z.object({ ...envelope, type: z.literal('finding'), data: EVENT_DATA.finding }),
  z.object({ ...envelope, type: z.literal('approval'), data: EVENT_DATA.approval }),
  z.object({ ...envelope, type: z.literal('question'), data: EVENT_DATA.question }),
  z.object({ ...envelope, type: z.literal('commit'), data: EVENT_DATA.commit }),
  z.object({ ...envelope, type: z.literal('push'), data: EVENT_DATA.push }),
  z.object({ ...envelope, type: z.literal('pull_request'), data: EVENT_DATA.pull_request }),
  z.object({ ...envelope, type: z.literal('review'), data: EVENT_DATA.review }),
  z.object({ ...envelope, type: z.literal('sync'), data: EVENT_DATA.sync }),
  z.object({ ...envelope, type: z.literal('health'), data: EVENT_DATA.health }),
  z.object({ ...envelope, type: z.literal('verdict'), data: EVENT_DATA.verdict }),
  z.object({ ...envelope, type: z.literal('soak'), data: EVENT_DATA.soak }),
  z.object({ ...envelope, type: z.literal('regressed'), data: EVENT_DATA.regressed }),
  z.object({ ...envelope, type: z.literal('memory'), data: EVENT_DATA.memory }),
  z.object({ ...envelope, type: z.literal('note'), data: EVENT_DATA.note }),
  z.object({ ...envelope, type: z.literal('error'), data: EVENT_DATA.error }),
]);
