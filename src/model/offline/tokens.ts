/** One piece of ticket text. `text` is as written, without quotes and closing punctuation; `lower` is for comparing. */
export interface Token {
  kind: 'word' | 'quoted' | 'assign' | 'punct' | 'break';
  text: string;
  lower: string;
  /** Of `NAME=value`. */
  assign?: { name: string; value: string };
  /** Offset in the cleaned text, for quoting the ticket back. */
  start: number;
  end: number;
}

// Zero-width, bidirectional and control characters change what a person sees but not what is meant: they are dropped, so
// that a name with one inside is the name.
const INVISIBLE = /(?![\n\t])\p{Cc}|\p{Cf}/gu;
const SPACES = /[\u00a0\u2000-\u200a\u202f\u205f\u3000]/gu;

/** The text with one kind of quote, dash, space and line end, and without characters nobody sees. */
export function cleanText(text: string): string {
  return text
    .replace(/\r\n?|\u0085|\u2028|\u2029/gu, '\n')
    .replace(INVISIBLE, '')
    .replace(SPACES, ' ')
    .replace(/[“”„‟«»]/gu, '"')
    .replace(/[‘’‛´]/gu, "'")
    .replace(/\s*[–—]\s*/gu, ' - ')
    .replace(/→|⇒|=>/gu, ' -> ');
}

// Alternatives in order; each consumes at least one character and none can backtrack over another's ground, so the time
// is linear in the text. "A=1,B=2" is two assignments, "HOSTS=a,b" one with a comma in its value.
const PIECE =
  /(?<fence>```[^\n`]*\n?(?:(?!```)[\s\S])*(?:```|$))|(?<break>\n[ \t]*(?:(?:[-*+•]|\d{1,2}[.)])[ \t]+)*)|(?<assign>[A-Za-z_][\w.-]{0,252}=(?:"[^"\n]*"|'[^'\n]*'|`[^`\n]*`|(?:(?!,[A-Za-z_][\w.-]{0,252}=)[^\s"`])+))|(?<quoted>"[^"\n]*"|`[^`\n]*`|(?<![\w])'[^'\n]*'(?!\w))|(?<arrow>->)|(?<punct>[,;:!?.()[\]{}"'`…]+(?=\s|$)|[()[\]{}"`]|,(?=[A-Za-z_][\w.-]{0,252}=))|(?<word>[^\s()[\]{}"`]+)|(?<space>[ \t]+)|(?<other>[\s\S])/gu;

const CLOSING = /[,;:!?.'…]+$/u;

/** Splits cleaned text. A bullet or numbered line begins with a `break`. */
export function tokenize(text: string): Token[] {
  const tokens: Token[] = [];
  for (const match of text.matchAll(PIECE)) {
    const groups = match.groups ?? {};
    const raw = match[0];
    const start = match.index;
    if (groups['space'] !== undefined || groups['other'] !== undefined) continue;
    if (groups['break'] !== undefined) push(tokens, 'break', '\n', start, raw.length);
    else if (groups['fence'] !== undefined)
      push(tokens, 'quoted', raw.replace(/^```[^\n`]*\n?/u, '').replace(/\n?```$/u, ''), start, raw.length);
    else if (groups['quoted'] !== undefined) {
      // A number in quotes is a number.
      const inner = raw.slice(1, -1);
      push(tokens, /^v?\d[\w.-]*$/u.test(inner) ? 'word' : 'quoted', inner, start, raw.length);
    } else if (groups['punct'] !== undefined) push(tokens, 'punct', raw.slice(0, 1), start, raw.length);
    else if (groups['assign'] !== undefined) pushAssign(tokens, raw, start);
    else pushWord(tokens, raw, start);
  }
  return tokens;
}

function push(tokens: Token[], kind: Token['kind'], text: string, start: number, length: number): void {
  tokens.push({ kind, text, lower: toLower(text), start, end: start + length });
}

function pushAssign(tokens: Token[], raw: string, start: number): void {
  const equals = raw.indexOf('=');
  const quoted = /^(["'`])(.*)\1$/u.exec(raw.slice(equals + 1));
  const closing = quoted === null ? (CLOSING.exec(raw)?.[0] ?? '') : '';
  const kept = raw.length - closing.length;
  const value = quoted?.[2] ?? raw.slice(equals + 1, kept);
  const text = raw.slice(0, kept);
  const assign = { name: raw.slice(0, equals), value };
  tokens.push({ kind: 'assign', text, lower: toLower(text), start, end: start + kept, assign });
  if (closing !== '') push(tokens, 'punct', closing.slice(0, 1), start + kept, closing.length);
}

function pushWord(tokens: Token[], raw: string, start: number): void {
  const closing = CLOSING.exec(raw)?.[0] ?? '';
  const word = raw.slice(0, raw.length - closing.length);
  let offset = start;
  // A dash by itself ends a thought, as a semicolon does.
  if (/^--?$/u.test(word)) {
    push(tokens, 'punct', ';', start, raw.length);
    return;
  }
  // "web,api" without a space is a list of two.
  const parts = /^[\w-]+(?:,[\w-]+)+$/u.test(word) ? word.split(',') : [word];
  for (const [index, part] of parts.entries()) {
    if (index > 0) push(tokens, 'punct', ',', offset - 1, 1);
    if (part !== '') push(tokens, 'word', part, offset, part.length);
    offset += part.length + 1;
  }
  if (closing !== '') push(tokens, 'punct', closing.slice(0, 1), start + word.length, closing.length);
}

/** For comparing: compatibility forms folded (ﬁ, full width), lower case. */
function toLower(text: string): string {
  return text.normalize('NFKC').toLowerCase();
}
