import type { Catalog } from './catalog.ts';
import {
  CONDITION_CUES,
  NEGATIONS,
  QUESTION_WORDS,
  REASON_CUES,
  REPORT_CUES,
  REQUEST_CUES,
  TIME_CUES,
} from './lexicon.ts';
import type { Act } from './lexicon.ts';
import { cleanText, tokenize } from './tokens.ts';
import type { Token } from './tokens.ts';
import { toWords } from './words.ts';
import type { Word } from './words.ts';

/** One thing said in a ticket: at most one request, with its words. */
export interface Clause {
  words: Word[];
  acts: ReadonlySet<Act>;
  /** Verbs in their base form, in order. */
  verbs: string[];
  /** `fragment` has no verb at all: a title such as "web -> 1.5.0". */
  mood: 'request' | 'report' | 'question' | 'fragment';
  negated: boolean;
  /** Too long to be read; nothing in it counts. */
  isTooLong?: boolean;
  /** The words that make it depend on something, when there are any. */
  condition?: string;
  time?: string;
  /** The sentence as it stands in the ticket, shortened. */
  text: string;
}

// Readers look at words in pairs, so a sentence must have a bound. Nobody asks for anything in so many words; it is a log
// line or a pasted file.
const MAX_WORDS = 160;
const SENTENCE_END = /^[.;!?…]$/u;
const PURPOSE_VERBS = new Set(
  'handle cope support fix avoid prevent improve get be help save serve allow test try see match meet survive withstand keep deal accommodate absorb ease satisfy relieve reduce lower cut increase make give free stop have use'.split(
    ' ',
  ),
);
const TIME_SHAPE = /^(?:\d{1,2}:\d{2}|\d{1,2}(?:am|pm))$/u;

/** Reads text into clauses, in order. Time is linear in the text. */
export function toClauses(text: string, catalog: Catalog): Clause[] {
  const cleaned = cleanText(text);
  return toSentences(tokenize(cleaned)).flatMap((tokens) => sentenceToClauses(tokens, cleaned, catalog));
}

function toSentences(tokens: readonly Token[]): Token[][] {
  const sentences: Token[][] = [];
  let current: Token[] = [];
  for (const token of tokens) {
    const ends = token.kind === 'break' || (token.kind === 'punct' && SENTENCE_END.test(token.text));
    // The question mark stays: it tells a question from a request.
    if (!ends || token.text === '?') current.push(token);
    if (!ends) continue;
    if (current.length > 0) sentences.push(current);
    current = [];
  }
  if (current.length > 0) sentences.push(current);
  return sentences;
}

function sentenceToClauses(tokens: readonly Token[], source: string, catalog: Catalog): Clause[] {
  if (tokens.length > MAX_WORDS) return [toLongClause(tokens, source)];
  const all = toWords(tokens, catalog);
  const isQuestion = tokens.at(-1)?.text === '?';
  const words = cutRemarks(all.filter((word) => word.kind !== 'punct' || /^[,:()]$/u.test(word.text)));
  if (words.length === 0) return [];
  const condition = findCondition(words);
  const time = findTime(words);
  const text = toExcerpt(source.slice(tokens[0]?.start ?? 0, tokens.at(-1)?.end ?? 0));
  return splitAtActions(words).map((part): Clause => {
    const verbs = part.flatMap((word) => (word.verb === undefined ? [] : [word.verb]));
    return {
      words: part,
      acts: new Set(verbs.flatMap((verb) => [...verb.acts])),
      verbs: verbs.map((verb) => verb.base),
      mood: toMood(part, isQuestion),
      negated: isNegated(part),
      ...(condition === undefined ? {} : { condition }),
      ...(time === undefined ? {} : { time }),
      text,
    };
  });
}

function toLongClause(tokens: readonly Token[], source: string): Clause {
  const text = toExcerpt(source.slice(tokens[0]?.start ?? 0, (tokens[0]?.start ?? 0) + 400));
  return { words: [], acts: new Set(), verbs: [], mood: 'report', negated: false, isTooLong: true, text };
}

/** Shortened to one line, for quoting the ticket back. */
function toExcerpt(text: string): string {
  const line = text.replace(/\s+/gu, ' ').trim();
  return line.length > 160 ? `${line.slice(0, 157)}...` : line;
}

/** Leaves out reasons ("because ...") and purposes ("... to handle the load"): nothing in them is asked for. */
function cutRemarks(words: Word[]): Word[] {
  const kept: Word[] = [];
  let skipping = false;
  for (const [at, word] of words.entries()) {
    // A comma ends a remark at the head of a sentence: "Since traffic grew, scale web to 5".
    if (skipping && word.kind === 'punct' && word.text === ',') skipping = false;
    if (skipping) continue;
    if (word.kind === 'word' && !word.used && beginsRemark(words, at)) skipping = true;
    else kept.push(word);
  }
  return kept;
}

function beginsRemark(words: readonly Word[], at: number): boolean {
  const word = words[at];
  const next = words[at + 1];
  if (word === undefined || next === undefined) return false;
  const rest = words.slice(at + 1);
  const reports = rest.some(
    (other) => REPORT_CUES.has(other.lower) || /^(?:needs?|can|will|wants?)$/u.test(other.lower),
  );
  if (word.lower === 'as') return reports && !/^(?:soon|well|it)$/u.test(next.lower);
  if (word.lower === 'so') return at > 0 && (next.lower === 'that' || reports);
  if (word.lower === 'due') return next.lower === 'to';
  if (word.lower === 'since' || REASON_CUES.has(word.lower)) return true;
  if (word.lower === 'instead' || word.lower === 'rather') return next.lower === 'of' || next.lower === 'than';
  if (word.lower === 'in' && next.lower === 'order') return true;
  if (word.lower !== 'to' || next.kind !== 'word') return false;
  const led = /^(?:needs?|wants?|like|have|has|going|order|ought|us|you|it|is|are)$/u.test(words[at - 1]?.lower ?? '');
  return (
    !led && at > 0 && PURPOSE_VERBS.has(next.lower) && words.slice(0, at).some((other) => other.verb !== undefined)
  );
}

function findCondition(words: readonly Word[]): string | undefined {
  for (const [at, word] of words.entries()) {
    if (word.kind !== 'word' || word.used || !CONDITION_CUES.has(word.lower)) continue;
    const rest = words.slice(at + 1, at + 6).map((other) => other.lower);
    const phrase = rest.join(' ');
    // Politeness and sequence, not conditions.
    if (
      /^(?:possible|you (?:can|could|have|get|would|don't|do not|want|like)|you're|convenient|able|done|it's done|it is done|which)\b/u.test(
        phrase,
      )
    )
      continue;
    if (/^(?:after|once)$/u.test(word.lower) && /^(?:that|this|the other|each other|another)\b/u.test(phrase)) continue;
    if (rest.length === 0 || (word.lower === 'before' && words.some((other) => other.verb?.acts.includes('rollback'))))
      continue;
    if (words.some((other) => other.verb?.acts.includes('rollback')) && word.lower !== 'if' && word.lower !== 'unless')
      continue;
    const tail = words.slice(at, at + 14);
    const comma = tail.findIndex((other) => other.kind === 'punct');
    return toExcerpt(
      tail
        .slice(0, comma < 0 ? undefined : comma)
        .map((other) => other.text)
        .join(' '),
    );
  }
  return undefined;
}

function findTime(words: readonly Word[]): string | undefined {
  for (const [at, word] of words.entries()) {
    if (word.kind !== 'word' || word.used) continue;
    const next = words[at + 1]?.lower ?? '';
    const previous = words[at - 1]?.lower ?? '';
    const afterSlot = /^(?:at|on|by|this|next|until|every|in|from|till)$/u.test(previous);
    if (
      /^(?:every|each)$/u.test(word.lower) &&
      /^(?:night|day|hour|week|morning|evening|minute|month|weekday|\d+)s?$/u.test(next)
    )
      return `${word.lower} ${next}`;
    if (TIME_CUES.has(word.lower) || (afterSlot && TIME_SHAPE.test(word.lower))) return word.text;
    if (
      word.lower === 'next' &&
      /^(?:week|month|monday|tuesday|wednesday|thursday|friday|day|year|sprint)$/u.test(next)
    )
      return `next ${next}`;
    if (/^(?:minutes?|hours?|days?|weeks?)$/u.test(next) && previous === 'in') return `in ${word.text} ${next}`;
  }
  return undefined;
}

const COORDINATORS = new Set(['and', 'then', 'also', 'plus', 'but', '&', 'afterwards', '+', 'or']);

export function isCoordinator(word: Word): boolean {
  return (word.kind === 'punct' && /^[,:]$/u.test(word.text)) || (word.kind === 'word' && COORDINATORS.has(word.lower));
}

// A coordinator begins a new clause when what follows it, up to the next one, says what to do.
function splitAtActions(words: readonly Word[]): Word[][] {
  const parts: Word[][] = [[]];
  for (const [at, word] of words.entries()) {
    // "without restarting api" denies on its own.
    if (word.kind === 'word' && word.lower === 'without') parts.push([]);
    if (isCoordinator(word)) {
      const rest = words.slice(at + 1);
      const stop = rest.findIndex(isCoordinator);
      const segment = rest.slice(0, stop < 0 ? undefined : stop);
      const colon = word.text === ':' && (parts.at(-1)?.length ?? 0) <= 3;
      const acts = segment.some(
        (other) =>
          other.verb !== undefined || isRequestCue(other) || NEGATIONS.has(other.lower) || other.lower === 'leave',
      );
      if (acts && !colon && (parts.at(-1)?.length ?? 0) > 0) {
        parts.push([]);
        continue;
      }
    }
    parts.at(-1)?.push(word);
  }
  return parts.filter((part) => part.length > 0);
}

const isRequestCue = (word: Word): boolean =>
  word.kind === 'word' && REQUEST_CUES.has(word.lower) && !/^(?:please|like|lets|let's)$/u.test(word.lower);

function toMood(words: readonly Word[], isQuestion: boolean): Clause['mood'] {
  const plain = words.filter((word) => word.kind === 'word');
  const first =
    plain.find((word) => !/^(?:hi|hello|hey|so|and|but|then|also|ok|please)$/u.test(word.lower))?.lower ?? '';
  const asks = /^(?:can|could|would|will|may|might|shall|should)$/u.test(first);
  if (QUESTION_WORDS.has(first.replace(/'s$/u, '')) && (isQuestion || /^(?:why|what|how)/u.test(first)))
    return 'question';
  const verb = words.some((word) => word.verb !== undefined);
  const obliged = plain.some((word, at) => /^(?:has|have)$/u.test(word.lower) && plain[at + 1]?.lower === 'to');
  const requested = obliged || plain.some((word) => !word.used && REQUEST_CUES.has(word.lower));
  if (verb || requested || /^(?:more|less|fewer)$/u.test(first)) return 'request';
  if (asks) return isQuestion ? 'request' : 'report';
  if (plain.some((word) => !word.used && REPORT_CUES.has(word.lower))) return 'report';
  return 'fragment';
}

function isNegated(words: readonly Word[]): boolean {
  return words.some((word, at) => {
    if (word.kind !== 'word') return false;
    if (word.lower === 'no' && words[at + 1]?.lower === 'longer') return true;
    if (word.lower === 'leave')
      return words.slice(at + 1, at + 6).some((other) => /^(?:alone|untouched|unchanged)$/u.test(other.lower));
    // "why not", "not only" and "if you don't mind" deny nothing.
    if (!NEGATIONS.has(word.lower)) return false;
    return !/^(?:only|mind|hesitate|forget|know|sure|certain)$/u.test(words[at + 1]?.lower ?? '');
  });
}
