import MagicString from 'magic-string';
import type { ts } from 'ts-morph';
import { listNodes, parseModule } from './module.ts';
import type { SourceModule } from './module.ts';

/**
 * Takes out the imported names an edit has left without a use. Names that were unused before stay: whoever left them
 * there may have had a reason, and compilers that refuse unused names would have refused them already.
 */
export function dropUnusedImports(before: SourceModule, text: string): string {
  const { compiler } = before;
  const after = parseModule(compiler, before.path, text, () => false);
  const used = listUsedNames(before);
  const stillUsed = listUsedNames(after);
  const isDropped = (name: string) => used.has(name) && !stillUsed.has(name);
  const result = new MagicString(text);
  for (const statement of after.file.statements) {
    if (!compiler.isImportDeclaration(statement)) continue;
    const bindings = statement.importClause?.namedBindings;
    if (bindings === undefined || statement.importClause?.name !== undefined) continue;
    if (compiler.isNamespaceImport(bindings)) {
      if (isDropped(bindings.name.text)) removeLine(result, after, statement);
      continue;
    }
    const kept = bindings.elements.filter((element) => !isDropped(element.name.text));
    if (kept.length === bindings.elements.length) continue;
    if (kept.length === 0) removeLine(result, after, statement);
    else removeElements(result, after, bindings.elements, kept);
  }
  return result.toString();
}

function listUsedNames({ compiler, file }: SourceModule): Set<string> {
  const names = new Set<string>();
  for (const statement of file.statements) {
    if (compiler.isImportDeclaration(statement)) continue;
    for (const node of listNodes(compiler, statement)) if (compiler.isIdentifier(node)) names.add(node.text);
  }
  return names;
}

function removeElements(
  result: MagicString,
  module: SourceModule,
  elements: ts.NodeArray<ts.ImportSpecifier>,
  kept: readonly ts.ImportSpecifier[],
): void {
  for (const [index, element] of elements.entries()) {
    if (kept.includes(element)) continue;
    const next = elements[index + 1];
    const previous = elements[index - 1];
    if (next !== undefined) result.remove(element.getStart(module.file), next.getStart(module.file));
    else if (previous !== undefined && kept.includes(previous)) result.remove(previous.getEnd(), element.getEnd());
    else {
      // The names right before it go as well, each with the comma behind it: the last kept one loses its own.
      const last = kept.at(-1);
      if (last !== undefined) result.remove(last.getEnd(), element.getEnd());
    }
  }
}

function removeLine(result: MagicString, module: SourceModule, statement: ts.Statement): void {
  const end = module.text.indexOf('\n', statement.getEnd());
  result.remove(statement.getStart(module.file), end < 0 ? statement.getEnd() : end + 1);
}
