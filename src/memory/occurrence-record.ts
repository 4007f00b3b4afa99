import { sha256Hex } from '../lib/ids.ts';
import type { KnownPattern } from './context.ts';
import { findFailureAdvice } from './failure-advice.ts';
import type { DeployFact, OutcomeFact, RegressionFact } from './facts.ts';
import { findFailure } from './facts.ts';
import { toOccurrence, type Occurrence } from './occurrence.ts';

/** One thing that was done on the way. */
export interface OccurrenceStep {
  atMs: number;
  action: string;
  description: string;
  outcome: string;
  durationMs?: number;
}

/** What was expected when the deploy was planned. */
export interface Expectation {
  /** Null where nothing was known. */
  probability: number | null;
  low: number | null;
  high: number | null;
  /** Sentences that were told then, and why more care was taken. */
  remembered: readonly string[];
  careReasons: readonly string[];
}

/** What is known of an ended deploy. */
export interface OccurrenceFacts {
  deploy: DeployFact;
  outcome: OutcomeFact;
  regression?: RegressionFact;
  /** What was recorded about the scope before the deploy. */
  before: { deploys: number; failures: number; patterns: readonly KnownPattern[] };
  /** What else was under way when it began. */
  concurrent: readonly { id: string; service: string; environment: string }[];
  steps: readonly OccurrenceStep[];
  expected?: Expectation;
  /** Why it ended as it did, in sentences, first cause first. */
  explanation: readonly string[];
}

/** The occurrence of an ended deploy; the same facts give the same one, its id included. */
export function toOccurrenceRecord(facts: OccurrenceFacts): Occurrence {
  const { deploy, outcome, regression, before, steps, expected, explanation } = facts;
  const failure = findFailure(facts);
  const probability = expected?.probability ?? null;
  const made = toOccurrence({
    id: toOccurrenceId(deploy.id, outcome.atMs),
    deploy,
    outcome,
    ...(regression === undefined ? {} : { regression }),
    expected: {
      scope: deploy,
      atMs: deploy.startedAtMs,
      probability: probability ?? 0.5,
      low: expected?.low ?? 0,
      high: expected?.high ?? 1,
      signals: [],
      deploys: before.deploys,
      failures: before.failures,
      firstDeploy: before.deploys === 0,
    },
    patterns: before.patterns,
    steps,
  });
  const advice = findFailureAdvice(failure?.fingerprint?.class);
  const told = [...(expected?.remembered ?? []), ...(expected?.careReasons ?? [])];
  const reasons = [...new Set(explanation)];
  const beside = facts.concurrent.map(({ service, environment }) => `${service} in ${environment} was deploying too.`);
  return {
    ...made,
    ...(made.error === undefined
      ? {}
      : {
          error: {
            ...made.error,
            message: reasons[0] ?? made.error.message,
            why_it_matters: advice.whyItMatters,
            possible_causes: [...advice.possibleCauses, ...beside],
            suggested_fix: advice.suggestedFix,
          },
        }),
    reasoning: {
      ...made.reasoning,
      explanation: [...reasons, ...told].join(' '),
      causal_chain: failure === undefined ? [] : reasons,
    },
    data: {
      ...made.data,
      deploy_id: deploy.id,
      service: deploy.service,
      version: deploy.version ?? deploy.digest ?? null,
      image: deploy.image ?? null,
      verdict: (failure ?? outcome).verdict ?? null,
      fingerprint: failure?.fingerprint ?? null,
      risk: probability === null ? null : { probability, low: expected?.low ?? null, high: expected?.high ?? null },
      concurrent: facts.concurrent.map(({ id, service, environment }) => ({ deploy_id: id, service, environment })),
    },
  };
}

const CROCKFORD = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';

/** A ULID of the time the deploy ended; the part that is random elsewhere comes from the deploy, so that there is one only. */
function toOccurrenceId(deployId: string, endedAtMs: number): string {
  const time = BigInt(Math.max(0, Math.round(endedAtMs)));
  const rest = BigInt(`0x${sha256Hex(deployId).slice(0, 20)}`);
  let value = (time << 80n) | rest;
  let text = '';
  for (let digit = 0; digit < 26; digit += 1) {
    text = `${CROCKFORD.charAt(Number(value & 31n))}${text}`;
    value >>= 5n;
  }
  return text;
}
