import type { ts } from 'ts-morph';
import type { Project } from '../project.ts';
import { listNodes, toWhere } from '../source/module.ts';
import type { SourceModule } from '../source/module.ts';
import { unsupported } from '../source/refusal.ts';
import { findService } from '../workload.ts';
import { findStatement } from './add-service.ts';
import type { EditContext, EditOf } from './context.ts';

/** Removes the line that makes a service, its import, and its chart's file where nothing else needs it. */
export function removeService(context: EditContext, edit: EditOf<'remove_service'>): string {
  const { project, editor, files } = context;
  const service = findService(project, edit.service);
  const { module, node } = service.call;
  const statement = findStatement(module, node);
  if (statement === undefined)
    throw unsupported(
      `${toWhere(module, node)}: the chart is made inside another expression`,
      'Make it a statement of its own.',
    );
  refuseReferences(module, node, edit.service);
  editor.removeStatement(module, statement);
  const { declaration } = service;
  if (declaration === undefined)
    throw unsupported(
      `${toWhere(module, node)}: ${edit.service} is a plain Chart whose objects are added from outside`,
      'Remove those statements as well, by hand.',
    );
  const deleted = declaration.module === module ? undefined : removeModule(context, module, node, declaration.module);
  if (deleted !== undefined) files.set(deleted, null);
  return `remove service ${edit.service}${deleted === undefined ? '' : ` and ${deleted}`}`;
}

/** A chart others depend on cannot go without them. */
function refuseReferences(module: SourceModule, node: ts.NewExpression, service: string): void {
  const { compiler } = module;
  const { parent } = node;
  if (compiler.isExpressionStatement(parent)) return;
  const variable =
    compiler.isVariableDeclaration(parent) && compiler.isIdentifier(parent.name) ? parent.name : undefined;
  if (variable === undefined)
    throw unsupported(
      `${toWhere(module, node)}: the chart is made inside another expression`,
      'Make it a statement of its own.',
    );
  const use = listNodes(compiler, module.file).find(
    (item) => compiler.isIdentifier(item) && item !== variable && item.text === variable.text,
  );
  if (use !== undefined)
    throw unsupported(
      `${toWhere(module, use)}: ${variable.text}, the chart of ${service}, is used here`,
      'Remove what depends on it first.',
    );
  if (compiler.isVariableDeclarationList(parent.parent) && parent.parent.declarations.length > 1)
    throw unsupported(
      `${toWhere(module, node)}: the chart is declared together with others`,
      'Give it a statement of its own.',
    );
}

/** Takes the import out when the class is used nowhere else; gives the path of the chart's file when it can go too. */
function removeModule(
  { project, editor }: EditContext,
  module: SourceModule,
  call: ts.NewExpression,
  chart: SourceModule,
): string | undefined {
  const { compiler } = project;
  const name = call.expression.getText(module.file);
  const [local = name] = name.split('.');
  const inImport = (node: ts.Node) =>
    compiler.isImportSpecifier(node.parent) ||
    compiler.isImportClause(node.parent) ||
    compiler.isNamespaceImport(node.parent);
  const uses = listNodes(compiler, module.file).filter(
    (node) => compiler.isIdentifier(node) && node.text === local && !inImport(node),
  );
  if (uses.length > 1) return undefined;
  const declaration = module.file.statements.find(
    (node) =>
      compiler.isImportDeclaration(node) &&
      listNodes(compiler, node).some((item) => compiler.isIdentifier(item) && item.text === local),
  );
  if (declaration === undefined || !compiler.isImportDeclaration(declaration)) return undefined;
  const bindings = declaration.importClause?.namedBindings;
  const several = bindings !== undefined && compiler.isNamedImports(bindings) && bindings.elements.length > 1;
  if (several && compiler.isNamedImports(bindings)) {
    const element = bindings.elements.find((item) => item.name.text === local);
    if (element !== undefined) editor.removeItem(module, bindings.elements, element);
    return undefined;
  }
  editor.removeStatement(module, declaration);
  return isNeeded(project, module, chart) ? undefined : chart.path;
}

/** True when another module imports the file, or it declares what other services are made of. */
function isNeeded(project: Project, module: SourceModule, chart: SourceModule): boolean {
  if (chart.path === project.config.entry) return true;
  const others = [...project.modules.all()].some(
    (other) => other !== module && [...other.imports.values()].some((from) => from.target === chart.path),
  );
  const made = project.services.filter((service) => service.declaration?.module === chart).length;
  const reExported = [...project.modules.all()].some((other) =>
    other.file.statements.some(
      (node) =>
        project.compiler.isExportDeclaration(node) &&
        node.moduleSpecifier !== undefined &&
        chart.path.replace(/\.[cm]?ts$/, '').endsWith(
          node.moduleSpecifier
            .getText(other.file)
            .slice(1, -1)
            .replace(/^\.\//, '')
            .replace(/\.[cm]?[jt]s$/, ''),
        ),
    ),
  );
  return others || made > 1 || reExported;
}
