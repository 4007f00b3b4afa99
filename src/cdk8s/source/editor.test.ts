import type { ts } from 'ts-morph';
import { beforeAll, describe, expect, test } from 'vitest';
import { printCode, toKeyCode, toStringCode } from './code.ts';
import type { Code } from './code.ts';
import { createEditor } from './editor.ts';
import { listNodes, loadCompiler, parseModule } from './module.ts';
import type { Compiler, SourceModule } from './module.ts';

let compiler: Compiler;
beforeAll(async () => {
  compiler = await loadCompiler();
});

function parse(text: string): SourceModule {
  return parseModule(compiler, 'main.ts', text, () => false);
}

function firstObject(module: SourceModule): ts.ObjectLiteralExpression {
  const found = listNodes(compiler, module.file).find((node) => compiler.isObjectLiteralExpression(node));
  if (found === undefined || !compiler.isObjectLiteralExpression(found)) throw new Error('no object');
  return found;
}

function addTo(text: string, ...entries: [string, Code][]): string | undefined {
  const module = parse(text);
  const editor = createEditor();
  editor.addProperties(module, firstObject(module), entries);
  return editor.finish()[0]?.content;
}

function removeFrom(text: string, index: number): string | undefined {
  const module = parse(text);
  const object = firstObject(module);
  const editor = createEditor();
  const item = object.properties[index];
  if (item === undefined) throw new Error('no property');
  editor.removeItem(module, object.properties, item);
  return editor.finish()[0]?.content;
}

describe('adding a property', () => {
  test.each([
    ['an empty object', 'f({});\n', 'f({ a: 1 });\n'],
    ['an object with space inside', 'f({ });\n', 'f({ a: 1 });\n'],
    ['one line', "f({ b: 'x' });\n", "f({ b: 'x', a: 1 });\n"],
    ['one line with a comma', "f({ b: 'x', });\n", "f({ b: 'x', a: 1, });\n"],
    ['one line without space', 'f({b: 2});\n', 'f({b: 2, a: 1});\n'],
    ['several lines', 'f({\n  b: 2,\n});\n', 'f({\n  b: 2,\n  a: 1,\n});\n'],
    ['several lines without the last comma', 'f({\n  b: 2\n});\n', 'f({\n  b: 2,\n  a: 1\n});\n'],
    ['a comment behind the last one', 'f({\n  b: 2, // two\n});\n', 'f({\n  b: 2, // two\n  a: 1,\n});\n'],
    ['a comment behind the last one, no comma', 'f({\n  b: 2 // two\n});\n', 'f({\n  b: 2, // two\n  a: 1\n});\n'],
    ['a comment below the last one', 'f({\n  b: 2,\n  // end\n});\n', 'f({\n  b: 2,\n  a: 1,\n  // end\n});\n'],
    ['only a comment inside', 'f({\n  // later\n});\n', 'f({\n  // later\n  a: 1,\n});\n'],
    ['tabs', 'f({\n\tb: {\n\t\tc: 1,\n\t},\n});\n', 'f({\n\tb: {\n\t\tc: 1,\n\t},\n\ta: 1,\n});\n'],
    ['Windows line ends', 'f({\r\n  b: 2,\r\n});\r\n', 'f({\r\n  b: 2,\r\n  a: 1,\r\n});\r\n'],
  ])('to %s', (_what, before, after) => {
    expect(addTo(before, ['a', '1'])).toBe(after);
  });

  test('a line that would become too long is broken up', () => {
    const long = `'${'x'.repeat(50)}'`;
    expect(addTo(`  f({ a: ${long}, b: ${long} });\n`, ['c', "'y'"], ['d', '2'])).toBe(
      `  f({\n    a: ${long},\n    b: ${long},\n    c: 'y',\n    d: 2,\n  });\n`,
    );
    expect(addTo(`f({a: ${long},b: ${long},});\n`, ['c', "'yyyyyyyyyy'"])).toBe(
      `f({\n  a: ${long},\n  b: ${long},\n  c: 'yyyyyyyyyy',\n});\n`,
    );
  });
});

describe('removing a property', () => {
  test.each([
    ['the first of a line', 'f({ a: 1, b: 2 });', 0, 'f({ b: 2 });'],
    ['the last of a line', 'f({ a: 1, b: 2 });', 1, 'f({ a: 1 });'],
    ['the only one', 'f({ a: 1 });', 0, 'f({  });'],
    ['a line', 'f({\n  a: 1,\n  b: 2,\n});', 0, 'f({\n  b: 2,\n});'],
    ['the last line', 'f({\n  a: 1,\n  b: 2,\n});', 1, 'f({\n  a: 1,\n});'],
    [
      'a line with its comments',
      'f({\n  a: 1,\n  // two\n  // things\n  b: 2, // end\n  c: 3,\n});',
      1,
      'f({\n  a: 1,\n  c: 3,\n});',
    ],
    ['not the comment behind the one before', 'f({\n  a: 1, // one\n  b: 2,\n});', 1, 'f({\n  a: 1, // one\n});'],
  ])('%s', (_what, before, index, after) => {
    expect(removeFrom(before, index)).toBe(after);
  });
});

describe('imports', () => {
  const refer = (text: string, specifier: string, name: string) => {
    const module = parse(text);
    const editor = createEditor();
    const reference = editor.refer(module, specifier, name);
    // Used, or it would be taken out again.
    editor.insertAt(module, module.text.length, `${reference};\n`);
    return editor.finish()[0]?.content;
  };
  test.each([
    ['a namespace', "import * as kplus from 'x';\n", "import * as kplus from 'x';\nkplus.A;\n"],
    ['a renamed name', "import { A as B } from 'x';\n", "import { A as B } from 'x';\nB;\n"],
    ['a sorted list', "import { B, C, type D } from 'x';\n", "import { A, B, C, type D } from 'x';\nA;\n"],
    ['an unsorted list', "import { C, B } from 'x';\n", "import { C, B, A } from 'x';\nA;\n"],
    ['types alone', "import type { B } from 'x';\n", "import type { B } from 'x';\nimport { A } from 'x';\nA;\n"],
    ['no import', '', "import { A } from 'x';\nA;\n"],
  ])('extend %s', (_what, before, after) => {
    expect(refer(before, 'x', 'A')).toBe(after);
  });

  test('a name the edit leaves unused goes, one that was unused before stays', () => {
    const module = parse("import { A, B, C } from 'x';\nimport * as y from 'y';\nA();\nC();\ny.z();\n");
    const editor = createEditor();
    for (const statement of module.file.statements.slice(3)) editor.removeStatement(module, statement);
    expect(editor.finish()[0]?.content).toBe("import { A, B } from 'x';\nA();\n");
  });
});

describe('code', () => {
  const style = { unit: '  ', quote: "'" } as const;
  test('strings cannot end early or start a substitution', () => {
    for (const text of [
      "it's",
      'say "hi"',
      `both ' and "`,
      'back\\slash',
      'a\nb\tc',
      '${x}`',
      '\u2028',
      "\\' + evil() + '",
    ]) {
      for (const quote of ["'", '"'] as const) {
        const code = toStringCode(text, { unit: '  ', quote });
        const node = compiler.createSourceFile('x.ts', `(${code})`, compiler.ScriptTarget.Latest).statements[0];
        if (
          node === undefined ||
          !compiler.isExpressionStatement(node) ||
          !compiler.isParenthesizedExpression(node.expression)
        )
          throw new Error(code);
        const { expression } = node.expression;
        expect(compiler.isStringLiteral(expression) && expression.text, code).toBe(text);
      }
    }
  });

  test('keys that are no names are quoted, and __proto__ stays a key', () => {
    expect(toKeyCode('a.b', style)).toBe("'a.b'");
    expect(toKeyCode('__proto__', style)).toBe("['__proto__']");
    expect(printCode({ object: [['__proto__', "'x'"]] }, style)).toBe("{ ['__proto__']: 'x' }");
  });

  test('long code is broken by depth', () => {
    const code: Code = { object: [['a', { array: ["'one'", { object: [['b', `'${'x'.repeat(90)}'`]] }] }]] };
    expect(printCode(code, style)).toBe(`{\n  a: [\n    'one',\n    {\n      b: '${'x'.repeat(90)}',\n    },\n  ],\n}`);
  });
});
