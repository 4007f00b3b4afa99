import type { LiveObject } from '../cluster/live-object.ts';
import { booleanAt, isRecord, numberAt, valueAt } from '../json.ts';
import { toReplicas, toShare } from './children.ts';
import { toCounts } from './replica-sets.ts';
import {
  isAborted,
  isFullyPromoted,
  isHalted,
  isRetiring,
  keep,
  rescale,
  scaleWorkloadProgressively,
  toDelayMs,
  toRetiring,
} from './rollout-turn.ts';
import type { RolloutTurn } from './rollout-turn.ts';

export interface PodCounts {
  canary: number;
  stable: number;
}

function hasTraffic({ spec }: RolloutTurn): boolean {
  return isRecord(valueAt(spec.strategy.options, 'trafficRouting'));
}

/** Brings the sets one step nearer to what the weight asks for; true when a number of pods was changed. */
export function scaleCanary(turn: RolloutTurn): boolean {
  if (isHalted(turn)) return false;
  const { world, newSet, stableSet } = turn;
  keep(world, stableSet);
  const next = toNext(turn);
  if (stableSet !== undefined && stableSet !== newSet && rescale(turn, stableSet, next.stable)) return true;
  if (scaleNew(turn, next.canary)) return true;
  return retireOthers(turn);
}

/** Behind a router the pods of an aborted update stay a while; without one they would go on being asked. */
function scaleNew(turn: RolloutTurn, wanted: number): boolean {
  const { world, spec, newSet, stableSet } = turn;
  const isBack = isAborted(turn) && !isFullyPromoted(turn) && hasTraffic(turn);
  const delayMs = isBack ? toDelayMs(turn, 'abortScaleDownDelaySeconds', true) : undefined;
  if (delayMs === undefined) {
    keep(world, newSet);
    const hasScaled = rescale(turn, newSet, wanted);
    scaleWorkloadProgressively(turn, wanted);
    return hasScaled;
  }
  if (stableSet === undefined || toCounts(stableSet).available < spec.replicas) return false;
  return rescale(turn, newSet, toRetiring(turn, newSet, delayMs, toReplicas(newSet)));
}

/** Without a router in front every pod gets requests, so old ones go as soon as enough others are available. */
function retireOthers(turn: RolloutTurn): boolean {
  const { spec, newSet, stableSet, otherSets } = turn;
  const sets = new Set([newSet, ...(stableSet === undefined ? [] : [stableSet]), ...otherSets]);
  const available = [...sets].reduce((total, set) => total + toCounts(set).available, 0);
  let room = Math.max(0, available - (spec.replicas - toLimits(turn).unavailable));
  let hasScaled = false;
  for (const set of otherSets) {
    if (toReplicas(set) === 0) continue;
    const serving = toCounts(set).available;
    const wanted = hasTraffic(turn) ? toOldBehindRouter(turn, set) : Math.max(0, serving - room);
    room -= Math.max(0, serving - wanted);
    hasScaled = rescale(turn, set, wanted) || hasScaled;
  }
  return hasScaled;
}

function toOldBehindRouter(turn: RolloutTurn, set: LiveObject): number {
  if (!isFullyPromoted(turn) && !isRetiring(turn.world, set)) return 0;
  return toRetiring(turn, set, toDelayMs(turn, 'scaleDownDelaySeconds') ?? 0, toReplicas(set));
}

/** What the step asks for in the end. */
export function toWanted(turn: RolloutTurn): PodCounts {
  const { spec, state } = turn;
  const { replicas } = spec;
  const explicit = hasTraffic(turn) ? findCanaryScale(turn) : undefined;
  const weight = numberAt(explicit, 'weight') ?? toWeight(turn);
  if (!hasTraffic(turn)) return approximate(replicas, weight, toLimits(turn).surge);
  const isWhole = state.promoteFull || state.stableRS === '' || isFullyPromoted(turn);
  const canary = (isWhole ? undefined : numberAt(explicit, 'replicas')) ?? toCeiling(replicas, weight);
  const isDynamic = booleanAt(spec.strategy.options, 'dynamicStableScale') === true;
  return { canary, stable: isDynamic ? toCeiling(replicas, 100 - weight) : replicas };
}

function toWeight(turn: RolloutTurn): number {
  const { spec, state } = turn;
  if (state.promoteFull || state.stableRS === '' || isFullyPromoted(turn)) return 100;
  if (isAborted(turn)) return 0;
  if (state.currentStepIndex >= spec.steps.length) return 100;
  const passed = spec.steps.slice(0, state.currentStepIndex + 1);
  return (
    numberAt(
      passed.findLast((step) => numberAt(step, 'setWeight') !== undefined),
      'setWeight',
    ) ?? 0
  );
}

function findCanaryScale(turn: RolloutTurn): unknown {
  const { spec, state } = turn;
  if (isAborted(turn) || state.currentStepIndex >= spec.steps.length) return undefined;
  const passed = spec.steps.slice(0, state.currentStepIndex + 1);
  const found = valueAt(
    passed.findLast((step) => isRecord(valueAt(step, 'setCanaryScale'))),
    'setCanaryScale',
  );
  return booleanAt(found, 'matchTrafficWeight') === true ? undefined : found;
}

function toCeiling(replicas: number, weight: number): number {
  return Math.ceil((replicas * weight) / 100);
}

/**
 * Without a router the share of the pods is the share of the requests, so the counts come as near to the weight as whole
 * pods can; one pod more than asked for is allowed where it may surge, and between 1 and 99 % neither side is empty.
 */
function approximate(replicas: number, weight: number, surge: number): PodCounts {
  if (replicas === 0) return { canary: 0, stable: 0 };
  const exact = (replicas * weight) / 100;
  const [floor, ceiling] = [Math.floor(exact), Math.ceil(exact)];
  const mayBeZero = weight === 100 || weight === 0 || (replicas === 1 && surge === 0);
  const isTied = (total: number) => ((total * weight) / 100) % 1 === 0.5;
  const options: [number, number][] = [];
  if (ceiling < replicas || mayBeZero) options.push([ceiling, replicas]);
  if (!isTied(replicas) && (floor !== 0 || mayBeZero)) options.push([floor, replicas]);
  if (surge > 0) {
    options.push([ceiling, replicas + 1]);
    if (!isTied(replicas + 1) && (floor !== 0 || mayBeZero)) options.push([floor, replicas + 1]);
  }
  const distance = ([canary, total]: [number, number]) => Math.abs((canary * 100) / total - weight);
  const [first = [0, replicas], ...rest] = options;
  const [canary, total] = rest.reduce((best, one) => (distance(one) < distance(best) ? one : best), first);
  return { canary, stable: total - canary };
}

/** What can be asked for now: new pods as far as they may surge, old ones gone as far as enough are available. */
function toNext(turn: RolloutTurn): PodCounts {
  const { spec, newSet, stableSet, otherSets } = turn;
  const { replicas } = spec;
  const wanted = toWanted(turn);
  if (hasTraffic(turn)) return wanted;
  const { surge, unavailable } = toLimits(turn);
  if (stableSet === undefined || stableSet === newSet) {
    const room = replicas + surge - sum([newSet, ...otherSets]);
    return { canary: Math.min(replicas, grow(newSet, replicas, room)), stable: 0 };
  }
  const room = replicas + surge - sum([newSet, stableSet, ...otherSets]);
  const stable = grow(stableSet, wanted.stable, room);
  const canary = grow(newSet, wanted.canary, room - (stable - toReplicas(stableSet)));
  if (sum(otherSets) > 0) return { canary, stable };
  // Of the side that shrinks every pod may go, ready or not; the other counts by what is available.
  const isRising = wanted.canary >= toReplicas(newSet);
  const [shrinking, other] = isRising ? [stableSet, newSet] : [newSet, stableSet];
  const target = isRising ? wanted.stable : wanted.canary;
  const spare = toReplicas(shrinking) + toCounts(other).available - (replicas - unavailable);
  if (spare <= 0 || toReplicas(shrinking) <= target) return { canary, stable };
  const left = Math.max(target, toReplicas(shrinking) - spare);
  return isRising ? { canary, stable: left } : { canary: left, stable };
}

function grow(set: LiveObject, wanted: number, room: number): number {
  const now = toReplicas(set);
  return now + Math.max(0, Math.min(wanted - now, room));
}

function sum(sets: readonly LiveObject[]): number {
  return sets.reduce((total, set) => total + toReplicas(set), 0);
}

function toLimits({ spec }: RolloutTurn): { surge: number; unavailable: number } {
  const { options } = spec.strategy;
  const surge = toShare(valueAt(options, 'maxSurge') ?? '25%', spec.replicas, 'up');
  const unavailable = toShare(valueAt(options, 'maxUnavailable') ?? '25%', spec.replicas, 'down');
  // Both zero would never move; one pod may then be away.
  return { surge, unavailable: surge === 0 && unavailable === 0 ? 1 : unavailable };
}
