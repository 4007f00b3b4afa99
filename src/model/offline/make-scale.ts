import type { NamedTarget } from './catalog.ts';
import type { Desk } from './desk.ts';
import { toEditStep } from './draft.ts';
import type { Draft } from './draft.ts';
import { findNumber } from './lexicon.ts';
import { pickWorkload } from './pick.ts';
import type { Change } from './value.ts';

const SCALABLE = new Set(['Deployment', 'StatefulSet', 'Rollout']);

/** Adds a scale step, or asks how many replicas. */
export function makeScale(
  target: NamedTarget,
  change: Change<number> | undefined,
  text: string,
  desk: Desk,
  draft: Draft,
): void {
  const picked = pickWorkload(target, desk);
  if (picked === undefined) return;
  const { workload } = picked;
  const name = target.service.name;
  if (workload !== undefined && !SCALABLE.has(workload.kind)) {
    desk.refuse(`${name} is a ${workload.kind}, which has no number of replicas to set.`);
    return;
  }
  if (workload !== undefined && target.service.autoscaled.includes(workload.name)) {
    desk.refuse(`An autoscaler decides how many replicas ${name} has; a number set here would not last.`);
    return;
  }
  const present = workload === undefined ? undefined : (workload.replicas ?? 1);
  const replicas = toReplicas(name, change ?? askReplicas(name, present, desk), present, desk);
  if (replicas === undefined) return;
  const key = `${name}/scale/${picked.narrowing.workload ?? ''}`;
  if (replicas === workload?.replicas) {
    draft.settle(name, key, `${name} already has ${replicas} ${replicas === 1 ? 'replica' : 'replicas'}.`);
    return;
  }
  const title = `Scale ${name} to ${replicas} ${replicas === 1 ? 'replica' : 'replicas'}`;
  const step = toEditStep({ kind: 'scale', service: name, ...picked.narrowing, replicas }, title, text);
  if ('refused' in step) desk.refuse(`${step.refused}.`);
  else draft.put({ key, service: name, wish: String(replicas), step: step.step });
}

function askReplicas(service: string, present: number | undefined, desk: Desk): Change<number> | undefined {
  const now = present === undefined ? '' : ` It has ${present} now.`;
  return desk.ask(
    { question: `How many replicas should ${service} have?${now}`, options: [], field: 'replicas' },
    (answer) => {
      const numbers = answer
        .toLowerCase()
        .split(/[^\w-]+/u)
        .flatMap((word) => findNumber(word) ?? []);
      const [only] = numbers;
      return only === undefined || numbers.length > 1 ? undefined : { how: 'to', value: only };
    },
  );
}

function toReplicas(
  service: string,
  change: Change<number> | undefined,
  present: number | undefined,
  desk: Desk,
): number | undefined {
  if (change === undefined) return undefined;
  if (change.how === 'to') return change.value;
  if (present === undefined)
    return desk.refuse(`The present number of replicas of ${service} is not known; name the number it should have.`);
  const wished = change.how === 'by' ? present + change.sign * change.value : Math.ceil(present * change.factor);
  if (wished < 0)
    return desk.refuse(
      `${service} has ${present} replicas, so ${change.how === 'by' ? change.value : ''} cannot be taken away.`,
    );
  desk.assume(`${service} has ${present} ${present === 1 ? 'replica' : 'replicas'} now, so it gets ${wished}.`);
  return wished;
}
