import type { ObjectRef } from '../manifest/object.ts';
import { toRefLabel } from '../manifest/object.ts';
import { conclude, type Context, evidence, read, type Step, wait } from './context.ts';
import { findRolloutPause } from './live-state.ts';
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
  const reason = pause?.reason ?? '';
  const step =
    pause?.stepIndex === undefined
      ? ''
      : ` at step ${pause.stepIndex + 1}${pause.stepCount === undefined ? '' : ` of ${pause.stepCount}`}`;
  const why = reason === 'InconclusiveAnalysisRun' ? 'its analysis was inconclusive' : 'it waits to be promoted';
  return conclude({
    kind: 'promotion',
    rollout,
    pause: reason,
    ...(pause?.stepIndex === undefined ? {} : { stepIndex: pause.stepIndex }),
    ...(pause?.stepCount === undefined ? {} : { stepCount: pause.stepCount }),
    sentence: `${label} is paused${step}: ${why}. Resume it, or abort it and revert.`,
    evidence: [
      evidence(label, 'health.status', 'Suspended'),
      evidence(label, 'health.message', message),
      evidence(label, 'status.pauseConditions[].reason', reason),
    ],
  });
}
