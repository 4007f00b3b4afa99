import type { Company } from './co-deploy.ts';
import { withIncident } from './incident.ts';
import type { ServiceState } from './service-state.ts';
import { toLogit } from './statistics.ts';
import type { VersionView } from './versions.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** What is known the moment a deploy begins, before anything is made of it. */
export interface Observation {
  state: ServiceState | undefined;
  version: VersionView;
  /** Deploys of this scope begun within a day before. */
  startsToday: number;
  /** Other services of the environment that became known to have failed, within the span before. */
  failedHour: number;
  /** Probability that an incident of the environment is going on. */
  incident: number;
  failedSixHours: number;
  failedDay: number;
  /** The same in other environments, within the hour. */
  failedElsewhere: number;
  changeKind: string | undefined;
  size: number | undefined;
  stateful: boolean;
  company: Company;
}

/** Log-odds a kind of change starts with against the average change; how far to believe it is learned. */
const KIND_LOGIT: Readonly<Record<string, number>> = {
  add_service: 0.5,
  mixed: 0.3,
  edit_source: 0.4,
  set_config: 0.2,
  set_strategy: 0.1,
  set_image: 0,
  remove_service: -0.3,
  revert: -0.4,
  restart: -0.5,
  scale: -0.7,
};

interface FeatureInput {
  seen: Observation;
  atMs: number;
  /** The rate of failure of any service in this environment just now, the systemic part included. */
  rate: number;
}

interface Feature {
  name: string;
  /** The signal under which a person sees it. */
  signal: string;
  /** What it is believed to be worth before anything was seen, in log-odds per unit. */
  mean: number;
  sd: number;
  value(input: FeatureInput): number;
}

// The starting beliefs are round numbers. Each says which way a signal should point and leaves the size to the outcomes;
// the standard deviation is how far an environment may differ from that.
export const FEATURES: readonly Feature[] = [
  { name: 'level', signal: 'environment', mean: 0, sd: 0.35, value: () => 1 },
  {
    name: 'slow_rate',
    signal: 'own_history',
    mean: 0.3,
    sd: 0.32,
    value: ({ seen: { state }, rate }) => shrunk(state?.slow, rate, 20),
  },
  {
    name: 'fast_rate',
    signal: 'own_history',
    mean: 0.2,
    sd: 0.32,
    value: ({ seen: { state }, rate }) => shrunk(state?.fast, rate, 5),
  },
  {
    name: 'failure_run',
    signal: 'last_failed',
    mean: 1,
    sd: 1.25,
    value: ({ seen: { state } }) => Math.log1p(state?.run ?? 0),
  },
  {
    name: 'failed_yesterday',
    signal: 'recent_failure',
    mean: 0,
    sd: 0.42,
    value: ({ seen: { state }, atMs }) => fading(sinceFailureMs(state, atMs), DAY_MS),
  },
  {
    name: 'failed_lately',
    signal: 'recent_failure',
    mean: 0.2,
    sd: 0.32,
    value: ({ seen: { state }, atMs }) => fading(sinceFailureMs(state, atMs), 14 * DAY_MS),
  },
  { name: 'busy', signal: 'many_deploys', mean: 0.1, sd: 0.16, value: ({ seen }) => Math.log1p(seen.startsToday) },
  {
    name: 'after_step_back',
    signal: 'after_step_back',
    mean: 0.3,
    sd: 0.52,
    value: ({ seen: { state }, atMs }) =>
      state?.lastWasOlder === true ? fading(atMs - state.lastOlderAtMs, 2 * DAY_MS) : 0,
  },
  { name: 'older', signal: 'older_version', mean: 0, sd: 0.52, value: ({ seen }) => flag(seen.version.older) },
  {
    name: 'unusual_version',
    signal: 'unusual_version',
    mean: 0.3,
    sd: 0.22,
    value: ({ seen }) => (seen.version.older ? 0 : seen.version.surprise),
  },
  {
    name: 'skipped_lower',
    signal: 'skipped_lower',
    mean: 0.7,
    sd: 0.45,
    value: ({ seen }) => flag(seen.version.skipped.length > 0),
  },
  {
    name: 'failed_below',
    signal: 'failed_below',
    mean: 1,
    sd: 0.72,
    value: ({ seen }) => Math.log1p(seen.version.failedBelow),
  },
  {
    name: 'moved_back_below',
    signal: 'moved_back_below',
    mean: 0.8,
    sd: 0.55,
    value: ({ seen }) => flag(seen.version.movedBack.length > 0),
  },
  {
    name: 'elsewhere',
    signal: 'left_below',
    mean: 0.2,
    sd: 0.33,
    value: ({ seen }) => flag(seen.version.elsewhere),
  },
  {
    name: 'stale_below',
    signal: 'stale_version',
    mean: 0.5,
    sd: 0.45,
    value: ({ seen }) => flag(!seen.version.older && (seen.version.hoursBelow ?? 0) > 20),
  },
  {
    name: 'incident',
    signal: 'fleet_burst',
    mean: 1,
    sd: 0.4,
    value: ({ seen, rate }) =>
      seen.version.older ? 0 : toLogit((1 - seen.incident) * rate + seen.incident * withIncident(rate)) - toLogit(rate),
  },
  {
    name: 'burst_day',
    signal: 'fleet_burst',
    mean: 0.1,
    sd: 0.12,
    value: ({ seen }) => (seen.version.older ? 0 : Math.log1p(seen.failedDay)),
  },
  {
    // A mass rollback becomes known at the moment of the steps back themselves; those are not doomed, they are the cure.
    name: 'burst_step_back',
    signal: 'fleet_burst',
    mean: -0.2,
    sd: 0.24,
    value: ({ seen }) => (seen.version.older ? Math.log1p(seen.failedSixHours) : 0),
  },
  {
    // One failure elsewhere says nothing: an environment is its own world until several services fail at once.
    name: 'burst_elsewhere',
    signal: 'elsewhere_burst',
    mean: 0.2,
    sd: 0.24,
    value: ({ seen }) => (seen.version.older ? 0 : Math.log1p(Math.max(0, seen.failedElsewhere - 1))),
  },
  {
    name: 'few_deploys',
    signal: 'few_deploys',
    mean: 0,
    sd: 0.42,
    value: ({ seen: { state } }) => 1 / (1 + (state?.deploys ?? 0)),
  },
  { name: 'kind', signal: 'kind', mean: 1, sd: 0.5, value: ({ seen }) => KIND_LOGIT[seen.changeKind ?? ''] ?? 0 },
  {
    name: 'size',
    signal: 'size',
    mean: 0.15,
    sd: 0.1,
    value: ({ seen }) => (seen.size === undefined ? 0 : Math.log(Math.max(1, Math.min(1000, seen.size)))),
  },
  { name: 'stateful', signal: 'stateful', mean: 0.2, sd: 0.3, value: ({ seen }) => flag(seen.stateful) },
];

/**
 * Copied for every deploy. A typed array of this size would live outside the heap, and an array begun with whole numbers is
 * made anew at its first fraction; either costs more than all the sums.
 */
const BLANK: readonly number[] = FEATURES.map(() => 0.5);

/** @param ignored signals that count for nothing, by name */
export function toFeatures(
  seen: Observation,
  atMs: number,
  rate: number,
  ignored: ReadonlySet<string> = new Set(),
): number[] {
  const input = { seen, atMs, rate };
  const features = BLANK.slice();
  for (let index = 0; index < FEATURES.length; index += 1) {
    const feature = FEATURES[index]!;
    features[index] = ignored.size > 0 && ignored.has(feature.signal) ? 0 : feature.value(input);
  }
  return features;
}

function flag(value: boolean): number {
  return value ? 1 : 0;
}

/** 1 now, fading by e over the span; 0 for what never happened. */
function fading(sinceMs: number, spanMs: number): number {
  return Number.isFinite(sinceMs) ? Math.exp(-Math.max(0, sinceMs) / spanMs) : 0;
}

function sinceFailureMs(state: ServiceState | undefined, atMs: number): number {
  return atMs - (state?.lastFailedAtMs ?? Number.NEGATIVE_INFINITY);
}

/** The service's own rate against its environment's, in log-odds, as if it had begun with `weight` average deploys. */
function shrunk(own: { deploys: number; failures: number } | undefined, rate: number, weight: number): number {
  if (own === undefined) return 0;
  return toLogit((own.failures + rate * weight) / (own.deploys + weight)) - toLogit(rate);
}
