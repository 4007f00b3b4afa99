import type { ts } from 'ts-morph';
import type { RolloutStrategy } from '../edit-kinds.ts';
import type { Service } from '../project.ts';
import { guard } from '../source/assign.ts';
import { printCode, toCode, toStringCode } from '../source/code.ts';
import type { Code } from '../source/code.ts';
import { evaluateText, findPath } from '../source/follow.ts';
import { listNodes, toWhere } from '../source/module.ts';
import type { SourceModule } from '../source/module.ts';
import { findProperty } from '../source/place.ts';
import { unchanged, unsupported } from '../source/refusal.ts';
import { listCalls, listConstructs } from '../tree.ts';
import type { ConstructNode } from '../tree.ts';
import { findRollout, findService, findWorkload, setFields } from '../workload.ts';
import { findStatement } from './add-service.ts';
import type { EditContext, EditOf } from './context.ts';
import { findPreview, listReplicaPatches, toRolloutCode } from './rollout-code.ts';
import { refuseAutoscaled } from './scale.ts';
import { addStatements, findSpot } from './statement.ts';

/**
 * Sets how a Deployment replaces its pods. Canary and blue-green add an Argo Rollouts `Rollout` that takes over the pods
 * of the Deployment, which stays the home of their template; the other two take it away again.
 */
export function setStrategy(context: EditContext, edit: EditOf<'set_strategy'>): string {
  const { project } = context;
  const service = findService(project, edit.service);
  const workload = findWorkload(project, service, edit.workload, ['Deployment']);
  const rollout = findRollout(project, service, workload);
  const current = readStrategy(context, workload, rollout);
  if (current === edit.strategy) throw unchanged(`Deployment ${workload.name} is deployed by ${edit.strategy} already`);
  const summary = `Deployment ${workload.name}: strategy ${current ?? 'unknown'} -> ${edit.strategy}`;
  if (edit.strategy === 'canary' || edit.strategy === 'blue_green') {
    if (rollout === undefined) addRollout(context, service, workload, edit.strategy);
    else changeRollout(context, service, workload, rollout, edit.strategy);
    return summary;
  }
  if (rollout !== undefined) removeRollout(context, service, workload, rollout);
  if (readOwnStrategy(context, workload) !== edit.strategy) setOwnStrategy(context, workload, edit.strategy);
  return summary;
}

function readStrategy(
  context: EditContext,
  workload: ConstructNode,
  rollout: ConstructNode | undefined,
): RolloutStrategy | undefined {
  if (rollout?.props === undefined) return readOwnStrategy(context, workload);
  if (findPath(context.modules, rollout.props, ['spec', 'strategy', 'canary']) !== undefined) return 'canary';
  if (findPath(context.modules, rollout.props, ['spec', 'strategy', 'blueGreen']) !== undefined) return 'blue_green';
  return undefined;
}

/** The Deployment's own strategy; undefined when it is written in a way that cannot be read. */
function readOwnStrategy({ modules }: EditContext, workload: ConstructNode): RolloutStrategy | undefined {
  if (workload.props === undefined) return workload.propsState === 'absent' ? 'rolling_update' : undefined;
  const path = workload.source === 'plus' ? ['strategy'] : ['spec', 'strategy'];
  const place = findPath(modules, workload.props, path);
  if (place === undefined) return 'rolling_update';
  if (workload.source !== 'plus') {
    const type = findPath(modules, workload.props, [...path, 'type']);
    const text = evaluateText(modules, type);
    return text === 'Recreate'
      ? 'recreate'
      : text === 'RollingUpdate' || type === undefined
        ? 'rolling_update'
        : undefined;
  }
  const method = /\.(recreate|rollingUpdate)\s*\(/.exec(place.node.getText(place.module.file))?.[1];
  return method === 'recreate' ? 'recreate' : method === 'rollingUpdate' ? 'rolling_update' : undefined;
}

function setOwnStrategy(context: EditContext, workload: ConstructNode, strategy: 'rolling_update' | 'recreate'): void {
  const { editor } = context;
  const style = editor.style(workload.module);
  if (workload.source === 'plus') {
    const type = editor.refer(workload.module, workload.specifier, 'DeploymentStrategy');
    const method = strategy === 'recreate' ? 'recreate' : 'rollingUpdate';
    setFields(context, workload, [{ path: ['strategy'], code: `${type}.${method}()` }]);
    return;
  }
  // The whole object: `rollingUpdate` beside `type: Recreate` is refused by the API server.
  const code: Code = toCode({ type: strategy === 'recreate' ? 'Recreate' : 'RollingUpdate' }, style);
  const object = workload.props;
  const existing = object === undefined ? undefined : findPath(context.modules, object, ['spec', 'strategy']);
  if (existing === undefined) setFields(context, workload, [{ path: ['spec', 'strategy'], code }]);
  else {
    guard(existing);
    editor.replace(existing.module, existing.node, printCode(code, style));
  }
}

function addRollout(
  context: EditContext,
  service: Service,
  workload: ConstructNode,
  strategy: 'canary' | 'blue_green',
): void {
  const { editor } = context;
  guard(workload);
  refuseAutoscaled(context, service, workload);
  const spot = findSpot(context, service, workload);
  if (workload.frame.owner !== undefined && !isInConstructor(workload))
    throw unsupported(
      `${toWhere(workload.module, workload.node)}: the Deployment is made outside the constructor`,
      'Make it in the constructor.',
    );
  if (workload.source === 'plus') {
    const variable = bindVariable(context, workload);
    const apiObject = editor.refer(spot.module, 'cdk8s', 'ApiObject');
    const patch = editor.refer(spot.module, 'cdk8s', 'JsonPatch');
    const style = editor.style(spot.module);
    const path = toStringCode('/spec/replicas', style);
    const code = toRolloutCode(context, service, workload, strategy, { scope: spot.scope, indent: spot.indent });
    const removal = `// The Rollout scales the Deployment down to nothing; a number here would scale it up again.\n${spot.indent}${apiObject}.of(${variable}).addJsonPatch(${patch}.remove(${path}));`;
    addStatements(context, spot, [removal, ...code.statements(`${variable}.replicas ?? 2`)]);
    return;
  }
  const replicas = takeReplicas(context, workload);
  const code = toRolloutCode(context, service, workload, strategy, { scope: spot.scope, indent: spot.indent });
  addStatements(context, spot, code.statements(replicas));
}

function isInConstructor(workload: ConstructNode): boolean {
  const { compiler } = workload.module;
  for (let parent: ts.Node | undefined = workload.node; parent !== undefined; parent = parent.parent)
    if (compiler.isConstructorDeclaration(parent)) return true;
  return false;
}

/** The name of the construct; a statement that only makes it gets one. */
function bindVariable({ editor }: EditContext, workload: ConstructNode): string {
  if (workload.variable !== undefined) return workload.variable;
  const { module, node } = workload;
  const { compiler } = module;
  const taken = listNodes(compiler, module.file).some(
    (item) => compiler.isIdentifier(item) && item.text === 'deployment',
  );
  if (!compiler.isExpressionStatement(node.parent) || taken)
    throw unsupported(
      `${toWhere(module, node)}: the Deployment is made inside another expression`,
      'Assign it to a constant of its own.',
    );
  editor.insertAt(module, node.getStart(module.file), 'const deployment = ');
  return 'deployment';
}

/** Takes the number of replicas out of a plain Deployment, since the Rollout owns it from now on. */
function takeReplicas({ editor, modules }: EditContext, workload: ConstructNode): string {
  const spec = workload.props === undefined ? undefined : findPath(modules, workload.props, ['spec']);
  const { compiler } = workload.module;
  if (spec === undefined || !compiler.isObjectLiteralExpression(spec.node))
    throw unsupported(
      `${toWhere(workload.module, workload.node)}: the spec of Deployment ${workload.name} is computed`,
      'Write it as an object literal.',
    );
  const property = findProperty({ ...spec, node: spec.node }, 'replicas');
  if (property.kind === 'hidden')
    throw unsupported(
      `${toWhere(spec.module, spec.node)}: \`replicas\` may come from a spread`,
      'Write it out behind the spread.',
    );
  if (property.kind === 'missing') return '1';
  guard(spec);
  editor.removeItem(spec.module, spec.node.properties, property.node);
  return property.value.node.getText(spec.module.file);
}

function changeRollout(
  context: EditContext,
  service: Service,
  workload: ConstructNode,
  rollout: ConstructNode,
  strategy: 'canary' | 'blue_green',
): void {
  const { editor, modules } = context;
  const spot = findSpot(context, service, rollout);
  const code = toRolloutCode(context, service, workload, strategy, { scope: spot.scope, indent: spot.indent });
  const place = rollout.props === undefined ? undefined : findPath(modules, rollout.props, ['spec', 'strategy']);
  if (place === undefined)
    throw unsupported(
      `${toWhere(rollout.module, rollout.node)}: the strategy of Rollout ${rollout.name} is computed`,
      'Write it as an object literal.',
    );
  guard(place);
  const lineStart = place.module.text.lastIndexOf('\n', place.node.getStart(place.module.file)) + 1;
  const indent = /^[ \t]*/.exec(place.module.text.slice(lineStart))?.[0] ?? '';
  editor.replace(place.module, place.node, printCode(code.strategy, editor.style(place.module), indent, 120));
  if (strategy === 'canary') removePreview(context, service, workload);
  else if (code.preview !== undefined) addStatements(context, spot, [code.preview]);
}

function removeRollout(context: EditContext, service: Service, workload: ConstructNode, rollout: ConstructNode): void {
  const { editor, modules } = context;
  guard(rollout);
  const statement = findStatement(rollout.module, rollout.node);
  if (statement === undefined || !rollout.module.compiler.isExpressionStatement(statement))
    throw unsupported(
      `${toWhere(rollout.module, rollout.node)}: the Rollout is used elsewhere`,
      'Remove what uses it first.',
    );
  editor.removeStatement(rollout.module, statement);
  const preview = removePreview(context, service, workload);
  if (workload.source === 'plus') {
    const patches = listReplicaPatches(workload);
    for (const patch of patches) editor.removeStatement(workload.module, patch);
    unbind(context, workload.module, workload.node, [statement, ...preview, ...patches]);
    return;
  }
  const replicas = rollout.props === undefined ? undefined : findPath(modules, rollout.props, ['spec', 'replicas']);
  if (replicas !== undefined)
    setFields(context, workload, [{ path: ['spec', 'replicas'], code: replicas.node.getText(replicas.module.file) }]);
}

/** Removes the preview Service, and gives the statements that went. */
function removePreview(context: EditContext, service: Service, workload: ConstructNode): ts.Statement[] {
  const preview = findPreview(listConstructs(context.project, service), workload);
  const statement = preview === undefined ? undefined : findStatement(preview.module, preview.node);
  if (preview === undefined || statement === undefined) return [];
  guard(preview);
  context.editor.removeStatement(preview.module, statement);
  for (const call of workload.source === 'plus' ? listCalls(workload, ['exposeViaService']) : [])
    unbind(context, call.module, call.node, [statement]);
  return [statement];
}

/** Drops `const name = ` where nothing but the removed statements used the name, since compilers refuse unused names. */
function unbind(
  { editor }: EditContext,
  module: SourceModule,
  node: ts.Expression,
  removed: readonly ts.Statement[],
): void {
  const { compiler } = module;
  const { parent } = node;
  if (!compiler.isVariableDeclaration(parent) || !compiler.isIdentifier(parent.name)) return;
  const list = parent.parent;
  if (!compiler.isVariableDeclarationList(list) || list.declarations.length !== 1 || parent.type !== undefined) return;
  const { name } = parent;
  const isGone = (item: ts.Node) => removed.some((statement) => item.pos >= statement.pos && item.end <= statement.end);
  const uses = listNodes(compiler, module.file).filter(
    (item) => compiler.isIdentifier(item) && item.text === name.text && item !== name,
  );
  if (uses.length === 0 || !uses.every(isGone)) return;
  editor.removeRange(module, list.getStart(module.file), node.getStart(module.file));
}
