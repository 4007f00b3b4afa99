import { lockJournal } from '../database/dialect.ts';
import type { Database } from '../database/open.ts';
import { inTransaction, type Transaction } from '../database/transaction.ts';
import { toIsoTime } from '../lib/clock.ts';
import { insertCorrection, listCorrections } from './correction-store.ts';
import { openCorrections, type Correction } from './corrections.ts';
import { toExportHeader, toFactLine, toSayingLine, type ImportedItem, type ParsedImport } from './exchange.ts';
import { toScopeColumns } from './fact-rows.ts';
import {
  insertDeploys,
  insertOutcomes,
  insertRegressions,
  nextSeq,
  type PlacedDeploy,
  type PlacedOutcome,
  type PlacedRegression,
} from './fact-store.ts';
import { readFactsAsTold } from './told-store.ts';
import type { DeployFact, OutcomeFact, RegressionFact, Scope } from './facts.ts';
import type { Within } from './memory-store.ts';

export interface ImportCounts {
  lines: number;
  deploys: number;
  /** Ends, and failures that became known after a healthy one. */
  outcomes: number;
  sayings: number;
  /** Lines about what was known already, and outcomes of deploys nobody knows. */
  skipped: number;
}

/**
 * Writes a parsed history, all of it or nothing. Each fact is told where it belongs in time; what is known already stays
 * as it is, so the same text may be sent twice.
 */
export async function importHistory(
  db: Database,
  input: ParsedImport & { source: string; actor: string; nowMs: number },
  within?: Within<ImportCounts>,
): Promise<ImportCounts> {
  return await inTransaction(db, async (trx) => {
    await lockJournal(trx);
    const counts: ImportCounts = { lines: input.lines, deploys: 0, outcomes: 0, sayings: 0, skipped: 0 };
    const known = await findKnown(trx, input.items);
    const sayings = new Set((await listCorrections(trx)).flatMap((one) => toSayingLine(one) ?? []));
    const deploys: PlacedDeploy[] = [];
    const outcomes: PlacedOutcome[] = [];
    const regressions: PlacedRegression[] = [];
    const place = async (item: ImportedItem): Promise<boolean> => {
      switch (item.kind) {
        case 'deploy':
          return placeDeploy(item.deploy, seq, known, deploys);
        case 'outcome':
          return placeOutcome(item.outcome, seq, known, outcomes);
        case 'regression':
          return placeRegression(item.regression, seq, known, regressions);
        case 'saying':
          return await writeSaying(trx, { ...item.correction, seq }, sayings);
      }
    };
    let seq = await nextSeq(trx);
    for (const item of input.items) {
      if (await place(item)) seq += 1;
      else counts.skipped += 1;
    }
    await insertDeploys(trx, deploys);
    await insertOutcomes(trx, outcomes);
    await insertRegressions(trx, regressions);
    counts.deploys = deploys.length;
    counts.outcomes = outcomes.length + regressions.length;
    counts.sayings = input.items.length - counts.skipped - counts.deploys - counts.outcomes;
    if (counts.deploys + counts.outcomes > 0) {
      const base = { seq, atMs: input.nowMs, actor: input.actor, text: input.source };
      const told = { lines: input.lines, deploys: counts.deploys, outcomes: counts.outcomes };
      await insertCorrection(trx, { ...base, kind: 'import', ...told });
    }
    await within?.(trx, counts);
    return counts;
  });
}

interface Known {
  /** Deploys by id with the time they are told, those of this import included. */
  deploys: Map<string, string>;
  /** By deploy id. */
  ended: Map<string, { outcome: string; toldAt: string }>;
  regressed: Set<string>;
}

const CHUNK = 500;

async function findKnown(trx: Transaction, items: readonly ImportedItem[]): Promise<Known> {
  const wanted = [...new Set(items.flatMap((item) => toDeployId(item) ?? []))];
  const known: Known = { deploys: new Map(), ended: new Map(), regressed: new Set() };
  for (let start = 0; start < wanted.length; start += CHUNK) {
    const part = wanted.slice(start, start + CHUNK);
    const deploys: { id: string; told_at: string }[] = await trx('deploys').select('id', 'told_at').whereIn('id', part);
    for (const row of deploys) known.deploys.set(row.id, row.told_at);
    const ended: { deploy_id: string; outcome: string; at: string; told_at: string | null }[] = await trx(
      'deploy_outcomes',
    )
      .select('deploy_id', 'outcome', 'at', 'told_at')
      .whereIn('deploy_id', part);
    for (const row of ended) known.ended.set(row.deploy_id, { outcome: row.outcome, toldAt: row.told_at ?? row.at });
    const regressed: { deploy_id: string }[] = await trx('deploy_regressions')
      .select('deploy_id')
      .whereIn('deploy_id', part);
    for (const row of regressed) known.regressed.add(row.deploy_id);
  }
  return known;
}

function toDeployId(item: ImportedItem): string | undefined {
  switch (item.kind) {
    case 'deploy':
      return item.deploy.id;
    case 'outcome':
      return item.outcome.deployId;
    case 'regression':
      return item.regression.deployId;
    case 'saying':
      return undefined;
  }
}

function placeDeploy(deploy: DeployFact, seq: number, known: Known, placed: PlacedDeploy[]): boolean {
  if (known.deploys.has(deploy.id)) return false;
  const toldAt = toIsoTime(deploy.startedAtMs);
  placed.push({ deploy, seq, toldAt });
  known.deploys.set(deploy.id, toldAt);
  return true;
}

function placeOutcome(outcome: OutcomeFact, seq: number, known: Known, placed: PlacedOutcome[]): boolean {
  const begun = known.deploys.get(outcome.deployId);
  if (begun === undefined || known.ended.has(outcome.deployId)) return false;
  // A deploy is told before its end, whatever the clocks said.
  const toldAt = laterOf(toIsoTime(outcome.atMs), begun);
  placed.push({ outcome, seq, toldAt });
  known.ended.set(outcome.deployId, { outcome: outcome.outcome, toldAt });
  return true;
}

function placeRegression(regression: RegressionFact, seq: number, known: Known, placed: PlacedRegression[]): boolean {
  const ended = known.ended.get(regression.deployId);
  if (ended?.outcome !== 'healthy' || known.regressed.has(regression.deployId)) return false;
  placed.push({ regression, seq, toldAt: laterOf(toIsoTime(regression.atMs), ended.toldAt) });
  known.regressed.add(regression.deployId);
  return true;
}

function laterOf(a: string, b: string): string {
  return a < b ? b : a;
}

async function writeSaying(trx: Transaction, correction: Correction, known: Set<string>): Promise<boolean> {
  const line = toSayingLine(correction) ?? '';
  if (known.has(line)) return false;
  await insertCorrection(trx, correction);
  known.add(line);
  return true;
}

/** All that the memory is told, as lines, without what a person had forgotten; each chunk holds whole lines. */
export async function* exportHistory(
  db: Database,
  input: { atMs: number; actor: string; source: string; service?: string },
): AsyncGenerator<string> {
  yield `${toExportHeader(input)}\n`;
  const corrections = await listCorrections(db.knex);
  const book = openCorrections(corrections);
  const deploys = new Map<string, DeployFact>();
  const { service } = input;
  for await (const facts of readFactsAsTold(db.knex, service === undefined ? {} : { service })) {
    const lines = facts.flatMap((fact) => {
      if (fact.kind === 'deploy') {
        if (book.isForgotten(fact.deploy, fact.seq)) return [];
        deploys.set(fact.deploy.id, fact.deploy);
        return [toFactLine(fact, input.source)];
      }
      if (fact.kind === 'regression') {
        const { deploy, deploySeq, regression } = fact;
        const told = book.isForgotten(deploy, deploySeq)
          ? undefined
          : book.toToldRegression(deploy, regression, fact.seq);
        if (told === undefined) return [];
        const { weight: _weight, ...plain } = told;
        return [toFactLine({ ...fact, regression: plain }, input.source)];
      }
      const deploy = deploys.get(fact.outcome.deployId);
      if (deploy === undefined) return [];
      deploys.delete(deploy.id);
      const { weight: _weight, ...told } = book.toTold(deploy, fact.outcome, fact.seq);
      return [toFactLine({ ...fact, outcome: told }, input.source)];
    });
    if (lines.length > 0) yield `${lines.join('\n')}\n`;
  }
  const sayings = corrections.flatMap((one) => {
    if (one.kind === 'import' || (service !== undefined && one.scope.service !== service)) return [];
    // A note or pin may have been taken back since.
    const isHeld =
      (one.kind === 'note' && book.notes(one.scope).some(({ atMs, text }) => atMs === one.atMs && text === one.text)) ||
      (one.kind === 'pin' && book.pins(one.scope).some(({ seq }) => seq === one.seq));
    return isHeld ? [toSayingLine(one) ?? ''] : [];
  });
  if (sayings.length > 0) yield `${sayings.join('\n')}\n`;
}

export interface RemovedSubject {
  scopes: Scope[];
  deploys: number;
  /** Occurrences whose files are to be deleted too. */
  occurrences: { id: string; at: string }[];
}

/**
 * Deletes everything that is stored about some scopes: deploys, outcomes, notes, pins, occurrences and unsent events. What stays
 * is a mark that something was forgotten there, by which every running memory is rebuilt.
 */
export async function removeSubject(
  db: Database,
  input: { scopes: readonly Scope[]; actor: string; text: string; nowMs: number },
  within?: Within<RemovedSubject>,
): Promise<RemovedSubject> {
  return await inTransaction(db, async (trx) => {
    await lockJournal(trx);
    const removed: RemovedSubject = { scopes: [...input.scopes], deploys: 0, occurrences: [] };
    for (const scope of input.scopes) {
      const where = toScopeColumns(scope);
      const seq = await nextSeq(trx);
      await trx('memory_corrections').where(where).delete();
      const own = () => trx('deploys').select('id').where(where);
      removed.occurrences.push(
        ...((await trx('occurrences').select('id', 'at').where(where)) as { id: string; at: string }[]),
      );
      await trx('occurrences').where(where).delete();
      await trx('event_outbox').whereIn('deploy_id', own()).delete();
      await trx('deploy_regressions').whereIn('deploy_id', own()).delete();
      await trx('deploy_outcomes').whereIn('deploy_id', own()).delete();
      removed.deploys += await trx('deploys').where(where).delete();
      const base = { seq, atMs: input.nowMs, actor: input.actor, text: input.text };
      await insertCorrection(trx, { ...base, kind: 'forget', scope });
    }
    await within?.(trx, removed);
    return removed;
  });
}
