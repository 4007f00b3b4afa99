import type { ts } from 'ts-morph';
import { listNodes } from './module.ts';
import type { SourceModule } from './module.ts';

// Static reading of construct code: an expression is always seen together with the construction it belongs to, so that
// `props.image` inside a chart can be followed to the literal in main.ts that the chart was made with.

/** One run of a constructor: the class, and the arguments it was called with. */
export interface Frame {
  /** The constructor's class; undefined for top-level code. */
  owner: ts.ClassLikeDeclaration | undefined;
  args: readonly Place[];
  /** The call that gave the arguments; undefined for top-level code. */
  call: { module: SourceModule; node: ts.NewExpression | ts.CallExpression; frame: Frame } | undefined;
  /** Why writing here would change more than one thing, for a message; undefined when it would not. */
  shared: string | undefined;
}

/** An expression and the frame it is evaluated in. */
export interface Place {
  module: SourceModule;
  node: ts.Expression;
  frame: Frame;
}

export interface ObjectPlace extends Place {
  node: ts.ObjectLiteralExpression;
}

export interface Modules {
  get(path: string): SourceModule | undefined;
  all(): Iterable<SourceModule>;
}

export type Binding =
  | { kind: 'constant'; module: SourceModule; declaration: ts.VariableDeclaration; initializer: ts.Expression }
  | { kind: 'argument'; index: number; fallback: ts.Expression | undefined; constructor: boolean }
  /** `{ image = 'x' }` taken out of an argument or of a constant. */
  | {
      kind: 'member';
      key: string;
      fallback: ts.Expression | undefined;
      of: Binding | { kind: 'place'; node: ts.Expression };
    }
  | { kind: 'class'; module: SourceModule; declaration: ts.ClassDeclaration }
  | { kind: 'other' };

export type Property =
  | { kind: 'found'; node: ts.PropertyAssignment | ts.ShorthandPropertyAssignment; value: Place }
  | { kind: 'missing' }
  /** A spread or a computed key may or may not hold it. */
  | { kind: 'hidden' };

export function unwrap(module: SourceModule, node: ts.Expression): ts.Expression {
  const { compiler } = module;
  let current = node;
  while (
    compiler.isParenthesizedExpression(current) ||
    compiler.isAsExpression(current) ||
    compiler.isSatisfiesExpression(current) ||
    compiler.isNonNullExpression(current)
  )
    current = current.expression;
  return current;
}

/** What a name means at a node, by the scopes around it, then by the module's imports. */
export function findBinding(modules: Modules, module: SourceModule, from: ts.Node, name: string): Binding {
  const { compiler } = module;
  for (let scope: ts.Node | undefined = from; scope !== undefined; scope = scope.parent) {
    if (compiler.isFunctionLike(scope)) {
      const found = findParameter(module, scope, name);
      if (found !== undefined) return found;
    }
    if (compiler.isBlock(scope) || compiler.isSourceFile(scope)) {
      const found = findDeclared(module, scope.statements, name);
      if (found !== undefined) return found;
    }
  }
  const imported = module.imports.get(name);
  const target = imported?.target === undefined ? undefined : modules.get(imported.target);
  if (imported === undefined || target === undefined) return { kind: 'other' };
  return findExport(modules, target, imported.name);
}

/** An exported name of a module, followed through `export { X } from './x'` and `export * from './x'`. */
export function findExport(modules: Modules, module: SourceModule, name: string, depth = 0): Binding {
  const { compiler } = module;
  if (name === 'default') {
    const declared = module.file.statements.find(
      (node) =>
        compiler.isClassDeclaration(node) &&
        node.modifiers?.some((modifier) => modifier.kind === compiler.SyntaxKind.DefaultKeyword),
    );
    if (declared !== undefined && compiler.isClassDeclaration(declared))
      return { kind: 'class', module, declaration: declared };
    const assigned = module.file.statements.find((node) => compiler.isExportAssignment(node));
    if (assigned !== undefined && compiler.isIdentifier(assigned.expression))
      return findDeclared(module, module.file.statements, assigned.expression.text) ?? { kind: 'other' };
    return { kind: 'other' };
  }
  const local = findDeclared(module, module.file.statements, name);
  if (local !== undefined) return local;
  if (depth > 5) return { kind: 'other' };
  for (const statement of module.file.statements) {
    if (!compiler.isExportDeclaration(statement) || statement.moduleSpecifier === undefined) continue;
    if (!compiler.isStringLiteral(statement.moduleSpecifier)) continue;
    const target = findReExported(modules, module, statement.moduleSpecifier.text);
    if (target === undefined) continue;
    const clause = statement.exportClause;
    if (clause === undefined) {
      const found = findExport(modules, target, name, depth + 1);
      if (found.kind !== 'other') return found;
    } else if (compiler.isNamedExports(clause)) {
      const element = clause.elements.find((item) => item.name.text === name);
      if (element !== undefined)
        return findExport(modules, target, (element.propertyName ?? element.name).text, depth + 1);
    }
  }
  return { kind: 'other' };
}

function findReExported(modules: Modules, from: SourceModule, specifier: string): SourceModule | undefined {
  const folder = from.path.includes('/') ? from.path.slice(0, from.path.lastIndexOf('/') + 1) : '';
  const wanted = new URL(specifier, `file:///${folder}`).pathname.slice(1).replace(/\.[cm]?[jt]s$/, '');
  for (const module of modules.all()) {
    const plain = module.path.replace(/\.[cm]?[jt]sx?$/, '');
    if (plain === wanted || plain === `${wanted}/index`) return module;
  }
  return undefined;
}

function findParameter(module: SourceModule, scope: ts.SignatureDeclaration, name: string): Binding | undefined {
  const { compiler } = module;
  for (const [index, parameter] of scope.parameters.entries()) {
    const argument: Binding = {
      kind: 'argument',
      index,
      fallback: parameter.initializer,
      constructor: compiler.isConstructorDeclaration(scope),
    };
    if (compiler.isIdentifier(parameter.name) && parameter.name.text === name) return argument;
    if (compiler.isObjectBindingPattern(parameter.name)) {
      const member = findMember(module, parameter.name, name, argument);
      if (member !== undefined) return member;
    }
  }
  return undefined;
}

function findDeclared(module: SourceModule, statements: ts.NodeArray<ts.Statement>, name: string): Binding | undefined {
  const { compiler } = module;
  for (const statement of statements) {
    if (compiler.isClassDeclaration(statement) && statement.name?.text === name)
      return { kind: 'class', module, declaration: statement };
    if (!compiler.isVariableStatement(statement)) continue;
    const constant = (statement.declarationList.flags & compiler.NodeFlags.Const) !== 0;
    for (const declaration of statement.declarationList.declarations) {
      const { initializer } = declaration;
      if (compiler.isIdentifier(declaration.name) && declaration.name.text === name)
        return constant && initializer !== undefined
          ? { kind: 'constant', module, declaration, initializer }
          : { kind: 'other' };
      if (compiler.isObjectBindingPattern(declaration.name) && initializer !== undefined) {
        const member = findMember(module, declaration.name, name, { kind: 'place', node: initializer });
        if (member !== undefined) return constant ? member : { kind: 'other' };
      }
    }
  }
  return undefined;
}

function findMember(
  module: SourceModule,
  pattern: ts.ObjectBindingPattern,
  name: string,
  of: Extract<Binding, { kind: 'member' }>['of'],
): Binding | undefined {
  const { compiler } = module;
  for (const element of pattern.elements) {
    if (!compiler.isIdentifier(element.name) || element.name.text !== name) continue;
    if (element.dotDotDotToken !== undefined) return { kind: 'other' };
    const key = element.propertyName;
    if (key !== undefined && !compiler.isIdentifier(key)) return { kind: 'other' };
    return { kind: 'member', key: key?.text ?? name, fallback: element.initializer, of };
  }
  return undefined;
}

export function findProperty(object: ObjectPlace, key: string): Property {
  const { compiler } = object.module;
  for (const node of object.node.properties.toReversed()) {
    if (compiler.isSpreadAssignment(node)) return { kind: 'hidden' };
    if (node.name === undefined || compiler.isComputedPropertyName(node.name)) return { kind: 'hidden' };
    if (!('text' in node.name) || node.name.text !== key) continue;
    if (compiler.isPropertyAssignment(node))
      return { kind: 'found', node, value: { ...object, node: node.initializer } };
    if (compiler.isShorthandPropertyAssignment(node))
      return { kind: 'found', node, value: { ...object, node: node.name } };
    return { kind: 'hidden' };
  }
  return { kind: 'missing' };
}

/** How often a module-level or local constant is read, in its own module and in those that import it. */
export function countReads(modules: Modules, binding: Extract<Binding, { kind: 'constant' }>): number {
  const { declaration, module } = binding;
  const { compiler } = module;
  if (!compiler.isIdentifier(declaration.name)) return Number.POSITIVE_INFINITY;
  const name = declaration.name.text;
  let reads = countName(module, module.file, name) - 1;
  for (const other of modules.all()) {
    if (other === module) continue;
    for (const [local, from] of other.imports) {
      if (from.target !== module.path) continue;
      // The import itself names it once (twice when it is renamed); a namespace import may read it anywhere.
      if (from.name === name) reads += countName(other, other.file, local) - 1;
      else if (from.name === '*')
        reads += listNodes(compiler, other.file).filter(
          (node) => compiler.isPropertyAccessExpression(node) && node.name.text === name,
        ).length;
    }
  }
  return reads;
}

function countName(module: SourceModule, root: ts.Node, name: string): number {
  const { compiler } = module;
  return listNodes(compiler, root).filter((node) => {
    if (!compiler.isIdentifier(node) || node.text !== name) return false;
    const { parent } = node;
    if (compiler.isPropertyAccessExpression(parent) && parent.name === node) return false;
    if (compiler.isPropertyAssignment(parent) && parent.name === node) return false;
    return !compiler.isPropertySignature(parent);
  }).length;
}
