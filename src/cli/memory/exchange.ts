import { createWriteStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { importResultSchema, type ImportResult } from '../../api/contract-memory.ts';
import { AppError } from '../../lib/errors.ts';
import type { ConnectionOptions } from '../connect.ts';
import type { Terminal } from '../terminal.ts';
import { print, transfer } from './connection.ts';
import { openLines } from './lines.ts';

/** Writes the memory of a server as JSON lines to a file, or to standard output. */
export async function exportMemory(
  options: ConnectionOptions & { out?: string; service?: string },
  terminal: Terminal,
): Promise<void> {
  const query = options.service === undefined ? '' : `?service=${encodeURIComponent(options.service)}`;
  const { body } = await transfer(options, terminal, { method: 'GET', path: `/api/memory/export${query}` });
  if (body === null) throw new AppError('internal', 'the server sent no lines');
  if (options.out === undefined || options.out === '-') {
    for await (const chunk of body) process.stdout.write(chunk);
    return;
  }
  // Only its owner may read it: it tells what runs where.
  await pipeline(body, createWriteStream(options.out, { mode: 0o600 }));
}

const LINES_A_PART = 100_000;
const CHARACTERS_A_PART = 24 * 1024 * 1024;

/** Sends a history to a server, in parts where it is long; parts that were sent before are passed over there. */
export async function importMemory(
  file: string,
  options: ConnectionOptions & { source: string; cluster?: string },
  terminal: Terminal,
): Promise<void> {
  const { source, cluster } = options;
  const query = new URLSearchParams({ source, ...(cluster === undefined ? {} : { cluster }) });
  const total: ImportResult = { source, lines: 0, deploys: 0, outcomes: 0, sayings: 0, skipped: 0 };
  let part: string[] = [];
  let characters = 0;
  const send = async () => {
    const lines = part.join('\n');
    const response = await transfer(options, terminal, {
      method: 'POST',
      path: `/api/memory/import?${query.toString()}`,
      lines,
    });
    const counts = importResultSchema.parse(await response.json());
    for (const name of ['lines', 'deploys', 'outcomes', 'sayings', 'skipped'] as const) total[name] += counts[name];
    part = [];
    characters = 0;
  };
  for await (const line of openLines(file)) {
    part.push(line);
    characters += line.length + 1;
    if (part.length >= LINES_A_PART || characters >= CHARACTERS_A_PART) await send();
  }
  if (part.length > 0 || total.lines === 0) await send();
  const { deploys, outcomes, sayings, skipped } = total;
  print(options, terminal, total, [
    `Took ${deploys} deploys, ${outcomes} outcomes and ${sayings} notes and pins; ` +
      `${skipped} lines were known already or belong to no known deploy.`,
  ]);
}
