import type { ts } from 'ts-morph';
import { findBase, findCallee, isRepeated } from './project.ts';
import type { Project, Service } from './project.ts';
import { evaluateText, findPath, toObject } from './source/follow.ts';
import { listNodes } from './source/module.ts';
import type { SourceModule } from './source/module.ts';
import type { Frame, ObjectPlace, Place } from './source/place.ts';

/** A construct of a library that a chart makes, directly or through constructs of the repository. */
export interface ConstructNode extends Place {
  node: ts.NewExpression;
  /** `plus`: a cdk8s-plus class. `api`: `new ApiObject(...)`. `kube`: a generated `KubeDeployment` or the like. */
  source: 'plus' | 'api' | 'kube';
  /** `Deployment`, `Service`, ... */
  kind: string;
  /** What the class is called through: `kplus` of `kplus.Deployment`, empty for a bare name. */
  qualifier: string;
  specifier: string;
  /** Name of the object, by `metadata.name`, else by the construct's id. */
  name: string;
  /** The object literal of its properties; undefined when none is given or it cannot be followed. */
  props: ObjectPlace | undefined;
  /** Why `props` is undefined. */
  propsState: 'given' | 'absent' | 'opaque';
  /** The expression the construct is known by in its class: `deployment`, `this.deployment`. */
  variable: string | undefined;
}

/** Every library construct of a service, in source order, constructs of the repository followed into. */
export function listConstructs(project: Project, service: Service): ConstructNode[] {
  const found: ConstructNode[] = [];
  if (service.declaration !== undefined) {
    const { module, node } = service.declaration;
    const uses = project.countUses(node);
    // A class that is also extended, or made in a loop beside this instance, is no less shared.
    const shared = service.frame.shared ?? (uses > 1 ? `${service.className} is used in ${uses} places` : undefined);
    walkClass(project, module, node, { ...service.frame, shared }, found, 0);
    return found;
  }
  // A plain Chart: what is made with its variable as the scope, in the same module.
  const { module, node } = service.call;
  const variable = findVariable(module, node);
  if (variable === undefined) return found;
  for (const item of listNodes(project.compiler, module.file)) {
    if (!project.compiler.isNewExpression(item) || item.arguments?.[0]?.getText(module.file) !== variable) continue;
    addConstruct(project, module, item, service.frame, found, 0);
  }
  return found;
}

function walkClass(
  project: Project,
  module: SourceModule,
  declaration: ts.ClassDeclaration,
  frame: Frame,
  found: ConstructNode[],
  depth: number,
): void {
  if (depth > 12) return;
  const { compiler } = project;
  for (const node of listNodes(compiler, declaration)) {
    const shared = frame.shared ?? findRepetition(project, module, node, declaration);
    const own = shared === frame.shared ? frame : { ...frame, shared };
    if (compiler.isNewExpression(node)) addConstruct(project, module, node, own, found, depth);
    else if (compiler.isCallExpression(node) && node.expression.kind === compiler.SyntaxKind.SuperKeyword) {
      const base = findBase(project.modules, module, declaration);
      if (base.kind === 'repository')
        walkClass(project, base.module, base.node, toFrame(project, base.node, module, node, own), found, depth + 1);
    }
  }
}

function addConstruct(
  project: Project,
  module: SourceModule,
  node: ts.NewExpression,
  frame: Frame,
  found: ConstructNode[],
  depth: number,
): void {
  const callee = findCallee(project.modules, module, node.expression);
  if (callee.kind === 'repository') {
    walkClass(
      project,
      callee.module,
      callee.node,
      toFrame(project, callee.node, module, node, frame),
      found,
      depth + 1,
    );
    return;
  }
  if (callee.kind === 'unknown') return;
  const { specifier, name, qualifier } = callee;
  const source =
    specifier === 'cdk8s' && name === 'ApiObject'
      ? 'api'
      : /^Kube[A-Z]/.test(name)
        ? 'kube'
        : /^cdk8s-plus-\d+$/.test(specifier)
          ? 'plus'
          : undefined;
  if (source === undefined) return;
  const { modules } = project;
  const argument = node.arguments?.[2];
  const object = argument === undefined ? undefined : toObject(modules, { module, node: argument, frame });
  const props = object !== undefined && object.reads <= 1 ? object.place : undefined;
  const own = props === undefined ? undefined : findPath(modules, props, ['kind']);
  const kind = source === 'api' ? evaluateText(modules, own) : source === 'kube' ? name.slice(4) : name;
  if (kind === undefined) return;
  const id = node.arguments?.[1];
  const metadataName =
    props === undefined ? undefined : evaluateText(modules, findPath(modules, props, ['metadata', 'name']));
  const idText = id === undefined ? undefined : evaluateText(modules, { module, node: id, frame });
  found.push({
    module,
    node,
    frame,
    source,
    kind,
    qualifier,
    specifier,
    props,
    name: metadataName ?? idText ?? kind.toLowerCase(),
    propsState: props !== undefined ? 'given' : argument === undefined ? 'absent' : 'opaque',
    variable: findVariable(module, node),
  });
}

/** The frame of a class that is made, or extended, by a call. */
function toFrame(
  project: Project,
  declaration: ts.ClassDeclaration,
  module: SourceModule,
  call: ts.NewExpression | ts.CallExpression,
  frame: Frame,
): Frame {
  const uses = project.countUses(declaration);
  const name = declaration.name?.text ?? 'this class';
  return {
    owner: declaration,
    args: (call.arguments ?? []).map((node) => ({ module, node, frame })),
    call: { module, node: call, frame },
    shared: frame.shared ?? (uses > 1 ? `${name} is used in ${uses} places` : undefined),
  };
}

/** Why code at this node runs more than once for one object of the class. */
function findRepetition(
  project: Project,
  module: SourceModule,
  node: ts.Node,
  declaration: ts.ClassDeclaration,
): string | undefined {
  const { compiler } = project;
  if (isRepeated(module, node, declaration)) return 'this code runs in a loop or a callback';
  for (let parent = node.parent; parent !== undefined && parent !== declaration; parent = parent.parent) {
    if (!compiler.isMethodDeclaration(parent) || !compiler.isIdentifier(parent.name)) continue;
    const method = parent.name.text;
    const calls = listNodes(compiler, declaration).filter(
      (item) =>
        compiler.isCallExpression(item) &&
        compiler.isPropertyAccessExpression(item.expression) &&
        item.expression.name.text === method,
    ).length;
    return calls === 1 ? undefined : `the method ${method} is called ${calls} times`;
  }
  return undefined;
}

function findVariable(module: SourceModule, node: ts.NewExpression): string | undefined {
  const { compiler } = module;
  const { parent } = node;
  if (compiler.isVariableDeclaration(parent) && compiler.isIdentifier(parent.name)) return parent.name.text;
  if (compiler.isPropertyDeclaration(parent) && compiler.isIdentifier(parent.name)) return `this.${parent.name.text}`;
  if (
    compiler.isBinaryExpression(parent) &&
    parent.right === node &&
    parent.operatorToken.kind === compiler.SyntaxKind.EqualsToken
  )
    return parent.left.getText(module.file);
  return undefined;
}

/** Method calls on a construct, in its own class: `deployment.addContainer(...)`, or chained to its `new`. */
export function listCalls(
  construct: ConstructNode,
  methods: readonly string[],
): (Place & { node: ts.CallExpression; method: string })[] {
  const { module, frame } = construct;
  const { compiler } = module;
  const root = frame.owner ?? module.file;
  return listNodes(compiler, root).flatMap((node) => {
    if (!compiler.isCallExpression(node) || !compiler.isPropertyAccessExpression(node.expression)) return [];
    const method = node.expression.name.text;
    if (!methods.includes(method)) return [];
    const receiver = node.expression.expression;
    const mine =
      receiver === construct.node ||
      (construct.variable !== undefined && receiver.getText(module.file) === construct.variable);
    return mine ? [{ module, node, frame, method }] : [];
  });
}

/** The constructs of all services. */
export function listWholeProject(project: Project): ConstructNode[] {
  return project.services.flatMap((service) => listConstructs(project, service));
}
