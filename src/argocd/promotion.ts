import type { ObjectRef } from '../manifest/object.ts';
import { toRefLabel } from '../manifest/object.ts';
import { listAnalysisNodes, listReports, toMeasured } from './analysis-runs.ts';
import { conclude, type Context, evidence, read, type Step, wait } from './context.ts';
import { findRolloutPause, type RolloutPause } from './live-state.ts';
import type { ObservationPhase } from './observation.ts';

/** A rollout that stands still: a timed pause is waited for, every other one needs somebody to decide. */
export function judgePause(context: Context, rollout: ObjectRef, message: string, phase: ObservationPhase): Step {
  const { facts, nowMs, since, budgets } = context;
  const label = toRefLabel(rollout);
  if (facts.managed === undefined) {
    const unreadable = facts.unreadable.managed !== undefined;
    if (!unreadable || nowMs - since(`pause-unread:${label}`) < budgets.unknownMs)
      return read(context, 'managed', phase);
  }
  const pause = findRolloutPause(facts.managed ?? [], rollout);
  if (pause?.timed === true) return wait(phase, `${label} pauses at a timed step and goes on by itself`);
  // Suspended may be seen before the reason is: the cause of the pause decides who has to act, so it is waited for a moment.
  if (pause?.reason === '' && nowMs - since(`pause-reason:${label}`) < budgets.confirmMs)
    return wait(phase, `${label} is paused; waiting for the reason`);
  const isOpen = pause?.analysis !== undefined;
  if (isOpen && needsAnalyses(context)) return read(context, 'analyses', phase);
  const reason = pause?.reason ?? '';
  const measured = isOpen ? findMeasured(context, rollout) : '';
  return conclude({
    kind: 'promotion',
    rollout,
    pause: reason,
    since: pause?.since ?? '',
    ...(pause?.stepIndex === undefined ? {} : { stepIndex: pause.stepIndex }),
    ...(pause?.stepCount === undefined ? {} : { stepCount: pause.stepCount }),
    sentence: `${label} is paused${toPlace(pause)}: ${toWhy(pause, measured)}`,
    evidence: [
      evidence(label, 'health.status', 'Suspended'),
      evidence(label, 'health.message', message),
      evidence(label, 'status.pauseConditions[].reason', reason),
      ...(measured === '' ? [] : [evidence(label, 'AnalysisRun status.metricResults', measured)]),
    ],
  });
}

/** Whether there are analyses of this update that have not been read, and can be. */
export function needsAnalyses({ facts, input }: Context): boolean {
  const isUnread = facts.analyses === undefined && facts.unreadable.analyses === undefined;
  return isUnread && facts.tree !== undefined && listAnalysisNodes(facts.tree, input.pushedAtMs).length > 0;
}

function findMeasured({ facts }: Context, rollout: ObjectRef): string {
  const report = listReports(facts.analyses, rollout).find(({ phase }) => phase === 'Inconclusive');
  return report === undefined ? '' : toMeasured(report);
}

function toPlace(pause: RolloutPause | undefined): string {
  if (pause?.stepIndex === undefined || pause.stepCount === undefined) return '';
  return ` at step ${pause.stepIndex + 1} of ${pause.stepCount}`;
}

/** What a person needs to decide, and what each decision does. */
function toWhy(pause: RolloutPause | undefined, measured: string): string {
  if (pause?.analysis === undefined) return 'it waits to be promoted. Resume it, or abort it and revert.';
  const why = `its analysis was inconclusive${measured === '' ? '' : ` (${measured})`}.`;
  return `${why} ${GOING_ON[pause.analysis]}, or abort it and revert.`;
}

const GOING_ON = {
  step: 'Go on without the rest of this analysis',
  background: 'Go on, which measures anew',
  blue_green: 'Promote it without any further analysis',
} as const;
