import { toObjectRef } from '../../manifest/object.ts';
import type { LiveObject } from '../cluster/live-object.ts';
import { toTemplateHash } from '../cluster/naming.ts';
import { listAt, recordAt, textAt } from '../json.ts';
import { stepBlueGreen } from './blue-green.ts';
import { stepCanary } from './canary.ts';
import { isActive, toReplicas } from './children.ts';
import { keepTransitionTimes } from './pod-status.ts';
import { createReplicaSet, listReplicaSets, renewRevision, toRevision, toSetHash } from './replica-sets.ts';
import { countPods, isPastDeadline, toLateMessage, withPhase } from './rollout-phase.ts';
import type { RolloutCounts } from './rollout-phase.ts';
import { readSpec } from './rollout-spec.ts';
import { readState, toStatusFields, withTemplate } from './rollout-state.ts';
import type { RolloutState } from './rollout-state.ts';
import { applyMarks, createMarks, isAborted, isFullyPromoted, isRetiring } from './rollout-turn.ts';
import type { RolloutTurn } from './rollout-turn.ts';
import type { Sync, World } from './world.ts';

/** An unusable specification may only be early: its Services or templates are applied a moment later. */
const INVALID_RETRY_MS = 20_000;

/** The Argo Rollouts controller: canaries by steps, blue-green by selectors, aborts back to the stable ReplicaSet. */
export const syncRollout: Sync = (world, rollout) => {
  if (!isActive(rollout)) return;
  const spec = readSpec(world, rollout);
  if ('invalid' in spec) {
    publishInvalid(world, rollout, spec.invalid);
    world.requeue(toObjectRef(rollout), INVALID_RETRY_MS);
    return;
  }
  const isCanary = spec.strategy.kind === 'canary';
  // Salted: a Deployment of the same name and template has ReplicaSets of its own.
  const hash = toTemplateHash(['rollout', spec.template]);
  const before = readState(rollout);
  const state = withTemplate(before, hash, isCanary ? spec.steps : undefined);
  const known = listReplicaSets(world, rollout).find((set) => toSetHash(set) === hash);
  renewRevision(world, rollout, known ?? createReplicaSet(world, rollout, spec.template, hash));
  const sets = listReplicaSets(world, rollout);
  const find = (wanted: string) => sets.find((set) => toSetHash(set) === wanted);
  const [newSet, stableSet] = [find(hash), find(state.stableRS)];
  if (newSet === undefined) return;
  const otherSets = sets
    .filter((set) => set !== newSet && set !== stableSet)
    .sort(byRevision)
    .reverse();
  const turn: RolloutTurn = {
    world,
    rollout,
    spec,
    state,
    newSet,
    stableSet,
    otherSets,
    isFastRollback: !isCanary && isOlder(newSet, stableSet) && isRetiring(world, newSet),
    marks: createMarks(),
  };
  // Without an update there is nothing to abort.
  if (isFullyPromoted(turn)) turn.marks.unaborts = true;
  const next = isCanary ? stepCanary(turn) : stepBlueGreen(turn);
  const counts = countPods(turn, next.activeSelector);
  publish(turn, withPhase(turn, withDeadline(turn, next, counts), counts), counts);
  dropOldSets(turn);
};

function byRevision(a: LiveObject, b: LiveObject): number {
  return toRevision(a) - toRevision(b);
}

function isOlder(set: LiveObject, than: LiveObject | undefined): boolean {
  return than !== undefined && set.metadata.creationTimestamp < than.metadata.creationTimestamp;
}

/** Where the specification says so, an update that does not come forward is given up. */
function withDeadline(turn: RolloutTurn, next: RolloutState, counts: RolloutCounts): RolloutState {
  const isUnderWay = !isAborted(turn) && next.stableRS !== next.currentPodHash;
  if (!turn.spec.abortsAtDeadline || !isUnderWay || !isPastDeadline(turn, next, counts)) return next;
  turn.marks.abort = toLateMessage(turn);
  return applyMarks(turn, { ...next, currentStepIndex: 0 });
}

function publish(turn: RolloutTurn, state: RolloutState, counts: RolloutCounts): void {
  const { world, rollout, spec } = turn;
  const isHealthy = state.phase === 'Healthy';
  const isAvailable = counts.available >= spec.replicas;
  const conditions = [
    {
      type: 'Available',
      status: isAvailable ? 'True' : 'False',
      reason: 'AvailableReason',
      message: isAvailable ? 'Rollout has minimum availability' : 'Rollout does not have minimum availability',
    },
    toProgressing(state),
    {
      type: 'Healthy',
      status: isHealthy ? 'True' : 'False',
      reason: isHealthy ? 'RolloutHealthy' : 'RolloutNotHealthy',
      message: isHealthy ? 'Rollout is healthy' : 'Rollout is not healthy',
    },
    {
      type: 'Completed',
      status: state.stableRS === state.currentPodHash ? 'True' : 'False',
      reason: 'RolloutCompleted',
      message: 'RolloutCompleted',
    },
  ];
  world.cluster.setStatus(toObjectRef(rollout), {
    ...toStatusFields(state, rollout.metadata.generation, spec.strategy.kind === 'canary'),
    replicas: counts.replicas,
    updatedReplicas: counts.updated,
    readyReplicas: counts.ready,
    availableReplicas: counts.available,
    conditions: keepTransitionTimes(conditions, rollout['status'], world.timeline.stamp()),
  });
}

function toProgressing(state: RolloutState) {
  const isTrouble = state.phase === 'Degraded';
  const reason = state.abort
    ? 'RolloutAborted'
    : isTrouble
      ? 'ProgressDeadlineExceeded'
      : state.phase === 'Paused'
        ? 'RolloutPaused'
        : state.phase === 'Healthy'
          ? 'NewReplicaSetAvailable'
          : 'ReplicaSetUpdated';
  const status = isTrouble ? 'False' : state.phase === 'Paused' ? 'Unknown' : 'True';
  return { type: 'Progressing', status, reason, message: state.message };
}

/** Nothing else of the status changes: the controller does not look further. */
function publishInvalid(world: World, rollout: LiveObject, invalid: string): void {
  const others = listAt(rollout, 'status', 'conditions').filter((one) => textAt(one, 'type') !== 'InvalidSpec');
  const condition = { type: 'InvalidSpec', status: 'True', reason: 'InvalidSpec', message: invalid };
  world.cluster.setStatus(toObjectRef(rollout), {
    ...recordAt(rollout, 'status'),
    observedGeneration: String(rollout.metadata.generation ?? 1),
    phase: 'Degraded',
    message: `InvalidSpec: ${invalid}`,
    conditions: [...others, ...keepTransitionTimes([condition], rollout['status'], world.timeline.stamp())],
  });
}

/** Old ReplicaSets beyond the limit go, once they have no pods. */
function dropOldSets({ world, rollout, otherSets }: RolloutTurn): void {
  const limit = Number(recordAt(rollout, 'spec')['revisionHistoryLimit'] ?? 10);
  const oldest = otherSets.toSorted(byRevision).slice(0, Math.max(0, otherSets.length - limit));
  for (const set of oldest) if (toReplicas(set) === 0) world.cluster.delete(toObjectRef(set));
}
