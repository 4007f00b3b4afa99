import type { LiveObject } from '../cluster/live-object.ts';
import { toObjectRef } from '../../manifest/object.ts';
import { numberAt, recordAt } from '../json.ts';
import { toReplicas } from './children.ts';
import { scaleReplicaSet, toRevision } from './replica-sets.ts';
import type { RolloutSpec, RolloutState } from './rollout-state.ts';
import type { World } from './world.ts';

/** One look at a Rollout: what it wants, where it is, and the ReplicaSets it has. */
export interface RolloutTurn {
  world: World;
  rollout: LiveObject;
  spec: RolloutSpec;
  state: RolloutState;
  newSet: LiveObject;
  stableSet: LiveObject | undefined;
  /** Sets of neither the new nor the stable template. */
  otherSets: LiveObject[];
}

/** The update is given up: the next look takes everything back to the stable ReplicaSet. */
export function abort({ world, rollout, newSet }: RolloutTurn, state: RolloutState, because: string): RolloutState {
  const message = `${toAbortMessage(newSet)}${because === '' ? '' : `: ${because}`}`;
  world.cluster.events.record(rollout, 'Warning', 'RolloutAborted', message, 'rollouts-controller');
  world.requeue(toObjectRef(rollout), 100);
  return {
    ...state,
    abort: true,
    abortedAt: world.timeline.stamp(),
    pauseConditions: [],
    controllerPause: false,
    phase: 'Degraded',
    message,
  };
}

/** What an aborted Rollout says; a reason found by the controller itself is kept. */
export function toAbortMessage(newSet: LiveObject, before = ''): string {
  if (before.startsWith('RolloutAborted')) return before;
  return `RolloutAborted: Rollout aborted update to revision ${toRevision(newSet)}`;
}

/** Turns the Services of the strategy to the pods of these templates. */
export function select({ world, rollout, spec }: RolloutTurn, active: string, preview: string): void {
  const namespace = rollout.metadata.namespace ?? '';
  const { options } = spec.strategy;
  const targets: [string, string][] = [
    ['activeService', active],
    ['stableService', active],
    ['previewService', preview],
    ['canaryService', preview],
  ];
  for (const [field, hash] of targets) {
    const name = recordAt(options)[field];
    if (typeof name !== 'string') continue;
    world.cluster.update({ group: '', kind: 'Service', namespace, name }, (service) => ({
      ...service,
      spec: {
        ...recordAt(service, 'spec'),
        selector: { ...recordAt(service, 'spec', 'selector'), 'rollouts-pod-template-hash': hash },
      },
    }));
  }
}

const SCALE_DOWN_SECONDS = 30;

/** Old pods stay a while after the switch, so that requests under way can finish. */
export function retireLater({ world, rollout, spec }: RolloutTurn, set: LiveObject): void {
  if (toReplicas(set) === 0) return;
  const key = toRetireKey(set);
  const since = world.headway.get(key)?.atMs ?? world.timeline.now();
  world.headway.set(key, { key: '', atMs: since });
  const delayMs = (numberAt(spec.strategy.options, 'scaleDownDelaySeconds') ?? SCALE_DOWN_SECONDS) * 1000;
  const leftMs = delayMs - world.timeline.toSimulated(world.timeline.now() - since);
  if (leftMs > 0) {
    world.requeue(toObjectRef(rollout), leftMs);
    return;
  }
  world.headway.delete(key);
  scaleReplicaSet(world, rollout, set, 0);
}

/** Under which it is noted since when a ReplicaSet has not been needed. */
export function toRetireKey(set: LiveObject): string {
  return `${set.metadata.uid} retire`;
}
