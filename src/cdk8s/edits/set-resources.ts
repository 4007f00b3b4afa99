import { setPaths } from '../source/assign.ts';
import type { Assignment } from '../source/assign.ts';
import { toStringCode } from '../source/code.ts';
import { evaluate, findPath } from '../source/follow.ts';
import type { ObjectPlace, Place } from '../source/place.ts';
import { unwrap } from '../source/place.ts';
import { unchanged, unsupported } from '../source/refusal.ts';
import type { ConstructNode } from '../tree.ts';
import { findContainer, findService, findWorkload, hasProperty } from '../workload.ts';
import type { EditContext, EditOf } from './context.ts';

type Which = 'requests' | 'limits';
type Resource = 'cpu' | 'memory';
interface Wish {
  which: Which;
  resource: Resource;
  quantity: string;
}

// What cdk8s-plus gives a container without `resources`. Naming one of them drops the rest, so all are written out.
const PLUS_DEFAULTS: readonly Wish[] = [
  { which: 'requests', resource: 'cpu', quantity: '1000m' },
  { which: 'limits', resource: 'cpu', quantity: '1500m' },
  { which: 'requests', resource: 'memory', quantity: '512Mi' },
  { which: 'limits', resource: 'memory', quantity: '2048Mi' },
];

/** Sets requests and limits of a container; those not named stay. */
export function setResources(context: EditContext, edit: EditOf<'set_resources'>): string {
  const { project } = context;
  const service = findService(project, edit.service);
  const kinds = ['Deployment', 'StatefulSet', 'DaemonSet', 'Job', 'CronJob', 'ReplicaSet', 'Rollout'];
  const workload = findWorkload(project, service, edit.workload, kinds);
  const container = findContainer(project, service, workload, edit.container);
  const wishes = listWishes(edit);
  if (wishes.length === 0) throw unchanged('neither requests nor limits are given');
  const current = (wish: Wish) => readQuantity(context, container.object, workload, wish);
  if (wishes.every((wish) => current(wish) === toBase(wish.quantity)))
    throw unchanged(`${container.name} has these requests and limits already`);
  checkOrder(wishes, current);
  const fresh = workload.source === 'plus' && !hasProperty(container.object, 'resources');
  const all = fresh
    ? [...PLUS_DEFAULTS.filter((item) => !wishes.some((wish) => isSame(wish, item))), ...wishes]
    : wishes;
  const rank = ({ which, resource }: Wish) => (resource === 'cpu' ? 0 : 2) + (which === 'requests' ? 0 : 1);
  const order = all.toSorted((a, b) => rank(a) - rank(b));
  setPaths(
    context,
    container.object,
    order.map((wish) => toAssignment(context, container.object, workload, wish)),
  );
  return `${workload.kind} ${workload.name}: ${wishes.map(({ which, resource, quantity }) => `${which}.${resource} ${quantity}`).join(', ')}`;
}

function listWishes(edit: EditOf<'set_resources'>): Wish[] {
  const wishes: Wish[] = [];
  for (const which of ['requests', 'limits'] as const)
    for (const resource of ['cpu', 'memory'] as const) {
      const quantity = edit[which]?.[resource];
      if (quantity !== undefined) wishes.push({ which, resource, quantity });
    }
  return wishes;
}

function isSame(a: Wish, b: Wish): boolean {
  return a.which === b.which && a.resource === b.resource;
}

/** Kubernetes refuses a request above its limit; said here, where the numbers are known. */
function checkOrder(wishes: readonly Wish[], current: (wish: Wish) => number | undefined): void {
  for (const wish of wishes) {
    const other: Wish = { ...wish, which: wish.which === 'requests' ? 'limits' : 'requests' };
    const wished = wishes.find((item) => isSame(item, other));
    const opposite = wished === undefined ? current(other) : toBase(wished.quantity);
    const own = toBase(wish.quantity);
    if (opposite === undefined || own === undefined) continue;
    if (wish.which === 'requests' ? own > opposite : own < opposite)
      throw unsupported(
        `the ${wish.resource} ${wish.which === 'requests' ? 'request' : 'limit'} ${wish.quantity} would put the request above the limit`,
        'Set request and limit in one change.',
      );
  }
}

function toPath(workload: ConstructNode, { which, resource }: Wish): string[] {
  return workload.source === 'plus'
    ? ['resources', resource, which === 'requests' ? 'request' : 'limit']
    : ['resources', which, resource];
}

function toAssignment(context: EditContext, container: ObjectPlace, workload: ConstructNode, wish: Wish): Assignment {
  const { editor } = context;
  const path = toPath(workload, wish);
  const { module } = container;
  const literal = toStringCode(wish.quantity, editor.style(module));
  if (workload.source === 'api') return { path, code: literal };
  if (workload.source === 'kube') {
    const owner =
      workload.qualifier === ''
        ? editor.refer(module, workload.specifier, 'Quantity')
        : `${workload.qualifier}.Quantity`;
    return { path, code: `${owner}.fromString(${literal})` };
  }
  if (wish.resource === 'cpu') {
    const cpu = editor.refer(module, workload.specifier, 'Cpu');
    const cores = toBase(wish.quantity) ?? Number.NaN;
    const millis = Math.round(cores * 1000);
    if (!(millis > 0))
      throw unsupported(`${wish.quantity} is no amount of CPU`, 'Write it in millicores, such as 250m.');
    return {
      path,
      code:
        millis % 1000 === 0 && !wish.quantity.endsWith('m')
          ? `${cpu}.units(${millis / 1000})`
          : `${cpu}.millis(${millis})`,
    };
  }
  // cdk8s-plus renders memory in whole MiB.
  const mebibytes = (toBase(wish.quantity) ?? Number.NaN) / 2 ** 20;
  if (!Number.isInteger(mebibytes) || mebibytes <= 0)
    throw unsupported(
      `cdk8s-plus cannot write ${wish.quantity} of memory, only whole Mi`,
      `Ask for ${Math.max(1, Math.ceil(mebibytes) || 1)}Mi.`,
    );
  const size = editor.refer(module, 'cdk8s', 'Size');
  return {
    path,
    code: mebibytes % 1024 === 0 ? `${size}.gibibytes(${mebibytes / 1024})` : `${size}.mebibytes(${mebibytes})`,
  };
}

const UNITS: Readonly<Record<string, number>> = {
  '': 1,
  m: 1e-3,
  k: 1e3,
  K: 1e3,
  Ki: 2 ** 10,
  M: 1e6,
  Mi: 2 ** 20,
  G: 1e9,
  Gi: 2 ** 30,
  T: 1e12,
  Ti: 2 ** 40,
};

/** A quantity in cores or bytes. */
function toBase(quantity: string): number | undefined {
  const [, number = '', unit = ''] = /^(\d+(?:\.\d+)?)([A-Za-z]*)$/.exec(quantity) ?? [];
  const factor = UNITS[unit];
  return number === '' || factor === undefined ? undefined : Number((Number(number) * factor).toPrecision(12));
}

const METHODS: Readonly<Record<string, string>> = {
  millis: 'm',
  units: '',
  kibibytes: 'Ki',
  mebibytes: 'Mi',
  gibibytes: 'Gi',
  tebibytes: 'Ti',
};

function readQuantity(
  { modules }: EditContext,
  container: ObjectPlace,
  workload: ConstructNode,
  wish: Wish,
): number | undefined {
  const place = findPath(modules, container, toPath(workload, wish));
  if (place === undefined) return undefined;
  const { compiler } = place.module;
  const node = unwrap(place.module, place.node);
  const call =
    compiler.isCallExpression(node) && compiler.isPropertyAccessExpression(node.expression) ? node : undefined;
  const method =
    call !== undefined && compiler.isPropertyAccessExpression(call.expression) ? call.expression.name.text : '';
  const argument = call?.arguments[0];
  const value: Place = argument === undefined ? place : { ...place, node: argument };
  const known = evaluate(modules, value);
  if (!known.known || known.value === undefined) return undefined;
  return toBase(`${String(known.value)}${METHODS[method] ?? ''}`);
}
