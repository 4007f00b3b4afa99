import type { ConfirmedPattern } from './pair-evidence.ts';
import type { EnvironmentModel, Forecast } from './estimator.ts';
import { trustInSignals } from './estimator.ts';
import { FEATURES } from './features.ts';
import type { Observation } from './features.ts';
import type { RiskInput, RiskSignal } from './risk.ts';
import { toLogit } from './statistics.ts';

/** Below this many log-odds a signal is not worth a person's time. */
const NOTICEABLE = 0.05;

/**
 * What moved the estimate, strongest first, each as a sentence with its counts. The effect of a signal is what its features
 * add, times the trust in the signals as a whole, so the effects add up to about the distance from the environment's rate.
 */
export function toSignals(model: EnvironmentModel, made: Forecast, seen: Observation, input: RiskInput): RiskSignal[] {
  const trust = trustInSignals(model);
  const effects = new Map<string, number>();
  FEATURES.forEach((feature, index) => {
    const part = (model.logistic.mean[index] ?? 0) * (made.features[index] ?? 0) * trust;
    effects.set(feature.signal, (effects.get(feature.signal) ?? 0) + part);
  });
  const signals: RiskSignal[] = [];
  for (const [name, effect] of effects) {
    const detail = SENTENCES[name]?.(seen, input);
    if (detail !== undefined && Math.abs(effect) >= NOTICEABLE) signals.push({ name, effect, detail });
  }
  const [, , , alone, beside] = made.opinions;
  const { patterns, suspected } = seen.company;
  const effect = (toLogit(beside) - toLogit(alone)) * (model.mixture.weights[4] ?? 0);
  if (effect >= NOTICEABLE) {
    const lines = patterns.map((pattern) => `${toClaim(pattern)} It is deploying now.`);
    if (suspected.length > 0)
      lines.push(
        `It may fail beside ${list(suspected.map(toServiceName))}, deploying now; too little was seen to be sure.`,
      );
    signals.push({ name: 'deploying_beside', effect, detail: lines.join(' ') });
  }
  return signals.sort((a, b) => Math.abs(b.effect) - Math.abs(a.effect));
}

/** A claim as a person reads it, with the counts it stands on. */
export function toClaim(pattern: ConfirmedPattern): string {
  const { failedTogether, deploysTogether, failedAlone, deploysAlone, low, high } = pattern;
  return (
    `Failed ${failedTogether} of ${deploysTogether} with ${toServiceName(pattern.with)}, ${failedAlone} of ${deploysAlone} without; ` +
    `80 % interval ${low.toFixed(2)} to ${high.toFixed(2)}.`
  );
}

/** The service of a `namespace/service` pair. */
export function toServiceName(place: string): string {
  return place.slice(place.indexOf('/') + 1);
}

type Sentence = (seen: Observation, input: RiskInput) => string | undefined;

const SENTENCES: Readonly<Record<string, Sentence>> = {
  own_history: ({ state }, { scope }) =>
    state === undefined || state.deploys === 0
      ? undefined
      : `${state.failures} of ${state.deploys} deploys of ${scope.service} in ${scope.environment} failed.`,
  last_failed: ({ state }) =>
    state === undefined || state.run === 0
      ? undefined
      : state.run === 1
        ? 'The last deploy here failed.'
        : `The last ${state.run} deploys here failed.`,
  recent_failure: ({ state }, { atMs }) => {
    const failedAtMs = state?.lastFailure?.outcome?.atMs;
    return failedAtMs === undefined ? undefined : `It failed here ${formatAge(atMs - failedAtMs)} ago.`;
  },
  many_deploys: ({ startsToday }) =>
    startsToday === 0 ? undefined : `${count(startsToday, 'deploy')} of it began here within the last day.`,
  after_step_back: ({ state }) =>
    state?.lastWasOlder === true ? 'It was moved back to an older version last.' : undefined,
  older_version: ({ version }) => (version.older ? 'The version ran here before: this is a step back.' : undefined),
  unusual_version: ({ version }, { version: text }) =>
    version.surprise < 0.7
      ? undefined
      : `Versions here do not usually look like ${text ?? 'this'}: it may not be a release.`,
  skipped_lower: ({ version }) =>
    version.skipped.length === 0
      ? undefined
      : `The version was never seen in ${list(version.skipped)}, where it usually comes first.`,
  failed_below: ({ version }) =>
    version.failedBelow === 0
      ? undefined
      : `The same version failed ${count(version.failedBelow, 'time')} in ${list(version.failedIn)}.`,
  moved_back_below: ({ version }) =>
    version.movedBack.length === 0
      ? undefined
      : `${capital(list(version.movedBack))} moved back to an older version of it.`,
  left_below: ({ version }) => (version.elsewhere ? 'A lower environment runs another version by now.' : undefined),
  stale_version: ({ version }) =>
    version.hoursBelow === undefined
      ? undefined
      : `The version came to a lower environment ${formatAge(version.hoursBelow * 3_600_000)} ago and is late.`,
  fleet_burst: ({ failedHour, failedDay }, { scope }) =>
    failedDay === 0
      ? undefined
      : `${count(failedDay, 'other service')} in ${scope.environment} failed within the last day, ${failedHour} of them within the hour.`,
  elsewhere_burst: ({ failedElsewhere }) =>
    failedElsewhere < 2 ? undefined : `${failedElsewhere} services failed in other environments within the hour.`,
  few_deploys: ({ state }) =>
    state === undefined
      ? 'Nothing was deployed here before.'
      : `Only ${count(state.deploys, 'deploy')} of it known here.`,
  kind: (_seen, { changeKind }) => (changeKind === undefined ? undefined : `The kind of change is ${changeKind}.`),
  size: ({ size }) => (size === undefined ? undefined : `The change touches ${count(size, 'object')}.`),
  stateful: ({ stateful }) => (stateful ? 'The service keeps state.' : undefined),
};

function count(amount: number, noun: string): string {
  return `${amount} ${noun}${amount === 1 ? '' : 's'}`;
}

function list(names: readonly string[]): string {
  return names.length <= 1 ? (names[0] ?? '') : `${names.slice(0, -1).join(', ')} and ${names.at(-1) ?? ''}`;
}

function capital(text: string): string {
  return text.slice(0, 1).toUpperCase() + text.slice(1);
}

/** `40 minutes`, `5 hours`, `12 days`. */
function formatAge(ms: number): string {
  const minutes = Math.max(1, Math.round(ms / 60_000));
  if (minutes < 120) return count(minutes, 'minute');
  const hours = Math.round(minutes / 60);
  return hours < 48 ? count(hours, 'hour') : count(Math.round(hours / 24), 'day');
}
