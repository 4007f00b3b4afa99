import type { Service } from '../project.ts';
import { assign, guard } from '../source/assign.ts';
import { printCode, toCode, toStringCode } from '../source/code.ts';
import type { Code } from '../source/code.ts';
import { evaluate, evaluateText, findPath, toObject } from '../source/follow.ts';
import { toWhere } from '../source/module.ts';
import { findProperty } from '../source/place.ts';
import { ambiguous, notFound, unchanged, unsupported } from '../source/refusal.ts';
import { listCalls, listConstructs } from '../tree.ts';
import type { ConstructNode } from '../tree.ts';
import { findService, setFields } from '../workload.ts';
import type { EditContext, EditOf } from './context.ts';
import { addConstruct } from './statement.ts';

type SetConfig = EditOf<'set_config'>;

/** Sets or removes one key of a ConfigMap of a service; the ConfigMap is made when there is none. */
export function setConfig(context: EditContext, edit: SetConfig): string {
  const { project, editor } = context;
  const service = findService(project, edit.service);
  const configMap = findConfigMap(context, edit, service);
  if (configMap === undefined) {
    if (edit.value === null) throw unchanged(`${edit.service} has no ConfigMap`);
    const name = edit.configMap ?? `${edit.service}-config`;
    addConfigMap(context, service, name, edit.key, edit.value);
    return `new ConfigMap ${name} with ${edit.key}; no workload reads it yet`;
  }
  const summary = `ConfigMap ${configMap.name}: ${edit.value === null ? 'remove' : 'set'} ${edit.key}`;
  const added = findAddedKey(context, edit, configMap);
  if (edit.value === null) {
    removeKey(context, edit, configMap, added);
    return summary;
  }
  const style = editor.style(configMap.module);
  const code = toStringCode(edit.value, style);
  const value = added?.value;
  const listed =
    configMap.props === undefined ? undefined : findPath(context.modules, configMap.props, ['data', edit.key]);
  const existing = value ?? listed;
  if (existing !== undefined) {
    const known = evaluate(context.modules, existing);
    if (known.known && known.value === edit.value)
      throw unchanged(`${edit.key} of ConfigMap ${configMap.name} has that value already`);
    assign(context, existing, code);
  } else setFields(context, configMap, [{ path: ['data', edit.key], code }]);
  return summary;
}

function findConfigMap({ project }: EditContext, edit: SetConfig, service: Service): ConstructNode | undefined {
  const all = listConstructs(project, service).filter(({ kind }) => kind === 'ConfigMap');
  const names = all.map(({ name }) => name);
  if (edit.configMap !== undefined) {
    const named = all.find(({ name }) => name === edit.configMap);
    if (named === undefined && edit.value === null)
      throw notFound(`ConfigMap ${edit.configMap} of ${edit.service}`, names);
    return named;
  }
  if (all.length <= 1) return all[0];
  const holding = all.filter(
    (item) => item.props !== undefined && findPath(project.modules, item.props, ['data', edit.key]) !== undefined,
  );
  if (holding.length === 1) return holding[0];
  throw ambiguous(`ConfigMap of ${edit.service}`, names);
}

function findAddedKey({ modules }: EditContext, edit: SetConfig, configMap: ConstructNode) {
  for (const call of listCalls(configMap, ['addData'])) {
    const [key, value] = call.node.arguments;
    if (key === undefined || value === undefined) continue;
    if (evaluateText(modules, { ...call, node: key }) === edit.key) return { call, value: { ...call, node: value } };
  }
  return undefined;
}

function removeKey(
  context: EditContext,
  edit: SetConfig,
  configMap: ConstructNode,
  added: ReturnType<typeof findAddedKey>,
): void {
  const { editor, modules } = context;
  const { module } = configMap;
  if (added !== undefined) {
    const statement = added.call.node.parent;
    guard(added.value);
    if (!module.compiler.isExpressionStatement(statement))
      throw unsupported(
        `${toWhere(module, statement)}: ${edit.key} is added inside another expression`,
        'Make it a statement of its own.',
      );
    editor.removeStatement(module, statement);
    return;
  }
  const data = configMap.props === undefined ? undefined : findPath(modules, configMap.props, ['data']);
  const object = data === undefined ? undefined : toObject(modules, data);
  const property = object === undefined ? undefined : findProperty(object.place, edit.key);
  if (property?.kind === 'hidden' || (data !== undefined && object === undefined) || configMap.propsState === 'opaque')
    throw unsupported(
      `${toWhere(module, configMap.node)}: the data of ConfigMap ${configMap.name} is computed`,
      'Write it as an object literal.',
    );
  if (object === undefined || property?.kind !== 'found')
    throw unchanged(`ConfigMap ${configMap.name} has no ${edit.key}`);
  if (object.reads > 1)
    throw unsupported(
      `${toWhere(object.place.module, object.place.node)}: this data is used in several places`,
      'Give the ConfigMap data of its own.',
    );
  guard(object.place);
  editor.removeItem(object.place.module, object.place.node.properties, property.node);
}

function addConfigMap(context: EditContext, service: Service, name: string, key: string, value: string): void {
  const { editor } = context;
  addConstruct(context, service, (module, source) => {
    const style = editor.style(module);
    const metadata = ['metadata', toCode({ name }, style)] as const;
    const data = ['data', toCode({ [key]: value }, style)] as const;
    const id = toStringCode(name, style);
    if (source === 'plus') {
      const type = editor.refer(module, 'cdk8s-plus-28', 'ConfigMap');
      return (scope, indent) => `new ${type}(${scope}, ${id}, ${expanded([metadata, data], indent)});`;
    }
    const type = editor.refer(module, 'cdk8s', 'ApiObject');
    const head = [
      ['apiVersion', toCode('v1', style)],
      ['kind', toCode('ConfigMap', style)],
    ] as const;
    return (scope, indent) => `new ${type}(${scope}, ${id}, ${expanded([...head, metadata, data], indent)});`;

    function expanded(entries: readonly (readonly [string, Code])[], indent: string): string {
      return printCode({ object: entries }, style, indent, 120);
    }
  });
}
