import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { ts } from 'ts-morph';
import { AppError } from '../lib/errors.ts';
import { loadProjectFile } from './project-file.ts';
import type { ProjectFile } from './project-file.ts';
import { evaluateText, findPath, toObject } from './source/follow.ts';
import { findModule, listNodes, loadCompiler, parseModule, toWhere } from './source/module.ts';
import type { Compiler, SourceModule } from './source/module.ts';
import { findBinding, findExport } from './source/place.ts';
import type { Frame, Modules, Place } from './source/place.ts';

/** A chart instance of the repository: what people call a service, and the name of its folder of manifests. */
export interface Service {
  name: string;
  /** The class of the chart; `Chart` itself where objects are added to it from outside. */
  className: string;
  /** The module that declares the class, or makes the plain chart. */
  file: string;
  /** The namespace its objects are put in, where that can be read from the source. */
  namespace: string | undefined;
  /** Where the chart is made. */
  call: { module: SourceModule; node: ts.NewExpression };
  /** Undefined for a plain `new Chart(app, 'web')`. */
  declaration: { module: SourceModule; node: ts.ClassDeclaration } | undefined;
  frame: Frame;
}

/** An infrastructure repository's program, read but not run. */
export interface Project {
  dir: string;
  config: ProjectFile;
  compiler: Compiler;
  modules: Modules;
  services: readonly Service[];
  /** Charts whose name cannot be told without running the program, as `file:line`. */
  dynamicCharts: readonly string[];
  /** What an import of a module of the repository ends in: `.ts`, `.js` or nothing. */
  importEnding: '.ts' | '.js' | '';
  /** How often a class of the repository is made or extended. */
  countUses(declaration: ts.ClassDeclaration): number;
  /** True for a path, relative to the repository, of a file that is there. */
  exists(path: string): boolean;
}

const MAX_MODULES = 5_000;

/**
 * Reads the program of the repository in `dir`: its entry and every module that reaches from there. Nothing is run.
 * Throws `invalid_input` when tiphys.yaml is wrong or the entry is not there.
 */
export async function loadProject(dir: string): Promise<Project> {
  const config = await loadProjectFile(dir);
  const compiler = await loadCompiler();
  const known = new Set(await listSources(dir));
  const exists = (path: string) => known.has(path);
  if (!exists(config.entry))
    throw new AppError('invalid_input', `the repository has no ${config.entry}`, {
      hint: 'Name its program in tiphys.yaml as `entry`, or start one with `tiphys init`.',
    });
  const modules = new Map<string, SourceModule>();
  const queue = [config.entry];
  for (let path = queue.shift(); path !== undefined; path = queue.shift()) {
    if (modules.has(path) || modules.size >= MAX_MODULES) continue;
    const module = parseModule(compiler, path, await readFile(join(dir, path), 'utf8'), exists);
    modules.set(path, module);
    for (const target of listTargets(module, exists)) {
      // Generated classes of Kubernetes and of custom resources: tens of thousands of lines that no edit touches.
      if (!/(^|\/)imports\//.test(target)) queue.push(target);
    }
  }
  const lookup: Modules = { get: (path) => modules.get(path), all: () => modules.values() };
  const { services, dynamicCharts } = findServices(compiler, lookup);
  const importEnding = await findImportEnding(dir, modules);
  let uses: Map<ts.ClassDeclaration, number> | undefined;
  const countUses = (declaration: ts.ClassDeclaration) =>
    (uses ??= countAllUses(compiler, lookup)).get(declaration) ?? 0;
  return { dir, config, compiler, modules: lookup, services, dynamicCharts, importEnding, countUses, exists };
}

function countAllUses(compiler: Compiler, modules: Modules): Map<ts.ClassDeclaration, number> {
  const uses = new Map<ts.ClassDeclaration, number>();
  for (const module of modules.all()) {
    for (const node of listNodes(compiler, module.file)) {
      const callee = compiler.isNewExpression(node)
        ? findCallee(modules, module, node.expression)
        : compiler.isClassDeclaration(node)
          ? findBase(modules, module, node)
          : undefined;
      if (callee?.kind === 'repository') uses.set(callee.node, (uses.get(callee.node) ?? 0) + 1);
    }
  }
  return uses;
}

async function findImportEnding(dir: string, modules: ReadonlyMap<string, SourceModule>): Promise<'.ts' | '.js' | ''> {
  const own = [...modules.values()]
    .flatMap((module) => [...module.imports.values()])
    .filter((from) => from.target !== undefined);
  const [first] = own;
  if (first !== undefined)
    return first.specifier.endsWith('.ts') ? '.ts' : first.specifier.endsWith('.js') ? '.js' : '';
  // Nothing to go by yet: an ES module run by Node itself names its files in full, a CommonJS one does not.
  const manifest = await readFile(join(dir, 'package.json'), 'utf8').catch(() => '');
  return /"type"\s*:\s*"module"/.test(manifest) ? '.ts' : '';
}

async function listSources(dir: string): Promise<string[]> {
  const found: string[] = [];
  const walk = async (folder: string): Promise<void> => {
    for (const entry of await readdir(join(dir, folder), { withFileTypes: true })) {
      if (entry.name === 'node_modules' || entry.name.startsWith('.')) continue;
      const path = folder === '' ? entry.name : `${folder}/${entry.name}`;
      if (entry.isDirectory()) await walk(path);
      else if (entry.isFile() && /\.[cm]?[jt]sx?$/.test(entry.name)) found.push(path);
    }
  };
  await walk('');
  return found;
}

function listTargets(module: SourceModule, exists: (path: string) => boolean): string[] {
  const { compiler } = module;
  return module.file.statements.flatMap((statement) => {
    if (!compiler.isImportDeclaration(statement) && !compiler.isExportDeclaration(statement)) return [];
    const specifier = statement.moduleSpecifier;
    if (specifier === undefined || !compiler.isStringLiteral(specifier)) return [];
    const target = findModule(module.path, specifier.text, exists);
    return target === undefined ? [] : [target];
  });
}

/** What a `new` expression makes: a class of the repository, or one of a package. */
export type Callee =
  | { kind: 'repository'; module: SourceModule; node: ts.ClassDeclaration }
  | {
      kind: 'package';
      specifier: string;
      name: string;
      /** `kplus` of `kplus.Deployment`; empty for a bare name. */ qualifier: string;
    }
  | { kind: 'unknown' };

export function findCallee(modules: Modules, module: SourceModule, expression: ts.Expression): Callee {
  const { compiler } = module;
  if (compiler.isIdentifier(expression)) {
    const imported = module.imports.get(expression.text);
    if (imported !== undefined && (imported.target === undefined || modules.get(imported.target) === undefined))
      return { kind: 'package', specifier: imported.specifier, name: imported.name, qualifier: '' };
    const binding = findBinding(modules, module, expression, expression.text);
    return binding.kind === 'class'
      ? { kind: 'repository', module: binding.module, node: binding.declaration }
      : { kind: 'unknown' };
  }
  if (!compiler.isPropertyAccessExpression(expression)) return { kind: 'unknown' };
  const qualifier = expression.expression.getText(module.file);
  const imported = module.imports.get(qualifier.split('.')[0] ?? '');
  if (imported === undefined) return { kind: 'unknown' };
  const target = imported.target === undefined ? undefined : modules.get(imported.target);
  if (target === undefined)
    return { kind: 'package', specifier: imported.specifier, name: expression.name.text, qualifier };
  const binding = findExport(modules, target, expression.name.text);
  return binding.kind === 'class'
    ? { kind: 'repository', module: binding.module, node: binding.declaration }
    : { kind: 'unknown' };
}

/** The class a class extends, as a callee. */
export function findBase(modules: Modules, module: SourceModule, node: ts.ClassDeclaration): Callee {
  const { compiler } = module;
  const clause = node.heritageClauses?.find((item) => item.token === compiler.SyntaxKind.ExtendsKeyword);
  const type = clause?.types[0];
  return type === undefined ? { kind: 'unknown' } : findCallee(modules, module, type.expression);
}

function isChart(modules: Modules, callee: Callee, depth = 0): boolean {
  if (callee.kind === 'package') return callee.specifier === 'cdk8s' && callee.name === 'Chart';
  if (callee.kind === 'unknown' || depth > 10) return false;
  return isChart(modules, findBase(modules, callee.module, callee.node), depth + 1);
}

const TOP_FRAME: Frame = { owner: undefined, args: [], call: undefined, shared: undefined };

function findServices(compiler: Compiler, modules: Modules): { services: Service[]; dynamicCharts: string[] } {
  const dynamicCharts: string[] = [];
  const found: { name: string; module: SourceModule; node: ts.NewExpression; callee: Callee; args: Place[] }[] = [];
  for (const module of modules.all()) {
    for (const node of listNodes(compiler, module.file)) {
      if (!compiler.isNewExpression(node)) continue;
      const [scope, id] = node.arguments ?? [];
      // Charts inside charts belong to the outer one.
      if (scope === undefined || id === undefined || scope.kind === compiler.SyntaxKind.ThisKeyword) continue;
      const callee = findCallee(modules, module, node.expression);
      if (!isChart(modules, callee)) continue;
      const args = (node.arguments ?? []).map((argument) => ({ module, node: argument, frame: TOP_FRAME }));
      const name = evaluateText(modules, { module, node: id, frame: TOP_FRAME });
      if (name === undefined || isRepeated(module, node)) dynamicCharts.push(toWhere(module, node));
      else found.push({ name, module, node, callee, args });
    }
  }
  const services = found.map(({ name, module, node, callee, args }): Service => {
    const declaration = callee.kind === 'repository' ? { module: callee.module, node: callee.node } : undefined;
    const others = found.filter(
      (other) =>
        other.node !== node &&
        declaration !== undefined &&
        other.callee.kind === 'repository' &&
        other.callee.node === declaration.node,
    );
    const call = { module, node, frame: TOP_FRAME };
    const shared =
      others.length === 0
        ? undefined
        : `${declaration?.node.name?.text ?? 'the class'} builds ${[name, ...others.map((other) => other.name)].join(' and ')} alike`;
    const frame: Frame = declaration === undefined ? TOP_FRAME : { owner: declaration.node, args, call, shared };
    return {
      name,
      className: declaration?.node.name?.text ?? 'Chart',
      file: (declaration?.module ?? module).path,
      namespace: findNamespace(modules, args[2], declaration, frame),
      call: { module, node },
      declaration,
      frame,
    };
  });
  return { services, dynamicCharts };
}

function findNamespace(
  modules: Modules,
  props: Place | undefined,
  declaration: Service['declaration'],
  frame: Frame,
): string | undefined {
  const given = props === undefined ? undefined : toObject(modules, props);
  const direct = given === undefined ? undefined : findPath(modules, given.place, ['namespace']);
  if (direct !== undefined) return evaluateText(modules, direct);
  if (declaration === undefined) return undefined;
  const { module, node } = declaration;
  const { compiler } = module;
  const call = listNodes(compiler, node).find(
    (item) => compiler.isCallExpression(item) && item.expression.kind === compiler.SyntaxKind.SuperKeyword,
  );
  const argument = call !== undefined && compiler.isCallExpression(call) ? call.arguments[2] : undefined;
  const object = argument === undefined ? undefined : toObject(modules, { module, node: argument, frame });
  return object === undefined ? undefined : evaluateText(modules, findPath(modules, object.place, ['namespace']));
}

/** True when an expression may run more than once or not at all where it stands: loops and callbacks. */
export function isRepeated(module: SourceModule, node: ts.Node, within?: ts.Node): boolean {
  const { compiler } = module;
  for (let parent = node.parent; parent !== undefined && parent !== within; parent = parent.parent) {
    if (compiler.isIterationStatement(parent, false)) return true;
    if (compiler.isArrowFunction(parent) || compiler.isFunctionExpression(parent)) return true;
  }
  return false;
}
