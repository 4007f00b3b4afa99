import { z } from 'zod';
import { DEPLOY_OUTCOMES } from '../memory/facts.ts';

// The wire of the deploy memory. As with tickets: requests are strict, answers are parsed before they leave.

const words = (max: number) =>
  z
    .string()
    .trim()
    .max(max)
    .refine((text) => !text.includes('\0'), 'must not hold NUL characters');
const someWords = (max: number) => words(max).min(1);
const name = (max = 253) => z.string().min(1).max(max);

const place = {
  environment: name(63).optional(),
  namespace: name(63).optional(),
  cluster: name().optional(),
};

export const serviceParamsSchema = z.strictObject({ service: name() });
export const placeQuerySchema = z.strictObject(place);
export const historyQuerySchema = placeQuerySchema.extend({
  limit: z.coerce.number().int().min(1).max(500).default(50),
  /** `nextCursor` of the page before. */
  cursor: z.string().max(200).optional(),
});
export const graphQuerySchema = placeQuerySchema.extend({
  format: z.enum(['json', 'dot', 'svg']).default('json'),
  /** Only what hangs together with this service. */
  service: name().optional(),
});
export const explainParamsSchema = z.strictObject({
  ticket: z.string().regex(/^tkt_[0-9A-HJKMNP-TV-Z]{26}$/, 'a ticket id'),
});
export const exportQuerySchema = z.strictObject({ service: name().optional() });
export const importQuerySchema = z.strictObject({
  /** A name for where the history comes from. */
  source: z.string().regex(/^[\w][\w.@:-]{0,99}$/, 'letters, digits and . _ - @ :'),
  /** For lines that name no cluster. */
  cluster: name().optional(),
});

const subject = { service: name(), ...place };
const pattern = z.strictObject({ class: name(64), signature: z.string().min(1).max(2_000).optional() });
const reason = words(4_000).default('');

export const pinSchema = z.strictObject({ ...subject, fingerprint: pattern, text: reason }).meta({ id: 'PinFailure' });
export const unpinSchema = z.strictObject({ ...subject, fingerprint: pattern }).meta({ id: 'UnpinFailure' });
export const forgetSchema = z
  .strictObject({ ...subject, fingerprint: pattern.optional(), text: reason })
  .meta({ id: 'Forget' });
export const weakenSchema = z
  .strictObject({
    ...subject,
    fingerprint: pattern.optional(),
    factor: z.number().min(0).max(1).default(0.5),
    text: reason,
  })
  .meta({ id: 'Weaken' });
export const noteSchema = z.strictObject({ ...subject, text: someWords(4_000) }).meta({ id: 'NoteOnService' });
export const overrideSchema = z
  .strictObject({ ...subject, strategy: z.enum(['direct', 'canary', 'blue_green']).nullable(), text: reason })
  .meta({ id: 'OverrideStrategy' });

const scopeSchema = z.object({
  cluster: z.string(),
  environment: z.string(),
  namespace: z.string(),
  service: z.string(),
});
const fingerprintSchema = z.object({ class: z.string(), signature: z.string() });
const strategySchema = z.enum(['direct', 'canary', 'blue_green']);
const choiceSchema = z.enum(['direct', 'canary', 'blue_green', 'hold']);

export const servicesSchema = z
  .object({
    items: z.array(
      scopeSchema.extend({
        deploys: z.number(),
        /** Of those whose end says something about the change. */
        failures: z.number(),
        lastDeployAt: z.string(),
      }),
    ),
  })
  .meta({ id: 'RememberedServices' });
export type ServicesView = z.infer<typeof servicesSchema>;

export const contextSchema = z
  .object({
    scope: scopeSchema,
    known: z.boolean(),
    /** The whole of it in plain sentences. */
    summary: z.array(z.string()),
    risk: z.object({
      probability: z.number(),
      /** 80 % interval. */
      low: z.number(),
      high: z.number(),
      deploys: z.number(),
      failures: z.number(),
      firstDeploy: z.boolean(),
      /** What moved the estimate, strongest first; the effect is in log-odds. */
      signals: z.array(z.object({ name: z.string(), detail: z.string(), effect: z.number() })),
      lastFailure: z
        .object({
          deployId: z.string(),
          at: z.string(),
          version: z.string().nullable(),
          fingerprint: fingerprintSchema.nullable(),
        })
        .nullable(),
    }),
    patterns: z.array(
      z.object({
        fingerprint: fingerprintSchema,
        count: z.number(),
        firstAt: z.string(),
        lastAt: z.string(),
        lastDeployId: z.string(),
        pinned: z.boolean(),
        /** What such a failure usually means. */
        possibleCauses: z.array(z.string()),
        suggestedFix: z.string(),
      }),
    ),
    coDeploys: z.array(
      z.object({
        with: z.string(),
        failedTogether: z.number(),
        deploysTogether: z.number(),
        failedAlone: z.number(),
        deploysAlone: z.number(),
        low: z.number(),
        high: z.number(),
        detail: z.string(),
      }),
    ),
    bursts: z.array(z.string()),
    recommendations: z.array(z.string()),
    strategy: z.object({
      strategy: choiceSchema,
      reasons: z.array(z.string()),
      /** In units of one failed deploy. */
      expectedCosts: z.record(z.string(), z.number()),
    }),
    override: z.object({ strategy: z.string(), by: z.string(), at: z.string(), text: z.string() }).nullable(),
    pinned: z.array(
      z.object({
        class: z.string(),
        signature: z.string().nullable(),
        count: z.number(),
        deploys: z.number(),
        text: z.string(),
        by: z.string(),
        at: z.string(),
      }),
    ),
    notes: z.array(z.object({ text: z.string(), by: z.string(), at: z.string() })),
  })
  .meta({ id: 'MemoryContext' });
export type ContextView = z.infer<typeof contextSchema>;

const deploySchema = scopeSchema.extend({
  id: z.string(),
  application: z.string().nullable(),
  image: z.string().nullable(),
  version: z.string().nullable(),
  digest: z.string().nullable(),
  changeKind: z.string(),
  commit: z.string().nullable(),
  ticket: z.string().nullable(),
  actor: z.string().nullable(),
  startedAt: z.string(),
  strategy: strategySchema,
  size: z.number().nullable(),
  /** The history it was imported from; null where it was observed here. */
  origin: z.string().nullable(),
  /** What else was deploying when it began. */
  concurrent: z.array(z.object({ id: z.string(), service: z.string(), environment: z.string() })),
  outcome: z
    .object({
      outcome: z.enum(DEPLOY_OUTCOMES),
      at: z.string(),
      verdict: z.string().nullable(),
      fingerprint: fingerprintSchema.nullable(),
      durationMs: z.number().nullable(),
    })
    .nullable(),
  /** It had ended healthy, and failed while it was watched on. */
  regression: z
    .object({ at: z.string(), verdict: z.string().nullable(), fingerprint: fingerprintSchema.nullable() })
    .optional(),
});
export const historySchema = z
  .object({ scope: scopeSchema, items: z.array(deploySchema), nextCursor: z.string().nullable() })
  .meta({ id: 'DeployHistory' });
export type HistoryView = z.infer<typeof historySchema>;
export type DeployView = HistoryView['items'][number];

export const graphSchema = z
  .object({
    nodes: z.array(z.object({ id: z.string(), kind: z.string(), label: z.string(), count: z.number() })),
    edges: z.array(
      z.object({ from: z.string(), to: z.string(), kind: z.string(), count: z.number(), detail: z.string() }),
    ),
  })
  .meta({ id: 'MemoryGraph' });

export const explainSchema = z
  .object({
    ticketId: z.string(),
    title: z.string(),
    status: z.string(),
    /** The whole of it in plain sentences. */
    summary: z.array(z.string()),
    /** What memory said when the plan was made; null before there is a plan. */
    advice: z
      .object({
        probability: z.number().nullable(),
        low: z.number().nullable(),
        high: z.number().nullable(),
        strategy: choiceSchema,
        remembered: z.array(z.string()),
        careReasons: z.array(z.string()),
        settleSeconds: z.number(),
      })
      .nullable(),
    /** Which memory was asked about which service, as it happened. */
    consulted: z.array(
      z.object({
        at: z.string(),
        service: z.string(),
        probability: z.number().nullable(),
        strategy: z.string().nullable(),
        sentences: z.array(z.string()),
      }),
    ),
    /** The harm the change itself can do, from the rendered difference. */
    changeRisk: z.object({ level: z.string(), score: z.number(), reasons: z.array(z.string()) }).nullable(),
    deploys: z.array(deploySchema),
    occurrences: z.array(z.record(z.string(), z.unknown())),
  })
  .meta({ id: 'MemoryExplanation' });
export type ExplainView = z.infer<typeof explainSchema>;

export const correctionSchema = z
  .object({
    kind: z.enum(['pin', 'unpin', 'forget', 'weaken', 'note', 'override_strategy']),
    scope: scopeSchema,
    by: z.string(),
    at: z.string(),
    /** What it changed, in a sentence. */
    sentence: z.string(),
    /** How many remembered failures it speaks of; null where that says nothing. */
    matches: z.number().nullable(),
  })
  .meta({ id: 'Correction' });
export type CorrectionView = z.infer<typeof correctionSchema>;

export const importResultSchema = z
  .object({
    source: z.string(),
    lines: z.number(),
    deploys: z.number(),
    /** Ends, and failures that became known after a healthy one. */
    outcomes: z.number(),
    /** Notes and pins. */
    sayings: z.number(),
    /** Known already, or outcomes of deploys nobody knows. */
    skipped: z.number(),
  })
  .meta({ id: 'ImportResult' });
export type ImportResult = z.infer<typeof importResultSchema>;

export const removedSchema = z
  .object({ scopes: z.array(scopeSchema), deploys: z.number(), occurrences: z.number() })
  .meta({ id: 'RemovedSubject' });
