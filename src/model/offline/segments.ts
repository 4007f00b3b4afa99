import type { Target } from './request.ts';
import type { Value } from './value.ts';
import type { Word } from './words.ts';

export interface Pair {
  target: Target;
  values: Value[];
}

interface Names {
  /** A service to be made, at its word. */
  fresh: { at: number; target: Target }[] | undefined;
  /** Names nobody knows, at their words. */
  unknown: { at: number; text: string }[];
  isSeparator(word: Word): boolean;
}

interface Segment {
  targets: Target[];
  values: Value[];
}

/**
 * Decides which value belongs to which service. "scale web and worker to 5": one value for two names. "web to 3 and worker
 * to 5": each its own. "A=1 and B=2 on api": two values for one name.
 */
export function pairUp(words: readonly Word[], values: readonly Value[], names: Names): Pair[] {
  const segments = toSegments(words, values, names);
  const named = segments.filter((segment) => segment.targets.length > 0);
  if (named.length === 0) return [{ target: { kind: 'context' }, values: [...values] }];
  const owners = segments.map((segment, index) => (segment.targets.length > 0 ? index : findOwner(segments, index)));
  const pairs: Pair[] = [];
  for (const [index, segment] of segments.entries()) {
    if (segment.targets.length === 0) continue;
    const own = segments.flatMap((other, at) => (owners[at] === index ? other.values : []));
    const shared = own.length > 0 ? own : findShared(segments, owners, index);
    for (const target of segment.targets) pairs.push({ target, values: shared });
  }
  return pairs;
}

function toSegments(words: readonly Word[], values: readonly Value[], names: Names): Segment[] {
  const segments: Segment[] = [];
  let current: Segment = { targets: [], values: [] };
  for (const [at, word] of words.entries()) {
    if (names.isSeparator(word)) {
      segments.push(current);
      current = { targets: [], values: [] };
      continue;
    }
    const fresh = names.fresh?.find((name) => name.at === at);
    const unknown = names.unknown.find((name) => name.at === at);
    if (fresh !== undefined) current.targets.push(fresh.target);
    // Beside a service to be made, other services are there for context: "deploy redis for the api".
    else if (word.mention !== undefined && names.fresh === undefined)
      current.targets.push({ kind: 'named', text: word.mentionText ?? word.text, candidates: word.mention });
    else if (unknown !== undefined) current.targets.push({ kind: 'unknown', text: unknown.text });
    current.values.push(...values.filter((value) => value.at === at));
  }
  segments.push(current);
  for (const segment of segments) segment.targets = withoutGuessing(segment.targets);
  return segments.filter((segment) => segment.targets.length > 0 || segment.values.length > 0);
}

// Two services in one breath without an "and" between them: one of them is meant, or both; the person is asked.
function withoutGuessing(targets: readonly Target[]): Target[] {
  const named = targets.filter((target) => target.kind === 'named');
  const names = [...new Set(named.map(({ text }) => text.toLowerCase()))];
  if (names.length === 0) return [...targets];
  const [first] = named;
  const others = targets.filter(({ kind }) => kind !== 'named');
  if (names.length === 1) return first === undefined ? others : [first, ...others];
  return [
    { kind: 'named', text: `"${names.join('" and "')}"`, candidates: named.flatMap(({ candidates }) => candidates) },
    ...others,
  ];
}

// Values without a name belong to the name before them, or, at the head of a list, to the next one.
function findOwner(segments: readonly Segment[], index: number): number {
  for (let at = index - 1; at >= 0; at -= 1) if ((segments[at]?.targets.length ?? 0) > 0) return at;
  return segments.findIndex((segment, at) => at > index && segment.targets.length > 0);
}

// A name without values shares those of the next name that has some, or else of the one before.
function findShared(segments: readonly Segment[], owners: readonly number[], index: number): Value[] {
  const valuesOf = (owner: number) => segments.flatMap((segment, at) => (owners[at] === owner ? segment.values : []));
  for (let at = index + 1; at < segments.length; at += 1) {
    const found = (segments[at]?.targets.length ?? 0) > 0 ? valuesOf(at) : [];
    if (found.length > 0) return found;
  }
  for (let at = index - 1; at >= 0; at -= 1) {
    const found = valuesOf(at);
    if (found.length > 0) return found;
  }
  return [];
}
