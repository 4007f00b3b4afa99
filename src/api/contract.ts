import { z } from 'zod';
import { EVENT_TYPES, ticketEventSchema } from '../ticket/event.ts';
import { TICKET_ACTIONS, TICKET_STATUSES } from '../ticket/status.ts';
import { SOAK_STATES } from '../ticket/soak-store.ts';
import { endingSchema, followsSchema, holdSchema, PRIORITIES, targetSchema } from '../ticket/ticket.ts';
import { plannedStepSchema } from '../model/planning.ts';

// The wire: what every client sends and gets. Requests are strict, so that a misspelt field is told; answers are parsed
// before they leave, so that nothing is sent that is not written here.

// PostgreSQL cannot store NUL; refusing it here tells the sender, where taking it out would change their words.
const words = (max: number) =>
  z
    .string()
    .max(max)
    .refine((text) => !text.includes('\0'), 'must not hold NUL characters');
const someWords = (max: number) => words(max).trim().min(1);
/** One line: a title becomes a commit subject, where a line break would begin something else. */
const line = (max: number) =>
  someWords(max).refine((text) => !/[\p{Cc}\u2028\u2029]/u.test(text), 'must be one line of text');

const prioritySchema = z.enum(PRIORITIES);
const statusSchema = z.enum(TICKET_STATUSES);

/** The name of an Argo CD instance alone, or what else narrows the ticket. */
const givenTargetSchema = z.union([someWords(63), targetSchema]);
const toTarget = (given: z.infer<typeof givenTargetSchema>) =>
  typeof given === 'string' ? { instance: given } : given;

export const createTicketSchema = z
  .strictObject({
    title: line(300),
    description: words(100_000).default(''),
    priority: prioritySchema.default('medium'),
    target: givenTargetSchema.default({}).transform(toTarget),
    /** False leaves the ticket a draft. */
    start: z.boolean().default(true),
  })
  .meta({ id: 'CreateTicket' });

export const patchTicketSchema = z
  .strictObject({
    title: line(300).optional(),
    description: words(100_000).optional(),
    priority: prioritySchema.optional(),
    target: givenTargetSchema.transform(toTarget).optional(),
  })
  .meta({ id: 'PatchTicket' });

export const approvePlanSchema = z
  .strictObject({ changeHash: z.string().regex(/^[0-9a-f]{64}$/, 'the changeHash of GET /plan') })
  .meta({ id: 'ApprovePlan' });
export const rejectPlanSchema = z
  .strictObject({ reason: someWords(4_000), revise: z.boolean().default(false) })
  .meta({ id: 'RejectPlan' });
export const answerSchema = z.strictObject({ answer: someWords(10_000) }).meta({ id: 'Answer' });
export const reasonSchema = z.strictObject({ reason: words(4_000).trim().default('') }).meta({ id: 'Reason' });
export const emptySchema = z.strictObject({}).meta({ id: 'Empty' });

export const ticketSchema = z
  .object({
    id: z.string(),
    title: z.string(),
    description: z.string(),
    priority: prioritySchema,
    status: statusSchema,
    pausedFrom: statusSchema.nullable(),
    /** `instance` is always there: the one the ticket is for. */
    target: targetSchema,
    attempt: z.number(),
    hold: holdSchema.nullable(),
    ending: endingSchema.nullable(),
    reason: z.string(),
    application: z.string().nullable(),
    /** What it takes back, where the agent opened it because another change went bad after it was live. */
    follows: followsSchema.optional(),
    actor: z.string(),
    /** What can be asked of the ticket now. */
    actions: z.array(z.enum(TICKET_ACTIONS)),
    createdAt: z.string(),
    updatedAt: z.string(),
    startedAt: z.string().nullable(),
    endedAt: z.string().nullable(),
    /** Where it is watched on after it was found live; given with a single ticket only. */
    soaks: z
      .array(
        z.object({
          application: z.string(),
          commit: z.string(),
          state: z.enum(SOAK_STATES),
          startedAt: z.string(),
          until: z.string(),
          endedAt: z.string().nullable(),
          /** How it ended; null while it goes on. */
          sentence: z.string().nullable(),
          /** The ticket that takes the change back. */
          followUp: z.string().nullable(),
        }),
      )
      .optional(),
  })
  .meta({ id: 'Ticket' });
export type TicketView = z.infer<typeof ticketSchema>;

export const ticketListSchema = z
  .object({ items: z.array(ticketSchema), nextCursor: z.string().nullable() })
  .meta({ id: 'TicketList' });

const csv = <T extends string>(values: readonly [T, ...T[]]) =>
  z
    .string()
    .transform((text) => text.split(',').filter((part) => part !== ''))
    .pipe(z.array(z.enum(values)).min(1));

export const listTicketsSchema = z.strictObject({
  status: csv(TICKET_STATUSES).optional().describe('comma-separated'),
  priority: csv(PRIORITIES).optional().describe('comma-separated'),
  application: words(253).optional(),
  target: words(63).optional().describe('the Argo CD instance'),
  text: words(200).optional(),
  limit: z.coerce.number().int().min(1).max(200).default(50),
  cursor: z.string().max(200).optional(),
});

const objectRefSchema = z.object({ group: z.string(), kind: z.string(), namespace: z.string(), name: z.string() });
const findingSchema = z.object({
  check: z.string(),
  severity: z.enum(['error', 'warning', 'info']),
  object: objectRefSchema.optional(),
  field: z.string().optional(),
  message: z.string(),
  fix: z.string(),
});

export const planSchema = z
  .object({
    ticketId: z.string(),
    attempt: z.number(),
    revision: z.number(),
    baseCommit: z.string(),
    summary: z.string(),
    steps: z.array(plannedStepSchema),
    assumptions: z.array(z.string()),
    advice: z.object({
      probability: z.number().nullable(),
      low: z.number().nullable(),
      high: z.number().nullable(),
      strategy: z.string(),
      remembered: z.array(z.string()),
      careReasons: z.array(z.string()),
      settleSeconds: z.number(),
    }),
    changes: z.array(
      z.object({
        type: z.enum(['added', 'changed', 'removed']),
        ref: objectRefSchema,
        service: z.string(),
        fields: z.array(z.object({ path: z.string(), before: z.unknown().optional(), after: z.unknown().optional() })),
        /** Unified difference of the rendered YAML. */
        patch: z.string(),
      }),
    ),
    findings: z.array(findingSchema),
    risk: z
      .object({
        level: z.enum(['low', 'medium', 'high', 'critical']),
        score: z.number(),
        reasons: z.array(z.object({ signal: z.string(), weight: z.number(), detail: z.string() })),
        blastRadius: z.object({
          objects: z.number(),
          services: z.array(z.string()),
          namespaces: z.array(z.string()),
        }),
      })
      .nullable(),
    policy: z
      .object({ decision: z.string(), rule: z.string(), reasons: z.array(z.string()), version: z.string() })
      .nullable(),
    /** What an approval signs; null until the plan has been checked. */
    changeHash: z.string().nullable(),
    createdAt: z.string(),
  })
  .meta({ id: 'Plan' });
export type PlanView = z.infer<typeof planSchema>;

export const eventListSchema = z
  .object({ items: z.array(ticketEventSchema), lastId: z.number() })
  .meta({ id: 'EventList' });
export const listEventsSchema = z.strictObject({
  after: z.coerce.number().int().min(0).default(0),
  limit: z.coerce.number().int().min(1).max(1000).default(200),
  type: csv(EVENT_TYPES as [(typeof EVENT_TYPES)[number], ...(typeof EVENT_TYPES)[number][]]).optional(),
});
export const streamQuerySchema = z.strictObject({
  /** For clients that cannot send Last-Event-ID. */
  lastEventId: z.coerce.number().int().min(0).optional(),
});

export const listAuditSchema = z.strictObject({
  after: z.coerce.number().int().min(0).default(0),
  limit: z.coerce.number().int().min(1).max(5_000).default(1_000),
  /** The last page instead of the one behind `after`. */
  newest: z.stringbool().default(false),
});
export const auditVerdictSchema = z
  .object({
    kind: z.enum(['intact', 'broken']),
    /** How many entries were checked; null where the chain is broken. */
    entries: z.number().nullable(),
    head: z.string().nullable(),
    /** The first entry that does not fit; null where all do. */
    seq: z.number().nullable(),
    problem: z.string().nullable(),
  })
  .meta({ id: 'AuditVerdict' });
export const auditListSchema = z
  .object({
    items: z.array(
      z.object({
        seq: z.number(),
        at: z.string(),
        ticketId: z.string().nullable(),
        actor: z.string(),
        action: z.string(),
        detail: z.record(z.string(), z.unknown()),
        prevHash: z.string(),
        hash: z.string(),
      }),
    ),
    /** Where the next page begins: its `after`. */
    lastSeq: z.number(),
  })
  .meta({ id: 'AuditList' });
export type AuditListView = z.infer<typeof auditListSchema>;
export type AuditVerdictView = z.infer<typeof auditVerdictSchema>;

export const ticketIdSchema = z.strictObject({ id: z.string().regex(/^tkt_[0-9A-HJKMNP-TV-Z]{26}$/, 'a ticket id') });
export const approvalParamsSchema = ticketIdSchema.extend({
  approvalId: z.string().regex(/^apr_[0-9A-HJKMNP-TV-Z]{26}$/, 'an approval id'),
});

export const healthSchema = z.object({ status: z.literal('ok') }).meta({ id: 'Health' });
export const readySchema = z
  .object({
    status: z.enum(['ready', 'not_ready']),
    checks: z.array(z.object({ name: z.string(), ok: z.boolean(), detail: z.string() })),
  })
  .meta({ id: 'Ready' });
/** Who the caller is to this server. */
export const meSchema = z.object({ actor: z.string(), access: z.enum(['read', 'write']) }).meta({ id: 'Me' });
export type MeView = z.infer<typeof meSchema>;

export const infoSchema = z
  .object({
    version: z.string(),
    node: z.string(),
    mode: z.enum(['embedded_sandbox', 'configured']),
    startedAt: z.string(),
    planner: z.string(),
    repository: z.object({ url: z.string(), branch: z.string() }),
    argocd: z.object({
      /** Of the default instance. */
      url: z.string(),
      instances: z.array(z.object({ name: z.string(), server: z.string(), default: z.boolean() })),
    }),
    database: z.string(),
    policyVersion: z.string(),
    warnings: z.array(z.string()),
    tickets: z.record(z.string(), z.number()),
    /** Events for other systems; null where none are sent. */
    events: z
      .object({
        endpoint: z.string(),
        pending: z.number(),
        delivered: z.number(),
        /** Given up: the receiver refused them, or did not take them in all attempts. */
        dead: z.number(),
        lastError: z.string().nullable(),
      })
      .nullable(),
  })
  .meta({ id: 'Info' });
export type InfoView = z.infer<typeof infoSchema>;

/** RFC 9457, with our stable code and a hint. */
export const problemSchema = z
  .object({
    type: z.string(),
    title: z.string(),
    status: z.number(),
    detail: z.string(),
    code: z.string(),
    hint: z.string().optional(),
    instance: z.string().optional(),
    errors: z.array(z.object({ field: z.string(), message: z.string() })).optional(),
    details: z.record(z.string(), z.unknown()).optional(),
  })
  .meta({ id: 'Problem' });
export type Problem = z.infer<typeof problemSchema>;
