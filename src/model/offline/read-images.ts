import { findImage } from '../../manifest/image.ts';
import { COMMON } from './lexicon.ts';
import type { Act } from './lexicon.ts';
import { freeWord, markUsed, nextIndex, wordAt } from './value.ts';
import type { Value } from './value.ts';
import type { Word } from './words.ts';

const VERSION = /^v?\d+(?:\.\d+)+(?:[-+._]?[a-z0-9]+)*$/iu;
const V_NUMBER = /^v\d+(?:[-.][a-z0-9.]+)?$/iu;
const TAG = /^\w[\w.-]{0,127}$/u;
/** Build tags such as `main-3f2a1b` or `sha-3f2a1bc`: letters, then a digit somewhere. */
const BUILD_TAG = /^(?=[^\d]*\d)[a-z][\w.]*(?:-[\w.]+)+$|^[0-9a-f]{7,40}$/iu;
const PRECISE_VERBS = /^(?:upgrade|bump|downgrade|deploy|install|pin|release|ship|roll-out|launch|promote)$/u;

/** Images, versions and tags. Bare numbers are read only where the verb speaks of versions. */
export function readImages(words: readonly Word[], acts: ReadonlySet<Act>, verbs: readonly string[]): Value[] {
  const values: Value[] = [];
  for (const [at, word] of words.entries()) {
    if (word.used && word.kind !== 'quoted') continue;
    if (word.mention !== undefined) continue;
    const image = findImageAt(words, at);
    if (image !== undefined) values.push({ at, kind: 'image', image });
    else if (isVersionAt(words, at, acts, verbs)) values.push({ at, kind: 'version', version: toVersion(words, at) });
    else continue;
    word.used = true;
  }
  return values;
}

// A lone word is an image only where a tag, a digest or a registry says so, or the word "image" leads it: "and/or" and
// "TCP/IP" would parse too.
function findImageAt(words: readonly Word[], at: number): string | undefined {
  const word = words[at];
  if (word === undefined || (word.kind !== 'word' && word.kind !== 'quoted') || /:\/\//u.test(word.text))
    return undefined;
  const parsed = findImage(word.text);
  if (parsed === undefined) return undefined;
  const led = /^(?:image|images)$/u.test(wordAt(words, nextBack(words, at)));
  const registry = /^[^/]+\.[^/]+\//u.test(word.text) || word.text.startsWith('localhost:');
  const tagged =
    parsed.tag !== undefined &&
    !/^\d{1,2}$/u.test(word.text.split(':')[0] ?? '') &&
    /[a-z]/iu.test(word.text.split(':')[0] ?? '');
  if (parsed.digest !== undefined || registry || tagged) return word.text;
  // A path after "image" is one without a version; a plain word there may be the rest of a sentence ("image to").
  if (led && word.text.includes('/')) return word.text;
  return led && !COMMON.has(word.lower) && !VERSION.test(word.text) && word.verb === undefined && !isTagOnly(word.lower)
    ? word.text
    : undefined;
}

const isTagOnly = (lower: string): boolean => V_NUMBER.test(lower) || BUILD_TAG.test(lower) || /^\d/u.test(lower);

function nextBack(words: readonly Word[], at: number): number {
  let index = at - 1;
  while (/^(?:the|a|to|:|=|called|named|from|be)$/u.test(wordAt(words, index))) index -= 1;
  return index;
}

function isVersionAt(words: readonly Word[], at: number, acts: ReadonlySet<Act>, verbs: readonly string[]): boolean {
  const word = words[at];
  if (word === undefined || (word.kind !== 'word' && word.kind !== 'quoted') || !TAG.test(word.text)) return false;
  const leader = words[nextBack(words, at)];
  const led =
    leader?.verb === undefined && /^(?:version|versions|tag|release|build|image|commit)$/u.test(leader?.lower ?? '');
  const next = wordAt(words, at + 1);
  const unit =
    /^(?:cores?|cpus?|vcpus?|gb|mb|gib|mib|gi|mi|g|gigs?|x|times|seconds?|minutes?|replicas?|%|percent)$/u.test(next);
  // "scale web to 3.5" is no version, whatever it is.
  const scales = acts.has('scale') && !acts.has('update') && !acts.has('deploy') && !acts.has('set');
  if (scales && wordAt(words, at - 1) === 'to' && !led) return false;
  if (VERSION.test(word.text) || V_NUMBER.test(word.text))
    return !unit && !/^(?:cpus?|vcpus?|memory|cores?)$/u.test(wordAt(words, nextBack(words, at)));
  if (/^(?:latest|newest)$/u.test(word.lower)) return acts.has('update') || acts.has('deploy') || acts.has('set');
  if (led)
    return word.kind === 'quoted' || /\d/u.test(word.text) || (!COMMON.has(word.lower) && word.verb === undefined);
  const moves = acts.has('update') || acts.has('deploy') || acts.has('rollback');
  const afterTo = /^(?:to|->|on|at|onto)$/u.test(wordAt(words, at - 1));
  if (moves && afterTo && BUILD_TAG.test(word.text) && !/^\d{1,6}$/u.test(word.text)) return true;
  // "upgrade postgres to 16", "deploy redis 7"
  const precise = verbs.some((verb) => PRECISE_VERBS.test(verb));
  const afterName = words[at - 1] !== undefined && (afterTo || /^[a-z][a-z0-9-]+$/u.test(words[at - 1]?.lower ?? ''));
  const counted =
    words.some((other) => /^(?:replicas?|instances?|pods?|copies|count)$/u.test(other.lower) && !other.used) &&
    next === '' &&
    afterTo;
  return (
    precise &&
    /^\d{1,4}$/u.test(word.text) &&
    afterName &&
    !counted &&
    !isCountedNext(words, at) &&
    !/^(?:with|by|run|port|of|and)$/u.test(wordAt(words, at - 1))
  );
}

function isCountedNext(words: readonly Word[], at: number): boolean {
  const index = nextIndex(words, at + 1, /^(?:more|extra|additional|running|fewer|less|new)$/u);
  const next = words[index];
  return (
    next?.mention !== undefined ||
    /^(?:replicas?|instances?|pods?|copies|copy|containers?|nodes?|times|x|cores?|cpus?|gb|mb|gi|mi|g|gigs?)$/u.test(
      wordAt(words, index),
    )
  );
}

function toVersion(words: readonly Word[], at: number): string {
  return words[at]?.text ?? '';
}

/** What a ticket says stands there now: "from 1.4 to 1.5", "1.4 -> 1.5". Read first, so that nobody takes it for the wish. */
export function readFrom(words: readonly Word[]): Value[] {
  const values: Value[] = [];
  for (const [at] of words.entries()) {
    const arrow = wordAt(words, at) === '->';
    const from =
      freeWord(words, at) === 'from' ? at + 1 : arrow && /\d/u.test(freeWord(words, at - 1)) ? at - 1 : undefined;
    if (from === undefined) continue;
    const text = words[from]?.text ?? '';
    const valued = /\d/u.test(text) || words[from]?.kind === 'quoted' || wordAt(words, from) === 'latest';
    const ends = arrow || words.slice(from + 1, from + 5).some((word) => /^(?:to|->)$/u.test(word.lower));
    if (!valued || !ends || words[from]?.mention !== undefined) continue;
    const unit = /^(?:gb|mb|gi|mi|g|cores?|cpus?|replicas?|instances?|pods?)$/u.test(wordAt(words, from + 1))
      ? from + 1
      : from;
    markUsed(words, arrow ? from : at, unit);
    values.push({ at: from, kind: 'from', text });
  }
  return values;
}
