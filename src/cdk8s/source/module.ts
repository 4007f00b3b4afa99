import { posix } from 'node:path';
import type { ts } from 'ts-morph';

/** The TypeScript compiler, as ts-morph brings it. Loaded on first use: it costs a third of a second and 60 MB. */
export type Compiler = typeof ts;

export async function loadCompiler(): Promise<Compiler> {
  const { ts: compiler } = await import('ts-morph');
  return compiler;
}

/** Where a name of a module comes from. */
interface ImportedName {
  specifier: string;
  /** The exported name; `*` for a namespace import, `default` for a default import. */
  name: string;
  /** Path of the module in the repository; undefined for a package. */
  target: string | undefined;
}

/** One source file of the repository's program, parsed but not type checked. */
export interface SourceModule {
  compiler: Compiler;
  /** Relative to the repository, with forward slashes. */
  path: string;
  text: string;
  file: ts.SourceFile;
  imports: ReadonlyMap<string, ImportedName>;
}

/** `exists` answers for paths relative to the repository. */
export function parseModule(
  compiler: Compiler,
  path: string,
  text: string,
  exists: (path: string) => boolean,
): SourceModule {
  const file = compiler.createSourceFile(path, text, compiler.ScriptTarget.Latest, true);
  const imports = new Map<string, ImportedName>();
  for (const statement of file.statements) {
    if (!compiler.isImportDeclaration(statement) || !compiler.isStringLiteral(statement.moduleSpecifier)) continue;
    const specifier = statement.moduleSpecifier.text;
    const target = findModule(path, specifier, exists);
    const clause = statement.importClause;
    if (clause === undefined) continue;
    if (clause.name !== undefined) imports.set(clause.name.text, { specifier, name: 'default', target });
    const bindings = clause.namedBindings;
    if (bindings === undefined) continue;
    if (compiler.isNamespaceImport(bindings)) imports.set(bindings.name.text, { specifier, name: '*', target });
    else
      for (const element of bindings.elements)
        imports.set(element.name.text, { specifier, name: (element.propertyName ?? element.name).text, target });
  }
  return { compiler, path, text, file, imports };
}

/** The module of the repository a relative import means, by the rules the bundler follows. */
export function findModule(from: string, specifier: string, exists: (path: string) => boolean): string | undefined {
  if (!specifier.startsWith('.')) return undefined;
  const base = posix.normalize(posix.join(posix.dirname(from), specifier));
  const candidates = [
    base,
    ...['.ts', '.mts', '.cts', '.tsx', '.js', '.mjs', '/index.ts', '/index.js'].map((end) => base + end),
  ];
  if (/\.[cm]?js$/.test(base)) candidates.push(base.replace(/\.([cm]?)js$/, '.$1ts'));
  return candidates.find((path) => /\.[cm]?[jt]sx?$/.test(path) && exists(path));
}

/** `charts/web.ts:12`, for messages. */
export function toWhere(module: SourceModule, node: ts.Node): string {
  return `${module.path}:${module.file.getLineAndCharacterOfPosition(node.getStart(module.file)).line + 1}`;
}

/** Every node under `root`, `root` first, in source order. */
export function listNodes(compiler: Compiler, root: ts.Node): ts.Node[] {
  const found: ts.Node[] = [];
  const visit = (node: ts.Node) => {
    found.push(node);
    compiler.forEachChild(node, visit);
  };
  visit(root);
  return found;
}
