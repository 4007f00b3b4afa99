import type { NamedTarget } from './catalog.ts';
import type { Desk } from './desk.ts';
import { toEditStep } from './draft.ts';
import type { Draft } from './draft.ts';
import { pickContainer } from './pick.ts';
import type { Picked } from './pick.ts';
import { findCpu, findMemory, findQuantitySize, toCpuText, toMemoryText } from './quantity.ts';
import type { Amount } from './quantity.ts';
import type { Change, Value } from './value.ts';

type Resource = 'cpu' | 'memory';
type Side = 'requests' | 'limits';
export type ResourceWish = Extract<Value, { kind: 'resource' }>;
type Sides = Record<Side, Partial<Record<Resource, Amount>>>;

/** Adds a set_resources step, or asks for the amounts. */
export function makeResources(
  target: NamedTarget,
  wishes: readonly ResourceWish[],
  text: string,
  desk: Desk,
  draft: Draft,
): void {
  const picked = pickContainer(target, desk);
  if (picked === undefined) return;
  const name = target.service.name;
  const wanted = wishes.length > 0 ? wishes : askResources(name, desk);
  if (wanted === undefined) return;
  const sides: Sides = { requests: {}, limits: {} };
  for (const wish of wanted) if (!apply(picked, wish, sides, desk)) return;
  for (const resource of ['cpu', 'memory'] as const) keepOrder(picked, resource, sides, desk);
  const requests = toTexts(sides.requests);
  const limits = toTexts(sides.limits);
  const parts = [...describe('requests', requests), ...describe('limits', limits)];
  const key = `${name}/resources/${picked.narrowing.workload ?? ''}/${picked.narrowing.container ?? ''}/${wanted
    .map(({ resource, side }) => `${resource}-${side}`)
    .sort()
    .join('+')}`;
  if (isSame(picked, 'requests', requests) && isSame(picked, 'limits', limits)) {
    draft.settle(name, key, `${name} already has these resources (${parts.join(', ')}).`);
    return;
  }
  const step = toEditStep(
    {
      kind: 'set_resources',
      service: name,
      ...picked.narrowing,
      ...(Object.keys(requests).length > 0 ? { requests } : {}),
      ...(Object.keys(limits).length > 0 ? { limits } : {}),
    },
    `Set the resources of ${name}: ${parts.join(', ')}`,
    text,
  );
  if ('refused' in step) desk.refuse(`${step.refused}.`);
  else draft.put({ key, service: name, wish: parts.join(', '), step: step.step });
}

function apply(picked: Picked, wish: ResourceWish, sides: Sides, desk: Desk): boolean {
  const present = picked.container?.resources ?? { requests: {}, limits: {} };
  for (const side of sidesOf(wish, picked, desk)) {
    const amount = toAmount(wish.change, present[side][wish.resource], wish.resource);
    if (amount === undefined) {
      desk.refuse(
        `${picked.service} has no ${wish.resource} ${side.slice(0, -1)} that could be changed by some; name the amount it should have.`,
      );
      return false;
    }
    if (amount.readFrom !== undefined) desk.assume(`Read "${amount.readFrom}" as ${amount.text}.`);
    sides[side][wish.resource] = amount;
  }
  return true;
}

// "512Mi memory" names no side. Memory that is not also limited can take a node down, so both are set; a processor limit
// only slows a service, so it is touched where there is one already.
function sidesOf({ resource, side, change }: ResourceWish, picked: Picked, desk: Desk): Side[] {
  if (side !== 'both') return [side];
  const present = picked.container?.resources ?? { requests: {}, limits: {} };
  if (change.how !== 'to') {
    const there = (['requests', 'limits'] as const).filter((one) => present[one][resource] !== undefined);
    return there.length > 0 ? there : ['requests'];
  }
  if (resource === 'memory') {
    desk.assume(`The memory of ${picked.service} is set as request and as limit, since the ticket names neither.`);
    return ['requests', 'limits'];
  }
  const limited = present.limits.cpu !== undefined;
  desk.assume(
    limited
      ? `The cpu of ${picked.service} is set as request and as limit, since it has both.`
      : `The cpu of ${picked.service} is set as request; it has no cpu limit and gets none.`,
  );
  return limited ? ['requests', 'limits'] : ['requests'];
}

function toAmount(change: Change<Amount>, present: string | undefined, resource: Resource): Amount | undefined {
  if (change.how === 'to') return change.value;
  const size = present === undefined ? undefined : findQuantitySize(present);
  if (size === undefined) return undefined;
  const wished = change.how === 'times' ? size * change.factor : size + change.sign * change.value.size;
  if (wished <= 0) return undefined;
  return { text: resource === 'cpu' ? toCpuText(wished) : toMemoryText(wished), size: wished };
}

// Kubernetes refuses a request above its limit, so the other side follows when it would be passed.
function keepOrder(picked: Picked, resource: Resource, sides: Sides, desk: Desk): void {
  const present = picked.container?.resources ?? { requests: {}, limits: {} };
  const sizeOf = (side: Side) => {
    const text = present[side][resource];
    return sides[side][resource]?.size ?? (text === undefined ? undefined : findQuantitySize(text));
  };
  const request = sizeOf('requests');
  const limit = sizeOf('limits');
  if (request === undefined || limit === undefined || request <= limit) return;
  const moved: Side | undefined =
    sides.limits[resource] === undefined ? 'limits' : sides.requests[resource] === undefined ? 'requests' : undefined;
  if (moved === undefined) {
    desk.refuse(`The ${resource} request of ${picked.service} would be above its limit, which Kubernetes refuses.`);
    return;
  }
  const amount = sides[moved === 'limits' ? 'requests' : 'limits'][resource];
  if (amount === undefined) return;
  sides[moved][resource] = amount;
  desk.assume(
    `The ${resource} ${moved === 'limits' ? 'limit' : 'request'} of ${picked.service} follows to ${amount.text}: a request may not be above its limit.`,
  );
}

function toTexts(side: Partial<Record<Resource, Amount>>): Partial<Record<Resource, string>> {
  return {
    ...(side.cpu === undefined ? {} : { cpu: side.cpu.text }),
    ...(side.memory === undefined ? {} : { memory: side.memory.text }),
  };
}

function describe(side: Side, amounts: Partial<Record<Resource, string>>): string[] {
  return Object.entries(amounts).map(([resource, text]) => `${resource} ${side.slice(0, -1)} ${text}`);
}

function isSame(picked: Picked, side: Side, amounts: Partial<Record<Resource, string>>): boolean {
  const present = picked.container?.resources[side] ?? {};
  return Object.entries(amounts).every(([resource, text]) => present[resource] === text);
}

function askResources(service: string, desk: Desk): ResourceWish[] | undefined {
  return desk.ask(
    {
      question: `How much memory or cpu should ${service} have?`,
      options: ['256Mi memory', '512Mi memory', '1Gi memory'],
      field: 'resources',
    },
    (answer) => {
      const found = [...answer.matchAll(/(\d{1,6}(?:\.\d{1,3})?)\s*([a-z]{1,12})/giu)].flatMap(
        ([, number = '', unit = '']): ResourceWish[] => {
          const memory = unit === 'm' ? undefined : findMemory(number, unit);
          const cpu = memory === undefined ? findCpu(number, unit) : undefined;
          const value = memory ?? cpu;
          return value === undefined
            ? []
            : [
                {
                  at: 0,
                  kind: 'resource',
                  resource: memory === undefined ? 'cpu' : 'memory',
                  side: 'both',
                  change: { how: 'to', value },
                },
              ];
        },
      );
      return found.length === 0 ? undefined : found;
    },
  );
}
