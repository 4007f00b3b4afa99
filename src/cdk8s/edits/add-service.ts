import type { ts } from 'ts-morph';
import { posix } from 'node:path';
import type { Project, Service } from '../project.ts';
import { findProperty } from '../source/place.ts';
import { evaluateText } from '../source/follow.ts';
import { listNodes, toWhere } from '../source/module.ts';
import type { SourceModule } from '../source/module.ts';
import { toStringCode } from '../source/code.ts';
import type { Style } from '../source/code.ts';
import { unsupported } from '../source/refusal.ts';
import { printChart } from './chart-code.ts';
import { listMissingEnv, toSecretKey, toSecretName } from './chart-facts.ts';
import type { EditContext, EditOf } from './context.ts';
import { findKnownImage } from './known-images.ts';

/** Writes a chart for a new service, and the line that makes it in the program. */
export function addService(context: EditContext, edit: EditOf<'add_service'>): string {
  const { project, editor, files } = context;
  const existing = project.services.find((service) => service.name === edit.service);
  if (existing !== undefined)
    throw unsupported(
      `there is a service ${edit.service} already, made at ${toWhere(existing.call.module, existing.call.node)}`,
      'Change its image, replicas or settings instead, or choose another name.',
    );
  if (edit.workloadKind === 'deployment' && edit.storage !== undefined)
    throw unsupported(
      'the replicas of a Deployment would all share one volume',
      'Ask for a statefulset, which gives each pod a volume of its own.',
    );
  const path = posix.join(findChartsFolder(project), `${edit.service}.ts`);
  if (project.exists(path))
    throw unsupported(
      `${path} exists but makes no service ${edit.service}`,
      'Move the file away, or choose another name.',
    );
  const known = findKnownImage(edit.image);
  const { module, app } = findApp(project);
  const style = editor.style(module);
  const className = findFreeName(project, module, toClassName(edit.service));
  files.set(path, printChart({ edit, className, known, style }));
  addImport(context, module, className, path, style);
  addCall(
    context,
    module,
    app,
    `new ${className}(${app}, ${toStringCode(edit.service, style)}${toProps(project, edit, style)});`,
    edit.service,
  );

  const missing = listMissingEnv(edit, known);
  const needs =
    missing.length === 0
      ? ''
      : `; it needs a Secret ${toSecretName(edit.service)} with ${missing.map(toSecretKey).join(', ')}`;
  const kind = edit.workloadKind === 'statefulset' ? 'StatefulSet' : 'Deployment';
  const volatile =
    kind === 'StatefulSet' && edit.storage === undefined ? '; without storage its data ends with its pods' : '';
  return `new service ${edit.service}: ${kind} of ${edit.replicas} x ${edit.image}${needs}${volatile}`;
}

/** The folder named in tiphys.yaml, else the one most charts are in, else `charts` beside the program. */
function findChartsFolder(project: Project): string {
  if (project.config.charts !== undefined) return project.config.charts;
  const counts = new Map<string, number>();
  for (const { file } of project.services) {
    const folder = posix.dirname(file);
    if (file !== project.config.entry) counts.set(folder, (counts.get(folder) ?? 0) + 1);
  }
  const [most] = [...counts].sort((a, b) => b[1] - a[1]);
  return most?.[0] ?? posix.join(posix.dirname(project.config.entry), 'charts');
}

/** The module that makes the charts, and the name of the App in it. */
function findApp(project: Project): { module: SourceModule; app: string } {
  const { compiler } = project;
  const service = project.services.find(({ call }) => call.module.path === project.config.entry) ?? project.services[0];
  const scope = service?.call.node.arguments?.[0];
  if (service !== undefined && scope !== undefined)
    return { module: service.call.module, app: scope.getText(service.call.module.file) };
  const entry = project.modules.get(project.config.entry);
  for (const node of entry === undefined ? [] : listNodes(compiler, entry.file)) {
    if (
      !compiler.isVariableDeclaration(node) ||
      node.initializer === undefined ||
      !compiler.isNewExpression(node.initializer)
    )
      continue;
    if (
      entry !== undefined &&
      /(^|\.)App$/.test(node.initializer.expression.getText(entry.file)) &&
      compiler.isIdentifier(node.name)
    )
      return { module: entry, app: node.name.text };
  }
  throw unsupported(
    `${project.config.entry} makes no App`,
    'Write `const app = new App(...)` and `app.synth()` in it.',
  );
}

function toClassName(service: string): string {
  const words = service.split('-').filter((word) => word !== '');
  const name = words.map((word) => `${word[0]?.toUpperCase() ?? ''}${word.slice(1)}`).join('');
  return `${/^\d/.test(name) ? 'Service' : ''}${name}Chart`;
}

function findFreeName(project: Project, module: SourceModule, wanted: string): string {
  const taken = (name: string) =>
    module.imports.has(name) ||
    listNodes(project.compiler, module.file).some((node) => project.compiler.isIdentifier(node) && node.text === name);
  for (let count = 1; ; count += 1) {
    const name = count === 1 ? wanted : `${wanted}${count}`;
    if (!taken(name)) return name;
  }
}

/** The third argument: the namespace asked for, else the one most services are in, spelled as they spell it. */
function toProps(project: Project, edit: EditOf<'add_service'>, style: Style): string {
  const counts = new Map<string, number>();
  for (const { namespace } of project.services)
    if (namespace !== undefined) counts.set(namespace, (counts.get(namespace) ?? 0) + 1);
  const common = [...counts].sort((a, b) => b[1] - a[1])[0]?.[0];
  const namespace = edit.namespace ?? common;
  if (namespace === undefined) return '';
  return `, ${findSameProps(project, namespace) ?? `{ namespace: ${toStringCode(namespace, style)} }`}`;
}

function findSameProps(project: Project, namespace: string): string | undefined {
  const { compiler, modules } = project;
  for (const { call, frame } of project.services) {
    const argument = call.node.arguments?.[2];
    if (argument === undefined || !compiler.isObjectLiteralExpression(argument) || argument.properties.length !== 1)
      continue;
    const property = findProperty({ module: call.module, node: argument, frame }, 'namespace');
    if (property.kind === 'found' && evaluateText(modules, property.value) === namespace)
      return argument.getText(call.module.file);
  }
  return undefined;
}

function addImport(
  { project, editor }: EditContext,
  module: SourceModule,
  className: string,
  path: string,
  style: Style,
): void {
  const { compiler } = project;
  const relative = posix.relative(posix.dirname(module.path), path).replace(/\.ts$/, project.importEnding);
  const specifier = relative.startsWith('.') ? relative : `./${relative}`;
  const line = `import { ${className} } from ${toStringCode(specifier, style)};`;
  const imports = module.file.statements.filter((node) => compiler.isImportDeclaration(node));
  const own = imports.filter(
    (node) => compiler.isStringLiteral(node.moduleSpecifier) && node.moduleSpecifier.text.startsWith('.'),
  );
  const keyed = own.map((node) => ({ key: node.moduleSpecifier.getText(module.file).slice(1, -1), node }));
  if (addSorted({ editor }, module, keyed, specifier, line)) return;
  const last = imports.at(-1);
  if (last !== undefined) editor.addAfter(module, last, [line]);
  else editor.insertAt(module, 0, `${line}\n`);
}

function addCall(
  { project, editor }: EditContext,
  module: SourceModule,
  app: string,
  line: string,
  name: string,
): void {
  const { compiler } = project;
  const statements = project.services
    .filter((service) => service.call.module === module)
    .flatMap((service: Service) => {
      const statement = findStatement(module, service.call.node);
      return statement === undefined ? [] : [{ key: service.name, node: statement }];
    });
  if (addSorted({ editor }, module, statements, name, line)) return;
  const last = statements.at(-1);
  if (last !== undefined) {
    editor.addAfter(module, last.node, [line]);
    return;
  }
  const synth = listNodes(compiler, module.file).find(
    (node) =>
      compiler.isExpressionStatement(node) && node.getText(module.file).replace(/\s/g, '').startsWith(`${app}.synth(`),
  );
  if (synth === undefined)
    throw unsupported(`${module.path} never calls ${app}.synth()`, 'Call it after the charts are made.');
  const at = module.text.lastIndexOf('\n', synth.getStart(module.file)) + 1;
  const indent = module.text.slice(at, synth.getStart(module.file));
  editor.insertAt(module, at, `${indent}${line}\n\n`);
}

/** Keeps a list that is sorted sorted; false where it is not. */
function addSorted(
  { editor }: Pick<EditContext, 'editor'>,
  module: SourceModule,
  items: readonly { key: string; node: ts.Statement }[],
  key: string,
  line: string,
): boolean {
  const sorted = items.every((item, index) => index === 0 || (items[index - 1]?.key ?? '') <= item.key);
  const [first] = items;
  if (!sorted || first === undefined) return false;
  const before = items.findLast((item) => item.key < key);
  if (before !== undefined) {
    editor.addAfter(module, before.node, [line]);
    return true;
  }
  const at = module.text.lastIndexOf('\n', first.node.getStart(module.file)) + 1;
  const indent = module.text.slice(at, first.node.getStart(module.file));
  if (indent.trim() !== '') return false;
  editor.insertAt(module, at, `${indent}${line}\n`);
  return true;
}

/** The statement an expression stands in. */
export function findStatement(module: SourceModule, node: ts.Node): ts.Statement | undefined {
  const { compiler } = module;
  for (let parent: ts.Node | undefined = node; parent !== undefined; parent = parent.parent)
    if (compiler.isExpressionStatement(parent) || compiler.isVariableStatement(parent)) return parent;
  return undefined;
}
