import type { Knex } from 'knex';
import { lockJournal } from '../database/dialect.ts';
import type { Database } from '../database/open.ts';
import { inTransaction, type Transaction } from '../database/transaction.ts';
import { toIsoTime } from '../lib/clock.ts';
import { isAppError } from '../lib/errors.ts';
import { createCorrectedMemory, type CorrectedMemory, type Fact, type RecalledMemory } from './corrected-memory.ts';
import { insertCorrection, listCorrections } from './correction-store.ts';
import { changesThePast, type Correction } from './corrections.ts';
import type { StoredFact, ToldPlace } from './fact-rows.ts';
import {
  insertDeploys,
  insertOutcomes,
  insertRegressions,
  listConcurrent,
  listDeploys,
  newestToldAt,
  nextSeq,
  readBasis,
} from './fact-store.ts';
import { listFactsBySeq, readFactsAsTold } from './told-store.ts';
import type { DeployFact, OutcomeFact, RegressionFact, Scope } from './facts.ts';
import type { SnapshotFile } from './memory-snapshot.ts';
import type { CostTable } from './strategy.ts';

type WithoutSeq<T> = T extends unknown ? Omit<T, 'seq'> : never;
/** A correction before it has its number. */
export type NewCorrection = WithoutSeq<Exclude<Correction, { kind: 'import' }>>;

/** What else belongs into the transaction in which something is written down, such as its audit entry. */
export type Within<T> = (trx: Transaction, written: T) => Promise<void>;

/** The deploy memory with its facts in the database, where they are the truth; the memory is rebuilt from them. */
export interface MemoryKeeper {
  /** The memory as of all facts that are committed now, also those another process wrote. */
  current(): Promise<RecalledMemory>;
  /** Where deploys of a service of this name are remembered, anywhere. */
  scopesOf(service: string): Promise<Scope[]>;
  /** Writes the fact, with what else was under way; a deploy with this id that is already written stays as it is. */
  recordDeploy(fact: DeployFact): Promise<void>;
  /** Writes how a deploy ended; the first outcome stands. */
  recordOutcome(fact: OutcomeFact): Promise<void>;
  /**
   * Writes that deploys which were told healthy have failed after all; of others, and a second time, nothing is written.
   * `first` always runs, first and in the same transaction.
   */
  recordRegressions(facts: readonly RegressionFact[], first?: (trx: Transaction) => Promise<void>): Promise<void>;
  /** Writes a person's correction; the next `current` heeds it. */
  correct(correction: NewCorrection, within?: Within<Correction>): Promise<Correction>;
  /** Writes a snapshot where one is kept and much is new, so that the next start need not read every fact. */
  close(): Promise<void>;
}

export interface Outbox {
  book(trx: Transaction, ended: { deploy: DeployFact; outcome: OutcomeFact }): Promise<void>;
  /** Something may have been written. */
  wake(): void;
}

export interface KeeperOptions {
  costs?: CostTable;
  /** Where a snapshot is kept; without it every start reads all facts. */
  snapshots?: SnapshotFile;
  /** Where outcomes are told others: written down in the transaction of the outcome, sent after it. */
  outbox?: Outbox;
}

const PAGE = 5_000;
/** New facts after which a snapshot is written: while the memory runs, which stands still meanwhile, and when it is closed. */
const SAVE_WHILE_RUNNING = 20_000;
const SAVE_AT_CLOSE = 1_000;
/** ... or once the history has grown by this part. */
const SAVE_SHARE = 8;

export function createMemoryKeeper(db: Database, options: KeeperOptions = {}): MemoryKeeper {
  const reader = createReader(db.knex, options);
  let catchingUp: Promise<RecalledMemory> | undefined;
  return {
    current: async () => {
      // One reader at a time: two would tell the memory the same facts twice.
      const previous: Promise<unknown> = catchingUp ?? Promise.resolve();
      const mine = previous.catch(() => undefined).then(async () => await reader.catchUp());
      catchingUp = mine;
      return await mine;
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
        const place = await nextPlace(trx, fact.startedAtMs);
        const concurrent = await listConcurrent(trx, fact);
        await insertDeploys(trx, [{ deploy: fact, ...place, concurrent }]);
      });
    },
    recordOutcome: async (fact) => {
      await inTransaction(db, async (trx) => {
        await lockJournal(trx);
        const [known] = await listDeploys(trx, { ids: [fact.deployId], limit: 1 });
        // A person may have deleted the deploy while it was under way.
        if (known === undefined || known.outcome !== undefined) return;
        await insertOutcomes(trx, [{ outcome: fact, ...(await nextPlace(trx, fact.atMs)) }]);
        await options.outbox?.book(trx, { deploy: known.deploy, outcome: fact });
      });
      options.outbox?.wake();
    },
    recordRegressions: async (facts, first) => {
      await inTransaction(db, async (trx) => {
        // It may lock a ticket, which comes before the journal everywhere.
        await first?.(trx);
        await lockJournal(trx);
        for (const fact of facts) {
          const [known] = await listDeploys(trx, { ids: [fact.deployId], limit: 1 });
          if (known?.outcome?.outcome !== 'healthy' || known.regression !== undefined) continue;
          await insertRegressions(trx, [{ regression: fact, ...(await nextPlace(trx, fact.atMs)) }]);
        }
      });
    },
    correct: async (input, within) =>
      await inTransaction(db, async (trx) => {
        await lockJournal(trx);
        const correction = { ...input, seq: await nextSeq(trx) };
        await insertCorrection(trx, correction);
        await within?.(trx, correction);
        return correction;
      }),
    close: async () => {
      await catchingUp?.catch(() => undefined);
      await reader.save(SAVE_AT_CLOSE);
    },
  };
}

/** What is observed is told after everything that is there, whatever the clocks of two machines say. */
async function nextPlace(trx: Transaction, atMs: number): Promise<ToldPlace> {
  const at = toIsoTime(atMs);
  const newest = await newestToldAt(trx);
  return { seq: await nextSeq(trx), toldAt: newest === undefined || newest < at ? at : newest };
}

/** Keeps a memory up to date with the tables, and builds it anew where what lies before has changed. */
function createReader(knex: Knex, { costs, snapshots }: KeeperOptions) {
  const options = costs === undefined ? {} : { costs };
  let memory: CorrectedMemory = createCorrectedMemory(options);
  let seen = 0;
  let saved = 0;

  const save = async (atLeast: number): Promise<void> => {
    if (snapshots === undefined || seen - saved < atLeast) return;
    saved = seen;
    const snapshot = { seen, memory: memory.snapshot() };
    try {
      await snapshots.write({ ...snapshot, basis: await readBasis(knex, snapshot.seen) });
    } catch {
      // The next start takes longer, as it would without a snapshot; a full disk is told by what cannot do without it.
    }
  };

  /** Begins where an earlier run ended, if nothing that lay before that has changed since. */
  const load = async (corrections: readonly Correction[]): Promise<boolean> => {
    const found = await snapshots?.read();
    if (found === undefined || corrections.some((one) => one.seq > found.seen && changesThePast(one))) return false;
    const basis = await readBasis(knex, found.seen);
    if (basis.facts !== found.basis.facts || basis.newestDeploy !== found.basis.newestDeploy) return false;
    const known = corrections.filter((one) => one.seq <= found.seen);
    try {
      memory = createCorrectedMemory({ ...options, snapshot: found.memory }, known);
    } catch (error) {
      if (isAppError(error, 'invalid_input')) return false;
      throw error;
    }
    seen = found.seen;
    saved = found.seen;
    return true;
  };

  const rebuild = async (bound: number): Promise<void> => {
    const corrections = (await listCorrections(knex)).filter((one) => one.seq <= bound);
    const next = createCorrectedMemory(options, corrections);
    for await (const facts of readFactsAsTold(knex))
      for (const fact of facts) if (fact.seq <= bound) next.tell(toFact(fact));
    memory = next;
    seen = bound;
    // What was saved is of another past.
    saved = 0;
  };

  return {
    catchUp: async (): Promise<RecalledMemory> => {
      // Numbers are given out and committed under one lock: whoever sees one sees all below it. So everything up to the
      // highest is there, whichever table is read first.
      const bound = (await nextSeq(knex)) - 1;
      if (bound === seen) return memory;
      let corrections = (await listCorrections(knex, seen)).filter((one) => one.seq <= bound);
      const isLoaded = seen === 0 && (await load(corrections));
      if (isLoaded) corrections = corrections.filter((one) => one.seq > seen);
      else if (seen === 0 || corrections.some(changesThePast)) await rebuild(bound);
      while (seen < bound) {
        const facts = (await listFactsBySeq(knex, seen, PAGE)).filter((one) => one.seq <= bound);
        const upTo = facts.length < PAGE ? bound : (facts.at(-1)?.seq ?? bound);
        const due = corrections.filter((one) => one.seq > seen && one.seq <= upTo);
        const told: Fact[] = [
          ...facts.map(toFact),
          ...due.map((correction): Fact => ({ seq: correction.seq, kind: 'correction', correction })),
        ];
        for (const fact of told.sort((a, b) => a.seq - b.seq)) memory.tell(fact);
        seen = upTo;
      }
      // A snapshot is as long as the history: the longer that is, the rarer it is written, so that what is written for each
      // fact stays the same.
      await save(Math.max(SAVE_WHILE_RUNNING, seen / SAVE_SHARE));
      return memory;
    },
    save,
  };
}

function toFact({ toldAt: _, ...fact }: StoredFact): Fact {
  return fact;
}
