import { AppError } from '../lib/errors.ts';

/** Who our commits are by. */
export interface CommitAuthor {
  name: string;
  email: string;
}

// What a commit of ours says of itself, one line each at the end of its message.
export const TICKET_TRAILER = 'Tiphys-Ticket';
export const STEP_TRAILER = 'Tiphys-Step';
export const CHANGE_TRAILER = 'Tiphys-Change';

const TRAILER_KEY = /^[A-Za-z][A-Za-z0-9-]{0,63}$/;
const MAX_MESSAGE_CHARS = 20_000;
// People and programs give weight to these wherever they read them.
const TRUSTED_KEYS = ['signed-off-by', 'co-authored-by', 'reviewed-by', 'acked-by', 'approved-by', 'tested-by'];

/** Throws `config_invalid` where a name would not survive as one line of a commit. */
export function parseAuthor(author: CommitAuthor): CommitAuthor {
  const isPlain = (text: string) => text.trim() !== '' && text.length <= 200 && !/[<>\p{Cc}\p{Cf}]/u.test(text);
  if (isPlain(author.name) && isPlain(author.email) && !/\s/.test(author.email)) return author;
  throw new AppError('config_invalid', 'the name or e-mail address of the commit author is not usable', {
    hint: 'Use a single line without < and >; the address without spaces.',
  });
}

/**
 * The text of a commit: subject, body, then our trailers as the last paragraph. The message may quote a ticket, that
 * is, anybody's words: lines in it that read like trailers become quotations, so that only ours are trailers.
 * Throws `invalid_input` for an empty message or a trailer that is not one line.
 */
export function toCommitMessage(message: string, trailers: Readonly<Record<string, string>>): string {
  const entries = Object.entries(trailers);
  for (const [key, value] of entries)
    if (!TRAILER_KEY.test(key) || value.trim() === '' || value.length > 1000 || /[\p{Cc}\u2028\u2029]/u.test(value))
      throw new AppError('invalid_input', `the trailer ${JSON.stringify(key.slice(0, 64))} is not one line of text`, {
        hint: 'Use letters, digits and dashes for the name and a single line for the value.',
      });
  const reserved = new Set([...TRUSTED_KEYS, ...entries.map(([key]) => key.toLowerCase())]);
  const lines = cleanMessage(message).slice(0, MAX_MESSAGE_CHARS).trim().split('\n');
  const subject = (lines[0] ?? '').trim();
  if (subject === '') throw new AppError('invalid_input', 'a commit needs a message');
  const body = lines.slice(1).map((line) => (isTrailerLike(line, reserved) ? `> ${line.trim()}` : line.trimEnd()));
  const paragraphs = [quoteSubject(subject, reserved), body.join('\n').trim()];
  // A body whose last paragraph is all trailers would be read as such if we had none of our own.
  paragraphs.push(entries.map(([key, value]) => `${key}: ${value.trim()}`).join('\n'));
  return `${paragraphs.filter((text) => text !== '').join('\n\n')}\n`;
}

function isTrailerLike(line: string, reserved: ReadonlySet<string>): boolean {
  // git allows blanks before the colon; a folded or indented copy could be unfolded by other readers.
  const key = /^\s*([A-Za-z0-9-]+)\s*[:=#]/.exec(line)?.[1]?.toLowerCase();
  return key !== undefined && (key.startsWith('tiphys-') || reserved.has(key));
}

function quoteSubject(subject: string, reserved: ReadonlySet<string>): string {
  return isTrailerLike(subject, reserved) ? `> ${subject}` : subject;
}

/** Line ends as git wants them; no control or invisible characters, which could repaint a terminal or hide text. */
function cleanMessage(message: string): string {
  return message
    .toWellFormed()
    .replace(/\r\n?|[\u2028\u2029]/g, '\n')
    .replace(/[^\P{Cc}\n\t]/gu, '')
    .replace(/[\u200B-\u200F\u202A-\u202E\u2060-\u2069\uFEFF]/g, '');
}
