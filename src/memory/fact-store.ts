import type { Knex } from 'knex';
import { countRows, fromJson, toJson } from '../database/dialect.ts';
import { toIsoTime } from '../lib/clock.ts';
import {
  toDeployColumns,
  toDeployFact,
  toOutcomeColumns,
  toOutcomeFact,
  toRegressionColumns,
  toRegressionFact,
  toScopeColumns,
  type DeployRow,
  type OutcomeRow,
  type RegressionRow,
  type ToldPlace,
} from './fact-rows.ts';
import type { DeployFact, DeployRecord, OutcomeFact, RegressionFact, Scope } from './facts.ts';

/** A deploy as recorded, with what memory itself does not need. */
export interface StoredDeploy extends DeployRecord {
  seq: number;
  outcomeSeq?: number;
  /** Ids of deploys in the same cluster that were under way when it began. */
  concurrent: string[];
}

const FACT_TABLES = ['deploys', 'deploy_outcomes', 'deploy_regressions'] as const;

/** The number the next fact or correction gets. The caller holds the journal lock. */
export async function nextSeq(trx: Knex): Promise<number> {
  let highest = 0;
  for (const table of [...FACT_TABLES, 'memory_corrections']) {
    const row: { seq?: number | string | null } | undefined = await trx(table).max({ seq: 'recorded_seq' }).first();
    highest = Math.max(highest, Number(row?.seq ?? 0));
  }
  return highest + 1;
}

/** What facts there are up to a number, as far as that tells two databases apart. */
export async function readBasis(knex: Knex, upTo: number): Promise<{ facts: number; newestDeploy: string }> {
  let facts = 0;
  for (const table of FACT_TABLES) facts += await countRows(knex(table).where('recorded_seq', '<=', upTo));
  const newest: { id: string } | undefined = await knex('deploys')
    .where('recorded_seq', '<=', upTo)
    .orderBy('recorded_seq', 'desc')
    .select('id')
    .first();
  return { facts, newestDeploy: newest?.id ?? '' };
}

/** When the newest fact is told, so that what is observed now is told after it; undefined before the first. */
export async function newestToldAt(knex: Knex): Promise<string | undefined> {
  const newest: string[] = [];
  for (const table of FACT_TABLES) {
    const row: { at?: string | null } | undefined = await knex(table).max({ at: 'told_at' }).first();
    if (row?.at !== null && row?.at !== undefined) newest.push(row.at);
  }
  return newest.sort().at(-1);
}

export interface PlacedDeploy extends ToldPlace {
  deploy: DeployFact;
  concurrent?: readonly string[];
}

export interface PlacedOutcome extends ToldPlace {
  outcome: OutcomeFact;
}

export interface PlacedRegression extends ToldPlace {
  regression: RegressionFact;
}

// SQLite takes 32,766 values in one statement.
const ROWS_PER_INSERT = 500;

export async function insertDeploys(trx: Knex.Transaction, placed: readonly PlacedDeploy[]): Promise<void> {
  const rows = placed.map(({ deploy, seq, toldAt, concurrent }) => ({
    ...toDeployColumns(deploy),
    recorded_seq: seq,
    told_at: toldAt,
    concurrent_json: concurrent === undefined ? null : toJson(concurrent),
  }));
  for (let start = 0; start < rows.length; start += ROWS_PER_INSERT)
    await trx('deploys').insert(rows.slice(start, start + ROWS_PER_INSERT));
}

/** Their deploys must be there already. */
export async function insertOutcomes(trx: Knex.Transaction, placed: readonly PlacedOutcome[]): Promise<void> {
  const rows = placed.map(({ outcome, seq, toldAt }) => ({
    ...toOutcomeColumns(outcome),
    recorded_seq: seq,
    told_at: toldAt,
  }));
  for (let start = 0; start < rows.length; start += ROWS_PER_INSERT)
    await trx('deploy_outcomes').insert(rows.slice(start, start + ROWS_PER_INSERT));
}

/** Their deploys must be there already, ended healthy. */
export async function insertRegressions(trx: Knex.Transaction, placed: readonly PlacedRegression[]): Promise<void> {
  const rows = placed.map(({ regression, seq, toldAt }) => ({
    ...toRegressionColumns(regression),
    recorded_seq: seq,
    told_at: toldAt,
  }));
  for (let start = 0; start < rows.length; start += ROWS_PER_INSERT)
    await trx('deploy_regressions').insert(rows.slice(start, start + ROWS_PER_INSERT));
}

const STALE_MS = 24 * 3_600_000;
const MAX_CONCURRENT = 200;

/**
 * Deploys of the same cluster that began before this one and had not ended when it did. What has no end after a day is
 * taken for forgotten, not for under way.
 */
export async function listConcurrent(knex: Knex, fact: DeployFact): Promise<string[]> {
  const startedAt = toIsoTime(fact.startedAtMs);
  const rows: { id: string }[] = await knex('deploys')
    .select('deploys.id')
    .leftJoin('deploy_outcomes', 'deploy_outcomes.deploy_id', 'deploys.id')
    .where('deploys.cluster', fact.cluster)
    .whereNot('deploys.id', fact.id)
    .where('deploys.started_at', '<=', startedAt)
    .where('deploys.started_at', '>', toIsoTime(fact.startedAtMs - STALE_MS))
    .where((any) => void any.whereNull('deploy_outcomes.at').orWhere('deploy_outcomes.at', '>', startedAt))
    .orderBy('deploys.recorded_seq')
    .limit(MAX_CONCURRENT);
  return rows.map((row) => row.id);
}

export interface DeployQuery {
  ids?: readonly string[];
  scope?: Scope;
  service?: string;
  ticketId?: string;
  /** Only deploys that stand after this one in the answer. */
  before?: { startedAt: string; seq: number };
  limit: number;
}

/** Deploys with their ends, newest first. */
export async function listDeploys(knex: Knex, query: DeployQuery): Promise<StoredDeploy[]> {
  const found = knex('deploys').orderBy([
    { column: 'started_at', order: 'desc' },
    { column: 'recorded_seq', order: 'desc' },
  ]);
  if (query.ids !== undefined) void found.whereIn('id', query.ids);
  if (query.scope !== undefined) void found.where(toScopeColumns(query.scope));
  if (query.service !== undefined) void found.where({ service: query.service });
  if (query.ticketId !== undefined) void found.where({ ticket_id: query.ticketId });
  if (query.before !== undefined)
    void found.whereRaw('(started_at, recorded_seq) < (?, ?)', [query.before.startedAt, query.before.seq]);
  const deploys: DeployRow[] = await found.limit(query.limit);
  const ids = deploys.map((row) => row.id);
  const outcomes: OutcomeRow[] = ids.length === 0 ? [] : await knex('deploy_outcomes').whereIn('deploy_id', ids);
  const byDeploy = new Map(outcomes.map((row) => [row.deploy_id, row]));
  const regressions: RegressionRow[] =
    ids.length === 0 ? [] : await knex('deploy_regressions').whereIn('deploy_id', ids);
  const regressionOf = new Map(regressions.map((row) => [row.deploy_id, toRegressionFact(row)]));
  return deploys.map((row) => {
    const outcome = byDeploy.get(row.id);
    const regression = regressionOf.get(row.id);
    return {
      deploy: toDeployFact(row),
      seq: Number(row.recorded_seq),
      concurrent: (fromJson(row.concurrent_json) as string[] | null) ?? [],
      ...(outcome === undefined ? {} : { outcome: toOutcomeFact(outcome), outcomeSeq: Number(outcome.recorded_seq) }),
      ...(regression === undefined ? {} : { regression }),
    };
  });
}

/** Every place where something was deployed, with its counts. */
export interface ServiceCount extends Scope {
  deploys: number;
  /** Failed or rolled back, at their end or later. */
  failures: number;
  lastDeployAt: string;
}

const FAILED = `case when outcome in ('failed', 'rolled_back') or deploy_regressions.deploy_id is not null then 1 else 0 end`;

export async function listServices(knex: Knex): Promise<ServiceCount[]> {
  const columns = ['cluster', 'environment', 'namespace', 'service'];
  const query = knex('deploys')
    .leftJoin('deploy_outcomes', 'deploy_outcomes.deploy_id', 'deploys.id')
    .leftJoin('deploy_regressions', 'deploy_regressions.deploy_id', 'deploys.id')
    .select(columns)
    .count({ deploys: 'deploys.id' })
    .sum({ failures: knex.raw(FAILED) })
    .max({ last: 'started_at' })
    .groupBy(columns)
    .orderBy(columns);
  // Knex types the answer by its aggregates alone.
  const rows = (await query) as (Scope & { deploys: number | string; failures: number | string; last: string })[];
  return rows.map(({ last, ...row }) => ({
    ...toScopeColumns(row),
    deploys: Number(row.deploys),
    failures: Number(row.failures),
    lastDeployAt: last,
  }));
}
