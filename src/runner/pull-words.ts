import type { Forge, Remark } from '../forge/forge.ts';
import { toBounded } from '../forge/markdown.ts';
import { toPlain } from '../lib/plain-text.ts';
import type { TicketEventBody } from '../ticket/event.ts';
import type { TrackedPull } from '../ticket/pull-request-store.ts';

const MARK = '<!-- tiphys:';
const MAX_TEXT = 4_000;

/** Whether we said it ourselves: our remarks carry a mark that hosts do not show. */
export function isOwn({ text }: Remark): boolean {
  return text.includes(MARK);
}

/** Says something at a pull request once, also when the process dies right after saying it. */
export async function sayOnce(
  forge: Forge,
  number: number,
  what: string,
  said: readonly Remark[],
  words: string,
  signal?: AbortSignal,
): Promise<void> {
  const mark = `${MARK}${what} -->`;
  if (said.some(({ text }) => text.includes(mark))) return;
  await forge.comment(number, `${words}\n\n${mark}`, signal);
}

/** A stranger's words as an event: plain, bounded, and nothing that anything acts on. */
export function toReviewEvent({ number }: TrackedPull, remark: Remark): TicketEventBody {
  const { id, verdict, author, text, path, line, url, atMs } = remark;
  return {
    type: 'review',
    data: {
      number,
      remark: id,
      verdict,
      author: toBounded(toPlain(author), 100),
      text: toBounded(toPlain(text).trim(), MAX_TEXT),
      ...(path === undefined ? {} : { path: toBounded(toPlain(path), 300) }),
      ...(line === undefined ? {} : { line }),
      url: toBounded(toPlain(url), 1_000),
      saidAt: new Date(atMs).toISOString(),
    },
  };
}
