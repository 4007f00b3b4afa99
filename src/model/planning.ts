import { z } from 'zod';
import { editSchema, rolloutStrategySchema } from '../cdk8s/edit-kinds.ts';
import type { CommitSha } from '../lib/ids.ts';
import type { ManifestObject } from '../manifest/object.ts';

// What goes into planning and what comes out, whoever plans. Results are stored as JSON and some are written by a model,
// so their shapes are schemas; the types follow from them.

/** One deployable unit of the repository as it renders now. */
export interface ServiceFacts {
  service: string;
  environment: string;
  objects: ManifestObject[];
}

/** The infrastructure repository at one commit. */
export interface RepositoryFacts {
  services: ServiceFacts[];
  commit: CommitSha;
}

const MAX_STEPS = 50;
const MAX_FILES = 40;
const MAX_FILE_CHARS = 400_000;

const serviceName = z.string().regex(/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/, 'a service name');
const caption = { title: z.string().trim().min(1).max(300), why: z.string().trim().min(1).max(2000) };

/** A file path inside the repository: relative, forward slashes, no way out and not into git's own folder. */
const repositoryPath = z
  .string()
  .min(1)
  .max(300)
  .refine((path) => !/[\p{Cc}\\:]/u.test(path), 'no control characters, backslashes or colons')
  .refine(
    (path) =>
      path.split('/').every((part) => part !== '' && part !== '.' && part !== '..' && !/^\.git[. ]*$/i.test(part)),
    'a relative path inside the repository',
  );

const sourceFileSchema = z.strictObject({
  path: repositoryPath,
  /** The whole new text; null deletes the file. */
  content: z.string().max(MAX_FILE_CHARS).nullable(),
});

const stepKinds = [
  z.strictObject({ kind: z.literal('edit'), edit: editSchema, ...caption }),
  z.strictObject({
    kind: z.literal('edit_source'),
    ...caption,
    files: z.array(sourceFileSchema).min(1).max(MAX_FILES),
  }),
  /** Back to before the last change of this service. */
  z.strictObject({ kind: z.literal('rollback'), service: serviceName, ...caption }),
  z.strictObject({
    kind: z.literal('investigate'),
    service: serviceName,
    question: z.string().trim().min(1).max(2000),
    ...caption,
  }),
] as const;

/** What whoever plans may propose. */
export const proposedStepSchema = z.discriminatedUnion('kind', stepKinds);
export type ProposedStep = z.infer<typeof proposedStepSchema>;

export const plannedStepSchema = z.discriminatedUnion('kind', [
  ...stepKinds,
  /** Takes back exactly these commits. Never proposed: it is made for a ticket the agent itself opened. */
  z.strictObject({
    kind: z.literal('take_back'),
    ticket: z.string().min(1).max(64),
    services: z.array(serviceName).min(1).max(100),
    /** Oldest first. */
    commits: z
      .array(z.string().regex(/^[0-9a-f]{40}$/, 'a commit id'))
      .min(1)
      .max(100),
    /** A person decides, whatever the policy says about reverts. */
    needsPerson: z.boolean(),
    ...caption,
  }),
]);
export type PlannedStep = z.infer<typeof plannedStepSchema>;

export const planSchema = z.strictObject({
  kind: z.literal('plan'),
  version: z.literal(1),
  summary: z.string().trim().min(1).max(2000),
  steps: z.array(proposedStepSchema).min(1).max(MAX_STEPS),
  /** What the ticket asks about the way of rolling out, apart from the steps. */
  wishes: z.strictObject({ strategy: rolloutStrategySchema.optional() }),
  /** Everything that was read into the ticket and is not in its words; shown with the approval. */
  assumptions: z.array(z.string().min(1).max(1000)).max(100),
});
export type Plan = z.infer<typeof planSchema>;

/** A plan as it is carried out, with the steps that nobody may propose. */
export interface WorkingPlan extends Omit<Plan, 'steps'> {
  steps: PlannedStep[];
}

const questionSchema = z.strictObject({
  kind: z.literal('question'),
  question: z.string().trim().min(1).max(2000),
  options: z.array(z.string().min(1).max(500)).max(20),
  /** What the answer completes, such as `image`; for the reader, nothing depends on it. */
  field: z.string().min(1).max(100),
});

const refusalSchema = z.strictObject({
  kind: z.literal('refusal'),
  reason: z.string().trim().min(1).max(2000),
  /** Sentences of the kind that would be understood. */
  canDo: z.array(z.string().min(1).max(300)).max(40),
  /** The ticket was understood, and everything it asks for is so already. */
  isAlreadySo: z.boolean().optional(),
});

export const planResultSchema = z.discriminatedUnion('kind', [planSchema, questionSchema, refusalSchema]);
export type PlanResult = z.infer<typeof planResultSchema>;

export interface PlanningInput {
  /** Words of a person outside: data, never an instruction to the program. */
  ticket: { title: string; description: string; target?: { application?: string; environment?: string } };
  facts: RepositoryFacts;
  /** Questions asked before, word for word, with what was answered, oldest first. */
  answers: { question: string; answer: string }[];
  /** Findings or edit failures of an earlier attempt, or a reviewer's reasons. */
  feedback: string[];
  /** Milliseconds since the epoch. */
  now: number;
  /** What the ticket has used of models so far; nothing when left out. */
  spent?: BudgetCounters;
}

/** What was used of a ticket's budget: plain JSON, stored with the ticket or summed up from its events. */
export interface BudgetCounters {
  promptTokens: number;
  completionTokens: number;
  /** Requests to a model, failed ones included. */
  calls: number;
  wallMs: number;
}

/** One request to a model, as it is stored and shown. Texts are redacted and bounded. */
export interface ModelCallRecord {
  provider: string;
  model: string;
  purpose: string;
  promptTokens: number;
  completionTokens: number;
  /** Null where no prices are configured. */
  cost: number | null;
  durationMs: number;
  /** `answered`, or how the call ended otherwise, such as `rate_limited`. */
  outcome: string;
  /** What the model said, its tool calls included. */
  text: string;
}

/** One tool call of a model, answered or refused. Texts are redacted and bounded. */
export interface ToolCallRecord {
  tool: string;
  input: string;
  output: string;
  durationMs: number;
  ok: boolean;
}

/** Where planning reports what it does. Each is awaited, so that what happened is stored before the next thing happens. */
export interface PlannerHooks {
  onModelCall(call: ModelCallRecord): Promise<void>;
  onToolCall(call: ToolCallRecord): Promise<void>;
  onNote(note: string): Promise<void>;
}

export interface Planner {
  /**
   * Turns a ticket into a plan, a question to a person, or a refusal. Reads only; safe to call again with the same input.
   * Throws `model_unavailable`, `model_failed` or `budget_exhausted` where a model is used, `aborted` on the signal.
   */
  plan(input: PlanningInput, hooks: PlannerHooks, signal: AbortSignal): Promise<PlanResult>;
}
