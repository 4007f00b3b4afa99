import { z } from 'zod';
import { AppError } from '../lib/errors.ts';
import { toIsoTime } from '../lib/clock.ts';
import type { DeployRecord } from './facts.ts';
import type { MemoryFact } from './facts-order.ts';
import { toFactOrder } from './facts-order.ts';

const FORMAT = 1;

/** Where facts come from: written at the head of an export, kept with every fact of an import. */
export interface Provenance {
  /** The installation that observed the deploys. */
  source: string;
  exportedAtMs: number;
  /** Who asked for the export. */
  actor?: string;
}

const text = z.string().min(1).max(512);
const time = z.iso.datetime({ offset: true });

const headerSchema = z.strictObject({
  type: z.literal('header'),
  format: z.literal(FORMAT),
  source: text,
  at: time,
  actor: text.optional(),
});
const deploySchema = z.strictObject({
  type: z.literal('deploy'),
  id: text,
  at: time,
  cluster: text,
  environment: text,
  namespace: text,
  service: text,
  changeKind: text,
  strategy: z.enum(['direct', 'canary', 'blue_green']),
  application: text.optional(),
  version: text.optional(),
  digest: text.optional(),
  commit: text.optional(),
  ticket: text.optional(),
  actor: text.optional(),
  size: z.number().nonnegative().optional(),
  origin: text.optional(),
});
const outcomeSchema = z.strictObject({
  type: z.literal('outcome'),
  id: text,
  at: time,
  outcome: z.enum(['healthy', 'failed', 'rolled_back', 'superseded', 'cancelled']),
  verdict: z.string().max(2000).optional(),
  fingerprint: z.strictObject({ class: text, signature: z.string().max(2000) }).optional(),
  durationMs: z.number().nonnegative().optional(),
});
const lineSchema = z.discriminatedUnion('type', [headerSchema, deploySchema, outcomeSchema]);

/** Recorded deploys as lines of JSON in order of time, after one line that says where they come from. `replayHistory` reads them too. */
export function* exportFacts(records: Iterable<DeployRecord>, provenance: Provenance): Generator<string> {
  const { source, exportedAtMs, actor } = provenance;
  yield toLine({ type: 'header', format: FORMAT, source, at: toIsoTime(exportedAtMs), actor });
  for (const told of toFactOrder(records)) {
    if (told.type === 'deploy') {
      const { startedAtMs, ...fact } = told.fact;
      yield toLine({ type: 'deploy', at: toIsoTime(startedAtMs), ...fact });
    } else {
      const { deployId, atMs, ...fact } = told.fact;
      yield toLine({ type: 'outcome', id: deployId, at: toIsoTime(atMs), ...fact });
    }
  }
}

/**
 * Reads an export, fact by fact. Every deploy carries where it was observed, so that what was learned elsewhere can be told
 * apart and taken out again; one that was imported before keeps its first origin.
 * @throws AppError `invalid_input` with the line number; nothing after that line is read
 */
export async function* importFacts(lines: AsyncIterable<string> | Iterable<string>): AsyncGenerator<MemoryFact> {
  let origin: string | undefined;
  let lineNumber = 0;
  for await (const line of lines) {
    lineNumber += 1;
    if (line.trim() === '') continue;
    const value = parseLine(line, lineNumber);
    if (value.type === 'header') {
      if (origin !== undefined) throw unreadable(lineNumber, 'a second header');
      origin = value.source;
      continue;
    }
    if (origin === undefined)
      throw unreadable(lineNumber, 'the first line must be the header that says where the facts come from');
    if (value.type === 'deploy') {
      const { type, at, ...fact } = value;
      yield { type, fact: { origin, ...toDefined(fact), startedAtMs: Date.parse(at) } };
    } else {
      const { type, id, at, ...fact } = value;
      yield { type, fact: { deployId: id, atMs: Date.parse(at), ...toDefined(fact) } };
    }
  }
}

/** zod says "may be undefined" where the facts say "may be missing"; the parsed objects never hold an undefined field. */
function toDefined<T extends object>(value: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return value as { [K in keyof T]: Exclude<T[K], undefined> };
}

function parseLine(line: string, lineNumber: number): z.infer<typeof lineSchema> {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    throw unreadable(lineNumber, 'it is not JSON');
  }
  const parsed = lineSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw unreadable(lineNumber, `${issue?.path.join('.') ?? ''} ${issue?.message ?? 'not a fact'}`.trim());
}

function unreadable(lineNumber: number, why: string): AppError {
  return new AppError('invalid_input', `line ${lineNumber} of the import cannot be read: ${why}`, {
    hint: 'Import files are written by the export of another installation, unchanged.',
    details: { lineNumber },
  });
}

function toLine(value: object): string {
  return JSON.stringify(value);
}
