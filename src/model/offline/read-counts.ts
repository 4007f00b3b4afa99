import { findNumber } from './lexicon.ts';
import type { Act } from './lexicon.ts';
import { findFactor } from './read-resources.ts';
import { freeWord, markUsed, nextIndex, wordAt } from './value.ts';
import type { Change, Value } from './value.ts';
import type { Word } from './words.ts';

const NOUN = /^(?:replicas?|instances?|pods?|copy|copies)$/u;
const BETWEEN = /^(?:more|extra|additional|running|fewer|less|new|of|another)$/u;
const RESOURCE = /^(?:memory|mem|ram|cpus?|cores?|limits?|requests?|storage|disk)$/u;

/** Replica counts: absolute, by some, or by a factor. */
export function readCounts(words: readonly Word[], acts: ReadonlySet<Act>, verbs: readonly string[]): Value[] {
  const values: Value[] = [];
  for (const [at] of words.entries()) {
    const value =
      countBeforeNoun(words, at, acts, verbs) ?? countAfterNoun(words, at) ?? countOfVerb(words, at, acts, verbs);
    if (value !== undefined) values.push(value);
  }
  const factor = findFactor(words) ?? readTimes(words);
  const aboutResources = words.some((word) => RESOURCE.test(word.lower) && word.kind === 'word');
  if (factor !== undefined && values.length === 0 && !aboutResources)
    values.push({ at: 0, kind: 'replicas', change: { how: 'times', factor } });
  return values;
}

// "3 replicas", "two more web pods", "another replica", "one instance"
function countBeforeNoun(
  words: readonly Word[],
  at: number,
  acts: ReadonlySet<Act>,
  verbs: readonly string[],
): Value | undefined {
  const lower = freeWord(words, at);
  if (lower === '' || lower === 'couple') return undefined;
  const article = /^(?:a|an|another|extra)$/u.test(lower);
  const number = article ? 1 : findNumber(lower.replace(/x$/u, ''));
  if (number === undefined) return undefined;
  let index = nextIndex(words, at + 1, BETWEEN);
  if (article && wordAt(words, at + 1) === 'couple') return undefined;
  // "3 web replicas", "deploy 3 redis": the name may stand between.
  const named =
    words[index]?.mention !== undefined ||
    (!NOUN.test(wordAt(words, index)) && /^[a-z][\w-]+$/u.test(wordAt(words, index)));
  if (named && NOUN.test(wordAt(words, index + 1))) index += 1;
  else if (!NOUN.test(wordAt(words, index))) return undefined;
  const between = words.slice(at, index).map((word) => word.lower);
  const relative = between.some((word) => /^(?:more|extra|additional|another)$/u.test(word));
  const fewer = between.some((word) => /^(?:fewer|less)$/u.test(word));
  if (
    article &&
    !relative &&
    !verbs.includes('add') &&
    !acts.has('less') &&
    !acts.has('remove') &&
    !/^(?:single)$/u.test(lower)
  ) {
    // "with a replica" says one; "a pod keeps crashing" says nothing.
    if (!/^(?:with|to)$/u.test(wordAt(words, at - 1))) return undefined;
  }
  for (const word of words.slice(at, index + 1)) if (word.mention === undefined) word.used = true;
  return { at, kind: 'replicas', change: toChange(words, at, number, { relative, fewer, acts, verbs, article }) };
}

function toChange(
  words: readonly Word[],
  at: number,
  number: number,
  said: { relative: boolean; fewer: boolean; acts: ReadonlySet<Act>; verbs: readonly string[]; article: boolean },
): Change<number> {
  const by = wordAt(words, at - 1) === 'by';
  const to = /^(?:to|at|exactly)$/u.test(wordAt(words, at - 1));
  const lessens =
    said.fewer ||
    (!said.relative && (said.acts.has('less') || said.acts.has('remove')) && !said.verbs.includes('bump'));
  if (to) return { how: 'to', value: number };
  if (said.relative || said.fewer || by || (said.verbs.includes('add') && !said.acts.has('deploy')))
    return { how: 'by', value: number, sign: lessens ? -1 : 1 };
  if (said.verbs.includes('add') && !/^with$/u.test(wordAt(words, at - 1)) && hasMentionAfterTo(words))
    return { how: 'by', value: number, sign: 1 };
  if (said.acts.has('remove') || (said.acts.has('less') && said.verbs.includes('drop')))
    return { how: 'by', value: number, sign: -1 };
  return { how: 'to', value: number };
}

const hasMentionAfterTo = (words: readonly Word[]): boolean =>
  words.some((word, at) => word.mention !== undefined || (word.lower === 'to' && words[at + 1] !== undefined));

// "replicas to 5", "replica count: 4", "replicas = 2"
function countAfterNoun(words: readonly Word[], at: number): Value | undefined {
  if (!NOUN.test(wordAt(words, at))) return undefined;
  let index = at + 1;
  let linked = false;
  for (; index <= at + 6; index += 1) {
    const word = words[index];
    if (word === undefined) return undefined;
    if (/^(?:to|at|=|->|:|be|is)$/u.test(word.lower)) linked = true;
    else if (
      word.mention === undefined &&
      !/^(?:count|number|of|for|on|in|the|should|must|service|deployment|by|up|down)$/u.test(word.lower)
    )
      break;
    if (word.lower === 'by') return undefined;
  }
  const number = findNumber(freeWord(words, index));
  const last = index === at + 1 && (words[index + 1] === undefined || words[index + 1]?.kind === 'punct');
  if (number === undefined || !(linked || last)) return undefined;
  markUsed(words, index);
  const noun = words[at];
  if (noun !== undefined) noun.used = true;
  return { at, kind: 'replicas', change: { how: 'to', value: number } };
}

// "scale web to 5", "scale down by one", "grow worker by 2"
function countOfVerb(
  words: readonly Word[],
  at: number,
  acts: ReadonlySet<Act>,
  verbs: readonly string[],
): Value | undefined {
  const scales = acts.has('scale') || acts.has('more') || acts.has('less');
  const lower = freeWord(words, at);
  const number = findNumber(lower);
  if (number === undefined || !scales) return undefined;
  if (words.some((word) => word.kind === 'word' && RESOURCE.test(word.lower)) && !acts.has('scale')) return undefined;
  const before = wordAt(words, at - 1);
  const next = wordAt(words, at + 1);
  if (/^(?:times|x|%|percent|minutes?|hours?|days?|seconds?)$/u.test(next) || /^(?:port|version|tag)$/u.test(before))
    return undefined;
  const down = acts.has('less') || words.some((word) => word.lower === 'down');
  const scaleVerb = verbs.some((verb) =>
    /^(?:scale|scale-up|scale-down|scale-out|scale-in|increase|decrease|grow|shrink|reduce|raise|lower|boost|rescale|resize|size|expand|extend|up|cut)$/u.test(
      verb,
    ),
  );
  const updateVerb = verbs.some((verb) => /^(?:bump|run|add|drop|trim)$/u.test(verb));
  if (before === 'by' || next === 'more') {
    markUsed(words, at);
    return { at, kind: 'replicas', change: { how: 'by', value: number, sign: down && next !== 'more' ? -1 : 1 } };
  }
  const settled =
    /^(?:to|->|at|=|:)$/u.test(before) ||
    words[at - 1]?.mention !== undefined ||
    /^(?:up|down|it|them|out|in)$/u.test(before);
  if (!scaleVerb && !(updateVerb && settled && words.some((word) => NOUN.test(word.lower)))) return undefined;
  if (!settled) return undefined;
  markUsed(words, at);
  return { at, kind: 'replicas', change: { how: 'to', value: number } };
}

// "2x", "x3", "three times"
function readTimes(words: readonly Word[]): number | undefined {
  for (const [at, word] of words.entries()) {
    const joined = /^(?:x(\d{1,2})|(\d{1,2})x)$/u.exec(freeWord(words, at));
    const spoken = wordAt(words, at + 1) === 'times' ? findNumber(freeWord(words, at)) : undefined;
    const factor = joined === null ? spoken : Number(joined[1] ?? joined[2]);
    if (factor === undefined || factor < 2) continue;
    word.used = true;
    if (spoken !== undefined) markUsed(words, at + 1);
    return factor;
  }
  return undefined;
}
