import { toObjectRef } from '../../manifest/object.ts';
import { toTemplateHash } from '../cluster/naming.ts';
import { recordAt } from '../json.ts';
import { stopAnalyses } from './analysis.ts';
import { stepBlueGreen } from './blue-green.ts';
import { stepCanary } from './canary.ts';
import { isActive, toReplicas } from './children.ts';
import { keepTransitionTimes } from './pod-status.ts';
import {
  createReplicaSet,
  listReplicaSets,
  renewRevision,
  scaleReplicaSet,
  toCounts,
  toRevision,
  toSetHash,
} from './replica-sets.ts';
import { readSpec, readState, toStatusFields, withTemplate } from './rollout-state.ts';
import type { RolloutState } from './rollout-state.ts';
import { abort, retireLater, select, toRetireKey } from './rollout-turn.ts';
import type { RolloutTurn } from './rollout-turn.ts';
import type { Sync } from './world.ts';

/** The Argo Rollouts controller: canaries by steps, blue-green by selectors, aborts back to the stable ReplicaSet. */
export const syncRollout: Sync = (world, rollout) => {
  if (!isActive(rollout)) return;
  const spec = readSpec(world, rollout);
  if ('invalid' in spec) {
    const state = { ...readState(rollout), phase: 'Degraded' as const, message: `InvalidSpec: ${spec.invalid}` };
    world.cluster.setStatus(toObjectRef(rollout), toStatusFields(state, rollout.metadata.generation, false));
    world.requeue(toObjectRef(rollout), 10_000);
    return;
  }
  // Salted: a Deployment of the same name and template has ReplicaSets of its own.
  const hash = toTemplateHash(['rollout', spec.template]);
  const before = readState(rollout);
  const state = withTemplate(before, hash, spec.steps);
  if (state !== before) world.headway.set(rollout.metadata.uid, { key: '', atMs: world.timeline.now() });
  if (before.currentPodHash !== '' && before.currentPodHash !== hash) stopAnalyses(world, rollout);
  const newSet =
    listReplicaSets(world, rollout).find((set) => toSetHash(set) === hash) ??
    createReplicaSet(world, rollout, spec.template, hash);
  renewRevision(world, rollout, newSet);
  const sets = listReplicaSets(world, rollout);
  const turn: RolloutTurn = {
    world,
    rollout,
    spec,
    state,
    newSet,
    stableSet: sets.find((set) => toSetHash(set) === state.stableRS),
    otherSets: sets.filter((set) => toSetHash(set) !== hash && toSetHash(set) !== state.stableRS),
  };
  const next = take(turn);
  publish(turn, next);
  if (next.phase === 'Healthy') retire(turn);
};

function take(turn: RolloutTurn): RolloutState {
  const { spec, state } = turn;
  if (spec.isPaused) return { ...state, phase: 'Paused', message: 'manually paused' };
  if (state.stableRS === '' || state.currentPodHash === state.stableRS) return settleStable(turn);
  const next = spec.strategy.kind === 'canary' ? stepCanary(turn) : stepBlueGreen(turn);
  return next.phase === 'Progressing' ? withDeadline(turn, next) : next;
}

/** The first template ever, and the stable one wanted again, are simply brought up: no steps, no analyses. */
function settleStable(turn: RolloutTurn): RolloutState {
  const { world, rollout, spec, state, newSet, otherSets } = turn;
  scaleReplicaSet(world, rollout, newSet, spec.replicas);
  const isBlueGreen = spec.strategy.kind === 'blue_green';
  world.headway.delete(toRetireKey(newSet));
  for (const set of otherSets) {
    if (isBlueGreen) retireLater(turn, set);
    else scaleReplicaSet(world, rollout, set, 0);
  }
  select(turn, state.currentPodHash, state.currentPodHash);
  const isAlone = isBlueGreen || otherSets.every((set) => toCounts(set).replicas === 0);
  const isUp = toCounts(newSet).available >= spec.replicas && isAlone;
  const selectors = isBlueGreen ? { activeSelector: state.currentPodHash, previewSelector: state.currentPodHash } : {};
  const next = {
    ...state,
    ...selectors,
    currentStepIndex: spec.steps.length,
    controllerPause: false,
    pauseConditions: [],
  };
  if (isUp) return { ...next, stableRS: state.currentPodHash, phase: 'Healthy', message: '' };
  return withDeadline(turn, {
    ...next,
    phase: 'Progressing',
    message: 'updated replicas are still becoming available',
  });
}

/** Too long without a new pod becoming available: Degraded, and aborted where the specification says so. */
function withDeadline(turn: RolloutTurn, next: RolloutState): RolloutState {
  const { world, rollout, spec, newSet } = turn;
  const { uid } = rollout.metadata;
  const now = world.timeline.now();
  const { replicas, available } = toCounts(newSet);
  const key = `${newSet.metadata.name} ${next.currentStepIndex} ${available}`;
  const last = world.headway.get(uid);
  const isWaiting = available < toReplicas(newSet) || replicas < toReplicas(newSet);
  if (last === undefined || last.key !== key || !isWaiting) world.headway.set(uid, { key, atMs: now });
  const leftMs =
    spec.progressDeadlineSeconds * 1000 - world.timeline.toSimulated(now - (world.headway.get(uid)?.atMs ?? now));
  if (leftMs > 0) {
    if (isWaiting) world.requeue(toObjectRef(rollout), leftMs + 1);
    return next;
  }
  const reason = `ProgressDeadlineExceeded: ReplicaSet "${newSet.metadata.name}" has timed out progressing.`;
  if (spec.abortsAtDeadline && next.stableRS !== '' && next.stableRS !== next.currentPodHash)
    return abort(turn, next, reason);
  return { ...next, phase: 'Degraded', message: reason };
}

function publish({ world, rollout, spec, newSet }: RolloutTurn, state: RolloutState): void {
  const sets = listReplicaSets(world, rollout);
  const sum = (field: 'replicas' | 'ready' | 'available') =>
    sets.reduce((total, set) => total + toCounts(set)[field], 0);
  const current = world.cluster.find(toObjectRef(newSet)) ?? newSet;
  const isHealthy = state.phase === 'Healthy';
  const conditions = [
    {
      type: 'Available',
      status: sum('available') >= spec.replicas ? 'True' : 'False',
      reason: sum('available') >= spec.replicas ? 'AvailableReason' : 'AvailableReason',
      message:
        sum('available') >= spec.replicas
          ? 'Rollout has minimum availability'
          : 'Rollout does not have minimum availability',
    },
    {
      type: 'Progressing',
      status: state.phase === 'Degraded' ? 'False' : 'True',
      reason: toProgressReason(state),
      message: state.message,
    },
    {
      type: 'Healthy',
      status: isHealthy ? 'True' : 'False',
      reason: isHealthy ? 'RolloutHealthy' : 'RolloutNotHealthy',
      message: isHealthy ? 'Rollout is healthy' : 'Rollout is not healthy',
    },
  ];
  world.cluster.setStatus(toObjectRef(rollout), {
    ...toStatusFields(state, rollout.metadata.generation, spec.strategy.kind === 'canary'),
    ...(recordAt(rollout, 'status', 'canary')['currentStepAnalysisRunStatus'] === undefined
      ? {}
      : { canary: recordAt(rollout, 'status', 'canary') }),
    replicas: sum('replicas'),
    updatedReplicas: toCounts(current).replicas,
    readyReplicas: sum('ready'),
    availableReplicas: sum('available'),
    conditions: keepTransitionTimes(conditions, rollout['status'], world.timeline.stamp()),
  });
}

function toProgressReason(state: RolloutState): string {
  if (state.abort) return 'RolloutAborted';
  if (state.phase === 'Paused') return 'RolloutPaused';
  if (state.phase === 'Healthy') return 'NewReplicaSetAvailable';
  return state.phase === 'Degraded' ? 'ProgressDeadlineExceeded' : 'ReplicaSetUpdated';
}

/** After success the workload whose template was borrowed gives up its own pods, and old ReplicaSets beyond the limit go. */
function retire({ world, rollout, spec }: RolloutTurn): void {
  if (spec.workload !== undefined && spec.workload.scaleDown !== 'never') {
    const namespace = rollout.metadata.namespace ?? '';
    world.cluster.update({ group: 'apps', kind: 'Deployment', namespace, name: spec.workload.name }, (live) => ({
      ...live,
      spec: { ...recordAt(live, 'spec'), replicas: 0 },
    }));
  }
  stopAnalyses(world, rollout);
  const idle = listReplicaSets(world, rollout)
    .filter((set) => toReplicas(set) === 0)
    .toSorted((a, b) => toRevision(a) - toRevision(b));
  const limit = Number(recordAt(rollout, 'spec')['revisionHistoryLimit'] ?? 10);
  for (const set of idle.slice(0, Math.max(0, idle.length - limit))) world.cluster.delete(toObjectRef(set));
}
