import { toRefLabel } from '../manifest/object.ts';
import { type AnalysisReport, isUnmeasured, listReports, toMeasured } from './analysis-runs.ts';
import { toResourceRef } from './application.ts';
import { conclude, type Context, evidence, type Step } from './context.ts';
import type { HealthItem } from './health-items.ts';
import { isRollout } from './live-state.ts';

// An analysis that could not measure tells nothing about the new version, whatever Argo Rollouts made of it: it aborts after
// errors, and it promotes after silence. Neither is a verdict.

/** An abort because measuring failed, not because something bad was measured; undefined for every other abort. */
export function judgeBlindAbort({ facts }: Context, { ref, message }: HealthItem): Step | undefined {
  const reports = listReports(facts.analyses, ref);
  // The newest that ended badly is the one that aborted. Where none could be read, the rollout's own words have to do.
  const cause = reports.find(({ phase }) => phase === 'Failed' || phase === 'Error');
  const isBlind = cause === undefined ? /assessed Error due to/.test(message) : cause.phase === 'Error';
  if (!isBlind) return undefined;
  const label = toRefLabel(ref);
  const measured = cause === undefined ? '' : toMeasured(cause);
  const why = cause?.message ?? message;
  return conclude({
    kind: 'inconclusive',
    rollout: ref,
    state: 'aborted',
    sentence: `${label} was aborted because its analysis could not measure anything: ${why || 'no reason given'}. The old version serves, and nothing is known about the new one.`,
    evidence: [
      evidence(label, 'health.status', 'Degraded'),
      evidence(label, 'health.message', message),
      ...(cause === undefined ? [] : [evidence(`AnalysisRun ${cause.name}`, 'status.phase', cause.phase)]),
      ...(measured === '' ? [] : [evidence(`AnalysisRun ${cause?.name ?? ''}`, 'status.metricResults', measured)]),
    ],
  });
}

/** A rollout that was promoted although a metric of its analysis never saw anything good; undefined where all did. */
export function judgeSilentPromotion({ facts, app }: Context): Step | undefined {
  for (const resource of app.status.resources.filter(isRollout)) {
    const ref = toResourceRef(resource);
    const reports = listReports(facts.analyses, ref);
    // Where one was inconclusive, somebody has decided already.
    if (reports.some(({ phase }) => phase === 'Inconclusive')) continue;
    const silent = reports.find((report) => isUnmeasured(report) && !isRepeated(report, reports));
    if (silent === undefined) continue;
    const label = toRefLabel(ref);
    const measured = toMeasured(silent);
    return conclude({
      kind: 'inconclusive',
      rollout: ref,
      state: 'promoted',
      sentence: `${label} was promoted, but its analysis ended without enough measurements to say that the new version is good (${measured}). The new version serves.`,
      evidence: [
        evidence(label, 'health.status', 'Healthy'),
        evidence(`AnalysisRun ${silent.name}`, 'status.phase', silent.phase),
        evidence(`AnalysisRun ${silent.name}`, 'status.metricResults', measured),
      ],
    });
  }
  return undefined;
}

/** Measured well by another analysis of the same update. */
function isRepeated(silent: AnalysisReport, reports: readonly AnalysisReport[]): boolean {
  const unseen = silent.metrics.filter(({ good }) => good === 0);
  return unseen.every(({ name }) =>
    reports.some((other) => other.metrics.some((metric) => metric.name === name && metric.good > 0)),
  );
}
