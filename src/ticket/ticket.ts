import { z } from 'zod';
import type { TicketId } from '../lib/ids.ts';
import type { TicketStatus } from './status.ts';

export const PRIORITIES = ['low', 'medium', 'high', 'critical'] as const;
export type Priority = (typeof PRIORITIES)[number];

/** Where the requester says the change belongs; each part narrows what the words may mean. */
export const targetSchema = z.strictObject({
  application: z.string().min(1).max(253).optional(),
  environment: z.string().min(1).max(63).optional(),
  /** The Argo CD instance, by its configured name; the default one where it is left out. */
  instance: z.string().min(1).max(63).optional(),
});
export type Target = z.infer<typeof targetSchema>;

/** Why a ticket waits for a person. */
export const holdSchema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('plan_approval'), approvalId: z.string(), changeHash: z.string(), expiresAt: z.string() }),
  z.object({
    kind: z.literal('approval'),
    approvalId: z.string(),
    purpose: z.enum(['revert', 'promotion', 'changed_difference']),
    changeHash: z.string(),
    expiresAt: z.string(),
    sentence: z.string(),
  }),
  z.object({
    kind: z.literal('question'),
    questionId: z.string(),
    question: z.string(),
    options: z.array(z.string()),
    /** Who reads the answer: the planner, or the resolver of a change that is already out. */
    returnTo: z.enum(['planning', 'observing']),
  }),
  /** Decided on the git host: somebody merges or closes the pull request. */
  z.object({
    kind: z.literal('merge'),
    pullRequestId: z.string(),
    number: z.number(),
    url: z.string(),
    branch: z.string(),
    purpose: z.enum(['change', 'revert']),
  }),
]);
export type Hold = z.infer<typeof holdSchema>;

/** How a ticket ended: a stable code, a sentence, and what can be looked up. */
export const endingSchema = z.object({
  code: z.string(),
  sentence: z.string(),
  commits: z.array(z.string()),
  reverted: z.boolean(),
  revertCommits: z.array(z.string()),
  /** Markdown for a question that was answered instead of a change that was made. */
  answer: z.string().optional(),
});
export type Ending = z.infer<typeof endingSchema>;

/** The ticket whose change this one takes back, since it went bad after it was live. Only the agent opens such tickets. */
export const followsSchema = z.object({
  ticketId: z.string(),
  /** The commits to take back, oldest first. */
  commits: z.array(z.string()),
  services: z.array(z.string()),
  /** Why, in one sentence. */
  sentence: z.string(),
  /** A person decides whatever the policy says about reverts. */
  needsPerson: z.boolean(),
});
export type Follows = z.infer<typeof followsSchema>;

export interface Ticket {
  id: TicketId;
  title: string;
  description: string;
  priority: Priority;
  status: TicketStatus;
  /** Where `resume` of a paused ticket, or `retry` of an errored one, leads; null otherwise. */
  pausedFrom: TicketStatus | null;
  target: Target;
  /** The Argo CD instance it is for. `target` names it too where the requester did. */
  instance: string;
  /** 1 for the first run; `retry` adds one. */
  attempt: number;
  hold: Hold | null;
  ending: Ending | null;
  /** Why it is where it is, one sentence. */
  reason: string;
  /** The service it turned out to be about, once planned. */
  application: string | null;
  /** Null for tickets that people opened. */
  follows: Follows | null;
  actor: string;
  createdAt: string;
  updatedAt: string;
  startedAt: string | null;
  endedAt: string | null;
}
