import { toIsoTime } from '../lib/clock.ts';
import type { KnownPattern } from './context.ts';
import type { DeployFact, DeployOutcome, OutcomeFact, RegressionFact } from './facts.ts';
import { findFailure } from './facts.ts';
import type { RiskAssessment } from './risk.ts';
import type { StrategyChoice } from './strategy.ts';

/** The record of one ended deploy in the field set of the FALSE protocol, for tools that read occurrences. */
export interface Occurrence {
  id: string;
  protocol_version: '1.0';
  timestamp: string;
  source: 'tiphys';
  type: `deploy.run.${'completed' | 'failed' | 'regressed' | 'rolledback' | 'inconclusive' | 'superseded' | 'cancelled'}`;
  severity: 'info' | 'warning' | 'error';
  outcome: 'success' | 'failure' | 'timeout' | 'unknown';
  context: {
    cluster: string;
    namespace: string;
    environment: string;
    correlation: Record<string, string>;
    entities: { type: string; id: string; name: string; namespace: string; version?: string }[];
  };
  error?: {
    code: string;
    message: string;
    what_failed: string;
    why_it_matters: string;
    possible_causes: string[];
    suggested_fix: string;
  };
  reasoning: {
    summary: string;
    explanation: string;
    confidence: number;
    causal_chain: string[];
    patterns_matched: { pattern_name: string; confidence: number; times_seen: number }[];
  };
  history: {
    duration_ms?: number;
    steps: { timestamp: string; action: string; description: string; outcome: string; duration_ms?: number }[];
  };
  data: Record<string, unknown>;
}

/** What an occurrence is made of. */
export interface OccurrenceInput {
  /** ULID, made by the caller. */
  id: string;
  deploy: DeployFact;
  outcome: OutcomeFact;
  /** What became known after a healthy outcome. */
  regression?: RegressionFact;
  /** What was expected before it began. */
  expected: RiskAssessment;
  choice?: StrategyChoice;
  /** How deploys of this scope were known to fail before this one ended. */
  patterns: readonly KnownPattern[];
  /** What was done on the way, in order. */
  steps?: readonly { atMs: number; action: string; description: string; outcome: string; durationMs?: number }[];
  /** What a person should try; where nothing is known, the ordinary advice for the class of failure. */
  suggestedFix?: string;
}

const TYPES: Readonly<Record<DeployOutcome, Pick<Occurrence, 'type' | 'severity' | 'outcome'>>> = {
  healthy: { type: 'deploy.run.completed', severity: 'info', outcome: 'success' },
  failed: { type: 'deploy.run.failed', severity: 'error', outcome: 'failure' },
  rolled_back: { type: 'deploy.run.rolledback', severity: 'warning', outcome: 'failure' },
  inconclusive: { type: 'deploy.run.inconclusive', severity: 'warning', outcome: 'unknown' },
  superseded: { type: 'deploy.run.superseded', severity: 'info', outcome: 'unknown' },
  cancelled: { type: 'deploy.run.cancelled', severity: 'info', outcome: 'unknown' },
};

const REGRESSED = { type: 'deploy.run.regressed', severity: 'error', outcome: 'failure' } as const;

/** Builds the occurrence from facts alone: the same deploy gives the same occurrence. */
export function toOccurrence(input: OccurrenceInput): Occurrence {
  const { deploy, outcome, regression, expected, choice, patterns } = input;
  const kind = regression === undefined ? TYPES[outcome.outcome] : REGRESSED;
  const failure = findFailure(input);
  const failed = failure !== undefined;
  const cause = failure?.fingerprint;
  const timedOut = cause?.class === 'timeout';
  const matched = patterns.find(
    ({ fingerprint }) => fingerprint.class === cause?.class && fingerprint.signature === cause.signature,
  );
  return {
    id: input.id,
    protocol_version: '1.0',
    timestamp: toIsoTime(outcome.atMs),
    source: 'tiphys',
    ...kind,
    ...(timedOut ? { outcome: 'timeout' } : {}),
    context: {
      cluster: deploy.cluster,
      namespace: deploy.namespace,
      environment: deploy.environment,
      correlation: toPresent({ deploy_id: deploy.id, ticket: deploy.ticket, commit: deploy.commit }),
      entities: [
        {
          type: 'service',
          id: deploy.application ?? deploy.service,
          name: deploy.service,
          namespace: deploy.namespace,
          ...toPresent({ version: deploy.version ?? deploy.digest }),
        },
      ],
    },
    ...(failed ? { error: toError(input, failure) } : {}),
    reasoning: {
      summary: `${deploy.service} in ${deploy.environment}: ${(failure ?? outcome).verdict ?? outcome.outcome}`,
      explanation: [...(choice?.reasons ?? []), ...expected.signals.map(({ detail }) => detail)].join(' '),
      // How much probability had been given to what came.
      confidence: round(failed ? expected.probability : 1 - expected.probability),
      causal_chain: expected.signals.filter(({ effect }) => failed && effect > 0).map(({ detail }) => detail),
      patterns_matched:
        matched === undefined
          ? []
          : [
              {
                pattern_name: matched.fingerprint.class,
                confidence: round(matched.count / Math.max(matched.count, expected.failures, 1)),
                times_seen: matched.count,
              },
            ],
    },
    history: {
      ...(outcome.durationMs === undefined ? {} : { duration_ms: outcome.durationMs }),
      steps: (input.steps ?? []).map(({ atMs, action, description, outcome: ended, durationMs }) => ({
        timestamp: toIsoTime(atMs),
        action,
        description,
        outcome: ended,
        ...(durationMs === undefined ? {} : { duration_ms: durationMs }),
      })),
    },
    data: {
      change_kind: deploy.changeKind,
      strategy: deploy.strategy,
      risk: { probability: expected.probability, low: expected.low, high: expected.high },
      deploys_known: expected.deploys,
      failures_known: expected.failures,
      ...(regression === undefined
        ? {}
        : { healthy_at: toIsoTime(outcome.atMs), regressed_at: toIsoTime(regression.atMs) }),
    },
  };
}

function toError(
  { deploy, expected, suggestedFix }: OccurrenceInput,
  outcome: OutcomeFact,
): NonNullable<Occurrence['error']> {
  const failure = outcome.fingerprint?.class ?? 'unknown';
  const version = deploy.version ?? deploy.digest;
  return {
    code: failure,
    message: outcome.fingerprint?.signature ?? outcome.verdict ?? 'no evidence was kept',
    what_failed: `${deploy.changeKind} of ${deploy.service}${version === undefined ? '' : ` (${version})`} in ${deploy.environment}`,
    why_it_matters:
      outcome.outcome === 'rolled_back'
        ? 'The change was taken back; the version before it runs.'
        : 'The wanted state was not reached.',
    possible_causes: expected.signals.filter(({ effect }) => effect > 0).map(({ detail }) => detail),
    suggested_fix: suggestedFix ?? ADVICE[failure] ?? 'Read the events and logs of the pods of this commit.',
  };
}

const ADVICE: Readonly<Record<string, string>> = {
  image_pull: 'Check that the image and tag exist and that the pull secret of the namespace may read them.',
  crash_loop: 'Read the last log lines of the container; compare its configuration with the version before.',
  oom: 'Raise the memory limit or find what grew since the version before.',
  probe: 'Check that the probe path, port and start-up time fit this version.',
  quota: 'Ask for more quota or lower the requests.',
  immutable_field: 'The field cannot be changed in place: recreate the object or undo that part of the change.',
  timeout: 'Find out what the rollout was waiting for; raise the deadline only when it was still moving.',
};

function toPresent<Key extends string>(fields: Record<Key, string | undefined>): Partial<Record<Key, string>> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Partial<
    Record<Key, string>
  >;
}

function round(value: number): number {
  return Math.round(value * 1000) / 1000;
}
