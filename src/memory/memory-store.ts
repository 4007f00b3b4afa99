import type { Knex } from 'knex';
import { toIsoTime } from '../lib/clock.ts';
import { lockJournal } from '../database/dialect.ts';
import type { Database } from '../database/open.ts';
import { inTransaction } from '../database/transaction.ts';
import type { DeployFact, DeployOutcome, OutcomeFact, Scope, Strategy } from './facts.ts';
import { createDeployMemory, type DeployMemory } from './memory.ts';
import type { CostTable } from './strategy.ts';

interface DeployRow {
  id: string;
  recorded_seq: number | string;
  cluster: string;
  environment: string;
  namespace: string;
  service: string;
  application: string | null;
  version: string | null;
  digest: string | null;
  change_kind: string;
  commit_sha: string | null;
  ticket_id: string | null;
  actor: string | null;
  started_at: string;
  strategy: string;
  size: number | null;
}

interface OutcomeRow {
  deploy_id: string;
  recorded_seq: number | string;
  at: string;
  outcome: string;
  verdict: string | null;
  fingerprint_class: string | null;
  fingerprint_signature: string | null;
  duration_ms: number | string | null;
}

/** The deploy memory with its facts in the database, where they are the truth; the memory is rebuilt from them. */
export interface MemoryKeeper {
  /** The memory as of all facts that are committed now, also those another process wrote. */
  current(): Promise<DeployMemory>;
  /** Where deploys of a service of this name are remembered, anywhere. */
  scopesOf(service: string): Promise<Scope[]>;
  /** Writes the fact; a deploy with this id that is already written stays as it is. */
  recordDeploy(fact: DeployFact): Promise<void>;
  /** Writes how a deploy ended; the first outcome stands. */
  recordOutcome(fact: OutcomeFact): Promise<void>;
}

const PAGE = 5_000;

export function createMemoryKeeper(db: Database, options: { costs?: CostTable } = {}): MemoryKeeper {
  const memory = createDeployMemory(options);
  let seen = 0;
  let catchingUp: Promise<void> | undefined;

  const catchUp = async (): Promise<void> => {
    for (;;) {
      const facts = await listFacts(db.knex, seen, PAGE);
      for (const fact of facts) {
        if (fact.kind === 'deploy') memory.recordDeploy(fact.deploy);
        else memory.recordOutcome(fact.outcome);
        seen = fact.seq;
      }
      if (facts.length < PAGE) return;
    }
  };

  return {
    current: async () => {
      // One reader at a time: two would tell the memory the same facts twice.
      const previous = catchingUp ?? Promise.resolve();
      const mine = previous.catch(() => undefined).then(catchUp);
      catchingUp = mine;
      await mine;
      return memory;
    },
    scopesOf: async (service) =>
      await db
        .knex('deploys')
        .distinct<Scope[]>('cluster', 'environment', 'namespace', 'service')
        .where({ service })
        .orderBy(['cluster', 'environment', 'namespace']),
    recordDeploy: async (fact) => {
      await inTransaction(db, async (trx) => {
        await lockJournal(trx);
        if ((await trx('deploys').where({ id: fact.id }).first()) !== undefined) return;
        await trx('deploys').insert({ ...toDeployColumns(fact), recorded_seq: await nextSeq(trx) });
      });
    },
    recordOutcome: async (fact) => {
      await inTransaction(db, async (trx) => {
        await lockJournal(trx);
        if ((await trx('deploy_outcomes').where({ deploy_id: fact.deployId }).first()) !== undefined) return;
        await trx('deploy_outcomes').insert({ ...toOutcomeColumns(fact), recorded_seq: await nextSeq(trx) });
      });
    },
  };
}

async function nextSeq(trx: Knex.Transaction): Promise<number> {
  const highest = async (table: string): Promise<number> => {
    const row: { seq?: number | string | null } | undefined = await trx(table).max({ seq: 'recorded_seq' }).first();
    return Number(row?.seq ?? 0);
  };
  return Math.max(await highest('deploys'), await highest('deploy_outcomes')) + 1;
}

type Fact = { seq: number } & ({ kind: 'deploy'; deploy: DeployFact } | { kind: 'outcome'; outcome: OutcomeFact });

/** The next facts in the order in which they became known. */
async function listFacts(knex: Knex, afterSeq: number, limit: number): Promise<Fact[]> {
  const page = async <Row extends object>(table: string): Promise<Row[]> =>
    await knex(table).where('recorded_seq', '>', afterSeq).orderBy('recorded_seq').limit(limit);
  const deploys = (await page<DeployRow>('deploys')).map((row): Fact => ({
    seq: Number(row.recorded_seq),
    kind: 'deploy',
    deploy: toDeployFact(row),
  }));
  const outcomes = (await page<OutcomeRow>('deploy_outcomes')).map((row): Fact => ({
    seq: Number(row.recorded_seq),
    kind: 'outcome',
    outcome: toOutcomeFact(row),
  }));
  return [...deploys, ...outcomes].sort((a, b) => a.seq - b.seq).slice(0, limit);
}

function toDeployColumns(fact: DeployFact): Record<string, unknown> {
  return {
    id: fact.id,
    cluster: fact.cluster,
    environment: fact.environment,
    namespace: fact.namespace,
    service: fact.service,
    application: fact.application ?? null,
    version: fact.version ?? null,
    digest: fact.digest ?? null,
    change_kind: fact.changeKind,
    commit_sha: fact.commit ?? null,
    ticket_id: fact.ticket ?? null,
    actor: fact.actor ?? null,
    started_at: toIsoTime(fact.startedAtMs),
    strategy: fact.strategy,
    size: fact.size ?? null,
  };
}

function toDeployFact(row: DeployRow): DeployFact {
  return {
    id: row.id,
    cluster: row.cluster,
    environment: row.environment,
    namespace: row.namespace,
    service: row.service,
    changeKind: row.change_kind,
    startedAtMs: Date.parse(row.started_at),
    strategy: row.strategy as Strategy,
    ...(row.application === null ? {} : { application: row.application }),
    ...(row.version === null ? {} : { version: row.version }),
    ...(row.digest === null ? {} : { digest: row.digest }),
    ...(row.commit_sha === null ? {} : { commit: row.commit_sha }),
    ...(row.ticket_id === null ? {} : { ticket: row.ticket_id }),
    ...(row.actor === null ? {} : { actor: row.actor }),
    ...(row.size === null ? {} : { size: Number(row.size) }),
  };
}

function toOutcomeColumns(fact: OutcomeFact): Record<string, unknown> {
  return {
    deploy_id: fact.deployId,
    at: toIsoTime(fact.atMs),
    outcome: fact.outcome,
    verdict: fact.verdict ?? null,
    fingerprint_class: fact.fingerprint?.class ?? null,
    fingerprint_signature: fact.fingerprint?.signature ?? null,
    duration_ms: fact.durationMs ?? null,
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
