import { z } from 'zod';
import { toIsoTime } from '../lib/clock.ts';
import { AppError } from '../lib/errors.ts';
import { sha256Hex } from '../lib/ids.ts';
import type { Correction } from './corrections.ts';
import type { StoredFact } from './fact-rows.ts';
import { DEPLOY_OUTCOMES } from './facts.ts';
import type { DeployFact, OutcomeFact, RegressionFact, Scope } from './facts.ts';

// One JSON object a line: deploys and outcomes as histories for replay have them, with more fields, and what people said.
// Every line tells where it came from, so that lines can be cut, joined and sent on.

/** What this version writes and reads. */
const FORMAT = 1;

const time = z.iso.datetime({ offset: true });
const name = z.string().min(1).max(256);
const text = z.string().max(4_000).default('');
const scopeFields = { cluster: name.optional(), environment: name, namespace: name.optional(), service: name };
const pattern = z.object({ class: z.string().min(1).max(64), signature: z.string().max(2_000).optional() });

// Loose: histories come from many tools and carry more than is needed here.
const lineSchema = z.discriminatedUnion('type', [
  z.object({ type: z.literal('header'), format: z.literal(FORMAT), source: z.string().max(128).optional() }),
  z.object({
    type: z.literal('deploy'),
    id: name,
    at: time,
    ...scopeFields,
    application: name.optional(),
    image: name.optional(),
    version: name.optional(),
    digest: name.optional(),
    changeKind: z.string().min(1).max(64).optional(),
    commit: z.string().min(1).max(64).optional(),
    ticket: z.string().min(1).max(64).optional(),
    actor: name.optional(),
    strategy: z.enum(['direct', 'canary', 'blue_green']).optional(),
    size: z.number().int().nonnegative().max(1_000_000).optional(),
    origin: z.string().max(256).optional(),
  }),
  z.object({
    type: z.literal('outcome'),
    id: name,
    at: time,
    outcome: z.enum(DEPLOY_OUTCOMES),
    verdict: z.string().min(1).max(64).optional(),
    fingerprint: z.object({ class: z.string().min(1).max(64), signature: z.string().max(2_000) }).optional(),
    durationMs: z.number().nonnegative().max(1e12).optional(),
  }),
  z.object({
    type: z.literal('regression'),
    id: name,
    at: time,
    verdict: z.string().min(1).max(64).optional(),
    fingerprint: z.object({ class: z.string().min(1).max(64), signature: z.string().max(2_000) }).optional(),
  }),
  z.object({ type: z.literal('note'), at: time, ...scopeFields, actor: name, text }),
  z.object({
    type: z.literal('pin'),
    at: time,
    ...scopeFields,
    actor: name,
    text,
    fingerprint: pattern,
    count: z.number().int().nonnegative(),
    deploys: z.number().int().nonnegative(),
  }),
]);

type Line = z.infer<typeof lineSchema>;

/** What an import is to write, in the order of the lines. */
export type ImportedItem =
  | { kind: 'deploy'; deploy: DeployFact }
  | { kind: 'outcome'; outcome: OutcomeFact }
  | { kind: 'regression'; regression: RegressionFact }
  | { kind: 'saying'; correction: Extract<Correction, { kind: 'note' | 'pin' }> };

export interface ImportOptions {
  /** A name for where the lines come from; part of the ids of histories that number their deploys themselves. */
  source: string;
  /** For lines that name no cluster. */
  cluster: string;
  nowMs: number;
}

export interface ParsedImport {
  items: ImportedItem[];
  lines: number;
}

/** More than this is brought in by parts. */
const MAX_LINES = 250_000;

/**
 * Reads the lines of an export, or of a deploy history. Nothing is taken from a text with a mistake in it.
 * @throws AppError `invalid_input` with the number of the line that cannot be read
 */
export function parseImport(content: string, options: ImportOptions): ParsedImport {
  const items: ImportedItem[] = [];
  const startedAtMs = new Map<string, number>();
  let lines = 0;
  for (const [index, raw] of content.split('\n').entries()) {
    if (raw.trim() === '') continue;
    const number = index + 1;
    lines += 1;
    if (lines > MAX_LINES)
      throw new AppError('payload_too_large', `more than ${MAX_LINES} lines`, { hint: 'Bring it in by parts.' });
    const line = parseLine(raw, number);
    if (line.type === 'header') continue;
    const atMs = Date.parse(line.at);
    // A minute for clocks that differ; what is told as of tomorrow would stand before everything observed until then.
    if (atMs > options.nowMs + 60_000) throw malformed(number, `at ${line.at} lies in the future`);
    if (line.type === 'deploy') {
      const deploy = toDeployFact(line, atMs, options);
      if (startedAtMs.has(deploy.id)) throw malformed(number, `the deploy id ${line.id} was used before`);
      startedAtMs.set(deploy.id, atMs);
      items.push({ kind: 'deploy', deploy });
    } else if (line.type === 'outcome') {
      const deployId = toId(line.id, options.source);
      if (atMs < (startedAtMs.get(deployId) ?? atMs))
        throw malformed(number, `the deploy ${line.id} ended before it began`);
      items.push({ kind: 'outcome', outcome: toOutcomeFact(line, deployId, atMs) });
    } else if (line.type === 'regression') {
      items.push({ kind: 'regression', regression: toRegressionFact(line, toId(line.id, options.source), atMs) });
    } else {
      items.push({ kind: 'saying', correction: toSaying(line, atMs, options) });
    }
  }
  return { items, lines };
}

function parseLine(raw: string, number: number): Line {
  let value: unknown;
  try {
    value = JSON.parse(raw);
  } catch {
    throw malformed(number, 'it is not JSON');
  }
  const parsed = lineSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  const where = issue === undefined || issue.path.length === 0 ? '' : `${issue.path.join('.')}: `;
  throw malformed(number, `${where}${issue?.message ?? 'not a line of a history'}`);
}

function malformed(lineNumber: number, why: string): AppError {
  return new AppError('invalid_input', `line ${lineNumber} cannot be read: ${why}`, {
    hint: 'Nothing was taken. Send what "tiphys memory export" wrote, or a history of deploy and outcome lines.',
    details: { lineNumber },
  });
}

const OWN_ID = /^(?:dep|imp)_[0-9A-Za-z]+$/;

/** Our own ids are unique everywhere; those of other histories (`d17`) only within them. */
function toId(id: string, source: string): string {
  return OWN_ID.test(id) && id.length <= 64 ? id : `imp_${sha256Hex(`${source}/${id}`).slice(0, 32)}`;
}

function toScope(line: z.infer<z.ZodObject<typeof scopeFields>>, { cluster }: ImportOptions): Scope {
  const { environment, service } = line;
  return { cluster: line.cluster ?? cluster, environment, namespace: line.namespace ?? environment, service };
}

function toDeployFact(
  line: Extract<Line, { type: 'deploy' }>,
  startedAtMs: number,
  options: ImportOptions,
): DeployFact {
  const { application, image, version, digest, commit, ticket, actor, size } = line;
  return {
    id: toId(line.id, options.source),
    ...toScope(line, options),
    changeKind: line.changeKind ?? 'set_image',
    startedAtMs,
    strategy: line.strategy ?? 'direct',
    ...(application === undefined ? {} : { application }),
    ...(image === undefined ? {} : { image }),
    ...(version === undefined ? {} : { version }),
    ...(digest === undefined ? {} : { digest }),
    ...(commit === undefined ? {} : { commit }),
    ...(ticket === undefined ? {} : { ticket }),
    ...(actor === undefined ? {} : { actor }),
    ...(size === undefined ? {} : { size }),
    // The first to have observed it stays known over several imports.
    origin: line.origin ?? options.source,
  };
}

function toOutcomeFact(line: Extract<Line, { type: 'outcome' }>, deployId: string, atMs: number): OutcomeFact {
  const { outcome, verdict, fingerprint, durationMs } = line;
  return {
    deployId,
    atMs,
    outcome,
    ...(verdict === undefined ? {} : { verdict }),
    ...(fingerprint === undefined ? {} : { fingerprint }),
    ...(durationMs === undefined ? {} : { durationMs }),
  };
}

function toRegressionFact(
  { verdict, fingerprint }: Extract<Line, { type: 'regression' }>,
  deployId: string,
  atMs: number,
): RegressionFact {
  return {
    deployId,
    atMs,
    ...(verdict === undefined ? {} : { verdict }),
    ...(fingerprint === undefined ? {} : { fingerprint }),
  };
}

function toSaying(
  line: Extract<Line, { type: 'note' | 'pin' }>,
  atMs: number,
  options: ImportOptions,
): Extract<Correction, { kind: 'note' | 'pin' }> {
  // Its number is given when it is written.
  const base = { seq: 0, atMs, actor: line.actor, scope: toScope(line, options), text: line.text };
  if (line.type === 'note') return { ...base, kind: 'note' };
  const { class: failureClass, signature } = line.fingerprint;
  const fingerprint = { class: failureClass, ...(signature === undefined ? {} : { signature }) };
  return { ...base, kind: 'pin', fingerprint, known: { count: line.count, deploys: line.deploys } };
}

/** The first line of an export. Readers of histories pass over it. */
export function toExportHeader(input: { atMs: number; actor: string; source: string }): string {
  const { atMs, actor, source } = input;
  return JSON.stringify({ type: 'header', format: FORMAT, source, at: toIsoTime(atMs), actor });
}

export function toFactLine(fact: StoredFact, source: string): string {
  if (fact.kind === 'deploy') {
    const { startedAtMs, ...rest } = fact.deploy;
    const { id, ...fields } = rest;
    return JSON.stringify({ type: 'deploy', id, at: toIsoTime(startedAtMs), origin: source, ...fields });
  }
  const { deployId, atMs, ...fields } = fact.kind === 'outcome' ? fact.outcome : fact.regression;
  return JSON.stringify({ type: fact.kind, id: deployId, at: toIsoTime(atMs), ...fields });
}

/** A note or pin as a line; undefined for what makes sense only beside the facts it corrects. */
export function toSayingLine(correction: Correction): string | undefined {
  if (correction.kind !== 'note' && correction.kind !== 'pin') return undefined;
  const { kind: type, atMs, actor, scope, text: words } = correction;
  const line = { type, at: toIsoTime(atMs), ...scope, actor, text: words };
  if (correction.kind === 'note') return JSON.stringify(line);
  const { fingerprint, known } = correction;
  return JSON.stringify({ ...line, fingerprint, count: known.count, deploys: known.deploys });
}
