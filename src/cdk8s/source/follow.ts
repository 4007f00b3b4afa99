import type { ts } from 'ts-morph';
import { listNodes } from './module.ts';
import { countReads, findBinding, findProperty, unwrap } from './place.ts';
import type { Binding, Frame, Modules, ObjectPlace, Place } from './place.ts';

/** Where a value can be put that is not given yet: as a property of the caller's object, or as one more argument. */
export type Give =
  | { kind: 'property'; object: ObjectPlace; key: string }
  | { kind: 'argument'; call: NonNullable<Frame['call']>; key: string };

/** One hop from an expression towards the literal behind it. */
type Step =
  | {
      kind: 'value';
      place: Place;
      /** How many expressions read that place; above one, writing there would change the others too. */
      reads: number;
      /** Set when the value is only a default and the caller may give its own. */
      give?: Give;
    }
  | { kind: 'absent'; give?: Give }
  | { kind: 'opaque' };

const MAX_HOPS = 40;

/** Follows a name, a property of a known object or a default one step; `opaque` for anything that is computed. */
export function step(modules: Modules, place: Place): Step {
  const { module, frame } = place;
  const { compiler } = module;
  const node = unwrap(module, place.node);
  if (compiler.isIdentifier(node)) {
    if (node.text === 'undefined') return { kind: 'absent' };
    return stepBinding(modules, place, findBinding(modules, module, node, node.text));
  }
  if (compiler.isPropertyAccessExpression(node))
    return stepMember(modules, { module, node: node.expression, frame }, node.name.text, undefined);
  if (compiler.isElementAccessExpression(node) && compiler.isStringLiteral(node.argumentExpression))
    return stepMember(modules, { module, node: node.expression, frame }, node.argumentExpression.text, undefined);
  if (compiler.isBinaryExpression(node) && isDefaulting(place, node)) {
    const left = step(modules, { module, node: node.left, frame });
    if (left.kind === 'value') return left;
    // Nothing of the outside reaches a synth, so what the environment would give is never there.
    const fromEnvironment = node.left.getText(module.file).startsWith('process.env');
    if (left.kind === 'absent' || fromEnvironment) {
      const fallback = { module, node: node.right, frame };
      return {
        kind: 'value',
        place: fallback,
        reads: 1,
        ...(left.kind === 'absent' && left.give ? { give: left.give } : {}),
      };
    }
  }
  return { kind: 'opaque' };
}

function isDefaulting(place: Place, node: ts.BinaryExpression): boolean {
  const { SyntaxKind } = place.module.compiler;
  return (
    node.operatorToken.kind === SyntaxKind.QuestionQuestionToken || node.operatorToken.kind === SyntaxKind.BarBarToken
  );
}

function stepBinding(modules: Modules, place: Place, binding: Binding): Step {
  const { frame, module } = place;
  switch (binding.kind) {
    case 'constant':
      return {
        kind: 'value',
        place: { module: binding.module, node: binding.initializer, frame },
        reads: countReads(modules, binding),
      };
    case 'argument':
      return stepArgument(place, binding);
    case 'member': {
      const of = binding.of.kind === 'place' ? { module, node: binding.of.node, frame } : undefined;
      if (of !== undefined) return stepMember(modules, of, binding.key, binding.fallback);
      const argument = binding.of.kind === 'place' ? undefined : stepBinding(modules, place, binding.of);
      if (argument?.kind === 'value') return stepMember(modules, argument.place, binding.key, binding.fallback);
      if (argument?.kind === 'absent' && frame.call !== undefined)
        return withFallback(place, binding.fallback, { kind: 'argument', call: frame.call, key: binding.key });
      return { kind: 'opaque' };
    }
    case 'class':
    case 'other':
      return { kind: 'opaque' };
  }
}

function stepArgument(place: Place, binding: Extract<Binding, { kind: 'argument' }>): Step {
  const { frame } = place;
  if (!binding.constructor || frame.owner === undefined) return { kind: 'opaque' };
  const given = frame.args[binding.index];
  if (given !== undefined) return { kind: 'value', place: given, reads: 1 };
  return { kind: 'absent' };
}

function stepMember(modules: Modules, of: Place, key: string, fallback: ts.Expression | undefined): Step {
  const object = toObject(modules, of);
  if (object === undefined) {
    // `props.image` where the caller gave no props at all.
    const whole = step(modules, of);
    if (whole.kind === 'absent' && of.frame.call !== undefined && of.frame.call.node.arguments !== undefined)
      return withFallback(of, fallback, { kind: 'argument', call: of.frame.call, key });
    return { kind: 'opaque' };
  }
  const property = findProperty(object.place, key);
  if (property.kind === 'hidden') return { kind: 'opaque' };
  if (property.kind === 'missing')
    return object.reads > 1
      ? withFallback(of, fallback, undefined)
      : withFallback(of, fallback, { kind: 'property', object: object.place, key });
  return { kind: 'value', place: property.value, reads: object.reads > 1 ? countMemberReads(modules, of, key) : 1 };
}

function withFallback(place: Place, fallback: ts.Expression | undefined, give: Give | undefined): Step {
  const extra = give === undefined ? {} : { give };
  if (fallback === undefined) return { kind: 'absent', ...extra };
  return { kind: 'value', place: { ...place, node: fallback }, reads: 1, ...extra };
}

/** Reads of `IMAGES.web` rather than of `IMAGES`: a table of constants is read in many places, each entry in one. */
function countMemberReads(modules: Modules, of: Place, key: string): number {
  const { compiler } = of.module;
  const node = unwrap(of.module, of.node);
  if (!compiler.isIdentifier(node)) return 2;
  const binding = findBinding(modules, of.module, node, node.text);
  if (binding.kind !== 'constant') return 2;
  let others = 0;
  for (const module of modules.all()) {
    const local =
      module === binding.module
        ? node.text
        : [...module.imports].find(([, from]) => from.target === binding.module.path && from.name === node.text)?.[0];
    if (local === undefined) continue;
    others += listNodes(compiler, module.file).filter(
      (access) =>
        compiler.isPropertyAccessExpression(access) &&
        compiler.isIdentifier(access.expression) &&
        access.expression.text === local &&
        access.name.text !== key,
    ).length;
  }
  return countReads(modules, binding) - others;
}

/** The object literal behind an expression, and how many expressions read it. */
export function toObject(modules: Modules, place: Place): { place: ObjectPlace; reads: number } | undefined {
  let current = place;
  let reads = 1;
  for (let hop = 0; hop < MAX_HOPS; hop += 1) {
    const node = unwrap(current.module, current.node);
    if (current.module.compiler.isObjectLiteralExpression(node)) return { place: { ...current, node }, reads };
    const next = step(modules, current);
    // A default object belongs to the class, not to the caller.
    if (next.kind !== 'value' || next.give !== undefined) return undefined;
    reads = Math.max(reads, next.reads);
    current = next.place;
  }
  return undefined;
}

/** The array literal behind an expression, and how many expressions read it. */
export function toArray(
  modules: Modules,
  place: Place,
): { place: Place & { node: ts.ArrayLiteralExpression }; reads: number } | undefined {
  let current = place;
  let reads = 1;
  for (let hop = 0; hop < MAX_HOPS; hop += 1) {
    const node = unwrap(current.module, current.node);
    if (current.module.compiler.isArrayLiteralExpression(node)) return { place: { ...current, node }, reads };
    const next = step(modules, current);
    if (next.kind !== 'value') return undefined;
    reads = Math.max(reads, next.reads);
    current = next.place;
  }
  return undefined;
}

type Known = { known: true; value: string | number | boolean | undefined } | { known: false };

/** What an expression will be, where that can be told without running it. */
export function evaluate(modules: Modules, place: Place, hops = 0): Known {
  const { module, frame } = place;
  const { compiler } = module;
  const node = unwrap(module, place.node);
  const unknown: Known = { known: false };
  if (hops > MAX_HOPS) return unknown;
  if (compiler.isStringLiteral(node) || compiler.isNoSubstitutionTemplateLiteral(node))
    return { known: true, value: node.text };
  if (compiler.isNumericLiteral(node)) return { known: true, value: Number(node.text) };
  if (node.kind === compiler.SyntaxKind.TrueKeyword) return { known: true, value: true };
  if (node.kind === compiler.SyntaxKind.FalseKeyword) return { known: true, value: false };
  if (compiler.isTemplateExpression(node)) {
    let text = node.head.text;
    for (const span of node.templateSpans) {
      const part = evaluate(modules, { module, node: span.expression, frame }, hops + 1);
      if (!part.known) return unknown;
      text += String(part.value) + span.literal.text;
    }
    return { known: true, value: text };
  }
  if (compiler.isBinaryExpression(node) && node.operatorToken.kind === compiler.SyntaxKind.PlusToken) {
    const left = evaluate(modules, { module, node: node.left, frame }, hops + 1);
    const right = evaluate(modules, { module, node: node.right, frame }, hops + 1);
    if (!left.known || !right.known || typeof left.value !== 'string') return unknown;
    return { known: true, value: left.value + String(right.value) };
  }
  const next = step(modules, place);
  if (next.kind === 'absent') return { known: true, value: undefined };
  return next.kind === 'value' ? evaluate(modules, next.place, hops + 1) : unknown;
}

export function evaluateText(modules: Modules, place: Place | undefined): string | undefined {
  if (place === undefined) return undefined;
  const result = evaluate(modules, place);
  return result.known && typeof result.value === 'string' ? result.value : undefined;
}

/** The place a path of keys leads to; undefined where it is not there or cannot be followed. */
export function findPath(modules: Modules, object: ObjectPlace, path: readonly string[]): Place | undefined {
  let current: Place = object;
  for (const key of path) {
    const found = toObject(modules, current);
    if (found === undefined) return undefined;
    const property = findProperty(found.place, key);
    if (property.kind !== 'found') return undefined;
    current = property.value;
  }
  return current;
}
