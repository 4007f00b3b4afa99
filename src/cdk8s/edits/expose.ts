import type { Service } from '../project.ts';
import { guard } from '../source/assign.ts';
import { printCode, toCode, toStringCode } from '../source/code.ts';
import type { Code } from '../source/code.ts';
import { evaluate, evaluateText, findPath, toArray, toObject } from '../source/follow.ts';
import { toWhere } from '../source/module.ts';
import type { ObjectPlace } from '../source/place.ts';
import { ambiguous, unchanged, unsupported } from '../source/refusal.ts';
import { listCalls, listConstructs, listWholeProject } from '../tree.ts';
import type { ConstructNode } from '../tree.ts';
import type { EditContext, EditOf } from './context.ts';
import { findContainer, findService, findWorkload } from '../workload.ts';
import { addStatements, findSpot } from './statement.ts';

type Expose = EditOf<'expose'>;

/** The Service traffic goes to: its name and port. */
interface Backend {
  name: string;
  port: number;
}

/** Makes a service reachable under a host name: an Ingress, and the Service behind it when there is none. */
export function expose(context: EditContext, edit: Expose): string {
  const { project, editor } = context;
  const service = findService(project, edit.service);
  const ingresses = listConstructs(project, service).filter(({ kind }) => kind === 'Ingress');
  for (const ingress of ingresses) refuseKnownHost(context, edit, ingress);
  const statements: string[] = [];
  const found = findBackend(context, edit, service);
  const near = found.construct;
  const spot = findSpot(context, service, near);
  const style = editor.style(spot.module);
  const backend =
    found.backend ?? addServiceObject(context, edit, service, spot.scope, spot.indent, spot.module, statements);
  const taken = listConstructs(project, service).some(({ kind, name }) => kind === 'Ingress' && name === edit.service);
  const name = taken
    ? `${edit.service}-${edit.host.replace(/^\*\./, 'any-').replaceAll('.', '-')}`.slice(0, 63).replace(/-$/, '')
    : edit.service;
  const className = findClassName(context);
  const spec: Code = {
    object: [
      ...(className === undefined ? [] : [['ingressClassName', toCode(className, style)] as const]),
      ...(edit.tlsSecret === undefined
        ? []
        : [['tls', toCode([{ hosts: [edit.host], secretName: edit.tlsSecret }], style)] as const]),
      [
        'rules',
        toCode(
          [
            {
              host: edit.host,
              http: {
                paths: [
                  {
                    path: edit.path,
                    pathType: 'Prefix',
                    backend: { service: { name: backend.name, port: { number: backend.port } } },
                  },
                ],
              },
            },
          ],
          style,
        ),
      ],
    ],
  };
  const type = editor.refer(spot.module, 'cdk8s', 'ApiObject');
  const entries: [string, Code][] = [
    ['apiVersion', toCode('networking.k8s.io/v1', style)],
    ['kind', toCode('Ingress', style)],
    ['metadata', toCode({ name }, style)],
    ['spec', spec],
  ];
  const id = toStringCode(taken ? `ingress-${name}` : 'ingress', style);
  statements.push(`new ${type}(${spot.scope}, ${id}, ${printCode({ object: entries }, style, spot.indent, 120)});`);
  addStatements(context, spot, statements);
  const secret = edit.tlsSecret === undefined ? '' : ` with TLS from Secret ${edit.tlsSecret}`;
  return `Ingress ${name}: ${edit.host}${edit.path} -> Service ${backend.name}:${backend.port}${secret}`;
}

/** Repeating an expose changes nothing; another service's path under the same host and path is left to the person. */
function refuseKnownHost({ modules }: EditContext, edit: Expose, ingress: ConstructNode): void {
  const rulesPath = ingress.source === 'plus' ? ['rules'] : ['spec', 'rules'];
  const rules = ingress.props === undefined ? undefined : findPath(modules, ingress.props, rulesPath);
  const list = rules === undefined ? undefined : toArray(modules, rules);
  for (const node of list?.place.node.elements ?? []) {
    const rule = list === undefined ? undefined : toObject(modules, { ...list.place, node });
    if (rule === undefined || evaluateText(modules, findPath(modules, rule.place, ['host'])) !== edit.host) continue;
    if (listPaths(modules, rule.place, ingress.source === 'plus').includes(edit.path))
      throw unchanged(`Ingress ${ingress.name} serves ${edit.host}${edit.path} already`);
  }
  for (const call of listCalls(ingress, ['addHostRule'])) {
    const [host, path] = call.node.arguments.map((node) => evaluateText(modules, { ...call, node }));
    if (host === edit.host && path === edit.path)
      throw unchanged(`Ingress ${ingress.name} serves ${edit.host}${edit.path} already`);
  }
}

function listPaths(modules: EditContext['modules'], rule: ObjectPlace, plus: boolean): string[] {
  if (plus) return [evaluateText(modules, findPath(modules, rule, ['path'])) ?? '/'];
  const paths = findPath(modules, rule, ['http', 'paths']);
  const list = paths === undefined ? undefined : toArray(modules, paths);
  return (list?.place.node.elements ?? []).flatMap((node) => {
    const item = list === undefined ? undefined : toObject(modules, { ...list.place, node });
    const text = item === undefined ? undefined : evaluateText(modules, findPath(modules, item.place, ['path']));
    return text === undefined ? [] : [text];
  });
}

function findBackend(
  context: EditContext,
  edit: Expose,
  service: Service,
): { backend: Backend | undefined; construct: ConstructNode | undefined } {
  const { project, modules } = context;
  const found: { backend: Backend; construct: ConstructNode }[] = [];
  let unreadable: string | undefined;
  for (const construct of listConstructs(project, service)) {
    if (construct.kind === 'Service') {
      const ports = listPorts(context, construct.props, construct.source === 'plus' ? ['ports'] : ['spec', 'ports']);
      if (ports.length === 0) unreadable ??= toWhere(construct.module, construct.node);
      for (const port of ports) found.push({ backend: { name: construct.name, port }, construct });
    }
    if (construct.source !== 'plus') continue;
    for (const call of listCalls(construct, ['exposeViaService'])) {
      const [options] = call.node.arguments;
      const object = options === undefined ? undefined : toObject(modules, { ...call, node: options })?.place;
      const name = object === undefined ? undefined : evaluateText(modules, findPath(modules, object, ['name']));
      if (name === undefined) {
        unreadable ??= toWhere(call.module, call.node);
        continue;
      }
      const given = listPorts(context, object, ['ports']);
      const ports = given.length > 0 ? given : listContainerPorts(context, service, construct);
      for (const port of ports) found.push({ backend: { name, port }, construct });
    }
  }
  const fitting = edit.port === undefined ? found : found.filter(({ backend }) => backend.port === edit.port);
  const [first] = fitting;
  if (first !== undefined && fitting.length === 1) return first;
  const same = fitting.filter(({ backend }) => backend.name === edit.service);
  if (same[0] !== undefined && same.length === 1) return same[0];
  const labels = found.map(({ backend }) => `${backend.name}:${backend.port}`);
  if (fitting.length > 1) throw ambiguous(`port of ${edit.service} to expose`, labels);
  if (found.length > 0)
    throw unsupported(`no Service of ${edit.service} has the port ${edit.port}`, `Expose one of ${labels.join(', ')}.`);
  if (unreadable !== undefined)
    throw unsupported(
      `${unreadable}: the name or the ports of this Service cannot be read from the source`,
      'Give it a literal name and ports.',
    );
  return { backend: undefined, construct: undefined };
}

function listPorts({ modules }: EditContext, object: ObjectPlace | undefined, path: readonly string[]): number[] {
  const place = object === undefined ? undefined : findPath(modules, object, path);
  const list = place === undefined ? undefined : toArray(modules, place);
  return (list?.place.node.elements ?? []).flatMap((node) => {
    const item = list === undefined ? undefined : toObject(modules, { ...list.place, node });
    return item === undefined ? [] : readPort(modules, item.place, ['port', 'number', 'containerPort']);
  });
}

function readPort(modules: EditContext['modules'], object: ObjectPlace, keys: readonly string[]): number[] {
  for (const key of keys) {
    const place = findPath(modules, object, [key]);
    const known = place === undefined ? undefined : evaluate(modules, place);
    if (known?.known === true && typeof known.value === 'number') return [known.value];
  }
  return [];
}

function listContainerPorts(context: EditContext, service: Service, workload: ConstructNode): number[] {
  const { object } = findContainer(context.project, service, workload, undefined);
  const single = readPort(context.modules, object, ['portNumber', 'port']);
  return [...single, ...listPorts(context, object, ['ports'])];
}

/** A Service for a workload that has none, found by the labels of its pods. */
function addServiceObject(
  context: EditContext,
  edit: Expose,
  service: Service,
  scope: string,
  indent: string,
  module: ConstructNode['module'],
  statements: string[],
): Backend {
  const { project, editor } = context;
  const workload = findWorkload(project, service, undefined, ['Deployment', 'StatefulSet', 'DaemonSet', 'Rollout']);
  guard(workload);
  const ports = listContainerPorts(context, service, workload);
  const [port] = edit.port === undefined ? ports : [edit.port];
  if (port === undefined)
    throw unsupported(
      `${toWhere(workload.module, workload.node)}: ${edit.service} names no port to expose`,
      'Say which port its container listens on.',
    );
  if (edit.port === undefined && ports.length > 1)
    throw ambiguous(`port of ${edit.service} to expose`, ports.map(String));
  const style = editor.style(module);
  if (
    workload.source === 'plus' &&
    workload.kind === 'Deployment' &&
    workload.variable !== undefined &&
    ports.includes(port)
  ) {
    statements.push(
      `${workload.variable}.exposeViaService({ name: ${toStringCode(edit.service, style)}, ports: [{ port: ${port} }] });`,
    );
    return { name: edit.service, port };
  }
  const labels =
    workload.source !== 'plus' && workload.props !== undefined
      ? findPath(context.modules, workload.props, ['spec', 'selector', 'matchLabels'])
      : undefined;
  if (labels === undefined)
    throw unsupported(
      `${toWhere(workload.module, workload.node)}: the pods of ${edit.service} cannot be selected from here`,
      'Declare the container port and a Service beside the workload.',
    );
  const type = editor.refer(module, 'cdk8s', 'ApiObject');
  const entries: [string, Code][] = [
    ['apiVersion', toCode('v1', style)],
    ['kind', toCode('Service', style)],
    ['metadata', toCode({ name: edit.service }, style)],
    [
      'spec',
      {
        object: [
          ['selector', labels.node.getText(labels.module.file)],
          ['ports', toCode([{ port, targetPort: port }], style)],
        ],
      },
    ],
  ];
  statements.push(
    `new ${type}(${scope}, ${toStringCode('service', style)}, ${printCode({ object: entries }, style, indent, 120)});`,
  );
  return { name: edit.service, port };
}

/** The ingress class the other services use, when they agree. */
function findClassName({ project, modules }: EditContext): string | undefined {
  const names = listWholeProject(project).flatMap((construct) => {
    if (construct.kind !== 'Ingress' || construct.props === undefined) return [];
    const path = construct.source === 'plus' ? ['className'] : ['spec', 'ingressClassName'];
    const name = evaluateText(modules, findPath(modules, construct.props, path));
    return name === undefined ? [] : [name];
  });
  return new Set(names).size === 1 ? names[0] : undefined;
}
