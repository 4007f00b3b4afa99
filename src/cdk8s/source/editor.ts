import MagicString from 'magic-string';
import type { ts } from 'ts-morph';
import { findStyle, printCode, printProperty } from './code.ts';
import type { Code, Style } from './code.ts';
import { dropUnusedImports } from './imports.ts';
import type { SourceModule } from './module.ts';

type List = ts.NodeArray<ts.Node>;

/** Gathers splices of source files. Nothing is written to disk; everything outside the splices stays byte for byte. */
export interface Editor {
  style(module: SourceModule): Style;
  replace(module: SourceModule, node: ts.Node, text: string): void;
  insertAt(module: SourceModule, position: number, text: string): void;
  removeRange(module: SourceModule, start: number, end: number): void;
  addProperties(
    module: SourceModule,
    object: ts.ObjectLiteralExpression,
    entries: readonly (readonly [string, Code])[],
  ): void;
  addElement(module: SourceModule, array: ts.ArrayLiteralExpression, code: Code): void;
  addArgument(module: SourceModule, call: ts.NewExpression | ts.CallExpression, code: Code): void;
  /** Removes one item of an object, array or argument list together with its comma and the comments above it. */
  removeItem(module: SourceModule, list: List, item: ts.Node): void;
  removeStatement(module: SourceModule, statement: ts.Statement): void;
  /** Adds lines after a statement, each indented as the statement is. */
  addAfter(module: SourceModule, statement: ts.Statement, lines: readonly string[]): void;
  /** Makes `name` of a package available and gives the text to refer to it by. */
  refer(module: SourceModule, specifier: string, name: string): string;
  /** The changed files with their new text. */
  finish(): { path: string; content: string }[];
}

export function createEditor(): Editor {
  const files = new Map<string, { module: SourceModule; text: MagicString }>();
  const added = new Set<string>();
  const open = (module: SourceModule): MagicString => {
    const known = files.get(module.path);
    if (known !== undefined) return known.text;
    const text = new MagicString(module.text);
    files.set(module.path, { module, text });
    return text;
  };
  const indentAt = (module: SourceModule, position: number): string => {
    const start = module.text.lastIndexOf('\n', position - 1) + 1;
    return /^[ \t]*/.exec(module.text.slice(start))?.[0] ?? '';
  };

  const addItems = (
    module: SourceModule,
    owner: ts.Node,
    list: List,
    print: (indent: string, style: Style) => string[],
  ): void => {
    const text = open(module);
    const style = findStyle(module);
    const outer = indentAt(module, owner.getStart(module.file));
    const last = list.at(-1);
    const end = owner.getEnd() - 1;
    if (last === undefined) {
      const items = print(outer + style.unit, style);
      const line = items.join(', ');
      const braces = module.text[end] === '}' ? ' ' : '';
      const inside = module.text.slice(owner.getStart(module.file) + 1, end);
      if (inside.trim() !== '') {
        // Only a comment inside: keep it and write below.
        text.appendLeft(end, `${items.map((item) => `${style.unit}${item},\n${outer}`).join('')}`);
        return;
      }
      const fits = !line.includes('\n') && outer.length + line.length < 90;
      const content = fits
        ? `${braces}${line}${braces}`
        : `\n${items.map((item) => `${outer}${style.unit}${item},\n`).join('')}${outer}`;
      if (inside === '') text.appendLeft(end, content);
      else text.overwrite(owner.getStart(module.file) + 1, end, content);
      return;
    }
    const first = list[0] ?? last;
    const multiline = module.text.slice(owner.getStart(module.file), first.getStart(module.file)).includes('\n');
    if (multiline) {
      const indent = indentAt(module, last.getStart(module.file));
      const items = print(indent, style);
      const lineEnd = module.text.indexOf('\n', last.getEnd());
      const at = lineEnd < 0 || lineEnd > end ? last.getEnd() : lineEnd;
      const comma = list.hasTrailingComma === true;
      if (!comma) text.appendLeft(last.getEnd(), ',');
      const body = items.map((item) => `\n${indent}${item}`).join(',');
      text.appendLeft(at, `${body}${comma ? ',' : ''}`);
      return;
    }
    const inner = outer + style.unit;
    const items = print(inner, style);
    const lineStart = module.text.lastIndexOf('\n', owner.getStart(module.file)) + 1;
    const lineEnd = module.text.indexOf('\n', end);
    const length = (lineEnd < 0 ? module.text.length : lineEnd) - lineStart + items.join(', ').length + 2;
    if (items.some((item) => item.includes('\n')) || length > 120) {
      // The line would become too long: one item per line from here on.
      let from = owner.getStart(module.file) + 1;
      for (const item of list) {
        const start = item.getStart(module.file);
        if (from < start) text.overwrite(from, start, `\n${inner}`);
        else text.appendLeft(start, `\n${inner}`);
        text.appendLeft(item.getEnd(), ',');
        const comma = module.text.slice(item.getEnd(), end).match(/^\s*,/)?.[0].length ?? 0;
        if (comma > 0) text.remove(item.getEnd(), item.getEnd() + comma);
        from = item.getEnd() + comma;
      }
      const tail = `${items.map((item) => `\n${inner}${item},`).join('')}\n${outer}`;
      if (from < end) text.overwrite(from, end, tail);
      else text.appendLeft(end, tail);
      return;
    }
    text.appendLeft(last.getEnd(), items.map((item) => `, ${item}`).join(''));
  };

  const lineSpan = (module: SourceModule, start: number, end: number): [number, number] => {
    const lineStart = module.text.lastIndexOf('\n', start - 1) + 1;
    const rest = module.text.indexOf('\n', end);
    const lineEnd = rest < 0 ? module.text.length : rest + 1;
    const alone =
      module.text.slice(lineStart, start).trim() === '' &&
      /^[ \t]*(\/\*[^\n]*\*\/[ \t]*)?(\/\/[^\n]*)?\r?\n?$/.test(module.text.slice(end, lineEnd));
    return alone ? [lineStart, lineEnd] : [start, end];
  };

  /** Values before types, and in order where the list is in order. */
  const insertSpecifier = (module: SourceModule, elements: ts.NodeArray<ts.ImportSpecifier>, name: string): void => {
    const text = open(module);
    const values = elements.filter((element) => !element.isTypeOnly).map((element) => element.name);
    const sorted = values.every((value, index) => index === 0 || (values[index - 1]?.text ?? '') <= value.text);
    const next = sorted ? values.find((value) => value.text > name) : undefined;
    const before = next?.parent ?? elements.find((element) => element.isTypeOnly);
    if (before !== undefined) text.appendLeft(before.getStart(module.file), `${name}, `);
    else text.appendLeft(elements.at(-1)?.getEnd() ?? 0, `, ${name}`);
  };

  const editor: Editor = {
    style: findStyle,
    replace: (module, node, text) => {
      open(module).overwrite(node.getStart(module.file), node.getEnd(), text);
    },
    insertAt: (module, position, text) => {
      open(module).appendLeft(position, text);
    },
    removeRange: (module, start, end) => {
      open(module).remove(start, end);
    },
    addProperties: (module, object, entries) =>
      addItems(module, object, object.properties, (indent, style) =>
        entries.map(([key, value]) => printProperty(key, value, style, indent)),
      ),
    addElement: (module, array, code) =>
      addItems(module, array, array.elements, (indent, style) => [printCode(code, style, indent)]),
    addArgument: (module, call, code) => {
      const last = call.arguments?.at(-1);
      const style = findStyle(module);
      const indent = indentAt(module, call.getStart(module.file));
      const text = printCode(code, style, indent, call.getEnd() - call.getStart(module.file));
      open(module).appendLeft(last?.getEnd() ?? call.getEnd() - 1, last === undefined ? text : `, ${text}`);
    },
    removeItem: (module, list, item) => {
      const text = open(module);
      const index = list.indexOf(item);
      const next = list[index + 1];
      const previous = list[index - 1];
      // Comments above an item belong to it; they begin after the previous item's line.
      const comments = module.compiler.getLeadingCommentRanges(module.text, item.getFullStart()) ?? [];
      const own = comments.find(
        (range) => previous === undefined || module.text.slice(previous.getEnd(), range.pos).includes('\n'),
      );
      const start = own?.pos ?? item.getStart(module.file);
      const comma = /^\s*,/.exec(module.text.slice(item.getEnd()))?.[0].length ?? 0;
      const [from, to] = lineSpan(module, start, item.getEnd() + comma);
      if (from !== start || next === undefined || comma === 0) {
        text.remove(from, to);
        if (from === start && previous !== undefined) text.remove(previous.getEnd(), from);
        return;
      }
      text.remove(start, next.getStart(module.file));
    },
    removeStatement: (module, statement) => {
      const comments = module.compiler.getLeadingCommentRanges(module.text, statement.getFullStart()) ?? [];
      // A comment with an empty line below it speaks of more than this statement.
      let start = statement.getStart(module.file);
      for (const range of comments.toReversed()) {
        if (/\n[ \t]*\r?\n/.test(module.text.slice(range.end, start)) || statement.getFullStart() === 0) break;
        start = range.pos;
      }
      const [from, to] = lineSpan(module, start, statement.getEnd());
      // The empty line above goes too where one below, or the end of the block, would be left beside it.
      const above = /\n([ \t]*\r?\n)$/.exec(module.text.slice(0, from))?.[1]?.length ?? 0;
      const closes = /^[ \t]*(\r?\n|\}|$)/.test(module.text.slice(to));
      open(module).remove(above > 0 && closes ? from - above : from, to);
    },
    addAfter: (module, statement, lines) => {
      const indent = indentAt(module, statement.getStart(module.file));
      const lineEnd = module.text.indexOf('\n', statement.getEnd());
      const rest = module.text.slice(statement.getEnd(), lineEnd < 0 ? undefined : lineEnd);
      const at = /^\s*(\/\/.*)?$/.test(rest) ? statement.getEnd() + rest.length : statement.getEnd();
      open(module).appendLeft(at, lines.map((line) => (line === '' ? '\n' : `\n${indent}${line}`)).join(''));
    },
    refer: (module, specifier, name) => {
      const { compiler } = module;
      for (const [local, from] of module.imports) {
        if (from.specifier !== specifier) continue;
        if (from.name === name) return local;
        if (from.name === '*') return `${local}.${name}`;
      }
      const key = `${module.path} ${specifier} ${name}`;
      if (added.has(key)) return name;
      added.add(key);
      const declarations = module.file.statements.filter((node) => compiler.isImportDeclaration(node));
      for (const declaration of declarations) {
        const bindings = declaration.importClause?.namedBindings;
        const same =
          compiler.isStringLiteral(declaration.moduleSpecifier) && declaration.moduleSpecifier.text === specifier;
        if (!same || bindings === undefined || !compiler.isNamedImports(bindings)) continue;
        if (declaration.importClause?.isTypeOnly === true) continue;
        if (bindings.elements.length === 0) continue;
        insertSpecifier(module, bindings.elements, name);
        return name;
      }
      const { quote } = findStyle(module);
      const last = declarations.at(-1);
      const line = `import { ${name} } from ${quote}${specifier}${quote};`;
      if (last === undefined) open(module).prepend(`${line}\n`);
      else open(module).appendLeft(last.getEnd(), `\n${line}`);
      return name;
    },
    finish: () =>
      [...files.values()]
        .filter(({ module, text }) => text.toString() !== module.text)
        .map(({ module, text }) => ({
          path: module.path,
          content: withLineEnds(module, dropUnusedImports(module, text.toString())),
        })),
  };
  return editor;
}

/** Files written on Windows keep their line ends. */
function withLineEnds(module: SourceModule, text: string): string {
  return module.text.includes('\r\n') ? text.replace(/\r?\n/g, '\r\n') : text;
}
