// The expression language of analysis conditions, as far as people use it: `len(result) > 0 && all(result, {# >= 0.95})`.
// Like the original it is strict: an index out of range, or nothing compared with a number, is an error and not false.

/** What an expression works with: `result`, and `#` within a predicate. */
type Scope = Readonly<Record<string, unknown>>;
type Evaluate = (scope: Scope) => unknown;

/** Whether a condition holds for what a query gave. Throws where the original could not evaluate it either. */
export function holds(condition: string, result: unknown): boolean {
  const value = parse(condition)({ result });
  if (typeof value !== 'boolean') throw new Error(`expected bool, but got ${typeof value}`);
  return value;
}

const TOKEN =
  /\s*(?:(\d+(?:\.\d+)?(?:[eE][-+]?\d+)?)|"([^"]*)"|'([^']*)'|([A-Za-z_]\w*)|(\|\||&&|[=!<>]=|[-+*/%<>!()[\]{},.#?:]))/y;

interface Token {
  kind: 'number' | 'text' | 'name' | 'sign' | 'end';
  text: string;
}

function toTokens(source: string): Token[] {
  const tokens: Token[] = [];
  TOKEN.lastIndex = 0;
  while (source.slice(TOKEN.lastIndex).trim() !== '') {
    const at = TOKEN.lastIndex;
    const match = TOKEN.exec(source);
    if (match === null) throw new Error(`unexpected token near "${source.slice(at, at + 20).trim()}"`);
    const [, number, double, single, name, sign] = match;
    if (number !== undefined) tokens.push({ kind: 'number', text: number });
    else if (name !== undefined) tokens.push({ kind: 'name', text: name });
    else if (sign !== undefined) tokens.push({ kind: 'sign', text: sign });
    else tokens.push({ kind: 'text', text: double ?? single ?? '' });
  }
  return tokens;
}

const LEVELS: readonly (readonly string[])[] = [
  ['||', 'or'],
  ['&&', 'and'],
  ['==', '!=', '<', '<=', '>', '>='],
  ['+', '-'],
  ['*', '/', '%'],
];

interface Cursor {
  peek(): Token;
  take(): Token;
  /** Takes the next token when it is one of these words or signs. */
  takeIf(...texts: string[]): string | undefined;
  expect(text: string): void;
}

function openCursor(tokens: readonly Token[]): Cursor {
  let at = 0;
  const peek = (): Token => tokens[at] ?? { kind: 'end', text: '' };
  const take = (): Token => {
    const token = peek();
    at += 1;
    return token;
  };
  const takeIf = (...texts: string[]) => {
    const { kind, text } = peek();
    return (kind === 'name' || kind === 'sign') && texts.includes(text) ? take().text : undefined;
  };
  const expect = (text: string) => {
    if (takeIf(text) === undefined) throw new Error(`expected "${text}", got "${peek().text}"`);
  };
  return { peek, take, takeIf, expect };
}

function parse(source: string): Evaluate {
  const cursor = openCursor(toTokens(source));
  const evaluate = parseChoice(cursor);
  if (cursor.peek().kind !== 'end') throw new Error(`unexpected token "${cursor.peek().text}"`);
  return evaluate;
}

function parseChoice(cursor: Cursor): Evaluate {
  const test = parseBinary(cursor, 0);
  if (cursor.takeIf('?') === undefined) return test;
  const yes = parseChoice(cursor);
  cursor.expect(':');
  const no = parseChoice(cursor);
  return (scope) => (toBoolean(test(scope)) ? yes(scope) : no(scope));
}

function parseBinary(cursor: Cursor, level: number): Evaluate {
  const signs = LEVELS[level];
  if (signs === undefined) return parseUnary(cursor);
  let left = parseBinary(cursor, level + 1);
  for (let sign = cursor.takeIf(...signs); sign !== undefined; sign = cursor.takeIf(...signs)) {
    const [first, operator, second] = [left, sign, parseBinary(cursor, level + 1)];
    left = (scope) => operate(operator, first(scope), () => second(scope));
  }
  return left;
}

function parseUnary(cursor: Cursor): Evaluate {
  if (cursor.takeIf('!', 'not') !== undefined) {
    const operand = parseUnary(cursor);
    return (scope) => !toBoolean(operand(scope));
  }
  if (cursor.takeIf('-') !== undefined) {
    const operand = parseUnary(cursor);
    return (scope) => -toNumber(operand(scope));
  }
  let value = parsePrimary(cursor);
  for (let sign = cursor.takeIf('[', '.'); sign !== undefined; sign = cursor.takeIf('[', '.')) {
    const object = value;
    const field = sign === '.' ? cursor.take().text : undefined;
    const index = field === undefined ? parseChoice(cursor) : () => field;
    if (field === undefined) cursor.expect(']');
    value = (scope) => toItem(object(scope), index(scope));
  }
  return value;
}

function parsePrimary(cursor: Cursor): Evaluate {
  const { kind, text } = cursor.take();
  if (kind === 'number') return () => Number(text);
  if (kind === 'text') return () => text;
  if (text === '#') return (scope) => scope['#'];
  if (text === '[') {
    const items = parseList(cursor, ']');
    return (scope) => items.map((item) => item(scope));
  }
  if (text === '(') {
    const inner = parseChoice(cursor);
    cursor.expect(')');
    return inner;
  }
  if (kind !== 'name') throw new Error(`unexpected token "${text}"`);
  if (cursor.takeIf('(') !== undefined) {
    const items = parseList(cursor, ')');
    return (scope) =>
      call(
        text,
        items.map((item) => item(scope)),
      );
  }
  if (text === 'true' || text === 'false') return () => text === 'true';
  if (text === 'nil') return () => undefined;
  return (scope) => {
    if (!Object.hasOwn(scope, text)) throw new Error(`unknown name ${text}`);
    return scope[text];
  };
}

function parseList(cursor: Cursor, end: string): Evaluate[] {
  const items: Evaluate[] = [];
  while (cursor.takeIf(end) === undefined) {
    if (items.length > 0) cursor.expect(',');
    items.push(parseArgument(cursor));
  }
  return items;
}

/** `{# > 1}` gives what has to hold for each item. */
function parseArgument(cursor: Cursor): Evaluate {
  if (cursor.takeIf('{') === undefined) return parseChoice(cursor);
  const body = parseChoice(cursor);
  cursor.expect('}');
  return (scope) => (item: unknown) => body({ ...scope, '#': item });
}

function operate(sign: string, left: unknown, right: () => unknown): unknown {
  switch (sign) {
    case '||':
    case 'or':
      return toBoolean(left) || toBoolean(right());
    case '&&':
    case 'and':
      return toBoolean(left) && toBoolean(right());
    case '==':
      return left === right();
    case '!=':
      return left !== right();
  }
  const [a, b] = [toNumber(left), toNumber(right())];
  switch (sign) {
    case '<':
      return a < b;
    case '<=':
      return a <= b;
    case '>':
      return a > b;
    case '>=':
      return a >= b;
    case '+':
      return a + b;
    case '-':
      return a - b;
    case '*':
      return a * b;
    case '/':
      return a / b;
    default:
      return a % b;
  }
}

function call(name: string, [first, second]: unknown[]): unknown {
  switch (name) {
    case 'len':
      return typeof first === 'string' ? first.length : toList(first).length;
    case 'all':
      return toList(first).every(toTest(second));
    case 'any':
      return toList(first).some(toTest(second));
    case 'none':
      return !toList(first).some(toTest(second));
    case 'filter':
      return toList(first).filter(toTest(second));
    case 'count':
      return toList(first).filter(toTest(second)).length;
    case 'isNaN':
      return Number.isNaN(toNumber(first));
    case 'isInf':
      return Math.abs(toNumber(first)) === Infinity;
    case 'isNil':
      return first === undefined;
    case 'default':
      return first ?? second;
    case 'asFloat':
      return toParsed(first);
    case 'asInt':
      return Math.trunc(toParsed(first));
    default:
      throw new Error(`unknown name ${name}`);
  }
}

function toItem(object: unknown, key: unknown): unknown {
  if (Array.isArray(object)) {
    const index = toNumber(key);
    const found = index < 0 ? index + object.length : index;
    if (found < 0 || found >= object.length)
      throw new Error(`index out of range: ${index} (array length is ${object.length})`);
    return object[found];
  }
  if (typeof object === 'object' && object !== null && typeof key === 'string' && Object.hasOwn(object, key))
    return Reflect.get(object, key);
  throw new Error(`cannot fetch ${String(key)} from ${typeof object}`);
}

function toBoolean(value: unknown): boolean {
  if (typeof value !== 'boolean') throw new Error(`expected bool, but got ${typeof value}`);
  return value;
}

function toNumber(value: unknown): number {
  if (typeof value !== 'number') throw new Error(`invalid operation on ${value === undefined ? 'nil' : typeof value}`);
  return value;
}

function toParsed(value: unknown): number {
  const parsed = typeof value === 'string' && value.trim() !== '' ? Number(value) : value;
  if (typeof parsed !== 'number' || (Number.isNaN(parsed) && typeof value === 'string'))
    throw new Error(`parsing "${String(value)}": invalid syntax`);
  return parsed;
}

function toList(value: unknown): unknown[] {
  if (!Array.isArray(value)) throw new Error(`builtin cannot iterate over ${typeof value}`);
  return value;
}

function toTest(value: unknown): (item: unknown) => boolean {
  if (typeof value !== 'function') throw new Error('a predicate is missing');
  return (item) => toBoolean(Reflect.apply(value, undefined, [item]));
}
