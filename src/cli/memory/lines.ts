import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { createInterface } from 'node:readline';
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
  const lines = createInterface({ input: source, crlfDelay: Number.POSITIVE_INFINITY });
  // Errors of a stream do not reach its reader through readline.
  const broken: { error?: unknown } = {};
  for (const stream of new Set([raw, source]))
    stream.once('error', (error) => {
      broken.error = error;
      lines.close();
    });
  yield* lines;
  if ('error' in broken)
    throw new AppError('invalid_input', `${file} cannot be read to its end: ${toErrorMessage(broken.error)}`, {
      cause: broken.error,
    });
}
