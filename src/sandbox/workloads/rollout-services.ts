import type { LiveObject } from '../cluster/live-object.ts';
import { numberAt, recordAt, textAt, textsAt } from '../json.ts';
import { toReplicas } from './children.ts';
import { toCounts, toSetHash } from './replica-sets.ts';
import { isAborted, isFullyPromoted, isHalted } from './rollout-turn.ts';
import type { RolloutTurn } from './rollout-turn.ts';

const HASH = 'rollouts-pod-template-hash';
const MANAGED_BY = 'argo-rollouts.argoproj.io/managed-by-rollouts';

function findService({ world, rollout, spec }: RolloutTurn, field: string): LiveObject | undefined {
  const name = textAt(spec.strategy.options, field);
  const namespace = rollout.metadata.namespace ?? '';
  return name === undefined ? undefined : world.cluster.find({ group: '', kind: 'Service', namespace, name });
}

/** The template whose pods a Service of the strategy selects; empty while it selects by its own labels alone. */
export function toSelected(turn: RolloutTurn, field: string): string {
  return textAt(findService(turn, field), 'spec', 'selector', HASH) ?? '';
}

function select(turn: RolloutTurn, service: LiveObject, hash: string): void {
  const { world, rollout } = turn;
  const before = textAt(service, 'spec', 'selector', HASH) ?? '';
  const { name, namespace = '', annotations } = service.metadata;
  if (hash === '' || (before === hash && annotations?.[MANAGED_BY] !== undefined)) return;
  world.cluster.update({ group: '', kind: 'Service', namespace, name }, (live) => ({
    ...live,
    metadata: { ...live.metadata, annotations: { ...live.metadata.annotations, [MANAGED_BY]: rollout.metadata.name } },
    spec: { ...recordAt(live, 'spec'), selector: { ...textsAt(live, 'spec', 'selector'), [HASH]: hash } },
  }));
  const message = `Switched selector for service '${name}' from '${before}' to '${hash}'`;
  world.cluster.events.record(rollout, 'Normal', 'SwitchService', message, 'rollouts-controller');
}

/** The preview shows the new pods at once, ready or not. */
export function pointPreview(turn: RolloutTurn): void {
  const service = findService(turn, 'previewService');
  if (service !== undefined && !isHalted(turn)) select(turn, service, toSetHash(turn.newSet));
}

/**
 * The active Service moves when all pods of the new template are available, its first analysis was good and its pause is
 * over, never before. An abort turns it back, but only while the new pods are all there.
 */
export function pointActive(turn: RolloutTurn, mayPromote: boolean): void {
  const service = findService(turn, 'activeService');
  const { spec, state, newSet } = turn;
  if (service === undefined || isHalted(turn) || !isSaturated(newSet, spec.replicas)) return;
  if (state.abort && !isFullyPromoted(turn)) select(turn, service, state.stableRS);
  else if (mayPromote) select(turn, service, toSetHash(newSet));
}

export function isSaturated(set: LiveObject, replicas: number): boolean {
  return toReplicas(set) === replicas && (numberAt(set, 'status', 'availableReplicas') ?? 0) === replicas;
}

/** The Services of a canary, where it has any. */
export function pointCanary(turn: RolloutTurn): void {
  const { spec, newSet, stableSet } = turn;
  point(turn, 'stableService', stableSet);
  const isBack = isAborted(turn) && recordAt(spec.strategy.options)['trafficRouting'] === undefined;
  point(turn, 'canaryService', isBack ? stableSet : newSet);
}

/** A Service taken over from somebody waits for all pods of its set, one that is ours already for the first. */
function point(turn: RolloutTurn, field: string, set: LiveObject | undefined): void {
  const service = findService(turn, field);
  if (service === undefined || set === undefined) return;
  const isOurs = service.metadata.annotations?.[MANAGED_BY] !== undefined;
  const { available } = toCounts(set);
  if (available === 0 || (!isOurs && available < toReplicas(set))) return;
  select(turn, service, toSetHash(set));
}
