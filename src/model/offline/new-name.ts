import { findImage } from '../../manifest/image.ts';
import { findKnownImage } from './known-images.ts';
import { COMMON, ENVIRONMENT_WORDS, SYMPTOMS, VERB_FORMS, findNumber } from './lexicon.ts';
import type { Act } from './lexicon.ts';
import type { Target } from './request.ts';
import { wordAt } from './value.ts';
import type { Value } from './value.ts';
import type { Word } from './words.ts';

const NAME = /^[a-z][a-z0-9_-]{1,62}$/u;

/**
 * The services a clause asks to make, each at its word: "deploy redis 7.2", "a service called payments", or the last part
 * of an image's path. Undefined when the first name after the verb is a service that exists.
 */
export function findNewName(
  words: readonly Word[],
  values: readonly Value[],
  acts: ReadonlySet<Act>,
): { at: number; target: Target }[] | undefined {
  const explicit = findExplicitName(words);
  const image = values.find((value) => value.kind === 'image');
  const verb = words.findIndex((word) => word.verb?.acts.includes('deploy') === true);
  const known = words.flatMap((word, at) => {
    const found =
      word.kind === 'word' && word.mention === undefined && (!word.used || at === explicit?.at)
        ? findKnownImage(word.lower)
        : undefined;
    return found === undefined ? [] : [{ at, known: found.name }];
  });
  if (explicit !== undefined && (image !== undefined || known.length > 0 || acts.has('deploy'))) {
    const word = words[explicit.at];
    if (word?.mention !== undefined) return undefined;
    const base = known.find(({ at }) => at !== explicit.at) ?? known[0];
    for (const { at } of known) markAt(words, at);
    markAt(words, explicit.at);
    return [
      {
        at: explicit.at,
        target: {
          kind: 'new',
          name: toServiceName(explicit.text),
          ...(base === undefined ? {} : { known: base.known }),
        },
      },
    ];
  }
  const mentioned = words.findIndex((word, at) => at > verb && word.mention !== undefined);
  const firstKnown = known.filter(({ at }) => at > verb && (mentioned < 0 || at < mentioned || isListed(words, at)));
  if (
    mentioned >= 0 &&
    (firstKnown.length === 0 || (firstKnown[0]?.at ?? 0) > mentioned) &&
    !nameBefore(words, verb, mentioned)
  )
    return undefined;
  if (firstKnown.length > 0)
    return firstKnown.map(({ at, known: name }) => {
      markAt(words, at);
      return { at, target: { kind: 'new', name, known: name } };
    });
  if (verb < 0) return undefined;
  const plain = words.findIndex((_, at) => at > verb && isName(words, at) && (mentioned < 0 || at < mentioned));
  if (plain >= 0 && isNewSlot(words, plain)) {
    markAt(words, plain);
    return [{ at: plain, target: { kind: 'new', name: toServiceName(words[plain]?.lower ?? '') } }];
  }
  const fromImage = image?.kind === 'image' ? findImage(image.image)?.repository.split('/').at(-1) : undefined;
  if (image === undefined || fromImage === undefined || mentioned >= 0) return undefined;
  return [{ at: image.at, target: { kind: 'new', name: toServiceName(fromImage) } }];
}

// Set-up verbs followed by an unknown name before the first known service: "deploy payments next to web".
function nameBefore(words: readonly Word[], verb: number, mentioned: number): boolean {
  return (
    verb >= 0 && words.slice(0, mentioned).some((_, at) => at > verb && isName(words, at) && isNameSlot(words, at))
  );
}

function isListed(words: readonly Word[], at: number): boolean {
  return /^(?:and|,|plus|&)$/u.test(words[at - 1]?.lower ?? '');
}

// "called payments", "named session-store", "as cache"
function findExplicitName(words: readonly Word[]): { at: number; text: string } | undefined {
  for (const [at, word] of words.entries()) {
    const called =
      /^(?:called|named)$/u.test(word.lower) ||
      (/^(?:service|app|application)$/u.test(word.lower) && wordAt(words, at - 1) === 'new') ||
      (word.lower === 'as' && words.some((other) => other.verb?.acts.includes('deploy') === true));
    if (word.kind !== 'word' || !called) continue;
    const skip = /^(?:a|an|the|service|name|called|named)$/u.test(wordAt(words, at + 1)) || words[at + 1]?.text === ':';
    const index = skip ? at + 2 : at + 1;
    const name = words[index];
    const text = name?.text.toLowerCase() ?? '';
    if (
      name === undefined ||
      !NAME.test(text.replace(/\s/gu, '-')) ||
      (name.kind === 'word' && (COMMON.has(text) || name.verb !== undefined))
    )
      continue;
    return { at: index, text };
  }
  return undefined;
}

function isName(words: readonly Word[], at: number): boolean {
  const word = words[at];
  if (word === undefined || word.used || word.mention !== undefined || word.verb !== undefined) return false;
  if (word.kind !== 'word' && word.kind !== 'quoted') return false;
  if (!NAME.test(word.lower) || COMMON.has(word.lower) || VERB_FORMS.has(word.lower) || SYMPTOMS.has(word.lower))
    return false;
  return !Object.hasOwn(ENVIRONMENT_WORDS, word.lower) && findNumber(word.lower) === undefined;
}

// What is made stands right after the verb; after "for" or "in" stands what it is for.
function isNewSlot(words: readonly Word[], at: number): boolean {
  return isNameSlot(words, at) && !/^(?:for|on|in|to|from|with)$/u.test(words[at - 1]?.lower ?? '');
}

function isNameSlot(words: readonly Word[], at: number): boolean {
  const before = words[at - 1];
  if (before === undefined || before.verb !== undefined || before.kind === 'punct') return true;
  return (
    before.used ||
    /^(?:of|for|on|in|to|the|a|an|service|app|application|new|our|my|called|named|up|out|and|from|deployment|called|please|with|instance|old|component)$/u.test(
      before.lower,
    )
  );
}

/** Names in a clause that stand where a service should stand and that nobody knows. */
export function listUnknownNames(words: readonly Word[], acts: ReadonlySet<Act>): { at: number; text: string }[] {
  if (acts.size === 0 && !words.some((word) => /^(?:should|must|needs?)$/u.test(word.lower))) return [];
  const mentioned = words.some((word) => word.mention !== undefined);
  const verb = words.findIndex((word) => word.verb !== undefined);
  const candidates = words.flatMap((word, at) =>
    isName(words, at) && isUnknownSlot(words, at, mentioned) && (at > verb || isSubject(words, at))
      ? [{ at, text: word.lower }]
      : [],
  );
  const chosen = mentioned
    ? candidates
    : candidates.slice(0, 1 + candidates.slice(1).filter(({ at }) => isListed(words, at)).length);
  for (const { at } of chosen) markAt(words, at);
  return chosen;
}

// "payments should be at 1.2"
const isSubject = (words: readonly Word[], at: number): boolean =>
  /^(?:should|must|needs?|service)$/u.test(words[at + 1]?.lower ?? '') ||
  /^(?:on|for|in)$/u.test(words[at - 1]?.lower ?? '');

// Beside a known service only an item of the same list counts: "scale web and frnt to 5". Alone, any slot for a name does.
function isUnknownSlot(words: readonly Word[], at: number, mentioned: boolean): boolean {
  const next = words[at + 1];
  if (!mentioned) return isNameSlot(words, at) || /^(?:should|must|needs?|service)$/u.test(next?.lower ?? '');
  const before = words[at - 1];
  const after = next === undefined || next.kind === 'punct' || /^(?:and|to|with|from|in|,)$/u.test(next.lower);
  const list = isListed(words, at) && (words[at - 2]?.mention !== undefined || words[at - 2]?.used === true);
  return (
    (list && after) ||
    (before?.verb !== undefined &&
      next !== undefined &&
      (next.mention !== undefined ? false : /^(?:and|,)$/u.test(next.lower)))
  );
}

function markAt(words: readonly Word[], at: number): void {
  const word = words[at];
  if (word !== undefined) word.used = true;
}

/** As a service is named: lower case, dashes, at most 63 characters. */
function toServiceName(text: string): string {
  return text
    .toLowerCase()
    .replace(/[^a-z0-9]+/gu, '-')
    .replace(/^-+|-+$/gu, '')
    .slice(0, 63)
    .replace(/-+$/u, '');
}
