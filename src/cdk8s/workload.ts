import type { Project, Service } from './project.ts';
import { toWhere } from './source/module.ts';
import type { ObjectPlace, Place } from './source/place.ts';
import { findProperty } from './source/place.ts';
import { evaluate, evaluateText, findPath, toArray, toObject } from './source/follow.ts';
import { setPaths } from './source/assign.ts';
import type { Assignment, Writing } from './source/assign.ts';
import { nest } from './source/assign.ts';
import { ambiguous, notFound, unsupported } from './source/refusal.ts';
import { listCalls, listConstructs } from './tree.ts';
import type { ConstructNode } from './tree.ts';

const WORKLOADS = ['Deployment', 'StatefulSet', 'DaemonSet', 'Job', 'CronJob', 'ReplicaSet', 'Rollout'];

/** One container of a workload, as the object literal it is written as. */
export interface Container {
  name: string;
  object: ObjectPlace;
  init: boolean;
}

export function findService(project: Project, name: string): Service {
  const matches = project.services.filter((service) => service.name === name);
  const [service] = matches;
  const names = project.services.map((candidate) => candidate.name);
  if (service === undefined) {
    if (project.dynamicCharts.length > 0)
      throw unsupported(
        `no service ${name} among ${names.join(', ')}; ${project.dynamicCharts.join(', ')} makes charts whose names are only known when it runs`,
        'Write the charts out in the program, one `new` with a literal name each.',
      );
    throw notFound(`service ${name}`, names);
  }
  if (matches.length > 1)
    throw ambiguous(
      `service ${name} is made ${matches.length} times`,
      matches.map(({ call }) => toWhere(call.module, call.node)),
    );
  return service;
}

/** The workloads of a service that describe pods themselves. */
export function listWorkloads(project: Project, service: Service): ConstructNode[] {
  return listConstructs(project, service).filter(
    (construct) => WORKLOADS.includes(construct.kind) && toReferenced(project, construct) === undefined,
  );
}

/** The Rollout that has taken over the pods of a Deployment. */
export function findRollout(project: Project, service: Service, workload: ConstructNode): ConstructNode | undefined {
  return listConstructs(project, service).find(
    (construct) => construct.kind === 'Rollout' && toReferenced(project, construct) === workload.name,
  );
}

function toReferenced({ modules }: Project, construct: ConstructNode): string | undefined {
  if (construct.kind !== 'Rollout' || construct.props === undefined) return undefined;
  return evaluateText(modules, findPath(modules, construct.props, ['spec', 'workloadRef', 'name']));
}

/** The workload an edit means: the one named, the only one, or the one called like the service. */
export function findWorkload(
  project: Project,
  service: Service,
  wanted: string | undefined,
  kinds: readonly string[],
): ConstructNode {
  const all = listWorkloads(project, service);
  const labels = all.map((workload) => `${workload.kind} ${workload.name}`);
  if (all.length === 0)
    throw unsupported(
      `${service.file}: no workload of ${service.name} can be read from the source`,
      'It is made by a helper function, included from a file or by a chart of a package; change it there.',
    );
  if (wanted !== undefined) {
    const named = all.filter((workload) => workload.name === wanted);
    if (named[0] === undefined) throw notFound(`workload ${wanted} of ${service.name}`, labels);
    if (named.length > 1) throw ambiguous(`workload ${wanted} of ${service.name}`, labels);
    return requireKind(named[0], kinds);
  }
  const fitting = all.filter((workload) => kinds.includes(workload.kind));
  const [first] = fitting;
  if (first === undefined) return requireKind(all[0] as ConstructNode, kinds);
  if (fitting.length === 1) return first;
  const same = fitting.filter((workload) => workload.name === service.name);
  if (same.length === 1 && same[0] !== undefined) return same[0];
  throw ambiguous(
    `workload of ${service.name}`,
    fitting.map((workload) => workload.name),
  );
}

function requireKind(workload: ConstructNode, kinds: readonly string[]): ConstructNode {
  if (kinds.includes(workload.kind)) return workload;
  throw unsupported(
    `${toWhere(workload.module, workload.node)}: a ${workload.kind} cannot be changed this way`,
    `This change is for ${kinds.join(', ')}.`,
  );
}

/** Path of a pod-level field in a workload's properties, which cdk8s-plus and the plain objects spell differently. */
function toPodPath(workload: ConstructNode): string[] {
  return workload.kind === 'CronJob' ? ['spec', 'jobTemplate', 'spec', 'template'] : ['spec', 'template'];
}

export function listContainers(project: Project, workload: ConstructNode): Container[] {
  const { modules } = project;
  const found: Container[] = [];
  const add = (place: Place, init: boolean): void => {
    const { compiler } = place.module;
    // `new kplus.Container({...})` is the object it is given.
    const inner = compiler.isNewExpression(place.node) ? place.node.arguments?.[0] : undefined;
    const object = toObject(modules, inner === undefined ? place : { ...place, node: inner });
    if (object === undefined || object.reads > 1) return;
    const name = evaluateText(modules, findPath(modules, object.place, ['name'])) ?? 'main';
    found.push({ name, object: object.place, init });
  };
  const addList = (place: Place | undefined, init: boolean): void => {
    const list = place === undefined ? undefined : toArray(modules, place);
    for (const node of list?.place.node.elements ?? []) if (list !== undefined) add({ ...list.place, node }, init);
  };
  const { props } = workload;
  const pod = workload.source === 'plus' ? [] : [...toPodPath(workload), 'spec'];
  if (props !== undefined) {
    addList(findPath(modules, props, [...pod, 'containers']), false);
    addList(findPath(modules, props, [...pod, 'initContainers']), true);
  }
  if (workload.source === 'plus')
    for (const call of listCalls(workload, ['addContainer', 'attachContainer', 'addInitContainer'])) {
      const [argument] = call.node.arguments;
      if (argument !== undefined) add({ ...call, node: argument }, call.method === 'addInitContainer');
    }
  return found;
}

/** The container an edit means: the one named, the only one, or the one called like workload or service. */
export function findContainer(
  project: Project,
  service: Service,
  workload: ConstructNode,
  wanted: string | undefined,
): Container {
  const all = listContainers(project, workload);
  const names = all.map((container) => container.name);
  const where = toWhere(workload.module, workload.node);
  if (all.length === 0)
    throw unsupported(
      `${where}: the containers of ${workload.kind} ${workload.name} cannot be read from the source`,
      'Write them as object literals in `containers` or in addContainer(...).',
    );
  if (wanted !== undefined) {
    const named = all.find((container) => container.name === wanted);
    if (named === undefined) throw notFound(`container ${wanted} of ${workload.kind} ${workload.name}`, names);
    return named;
  }
  const main = all.filter((container) => !container.init);
  const [only] = main;
  if (only !== undefined && main.length === 1) return only;
  for (const name of [workload.name, service.name, 'main']) {
    const same = main.find((container) => container.name === name);
    if (same !== undefined) return same;
  }
  throw ambiguous(
    `container of ${workload.kind} ${workload.name}`,
    main.map((container) => container.name),
  );
}

/** Sets fields of a workload, whose properties may not be there yet. */
export function setFields(writing: Writing, workload: ConstructNode, assignments: readonly Assignment[]): void {
  if (workload.props !== undefined) {
    setPaths(writing, workload.props, assignments);
    return;
  }
  if (workload.propsState === 'opaque')
    throw unsupported(
      `${toWhere(workload.module, workload.node)}: the properties of ${workload.kind} ${workload.name} are computed or shared`,
      'Write them as an object literal of this construct.',
    );
  writing.editor.addArgument(workload.module, workload.node, nest(assignments));
}

/** What can be read of a field without running the program. */
export function readField(
  project: Project,
  object: ObjectPlace,
  path: readonly string[],
): string | number | boolean | undefined {
  const place = findPath(project.modules, object, path);
  if (place === undefined) return undefined;
  const result = evaluate(project.modules, place);
  return result.known ? result.value : undefined;
}

export function hasProperty(object: ObjectPlace, key: string): boolean {
  return findProperty(object, key).kind === 'found';
}
