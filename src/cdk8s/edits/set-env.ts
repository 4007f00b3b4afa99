import type { Project } from '../project.ts';
import { assign, guard, setPaths } from '../source/assign.ts';
import { toStringCode } from '../source/code.ts';
import { evaluate, findPath, toArray, toObject } from '../source/follow.ts';
import { listNodes, toWhere } from '../source/module.ts';
import { findProperty, unwrap } from '../source/place.ts';
import type { ObjectPlace, Place } from '../source/place.ts';
import { unchanged, unsupported } from '../source/refusal.ts';
import type { ConstructNode } from '../tree.ts';
import { findContainer, findService, findWorkload } from '../workload.ts';
import type { EditContext, EditOf } from './context.ts';

type SetEnv = EditOf<'set_env'>;

/** Sets or removes one environment variable of a container. A variable that comes from a Secret or the like is not overwritten. */
export function setEnv(context: EditContext, edit: SetEnv): string {
  const { project } = context;
  const service = findService(project, edit.service);
  const kinds = ['Deployment', 'StatefulSet', 'DaemonSet', 'Job', 'CronJob', 'ReplicaSet', 'Rollout'];
  const workload = findWorkload(project, service, edit.workload, kinds);
  const container = findContainer(project, service, workload, edit.container);
  if (workload.source === 'plus') setPlusEnv(context, edit, workload, container.object);
  else setPlainEnv(context, edit, container.object);
  return `${workload.kind} ${workload.name}: ${edit.value === null ? `remove ${edit.name}` : `${edit.name}=${edit.value.length > 80 ? '...' : edit.value}`}`;
}

function setPlusEnv(context: EditContext, edit: SetEnv, workload: ConstructNode, container: ObjectPlace): void {
  const { project, editor } = context;
  const style = editor.style(container.module);
  const added = findAddedVariable(project, edit.name, workload);
  const listed = findPath(project.modules, container, ['envVariables', edit.name]);
  const existing = added?.value ?? listed;
  if (edit.value === null) {
    if (added !== undefined) {
      guard(added.value);
      editor.removeStatement(added.value.module, added.statement);
      return;
    }
    removeProperty(context, container, 'envVariables', edit.name);
    return;
  }
  const code = toStringCode(edit.value, style);
  if (existing === undefined) {
    const enumName = editor.refer(container.module, workload.specifier, 'EnvValue');
    setPaths(context, container, [{ path: ['envVariables', edit.name], code: `${enumName}.fromValue(${code})` }]);
    return;
  }
  const literal = findFromValue(existing);
  if (literal === undefined)
    throw unsupported(
      `${toWhere(existing.module, existing.node)}: ${edit.name} comes from somewhere else: ${existing.node.getText(existing.module.file).slice(0, 80)}`,
      'Change the Secret or ConfigMap it is read from, or remove the variable first.',
    );
  assignText(context, edit, literal, code);
}

/** The argument of `EnvValue.fromValue(...)`. */
function findFromValue(place: Place): Place | undefined {
  const { compiler } = place.module;
  const node = unwrap(place.module, place.node);
  if (!compiler.isCallExpression(node) || !compiler.isPropertyAccessExpression(node.expression)) return undefined;
  const [argument] = node.arguments;
  return node.expression.name.text === 'fromValue' && argument !== undefined ? { ...place, node: argument } : undefined;
}

function findAddedVariable(project: Project, name: string, workload: ConstructNode) {
  const { module, frame } = workload;
  const { compiler } = module;
  const calls = listNodes(compiler, frame.owner ?? module.file).flatMap((node) => {
    if (!compiler.isCallExpression(node) || !compiler.isPropertyAccessExpression(node.expression)) return [];
    const [key, value] = node.arguments;
    if (node.expression.name.text !== 'addVariable' || key === undefined || value === undefined) return [];
    const known = evaluate(project.modules, { module, node: key, frame });
    if (!known.known || known.value !== name || !compiler.isExpressionStatement(node.parent)) return [];
    return [{ value: { module, node: value, frame }, statement: node.parent }];
  });
  if (calls.length > 1 && calls[1] !== undefined)
    throw unsupported(
      `${toWhere(module, calls[1].statement)}: ${name} is added more than once`,
      'Keep one addVariable per variable and container.',
    );
  return calls[0];
}

function setPlainEnv(context: EditContext, edit: SetEnv, container: ObjectPlace): void {
  const { project, editor } = context;
  const { modules } = project;
  const style = editor.style(container.module);
  const property = findProperty(container, 'env');
  const list = property.kind === 'found' ? toArray(modules, property.value) : undefined;
  if (property.kind === 'hidden' || (property.kind === 'found' && list === undefined))
    throw unsupported(
      `${toWhere(container.module, container.node)}: \`env\` is computed`,
      'Write it as an array literal.',
    );
  const entries = (list?.place.node.elements ?? []).map((node) => {
    const place: Place = {
      module: list?.place.module ?? container.module,
      node,
      frame: list?.place.frame ?? container.frame,
    };
    const object = toObject(modules, place);
    const name = object === undefined ? undefined : findPath(modules, object.place, ['name']);
    const known = name === undefined ? undefined : evaluate(modules, name);
    return { node, place, object: object?.place, name: known?.known === true ? known.value : undefined };
  });
  const found = entries.find((entry) => entry.name === edit.name);
  const unread = entries.find((entry) => entry.name === undefined);
  if (found === undefined && unread !== undefined)
    throw unsupported(
      `${toWhere(unread.place.module, unread.node)}: this entry of \`env\` is computed, so ${edit.name} may be among what it gives`,
      'Write the variables out as `{ name, value }`.',
    );
  if (list !== undefined && list.reads > 1)
    throw unsupported(
      `${toWhere(list.place.module, list.place.node)}: this list of variables is used in several places`,
      'Give the container a list of its own.',
    );
  if (edit.value === null) {
    if (found === undefined || list === undefined) throw unchanged(`${edit.name} is not set`);
    guard(found.place);
    if (entries.length === 1 && property.kind === 'found')
      editor.removeItem(container.module, container.node.properties, property.node);
    else editor.removeItem(list.place.module, list.place.node.elements, found.node);
    return;
  }
  const code = toStringCode(edit.value, style);
  if (found === undefined) {
    const entry = {
      object: [
        ['name', toStringCode(edit.name, style)],
        ['value', code],
      ] as const,
    };
    if (list === undefined) setPaths(context, container, [{ path: ['env'], code: { array: [entry] } }]);
    else {
      guard(list.place);
      editor.addElement(list.place.module, list.place.node, entry);
    }
    return;
  }
  const value = found.object === undefined ? undefined : findProperty(found.object, 'value');
  if (found.object === undefined || value?.kind !== 'found')
    throw unsupported(
      `${toWhere(found.place.module, found.node)}: ${edit.name} comes from somewhere else`,
      'Change the Secret or ConfigMap it is read from, or remove the variable first.',
    );
  assignText(context, edit, value.value, code);
}

function assignText(context: EditContext, edit: SetEnv, place: Place, code: string): void {
  const known = evaluate(context.modules, place);
  if (known.known && known.value === edit.value) throw unchanged(`${edit.name} has that value already`);
  assign(context, place, code);
}

function removeProperty({ project, editor }: EditContext, container: ObjectPlace, key: string, name: string): void {
  const outer = findProperty(container, key);
  const object = outer.kind === 'found' ? toObject(project.modules, outer.value) : undefined;
  const inner = object === undefined ? undefined : findProperty(object.place, name);
  if (outer.kind === 'hidden' || inner?.kind === 'hidden' || (outer.kind === 'found' && object === undefined))
    throw unsupported(
      `${toWhere(container.module, container.node)}: \`${key}\` is computed, so ${name} may be among what it gives`,
      'Write it as an object literal.',
    );
  if (outer.kind !== 'found' || object === undefined || inner?.kind !== 'found') throw unchanged(`${name} is not set`);
  if (object.reads > 1)
    throw unsupported(
      `${toWhere(object.place.module, object.place.node)}: this object is used in several places`,
      'Give the container an object of its own.',
    );
  guard(object.place);
  if (object.place.node.properties.length === 1 && object.place.node === outer.value.node)
    editor.removeItem(container.module, container.node.properties, outer.node);
  else editor.removeItem(object.place.module, object.place.node.properties, inner.node);
}
