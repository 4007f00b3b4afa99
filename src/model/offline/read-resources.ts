import type { Act } from './lexicon.ts';
import { findCpu, findMemory } from './quantity.ts';
import type { Amount } from './quantity.ts';
import { freeWord, markUsed, wordAt } from './value.ts';
import type { Change, Value } from './value.ts';
import type { Word } from './words.ts';

const MEMORY = /^(?:memory|mem|ram)$/u;
const CPU = /^(?:v?cpus?|cores?|processor|processors|millicores?)$/u;
const DISK = /^(?:storage|disk|volume|persistent|pvc|space)$/u;
const JOINED = /^(\d+(?:\.\d+)?)([a-z]+)$/iu;

/** Amounts of processor, memory and disk, each tied to what it limits. */
export function readResources(words: readonly Word[], acts: ReadonlySet<Act>): Value[] {
  const values: Value[] = [];
  for (let at = 0; at < words.length; at += 1) {
    const found = findAmount(words, at);
    if (found === undefined) continue;
    const { last, memory, cpu } = found;
    const about = findSubject(words, at, last, memory !== undefined);
    const amount = about === 'cpu' ? cpu : memory;
    if (about === undefined || amount === undefined) continue;
    markUsed(words, at, last);
    if (about === 'disk') values.push({ at, kind: 'storage', size: amount.text });
    else {
      const change = toChange(words, at, last, acts, amount);
      values.push({ at, kind: 'resource', resource: about, side: findSide(words, at, last), change });
    }
    at = last;
  }
  values.push(...readFactors(words, acts));
  return values;
}

// The amount that begins here, read as memory and as processor time, since "m" may be either.
function findAmount(
  words: readonly Word[],
  at: number,
): { last: number; memory: Amount | undefined; cpu: Amount | undefined } | undefined {
  const word = words[at];
  const text = freeWord(words, at) === '' ? '' : (word?.text ?? '');
  if (text === '' || /^v\d/iu.test(text)) return undefined;
  const joined = JOINED.exec(text);
  if (joined !== null) {
    const [, number = '', unit = ''] = joined;
    // Kubernetes' "m" is a thousandth: of a core it makes sense, of a byte it does not.
    const memory = unit === 'm' ? undefined : findMemory(number, unit);
    const cpu = findCpu(number, unit);
    return memory === undefined && cpu === undefined ? undefined : { last: at, memory, cpu };
  }
  // "half a core", "2 GB", "0.5 cpu", "a gig"
  const skip = /^(?:half|quarter)$/u.test(text.toLowerCase()) ? nextAfterArticle(words, at + 1) : at + 1;
  const unit = freeWord(words, skip);
  if (unit === '') return bareNumber(words, at);
  const memory = findMemory(text.toLowerCase(), words[skip]?.text ?? '');
  const cpu = findCpu(text.toLowerCase(), unit);
  if (memory === undefined && (cpu === undefined || !CPU.test(unit))) return bareNumber(words, at);
  if (/^an?$/u.test(text.toLowerCase()) && /^[kmgt]$/u.test(unit)) return undefined;
  return { last: skip, memory, cpu };
}

function nextAfterArticle(words: readonly Word[], at: number): number {
  let index = at;
  while (/^(?:a|an|of|the)$/u.test(wordAt(words, index))) index += 1;
  return index;
}

// "cpu to 2": a number without a unit counts cores when the words before name the processor.
function bareNumber(
  words: readonly Word[],
  at: number,
): { last: number; memory: undefined; cpu: Amount | undefined } | undefined {
  const text = words[at]?.lower ?? '';
  if (!/^\d+(?:\.\d+)?$/u.test(text)) return undefined;
  for (let index = at - 1; index >= Math.max(0, at - 4); index -= 1) {
    const word = wordAt(words, index);
    if (CPU.test(word)) return { last: at, memory: undefined, cpu: findCpu(text, '') };
    if (
      !/^(?:to|of|limit|limits|request|requests|=|->|at|be|a|the|should|from|for)$/u.test(word) &&
      words[index]?.mention === undefined
    )
      break;
  }
  return undefined;
}

function findSubject(
  words: readonly Word[],
  first: number,
  last: number,
  isMemory: boolean,
): 'cpu' | 'memory' | 'disk' | undefined {
  const near = (pattern: RegExp) => {
    for (let index = last + 1; index <= last + 3 && index < words.length; index += 1) {
      if (pattern.test(wordAt(words, index))) return true;
      if (!/^(?:of|persistent|limit|request)$/u.test(wordAt(words, index))) break;
    }
    for (let index = first - 1; index >= Math.max(0, first - 5); index -= 1) {
      if (pattern.test(wordAt(words, index))) return true;
      if (
        words[index]?.kind !== 'word' ||
        /^(?:and|then)$/u.test(wordAt(words, index)) ||
        /\d/u.test(wordAt(words, index))
      )
        break;
    }
    return false;
  };
  if (near(DISK)) return isMemory ? 'disk' : undefined;
  if (isMemory) return 'memory';
  // A lone "250m" is processor time, and a unit such as "cores" has said so itself.
  return 'cpu';
}

function findSide(words: readonly Word[], first: number, last: number): 'requests' | 'limits' | 'both' {
  const sideOf = (word: string) =>
    /^limits?$/u.test(word) ? 'limits' : /^requests?$/u.test(word) ? 'requests' : undefined;
  for (let index = last + 1; index <= last + 2 && index < words.length; index += 1) {
    const side = sideOf(wordAt(words, index));
    if (side !== undefined) return side;
    if (!MEMORY.test(wordAt(words, index)) && !CPU.test(wordAt(words, index))) break;
  }
  for (let index = first - 1; index >= 0; index -= 1) {
    const side = sideOf(wordAt(words, index));
    if (side !== undefined) return side;
  }
  return (
    words
      .slice(last + 1)
      .map((word) => sideOf(word.lower))
      .find((side) => side !== undefined) ?? 'both'
  );
}

function toChange(
  words: readonly Word[],
  first: number,
  last: number,
  acts: ReadonlySet<Act>,
  value: Amount,
): Change<Amount> {
  const more =
    /^(?:more|extra|additional)$/u.test(wordAt(words, last + 1)) ||
    /^(?:another|extra|additional)$/u.test(wordAt(words, first - 1));
  const less = /^(?:less|fewer)$/u.test(wordAt(words, last + 1));
  if (more || less) return { how: 'by', value, sign: more ? 1 : -1 };
  if (wordAt(words, first - 1) === 'by') {
    if (acts.has('less') && !acts.has('more')) return { how: 'by', value, sign: -1 };
    if (acts.has('more')) return { how: 'by', value, sign: 1 };
  }
  return { how: 'to', value };
}

/** "double the memory of web", "halve its cpu limit". */
function readFactors(words: readonly Word[], acts: ReadonlySet<Act>): Value[] {
  const factor = findFactor(words);
  if (factor === undefined || !(acts.has('more') || acts.has('less') || acts.has('set'))) return [];
  return words.flatMap((word, at): Value[] => {
    const resource = MEMORY.test(word.lower)
      ? 'memory'
      : /^(?:v?cpus?|processor)$/u.test(word.lower)
        ? 'cpu'
        : undefined;
    if (resource === undefined || word.kind !== 'word') return [];
    return [{ at, kind: 'resource', resource, side: findSide(words, at, at), change: { how: 'times', factor } }];
  });
}

/** The factor of "double", "halve", "twice", "by half", "by 20%"; undefined when nothing multiplies. Marks what it reads. */
export function findFactor(words: readonly Word[]): number | undefined {
  const factors: Readonly<Record<string, number>> = { double: 2, triple: 3, quadruple: 4, halve: 0.5 };
  const lessens = words.some((word) => word.verb?.acts.includes('less') === true || word.lower === 'down');
  for (const [at, word] of words.entries()) {
    const base = word.verb?.base ?? '';
    if (Object.hasOwn(factors, base)) return factors[base];
    if (word.kind !== 'word') continue;
    if (/^(?:twice|doubled)$/u.test(word.lower)) return 2;
    if (wordAt(words, at - 1) !== 'by' && wordAt(words, at - 1) !== 'in') continue;
    if (word.lower === 'half') return lessens ? 0.5 : 1.5;
    const percent = /^(\d{1,3})(%?)$/u.exec(word.lower);
    if (percent === null || (percent[2] === '' && !/^(?:%|percent)$/u.test(wordAt(words, at + 1)))) continue;
    markUsed(words, at, percent[2] === '' ? at + 1 : at);
    return lessens ? 1 - Number(percent[1]) / 100 : 1 + Number(percent[1]) / 100;
  }
  return undefined;
}
