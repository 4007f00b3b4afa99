/** One configuration value: what it means, what it may be, and how its text in an environment variable is read. */
export interface Setting<T> {
  default: T;
  doc: string;
  /** What is allowed, in words that complete "must be ...". */
  allowed: string;
  isValid(value: unknown): boolean;
  /** Reads the text of an environment variable; what cannot be read is returned as it is and then fails `isValid`. */
  parse(text: string): unknown;
  /** `all` hides the value, `url` the password in it, `fields` what stands under names of secrets, where none should. */
  sensitive?: 'all' | 'url' | 'fields';
}

type Sensitive = Pick<Setting<unknown>, 'sensitive'>;

interface Range {
  min?: number;
  max?: number;
}

const isText = (value: unknown): value is string => typeof value === 'string' && value.trim() !== '';
const asText = (text: string): unknown => text;
const asNumber = (text: string): unknown => (/^-?\d+(\.\d+)?$/.test(text.trim()) ? Number(text) : text);

function asJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** Commas between the items, or a JSON array where an item holds a comma. */
function asList(text: string): unknown {
  if (text.trimStart().startsWith('[')) return asJson(text);
  return text
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');
}

function isWithin(value: unknown, range: Range): value is number {
  if (typeof value !== 'number' || !Number.isFinite(value)) return false;
  return value >= (range.min ?? -Infinity) && value <= (range.max ?? Infinity);
}

function rangeText(range: Range): string {
  if (range.max === undefined) return range.min === undefined ? '' : ` of at least ${range.min}`;
  return ` from ${range.min ?? '-infinity'} to ${range.max}`;
}

export function text(doc: string, fallback: string): Setting<string> {
  return { default: fallback, doc, allowed: 'a text that is not empty', isValid: isText, parse: asText };
}

interface OptionalText extends Sensitive {
  /** Narrows what is allowed, with the words for it. */
  matches?: { test: (value: string) => boolean; allowed: string };
}

/** Null where it is not set. */
export function optionalText(doc: string, options: OptionalText = {}): Setting<string | null> {
  const { matches, sensitive } = options;
  return {
    default: null,
    doc,
    allowed: matches?.allowed ?? 'a text that is not empty; leave it out to unset it',
    isValid: (value) => value === null || (isText(value) && (matches?.test(value) ?? true)),
    parse: asText,
    ...(sensitive === undefined ? {} : { sensitive }),
  };
}

export function integer(doc: string, fallback: number, range: Range): Setting<number> {
  return {
    default: fallback,
    doc,
    allowed: `a whole number${rangeText(range)}`,
    isValid: (value) => Number.isSafeInteger(value) && isWithin(value, range),
    parse: asNumber,
  };
}

export function decimal(doc: string, fallback: number, range: Range): Setting<number> {
  return {
    default: fallback,
    doc,
    allowed: `a number${rangeText(range)}`,
    isValid: (value) => isWithin(value, range),
    parse: asNumber,
  };
}

/** Null where it is not set. */
export function optionalDecimal(doc: string, range: Range): Setting<number | null> {
  return {
    default: null,
    doc,
    allowed: `a number${rangeText(range)}; leave it out to unset it`,
    isValid: (value) => value === null || isWithin(value, range),
    parse: asNumber,
  };
}

const TRUTHS: Readonly<Record<string, boolean>> = {
  true: true,
  false: false,
  '1': true,
  '0': false,
  yes: true,
  no: false,
};

export function flag(doc: string, fallback: boolean): Setting<boolean> {
  return {
    default: fallback,
    doc,
    allowed: 'true or false',
    isValid: (value) => typeof value === 'boolean',
    parse: (given) => TRUTHS[given.trim().toLowerCase()] ?? given,
  };
}

export function choice<const T extends string>(doc: string, choices: readonly T[], fallback: T): Setting<T> {
  return {
    default: fallback,
    doc,
    allowed: choices.join(', ').replace(/, ([^,]*)$/, ' or $1'),
    isValid: (value) => choices.some((candidate) => candidate === value),
    parse: asText,
  };
}

interface ListOptions extends Sensitive {
  matches?: { test: (value: string) => boolean; allowed: string };
}

export function list(doc: string, fallback: readonly string[], options: ListOptions = {}): Setting<readonly string[]> {
  const { matches, sensitive } = options;
  return {
    default: fallback,
    doc,
    allowed: `a list of ${matches?.allowed ?? 'texts'}, in an environment variable with commas between them`,
    isValid: (value) =>
      Array.isArray(value) && value.every((item) => isText(item) && (matches === undefined || matches.test(item))),
    parse: asList,
    ...(sensitive === undefined ? {} : { sensitive }),
  };
}

export function choices<const T extends string>(doc: string, allowed: readonly T[]): Setting<readonly T[]> {
  return {
    default: [],
    doc,
    allowed: `a list of any of ${allowed.join(', ')}, in an environment variable with commas between them`,
    isValid: (value) => Array.isArray(value) && value.every((item) => allowed.some((candidate) => candidate === item)),
    parse: asList,
  };
}

/** A value with a shape of its own; in an environment variable it is written as JSON. */
export function json<T>(doc: string, fallback: T, allowed: string, isValid: (value: unknown) => boolean): Setting<T> {
  return { default: fallback, doc, allowed: `${allowed}, in an environment variable as JSON`, isValid, parse: asJson };
}
