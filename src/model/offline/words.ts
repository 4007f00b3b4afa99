import type { Catalog, NamedTarget } from './catalog.ts';
import { COMMON, DETERMINERS, PHRASAL, REQUEST_CUES, VERB_FORMS, VERB_OR_NOUN } from './lexicon.ts';
import type { Act, VerbEntry } from './lexicon.ts';
import type { Token } from './tokens.ts';

/** A token with what it was recognised as. `used` grows while values are read; what stays unused was not understood. */
export interface Word extends Token {
  used: boolean;
  verb?: VerbEntry;
  /** What the name may stand for; the first word of a name of several carries it. */
  mention?: NamedTarget[];
  /** The name as written. */
  mentionText?: string;
}

const isPlain = (word: Word): boolean => word.kind === 'word';
const NOT_A_SERVICE_AFTER = new Set(
  'team squad people developers devs folks users customers guys colleagues'.split(' '),
);

/** Tokens as words with service names and verbs marked. */
export function toWords(tokens: readonly Token[], catalog: Catalog): Word[] {
  const words = tokens.map((token): Word => ({ ...token, used: false }));
  markMentions(words, catalog);
  markVerbs(words);
  return words;
}

function markMentions(words: Word[], catalog: Catalog): void {
  for (let at = 0; at < words.length; at += 1) {
    for (const count of [3, 2, 1]) {
      const span = words.slice(at, at + count);
      if (span.length < count || !span.every((word) => isPlain(word) || (count === 1 && word.kind === 'quoted')))
        continue;
      if (NOT_A_SERVICE_AFTER.has(words[at + count]?.lower ?? '')) continue;
      const text = span.map((word) => bareName(word.lower)).join('-');
      if (!/^(?=.*[a-z])[a-z0-9][a-z0-9_.-]*$/u.test(text)) continue;
      const found = catalog.findByName(text);
      if (found.length === 0 || (count === 1 && !isNameHere(words, at, text, found))) continue;
      const first = words[at];
      if (first === undefined) continue;
      first.mention = found;
      first.mentionText = span.map((word) => word.text).join(' ');
      for (const word of span) word.used = true;
      at += count - 1;
      break;
    }
  }
}

/** A possessive is the name itself. */
function bareName(lower: string): string {
  return lower.replace(/'s?$/u, '');
}

// An everyday word that is also the name of a service counts as the name only where a name is expected.
function isNameHere(words: readonly Word[], at: number, text: string, found: readonly NamedTarget[]): boolean {
  const word = words[at];
  if (word?.kind === 'quoted') return found.some(({ service }) => service.name === text);
  if (!COMMON.has(text) && !VERB_FORMS.has(text)) return true;
  if (!found.some(({ service }) => service.name === text)) return false;
  const before = words[at - 1]?.lower ?? '';
  const next = words[at + 1]?.lower ?? '';
  return next === 'service' || next === 'deployment' || /^(?:service|deployment)$/u.test(before);
}

function markVerbs(words: Word[]): void {
  const shouts = words.filter((word) => /^[A-Z]{2,}$/u.test(word.text)).length > 2;
  for (const [at, word] of words.entries()) {
    if (!isPlain(word) || word.mention !== undefined || word.used) continue;
    // "enable DEBUG" names a variable; a ticket in capitals throughout says nothing by them.
    if (!shouts && words.length > 1 && at > 0 && /^[A-Z][A-Z0-9_]+$/u.test(word.text)) continue;
    const phrasal = findPhrasal(words, at);
    if (phrasal !== undefined && standsAsVerb(words, at, phrasal.entry)) {
      word.verb = phrasal.entry;
      for (const index of phrasal.particles) {
        const particle = words[index];
        if (particle !== undefined) particle.used = true;
      }
    } else {
      const entry = VERB_FORMS.get(word.lower);
      if (entry !== undefined && standsAsVerb(words, at, entry)) word.verb = entry;
      else if (entry !== undefined && isNounRequest(words, at, entry.acts)) word.verb = entry;
    }
    if (word.verb !== undefined) word.used = true;
  }
}

function findPhrasal(words: readonly Word[], at: number): { entry: VerbEntry; particles: number[] } | undefined {
  for (const entry of PHRASAL.get(words[at]?.lower ?? '') ?? []) {
    const next = entry.particles.map((particle, offset) => words[at + 1 + offset]?.lower === particle);
    if (next.every(Boolean)) return { entry, particles: entry.particles.map((_, offset) => at + 1 + offset) };
    const [particle] = entry.particles;
    if (entry.particles.length > 1 || particle === undefined) continue;
    // "roll the web service back": the particle may follow its object, a name or a pronoun.
    for (let index = at + 2; index <= at + 5 && index < words.length; index += 1) {
      const word = words[index];
      if (word === undefined || word.kind !== 'word' || /^(?:to|=|as|and|then|by|with)$/u.test(word.lower)) break;
      if (word.lower === particle) return { entry, particles: [index] };
    }
  }
  return undefined;
}

const SUBJECTS =
  /^(?:i|we|they|he|she|it|who|which|that|someone|somebody|nobody|has|have|had|is|are|was|were|been|being|did|didn't|doesn't|does)$/u;
const VAIN_BEFORE_TO =
  /^(?:tried|trying|failed|failing|fails|able|unable|used|how|attempted|attempts|attempt|refused|refuses|seems|going|forgot|supposed|wanted|started|plan|planned|about)$/u;

// Whether the word is something to do, rather than a noun or something that was done.
function standsAsVerb(words: readonly Word[], at: number, entry: VerbEntry): boolean {
  const before = words[at - 1];
  const afterThat = /^(?:that|this)$/u.test(before?.lower ?? '') && words[at - 2]?.lower === 'after';
  const previous = before?.kind === 'word' && !afterThat ? before.lower : '';
  const isFirst = before === undefined || before.kind === 'punct';
  if (entry.form === 'gerund')
    return isFirst || /^(?:needs?|needing|requires?|start|consider|try|by|and|please)$/u.test(previous);
  if (entry.form === 'participle') {
    if (/^(?:be|get|gets)$/u.test(previous)) return true;
    return (
      words
        .slice(Math.max(0, at - 6), at)
        .some((word) => /^(?:wants?|needs?|like|would|should|must)$/u.test(word.lower)) && !SUBJECTS.test(previous)
    );
  }
  if (
    VERB_OR_NOUN.has(entry.base) &&
    (DETERMINERS.has(previous) || /^(?:of|for|with|after|before|strategy)$/u.test(previous))
  )
    return false;
  if (entry.base === 'release' && words[at + 1]?.lower === 'of') return false;
  if (SUBJECTS.test(previous)) {
    // "can someone restart it" asks; "someone restarted it" tells.
    if (words.slice(0, at).some((word) => /^(?:can|could|would|will|may|should|must|shall|let)$/u.test(word.lower)))
      return true;
    return /^(?:it|that|they)$/u.test(previous) && words.some((word) => REQUEST_CUES.has(word.lower));
  }
  return previous !== 'to' || !VAIN_BEFORE_TO.test(words[at - 2]?.lower ?? '');
}

// "web needs a restart", "do a rolling restart", "an upgrade to 1.5".
function isNounRequest(words: readonly Word[], at: number, acts: readonly Act[]): boolean {
  const previous = words[at - 1]?.lower ?? '';
  const twoBefore = words[at - 2]?.lower ?? '';
  if (!acts.some((act) => act === 'restart' || act === 'rollback' || act === 'update')) return false;
  if (/^(?:after|before|since|during|following)$/u.test(twoBefore)) return false;
  const only = acts.includes('update') ? /^(?:a|an|another)$/u : /^(?:a|an|another|rolling|quick|full|graceful)$/u;
  return only.test(previous);
}
