import type { ts } from 'ts-morph';
import { listMetrics } from '../analysis.ts';
import type { Service } from '../project.ts';
import { guard } from '../source/assign.ts';
import { printCode } from '../source/code.ts';
import { findPath } from '../source/follow.ts';
import { listNodes, toWhere } from '../source/module.ts';
import type { SourceModule } from '../source/module.ts';
import { unsupported } from '../source/refusal.ts';
import { listCalls, listConstructs } from '../tree.ts';
import type { ConstructNode } from '../tree.ts';
import { findPreview } from './active-service.ts';
import { findStatement } from './add-service.ts';
import type { EditContext } from './context.ts';
import { listReplicaPatches, takeBack, takeOver } from './hand-over.ts';
import { listTemplates, toRolloutCode } from './rollout-code.ts';
import { refuseAutoscaled } from './scale.ts';
import { addBefore, addStatements, findSpot } from './statement.ts';

type Strategy = 'canary' | 'blue_green';

/** Adds a Rollout that takes over the pods of a Deployment, and tells what the new version is measured by. */
export function addRollout(
  context: EditContext,
  service: Service,
  workload: ConstructNode,
  { strategy, sideBySide }: { strategy: Strategy; sideBySide: boolean },
): string {
  guard(workload);
  refuseAutoscaled(context, service, workload);
  const spot = findSpot(context, service, workload);
  if (workload.frame.owner !== undefined && !isInConstructor(workload))
    throw unsupported(
      `${toWhere(workload.module, workload.node)}: the Deployment is made outside the constructor`,
      'Make it in the constructor.',
    );
  const { statements, ...numbers } = takeOver(context, workload, spot, sideBySide);
  const code = toRolloutCode(context, service, workload, strategy, { scope: spot.scope, indent: spot.indent });
  const preview = code.preview === undefined ? [] : [code.preview];
  addStatements(context, spot, [...statements, ...preview, ...code.measures, code.rollout(numbers)]);
  return code.measured;
}

function isInConstructor(workload: ConstructNode): boolean {
  const { compiler } = workload.module;
  for (let parent: ts.Node | undefined = workload.node; parent !== undefined; parent = parent.parent)
    if (compiler.isConstructorDeclaration(parent)) return true;
  return false;
}

/** Whether a Rollout is measured as far as tiphys.yaml knows how; by what is up to whoever wrote it. */
export function isMeasured({ project, modules }: EditContext, strategy: Strategy, rollout: ConstructNode): boolean {
  const { analysis } = project.config;
  const purposes = strategy === 'canary' ? (['analysis'] as const) : (['analysis', 'preview-analysis'] as const);
  if (purposes.every((purpose) => listMetrics(analysis, purpose).length === 0)) return true;
  const place = rollout.props === undefined ? undefined : findPath(modules, rollout.props, ['spec', 'strategy']);
  // A strategy that cannot be read is taken for what its author wants.
  return place === undefined || /analysis\b/i.test(place.node.getText(place.module.file));
}

/** Writes the strategy of a Rollout anew, and tells what the new version is measured by. */
export function changeRollout(
  context: EditContext,
  service: Service,
  workload: ConstructNode,
  rollout: ConstructNode,
  strategy: Strategy,
): string {
  const { editor, modules } = context;
  const spot = findSpot(context, service, rollout);
  const place = rollout.props === undefined ? undefined : findPath(modules, rollout.props, ['spec', 'strategy']);
  const statement = findStatement(rollout.module, rollout.node);
  if (place === undefined || statement === undefined || place.module !== rollout.module)
    throw unsupported(
      `${toWhere(rollout.module, rollout.node)}: the strategy of Rollout ${rollout.name} is computed`,
      'Write it as an object literal.',
    );
  guard(place);
  const preview = findPreview(listConstructs(context.project, service), workload);
  const code = toRolloutCode(context, service, workload, strategy, { scope: spot.scope, indent: spot.indent });
  removeMeasures(context, service, workload, { node: place.node, keep: code.templates });
  const lineStart = place.module.text.lastIndexOf('\n', place.node.getStart(place.module.file)) + 1;
  const indent = /^[ \t]*/.exec(place.module.text.slice(lineStart))?.[0] ?? '';
  editor.replace(place.module, place.node, printCode(code.strategy, editor.style(place.module), indent, 120));
  // Before the Rollout, since a constant it uses must be there when it is made.
  addBefore(context, rollout.module, statement, code.measures);
  if (strategy === 'canary') removePreview(context, service, workload);
  else if (code.preview !== undefined && preview === undefined) addStatements(context, spot, [code.preview]);
  return code.measured;
}

/** Takes a Rollout away, and what was made for it; the Deployment runs its pods itself again. */
export function removeRollout(
  context: EditContext,
  service: Service,
  workload: ConstructNode,
  rollout: ConstructNode,
): void {
  const { editor } = context;
  guard(rollout);
  const statement = findStatement(rollout.module, rollout.node);
  if (statement === undefined || !rollout.module.compiler.isExpressionStatement(statement))
    throw unsupported(
      `${toWhere(rollout.module, rollout.node)}: the Rollout is used elsewhere`,
      'Remove what uses it first.',
    );
  editor.removeStatement(rollout.module, statement);
  removeMeasures(context, service, workload, { node: statement, keep: [] });
  const preview = removePreview(context, service, workload);
  const patches = workload.source === 'plus' ? listReplicaPatches(workload) : [];
  takeBack(context, workload, rollout);
  if (workload.source === 'plus') unbind(context, workload.module, workload.node, [statement, ...preview, ...patches]);
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

/** Removes our templates that `node`, a Rollout or its strategy, named and nothing else does, and its constant for them. */
function removeMeasures(
  context: EditContext,
  service: Service,
  workload: ConstructNode,
  { node, keep }: { node: ts.Node; keep: readonly string[] },
): void {
  const { editor, project } = context;
  const { module } = workload;
  const { compiler } = module;
  const constants = findConstants(module, node);
  for (const constant of constants) editor.removeStatement(module, constant);
  for (const template of listTemplates(context, service, workload)) {
    const statement = findStatement(module, template.node);
    if (keep.includes(template.name) || statement === undefined || !compiler.isExpressionStatement(statement)) continue;
    const gone = [node, statement, ...constants];
    const isUsed = [...project.modules.all()].some((other) =>
      listNodes(compiler, other.file).some(
        (item) =>
          compiler.isStringLiteralLike(item) &&
          item.text === template.name &&
          !(other === module && isWithin(item, gone)),
      ),
    );
    if (!isUsed) editor.removeStatement(module, statement);
  }
}

/** `const analysis = {...}` statements that only this node reads, as the value of an `analysis`. */
function findConstants(module: SourceModule, node: ts.Node): ts.Statement[] {
  const { compiler, file } = module;
  const all = listNodes(compiler, file);
  const names = listNodes(compiler, node).flatMap((item) => {
    if (compiler.isShorthandPropertyAssignment(item) && item.name.text === 'analysis') return [item.name.text];
    const isAnalysis = compiler.isPropertyAssignment(item) && /^(\w+A|a)nalysis$/.test(item.name.getText(file));
    return isAnalysis && compiler.isIdentifier(item.initializer) ? [item.initializer.text] : [];
  });
  return [...new Set(names)].flatMap((name) => {
    const declarations = all.filter(
      (item) => compiler.isVariableDeclaration(item) && compiler.isIdentifier(item.name) && item.name.text === name,
    );
    const statement = declarations[0]?.parent.parent;
    if (declarations.length !== 1 || statement === undefined || !compiler.isVariableStatement(statement)) return [];
    if (statement.declarationList.declarations.length !== 1) return [];
    const isKey = (item: ts.Node) =>
      (compiler.isPropertyAssignment(item.parent) || compiler.isPropertyAccessExpression(item.parent)) &&
      item.parent.name === item;
    const others = all.filter(
      (item) => compiler.isIdentifier(item) && item.text === name && !isKey(item) && !isWithin(item, [node, statement]),
    );
    return others.length === 0 ? [statement] : [];
  });
}

function isWithin(item: ts.Node, nodes: readonly ts.Node[]): boolean {
  return nodes.some((node) => item.pos >= node.pos && item.end <= node.end);
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
  const uses = listNodes(compiler, module.file).filter(
    (item) => compiler.isIdentifier(item) && item.text === name.text && item !== name,
  );
  if (uses.length === 0 || !uses.every((item) => isWithin(item, removed))) return;
  editor.removeRange(module, list.getStart(module.file), node.getStart(module.file));
}
