import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Knex } from 'knex';
import { fromJson, toJson } from '../database/dialect.ts';
import type { Redactor } from '../lib/redact.ts';
import type { KnownPattern } from './context.ts';
import { toScopeColumns } from './fact-rows.ts';
import { listDeploys, type StoredDeploy } from './fact-store.ts';
import type { DeployOutcome } from './facts.ts';
import { isFailure } from './facts.ts';
import type { Occurrence } from './occurrence.ts';
import { writeWhole } from './write-whole.ts';
import { toOccurrenceRecord, type Expectation, type OccurrenceStep } from './occurrence-record.ts';

export interface OccurrenceDeps {
  knex: Knex;
  /** Folder of the files, `occurrences` in the data folder. */
  dir: string;
  redactor: Redactor;
}

export interface OccurrenceInput {
  deployId: string;
  steps: readonly OccurrenceStep[];
  expected?: Expectation;
  explanation: readonly string[];
}

/**
 * Writes the occurrence of an ended deploy, as a row and as a file `YYYY-MM/<id>.json`. Safe to call again: id and content come
 * from the facts. Undefined where the deploy is not known or has not ended.
 */
export async function recordOccurrence(deps: OccurrenceDeps, input: OccurrenceInput): Promise<Occurrence | undefined> {
  const { knex } = deps;
  const [stored] = await listDeploys(knex, { ids: [input.deployId], limit: 1 });
  if (stored?.outcome === undefined) return undefined;
  const { deploy, outcome, regression } = stored;
  const beside = stored.concurrent.length === 0 ? [] : await listDeploys(knex, { ids: stored.concurrent, limit: 200 });
  const made = toOccurrenceRecord({
    deploy,
    outcome,
    ...(regression === undefined ? {} : { regression }),
    before: await readBefore(knex, stored),
    concurrent: beside.map(({ deploy: { id, service, environment } }) => ({ id, service, environment })),
    steps: input.steps,
    explanation: input.explanation,
    ...(input.expected === undefined ? {} : { expected: input.expected }),
  });
  // Redacting keeps the shape: it only puts other text into strings.
  const occurrence = deps.redactor.deep(made) as Occurrence;
  await knex('occurrences')
    .insert({
      id: occurrence.id,
      deploy_id: deploy.id,
      ticket_id: deploy.ticket ?? null,
      at: occurrence.timestamp,
      type: occurrence.type,
      severity: occurrence.severity,
      outcome: occurrence.outcome,
      ...toScopeColumns(deploy),
      body_json: toJson(occurrence),
    })
    .onConflict('id')
    .merge();
  await writeWhole(fileOf(deps.dir, occurrence.id, occurrence.timestamp), `${JSON.stringify(occurrence, null, 2)}\n`);
  return occurrence;
}

export async function listOccurrences(
  knex: Knex,
  query: { ticketId?: string; deployIds?: readonly string[]; limit: number },
): Promise<Occurrence[]> {
  const found = knex('occurrences').orderBy('at', 'desc').limit(query.limit);
  if (query.ticketId !== undefined) void found.where({ ticket_id: query.ticketId });
  if (query.deployIds !== undefined) void found.whereIn('deploy_id', [...query.deployIds]);
  const rows: { body_json: string }[] = await found;
  // Written above and nowhere else.
  return rows.map((row) => fromJson(row.body_json) as Occurrence);
}

/** Deletes the files of occurrences whose rows are gone; one that is not there is no mistake. */
export async function removeOccurrenceFiles(
  dir: string,
  occurrences: readonly { id: string; at: string }[],
): Promise<void> {
  for (const { id, at } of occurrences) await rm(fileOf(dir, id, at), { force: true });
}

function fileOf(dir: string, id: string, at: string): string {
  return join(dir, at.slice(0, 7), `${id}.json`);
}

interface EndedRow {
  id: string;
  at: string;
  outcome: DeployOutcome;
  fingerprint_class: string | null;
  fingerprint_signature: string | null;
  told: number | string;
}

/** What was recorded about the scope before the deploy began: only facts with a lower number. */
async function readBefore(
  knex: Knex,
  { deploy, seq }: StoredDeploy,
): Promise<{ deploys: number; failures: number; patterns: KnownPattern[] }> {
  const before = async (table: 'deploy_outcomes' | 'deploy_regressions', outcome: Knex.Raw): Promise<EndedRow[]> =>
    await knex('deploys')
      .join(table, `${table}.deploy_id`, 'deploys.id')
      .where(toScopeColumns(deploy))
      .where(`${table}.recorded_seq`, '<', seq)
      .orderBy(`${table}.recorded_seq`, 'desc')
      .limit(MAX_BEFORE)
      .select('deploys.id', 'at', outcome, 'fingerprint_class', 'fingerprint_signature', {
        told: `${table}.recorded_seq`,
      });
  const regressed = await before('deploy_regressions', knex.raw("'failed' as outcome"));
  const isRegressed = new Set(regressed.map(({ id }) => id));
  const ended = await before('deploy_outcomes', knex.raw('outcome'));
  // A deploy that turned out bad counts once, as that.
  const rows = [...ended.filter(({ id }) => !isRegressed.has(id)), ...regressed];
  rows.sort((a, b) => Number(b.told) - Number(a.told));
  const patterns = new Map<string, KnownPattern>();
  const judged = rows.filter((row) => isFailure(row.outcome) !== undefined);
  for (const row of judged) {
    const { fingerprint_class: failureClass, fingerprint_signature: signature } = row;
    if (failureClass === null || signature === null) continue;
    const atMs = Date.parse(row.at);
    const key = `${failureClass}\n${signature}`;
    const known = patterns.get(key) ?? {
      fingerprint: { class: failureClass, signature },
      ...{ count: 0, firstAtMs: atMs, lastAtMs: atMs, lastDeployId: row.id },
    };
    patterns.set(key, { ...known, count: known.count + 1, firstAtMs: atMs });
  }
  return {
    deploys: judged.length,
    failures: judged.filter((row) => isFailure(row.outcome) === true).length,
    patterns: [...patterns.values()],
  };
}

const MAX_BEFORE = 2_000;
