import type { Knex } from 'knex';
import { countRows, fromJson, toJson, toText } from '../database/dialect.ts';
import { toIsoTime } from '../lib/clock.ts';
import type { DeployFact, DeployOutcome, DeployRecord, OutcomeFact, Scope, Strategy } from './facts.ts';

/** Where a deploy comes from that this installation watched itself. */
const OBSERVED = 'observed';

interface DeployRow {
  id: string;
  recorded_seq: number | string;
  told_at: string | null;
  cluster: string;
  environment: string;
  namespace: string;
  service: string;
  application: string | null;
  image: string | null;
  version: string | null;
  digest: string | null;
  change_kind: string;
  commit_sha: string | null;
  ticket_id: string | null;
  actor: string | null;
  started_at: string;
  strategy: string;
  size: number | null;
  concurrent_json: string | null;
  source: string;
}

interface OutcomeRow {
  deploy_id: string;
  recorded_seq: number | string;
  told_at: string | null;
  at: string;
  outcome: string;
  verdict: string | null;
  fingerprint_class: string | null;
  fingerprint_signature: string | null;
  duration_ms: number | string | null;
}

/** A deploy as recorded, with what memory itself does not need. */
export interface StoredDeploy extends DeployRecord {
  seq: number;
  outcomeSeq?: number;
  /** Ids of deploys in the same cluster that were under way when it began. */
  concurrent: string[];
}

/** Where a fact stands in the order in which facts are told. */
export interface ToldPlace {
  toldAt: string;
  seq: number;
}

export type StoredFact = ToldPlace &
  ({ kind: 'deploy'; deploy: DeployFact } | { kind: 'outcome'; outcome: OutcomeFact });

/** The number the next fact or correction gets. The caller holds the journal lock. */
export async function nextSeq(trx: Knex): Promise<number> {
  let highest = 0;
  for (const table of ['deploys', 'deploy_outcomes', 'memory_corrections']) {
    const row: { seq?: number | string | null } | undefined = await trx(table).max({ seq: 'recorded_seq' }).first();
    highest = Math.max(highest, Number(row?.seq ?? 0));
  }
  return highest + 1;
}

/** What facts there are up to a number, as far as that tells two databases apart. */
export async function readBasis(knex: Knex, upTo: number): Promise<{ facts: number; newestDeploy: string }> {
  let facts = 0;
  for (const table of ['deploys', 'deploy_outcomes'])
    facts += await countRows(knex(table).where('recorded_seq', '<=', upTo));
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
  for (const table of ['deploys', 'deploy_outcomes']) {
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

/** The next facts in the order in which they were written. */
export async function listFactsBySeq(knex: Knex, afterSeq: number, limit: number): Promise<StoredFact[]> {
  const page = async <Row extends object>(table: string): Promise<Row[]> =>
    await knex(table).where('recorded_seq', '>', afterSeq).orderBy('recorded_seq').limit(limit);
  const deploys = (await page<DeployRow>('deploys')).map(toStoredDeployFact);
  const outcomes = (await page<OutcomeRow>('deploy_outcomes')).map(toStoredOutcomeFact);
  return [...deploys, ...outcomes].sort((a, b) => a.seq - b.seq).slice(0, limit);
}

/**
 * All facts in the order in which they are told when everything is told anew, in pages.
 * @param options.service only of services of this name
 */
export async function* readFactsAsTold(
  knex: Knex,
  options: { service?: string; pageSize?: number } = {},
): AsyncGenerator<StoredFact[]> {
  const size = options.pageSize ?? 5_000;
  const deploys = openTable<DeployRow>(knex, 'deploys', toStoredDeployFact, { ...options, size });
  const outcomes = openTable<OutcomeRow>(knex, 'deploy_outcomes', toStoredOutcomeFact, { ...options, size });
  for (;;) {
    await Promise.all([deploys.fill(), outcomes.fill()]);
    // What lies behind the end of the shorter page may still have something of the other table before it.
    const ends = [deploys.end(), outcomes.end()].filter((end) => end !== undefined);
    const [nearest] = ends.sort(compareTold);
    const page = [...deploys.take(nearest), ...outcomes.take(nearest)].sort(compareTold);
    if (page.length > 0) yield page;
    if (nearest === undefined) return;
  }
}

/** One table read ahead by a page; what was read is handed out up to a place and never read again. */
function openTable<Row extends object>(
  knex: Knex,
  table: string,
  toFact: (row: Row) => StoredFact,
  { service, size }: { service?: string; size: number },
) {
  let rows: StoredFact[] = [];
  let last: ToldPlace | undefined;
  let isOver = false;
  return {
    fill: async (): Promise<void> => {
      if (isOver || rows.length > 0) return;
      const query = knex(table)
        .select(`${table}.*`)
        .orderBy([`${table}.told_at`, `${table}.recorded_seq`])
        .limit(size);
      if (last !== undefined)
        void query.whereRaw('(??, ??) > (?, ?)', [`${table}.told_at`, `${table}.recorded_seq`, last.toldAt, last.seq]);
      if (service !== undefined && table === 'deploy_outcomes')
        void query.join('deploys', 'deploys.id', 'deploy_outcomes.deploy_id');
      if (service !== undefined) void query.where('deploys.service', service);
      rows = ((await query) as Row[]).map(toFact);
      isOver = rows.length < size;
      last = rows.at(-1) ?? last;
    },
    /** The last place that was read; undefined where everything was. */
    end: (): ToldPlace | undefined => (isOver ? undefined : last),
    take: (upTo: ToldPlace | undefined): StoredFact[] => {
      const cut = upTo === undefined ? rows.length : rows.findIndex((row) => compareTold(row, upTo) > 0);
      const taken = cut < 0 ? rows : rows.slice(0, cut);
      rows = cut < 0 ? [] : rows.slice(cut);
      return taken;
    },
  };
}

function compareTold(a: ToldPlace, b: ToldPlace): number {
  return a.toldAt === b.toldAt ? a.seq - b.seq : a.toldAt < b.toldAt ? -1 : 1;
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
  return deploys.map((row) => {
    const outcome = byDeploy.get(row.id);
    return {
      deploy: toDeployFact(row),
      seq: Number(row.recorded_seq),
      concurrent: (fromJson(row.concurrent_json) as string[] | null) ?? [],
      ...(outcome === undefined ? {} : { outcome: toOutcomeFact(outcome), outcomeSeq: Number(outcome.recorded_seq) }),
    };
  });
}

/** Every place where something was deployed, with its counts. */
export interface ServiceCount extends Scope {
  deploys: number;
  /** Failed or rolled back. */
  failures: number;
  lastDeployAt: string;
}

export async function listServices(knex: Knex): Promise<ServiceCount[]> {
  const columns = ['cluster', 'environment', 'namespace', 'service'];
  const query = knex('deploys')
    .leftJoin('deploy_outcomes', 'deploy_outcomes.deploy_id', 'deploys.id')
    .select(columns)
    .count({ deploys: 'deploys.id' })
    .sum({ failures: knex.raw(`case when outcome in ('failed', 'rolled_back') then 1 else 0 end`) })
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

export function toScopeColumns({ cluster, environment, namespace, service }: Scope) {
  return { cluster, environment, namespace, service };
}

function toStoredDeployFact(row: DeployRow): StoredFact {
  const place = { seq: Number(row.recorded_seq), toldAt: row.told_at ?? row.started_at };
  return { ...place, kind: 'deploy', deploy: toDeployFact(row) };
}

function toStoredOutcomeFact(row: OutcomeRow): StoredFact {
  return {
    seq: Number(row.recorded_seq),
    toldAt: row.told_at ?? row.at,
    kind: 'outcome',
    outcome: toOutcomeFact(row),
  };
}

function toDeployColumns(fact: DeployFact): Record<string, unknown> {
  return {
    id: fact.id,
    ...toScopeColumns(fact),
    application: fact.application ?? null,
    image: fact.image ?? null,
    version: fact.version ?? null,
    digest: fact.digest ?? null,
    change_kind: fact.changeKind,
    commit_sha: fact.commit ?? null,
    ticket_id: fact.ticket ?? null,
    actor: fact.actor ?? null,
    started_at: toIsoTime(fact.startedAtMs),
    strategy: fact.strategy,
    size: fact.size ?? null,
    source: fact.origin ?? OBSERVED,
  };
}

function toDeployFact(row: DeployRow): DeployFact {
  return {
    id: row.id,
    ...toScopeColumns(row),
    changeKind: row.change_kind,
    startedAtMs: Date.parse(row.started_at),
    // Written from a fact by `toDeployColumns` and nowhere else.
    strategy: row.strategy as Strategy,
    ...(row.application === null ? {} : { application: row.application }),
    ...(row.image === null ? {} : { image: row.image }),
    ...(row.version === null ? {} : { version: row.version }),
    ...(row.digest === null ? {} : { digest: row.digest }),
    ...(row.commit_sha === null ? {} : { commit: row.commit_sha }),
    ...(row.ticket_id === null ? {} : { ticket: row.ticket_id }),
    ...(row.actor === null ? {} : { actor: row.actor }),
    ...(row.size === null ? {} : { size: Number(row.size) }),
    ...(row.source === OBSERVED ? {} : { origin: row.source }),
  };
}

function toOutcomeColumns(fact: OutcomeFact): Record<string, unknown> {
  return {
    deploy_id: fact.deployId,
    at: toIsoTime(fact.atMs),
    outcome: fact.outcome,
    verdict: fact.verdict ?? null,
    fingerprint_class: fact.fingerprint?.class ?? null,
    // The evidence behind it is text of other programs.
    fingerprint_signature: fact.fingerprint === undefined ? null : toText(fact.fingerprint.signature),
    duration_ms: fact.durationMs === undefined ? null : Math.round(fact.durationMs),
  };
}

function toOutcomeFact(row: OutcomeRow): OutcomeFact {
  const { fingerprint_class: failureClass, fingerprint_signature: signature } = row;
  return {
    deployId: row.deploy_id,
    atMs: Date.parse(row.at),
    outcome: row.outcome as DeployOutcome,
    ...(row.verdict === null ? {} : { verdict: row.verdict }),
    ...(failureClass === null || signature === null ? {} : { fingerprint: { class: failureClass, signature } }),
    ...(row.duration_ms === null ? {} : { durationMs: Number(row.duration_ms) }),
  };
}
