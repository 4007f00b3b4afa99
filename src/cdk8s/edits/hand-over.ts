import type { ts } from 'ts-morph';
import type { Service } from '../project.ts';
import { guard } from '../source/assign.ts';
import { toStringCode } from '../source/code.ts';
import { evaluateText, findPath } from '../source/follow.ts';
import { listNodes, toWhere } from '../source/module.ts';
import { findProperty } from '../source/place.ts';
import type { ObjectPlace, Property } from '../source/place.ts';
import { unsupported } from '../source/refusal.ts';
import type { ConstructNode } from '../tree.ts';
import { readField, setFields } from '../workload.ts';
import type { EditContext } from './context.ts';
import type { TakeOver } from './rollout-code.ts';
import { addStatements, findSpot } from './statement.ts';
import type { Spot } from './statement.ts';

// Whose pods serve. A Rollout takes them over from its Deployment in one of two ways:
// - at once: the Deployment renders no number, and Argo Rollouts takes it down as pods of its own become ready. A number in
//   git would be put back by Argo CD's self-heal each time. But a field that goes away falls back to its default, so from the
//   sync to the first ready pods a single pod of the Deployment is left.
// - side by side: both have all their pods, and a later edit gives the Deployment the number 0. No moment has fewer pods and
//   git names every number, but the later edit must wait until the Rollout was seen healthy.

/** True while the Deployment's own pods still run beside those of the Rollout, by the source. */
export function isSideBySide(context: EditContext, workload: ConstructNode, rollout: ConstructNode): boolean {
  const { modules, project } = context;
  const path = ['spec', 'workloadRef', 'scaleDown'];
  const scaleDown =
    rollout.props === undefined ? undefined : evaluateText(modules, findPath(modules, rollout.props, path));
  if (scaleDown !== 'never') return false;
  if (workload.source === 'plus') return listReplicaPatches(workload).length === 0;
  return workload.props === undefined || readField(project, workload.props, ['spec', 'replicas']) !== 0;
}

/** Prepares the Deployment for a Rollout, and gives the statements and the numbers that go with it. */
export function takeOver(
  context: EditContext,
  workload: ConstructNode,
  spot: Spot,
  sideBySide: boolean,
): TakeOver & { statements: string[] } {
  const scaleDown = sideBySide ? 'never' : 'progressively';
  if (workload.source === 'plus') {
    const variable = bindVariable(context, workload);
    const why = '// The Rollout scales the Deployment down to nothing; a number here would scale it up again.';
    const statements = sideBySide ? [] : [printPatch(context, variable, spot, why, undefined)];
    return { replicas: `${variable}.replicas ?? 2`, scaleDown, statements };
  }
  const { spec, property } = getReplicas(context, workload);
  if (property.kind === 'missing') return { replicas: '1', scaleDown, statements: [] };
  if (!sideBySide) {
    guard(spec);
    context.editor.removeItem(spec.module, spec.node.properties, property.node);
  }
  return { replicas: property.value.node.getText(spec.module.file), scaleDown, statements: [] };
}

/** Ends the time side by side: the Deployment keeps describing the pods, and runs none. */
export function handOver(context: EditContext, service: Service, workload: ConstructNode): void {
  if (workload.source === 'plus') {
    const spot = findSpot(context, service, workload);
    const why = '// The Rollout runs the pods; the Deployment only describes them.';
    addStatements(context, spot, [printPatch(context, bindVariable(context, workload), spot, why, 0)]);
    return;
  }
  setOwnReplicas(context, workload, '0');
}

/** Gives the Deployment back the number its Rollout had. */
export function takeBack(context: EditContext, workload: ConstructNode, rollout: ConstructNode): void {
  const { editor, modules, project } = context;
  if (workload.source === 'plus') {
    for (const patch of listReplicaPatches(workload)) editor.removeStatement(workload.module, patch);
    return;
  }
  const replicas = rollout.props === undefined ? undefined : findPath(modules, rollout.props, ['spec', 'replicas']);
  const own = workload.props === undefined ? undefined : readField(project, workload.props, ['spec', 'replicas']);
  const isLost = own === 0 || getReplicas(context, workload).property.kind === 'missing';
  if (replicas !== undefined && isLost) setOwnReplicas(context, workload, replicas.node.getText(replicas.module.file));
}

/** Written where it stands: followed to where the number comes from, it would change the Rollout's too. */
function setOwnReplicas(context: EditContext, workload: ConstructNode, code: string): void {
  const { spec, property } = getReplicas(context, workload);
  if (property.kind === 'missing') {
    setFields(context, workload, [{ path: ['spec', 'replicas'], code }]);
    return;
  }
  guard(spec);
  context.editor.replace(spec.module, property.node, `replicas: ${code}`);
}

function getReplicas(
  { modules }: EditContext,
  workload: ConstructNode,
): { spec: ObjectPlace; property: Exclude<Property, { kind: 'hidden' }> } {
  const place = workload.props === undefined ? undefined : findPath(modules, workload.props, ['spec']);
  const { compiler } = workload.module;
  if (place === undefined || !compiler.isObjectLiteralExpression(place.node))
    throw unsupported(
      `${toWhere(workload.module, workload.node)}: the spec of Deployment ${workload.name} is computed`,
      'Write it as an object literal.',
    );
  const spec = { ...place, node: place.node };
  const property = findProperty(spec, 'replicas');
  if (property.kind === 'hidden')
    throw unsupported(
      `${toWhere(spec.module, spec.node)}: \`replicas\` may come from a spread`,
      'Write it out behind the spread.',
    );
  return { spec, property };
}

/** cdk8s-plus always renders a number, so what it renders is patched; `value` undefined takes the field away. */
function printPatch(
  { editor }: EditContext,
  variable: string,
  { module, indent }: Spot,
  why: string,
  value: number | undefined,
): string {
  const apiObject = editor.refer(module, 'cdk8s', 'ApiObject');
  const patch = editor.refer(module, 'cdk8s', 'JsonPatch');
  const path = toStringCode('/spec/replicas', editor.style(module));
  const change = value === undefined ? `remove(${path})` : `add(${path}, ${value})`;
  return `${why}\n${indent}${apiObject}.of(${variable}).addJsonPatch(${patch}.${change});`;
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

/** `ApiObject.of(deployment).addJsonPatch(JsonPatch.remove('/spec/replicas'))` statements, and those that set a number. */
export function listReplicaPatches(workload: ConstructNode): ts.Statement[] {
  const { module } = workload;
  const { compiler } = module;
  return listNodes(compiler, workload.frame.owner ?? module.file).filter((node): node is ts.ExpressionStatement => {
    if (!compiler.isExpressionStatement(node)) return false;
    const text = node.getText(module.file).replace(/\s/g, '');
    return (
      text.includes(`.of(${workload.variable ?? ''}).addJsonPatch(`) &&
      /\.(remove|add|replace)\(['"]\/spec\/replicas['"][,)]/.test(text)
    );
  });
}
