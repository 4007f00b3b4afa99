import { ArgoError, toStreamError } from './error.ts';

const MAX_ITEM_CHARS = 32 * 1024 * 1024;

/**
 * The JSON items of one of Argo CD's streams, in either framing: `data: {...}` lines with `:` keep-alives, or bare JSON lines.
 * Throws the typed error when the stream carries an error object, which comes as a last item without a newline, and when the
 * stream is cut inside an item.
 */
export async function* readStreamItems(what: string, chunks: AsyncIterable<Uint8Array>): AsyncGenerator<unknown> {
  const decoder = new TextDecoder();
  // The beginning of a line whose end has not come; looked through once, however many pieces it comes in.
  let parts: string[] = [];
  let size = 0;
  for await (const chunk of chunks) {
    const lines = decoder.decode(chunk, { stream: true }).split('\n');
    const rest = lines.pop() ?? '';
    for (const line of lines) {
      yield* toItems(what, `${parts.join('')}${line}`);
      parts = [];
      size = 0;
    }
    parts.push(rest);
    size += rest.length;
    if (size > MAX_ITEM_CHARS)
      throw new ArgoError('unreadable', what, `a stream item is larger than ${MAX_ITEM_CHARS} characters`);
  }
  yield* toItems(what, `${parts.join('')}${decoder.decode()}`);
}

function* toItems(what: string, line: string): Generator<unknown> {
  const trimmed = line.trim();
  if (trimmed === '' || trimmed.startsWith(':')) return;
  const text = trimmed.startsWith('data:') ? trimmed.slice('data:'.length).trimStart() : trimmed;
  // Other fields of the event-stream format (`event:`, `id:`, `retry:`) say nothing here.
  if (!text.startsWith('{')) {
    if (/^(event|id|retry):/.test(text)) return;
    throw new ArgoError('unreadable', what, `not a stream item: ${text.slice(0, 80)}`);
  }
  let item: unknown;
  try {
    item = JSON.parse(text);
  } catch (error) {
    throw new ArgoError('unreadable', what, 'the stream was cut inside an item', { cause: error });
  }
  if (typeof item === 'object' && item !== null && 'error' in item && item.error !== null)
    throw toStreamError(what, item.error);
  yield item;
}
