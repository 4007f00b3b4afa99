import { printCode } from './code.ts';
import type { Code } from './code.ts';
import type { Editor } from './editor.ts';
import { evaluate, step, toObject } from './follow.ts';
import type { Give } from './follow.ts';
import { toWhere } from './module.ts';
import { findProperty, unwrap } from './place.ts';
import type { Modules, ObjectPlace, Place } from './place.ts';
import { unsupported } from './refusal.ts';

/** What writing an edit needs: the sources to follow names in, and where splices are gathered. */
export interface Writing {
  modules: Modules;
  editor: Editor;
}

/** Refuses to write where the same source builds more than the one thing that is to change. */
export function guard(place: Place): void {
  if (place.frame.shared === undefined) return;
  throw unsupported(
    `${toWhere(place.module, place.node)}: ${place.frame.shared}`,
    'Make the value a property of the chart that main.ts gives each service, then repeat the change.',
  );
}

/**
 * Gives an expression a new value at the place the value comes from: a literal, a constant only this expression reads,
 * the property main.ts passes to the chart. A value others read too is left alone and replaced where it is used.
 */
export function assign(writing: Writing, place: Place, code: Code): void {
  const { modules } = writing;
  const next = step(modules, place);
  if (next.kind === 'value') {
    if (next.give !== undefined) {
      give(writing, next.give, code);
      return;
    }
    if (next.reads <= 1) {
      assign(writing, next.place, code);
      return;
    }
  }
  if (next.kind === 'absent' && next.give !== undefined) {
    give(writing, next.give, code);
    return;
  }
  if (assignTemplateTail(writing, place, code)) return;
  replaceHere(writing, place, code);
}

function give(writing: Writing, target: Give, code: Code): void {
  const { editor } = writing;
  if (target.kind === 'property') {
    guard(target.object);
    editor.addProperties(target.object.module, target.object.node, [[target.key, code]]);
    return;
  }
  const { module, node, frame } = target.call;
  guard({ module, node, frame });
  editor.addArgument(module, node, { object: [[target.key, code]] });
}

function replaceHere({ editor }: Writing, place: Place, code: Code): void {
  guard(place);
  const { module, node } = place;
  const { compiler } = module;
  const text = module.text;
  const lineStart = text.lastIndexOf('\n', node.getStart(module.file)) + 1;
  const indent = /^[ \t]*/.exec(text.slice(lineStart))?.[0] ?? '';
  const printed = printCode(code, editor.style(module), indent, node.getStart(module.file) - lineStart - indent.length);
  const shorthand = compiler.isShorthandPropertyAssignment(node.parent);
  editor.replace(module, node, shorthand ? `${node.getText(module.file)}: ${printed}` : printed);
}

/** `registry/web:${tag}` keeps its form when only what the last substitution gives has to change. */
function assignTemplateTail(writing: Writing, place: Place, code: Code): boolean {
  const { module, frame } = place;
  const { compiler } = module;
  const node = unwrap(module, place.node);
  if (!compiler.isTemplateExpression(node) || typeof code !== 'string') return false;
  const wanted = toText(code);
  const last = node.templateSpans.at(-1);
  if (wanted === undefined || last === undefined || last.literal.text !== '') return false;
  let head = node.head.text;
  for (const span of node.templateSpans.slice(0, -1)) {
    const part = evaluate(writing.modules, { module, node: span.expression, frame });
    if (!part.known) return false;
    head += String(part.value) + span.literal.text;
  }
  if (!wanted.startsWith(head) || wanted.length === head.length) return false;
  const { quote } = writing.editor.style(module);
  assign(writing, { module, node: last.expression, frame }, `${quote}${wanted.slice(head.length)}${quote}`);
  return true;
}

/** The text of a string literal that needed no escapes. */
function toText(code: string): string | undefined {
  return /^(['"])([^'"\\]*)\1$/.exec(code)?.[2];
}

/** One value to be set, by its path of keys. */
export interface Assignment {
  path: readonly string[];
  code: Code;
}

/** Sets values inside an object literal, making what is missing on the way. Existing values are assigned where they come from. */
export function setPaths(writing: Writing, object: ObjectPlace, assignments: readonly Assignment[]): void {
  const missing: [string, Code][] = [];
  for (const [key, group] of Map.groupBy(assignments, (assignment) => assignment.path[0] ?? '')) {
    const property = findProperty(object, key);
    if (property.kind === 'hidden')
      throw unsupported(
        `${toWhere(object.module, object.node)}: \`${key}\` may come from a spread or a computed key, which cannot be followed`,
        `Write \`${key}\` out as a property behind the spread.`,
      );
    if (property.kind === 'missing') {
      missing.push([key, nest(group.map(({ path, code }) => ({ path: path.slice(1), code })))]);
      continue;
    }
    const leaf = group.find(({ path }) => path.length === 1);
    if (leaf !== undefined) {
      assign(writing, property.value, leaf.code);
      continue;
    }
    setInside(
      writing,
      property.value,
      group.map(({ path, code }) => ({ path: path.slice(1), code })),
    );
  }
  if (missing.length === 0) return;
  guard(object);
  writing.editor.addProperties(object.module, object.node, missing);
}

function setInside(writing: Writing, place: Place, assignments: readonly Assignment[]): void {
  const inner = toObject(writing.modules, place);
  if (inner === undefined)
    throw unsupported(
      `${toWhere(place.module, place.node)}: \`${place.node.getText(place.module.file).slice(0, 60)}\` is computed, so it cannot be changed field by field`,
      'Write it as an object literal.',
    );
  if (inner.reads <= 1) {
    setPaths(writing, inner.place, assignments);
    return;
  }
  // Others read the same object: this one gets a copy of its own with the change on top.
  const override = assignments.every(
    ({ path }) => path.length === 1 || findProperty(inner.place, path[0] ?? '').kind === 'missing',
  );
  if (!override)
    throw unsupported(
      `${toWhere(inner.place.module, inner.place.node)}: this object is used in several places`,
      'Give the workload an object of its own.',
    );
  const { module } = place;
  const original = place.node.getText(module.file);
  const nested = nest(assignments);
  const entries = typeof nested === 'object' && 'object' in nested ? nested.object : [];
  const style = writing.editor.style(module);
  const line = printCode({ object: entries }, style);
  replaceHere(writing, place, `{ ...${original}, ${line.replace(/^\{\s*/, '')}`);
}

/** `[a b]=1 [a c]=2` as `{ a: { b: 1, c: 2 } }`. */
export function nest(assignments: readonly Assignment[]): Code {
  const leaf = assignments.find(({ path }) => path.length === 0);
  if (leaf !== undefined) return leaf.code;
  const groups = Map.groupBy(assignments, ({ path }) => path[0] ?? '');
  return {
    object: [...groups].map(
      ([key, group]) => [key, nest(group.map(({ path, code }) => ({ path: path.slice(1), code })))] as const,
    ),
  };
}
