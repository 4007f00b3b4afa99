import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { AppError, toErrorMessage } from '../../lib/errors.ts';

/**
 * The lines of a file, of a gzip file (`.gz`), or of standard input (`-`), as they are read.
 * @throws AppError `invalid_input` where the file cannot be read
 */
export async function* openLines(file: string): AsyncGenerator<string> {
  if (file !== '-') {
    const found = await stat(file).catch((error: unknown) => {
      throw new AppError('invalid_input', `${file} cannot be read: ${toErrorMessage(error)}`, { cause: error });
    });
    if (found.isDirectory()) throw new AppError('invalid_input', `${file} is a folder, not a file of lines`);
  }
  const raw: Readable = file === '-' ? process.stdin : createReadStream(file);
  const source = file.endsWith('.gz') ? raw.pipe(createGunzip()) : raw;
  if (source !== raw) raw.once('error', (error) => source.destroy(error));
  const decoder = new TextDecoder();
  let rest = '';
  try {
    const chunks: AsyncIterable<Uint8Array> = source;
    for await (const chunk of chunks) {
      const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n');
      rest = lines.pop() ?? '';
      yield* lines;
    }
  } catch (error) {
    throw new AppError('invalid_input', `${file} cannot be read to its end: ${toErrorMessage(error)}`, {
      cause: error,
    });
  }
  rest += decoder.decode();
  if (rest !== '') yield rest;
}
