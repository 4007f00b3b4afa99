import type { Knex } from 'knex';
import { fromJson, toJson, toText } from '../database/dialect.ts';
import { toIsoTime } from '../lib/clock.ts';
import type { Correction, CorrectionKind, FingerprintPattern, PinnedCount } from './corrections.ts';
import { toScopeColumns } from './fact-rows.ts';
import type { Scope, Strategy } from './facts.ts';

interface CorrectionRow {
  recorded_seq: number | string;
  at: string;
  actor: string;
  kind: CorrectionKind;
  cluster: string | null;
  environment: string | null;
  namespace: string | null;
  service: string | null;
  fingerprint_class: string | null;
  fingerprint_signature: string | null;
  factor: number | null;
  strategy: string | null;
  text: string | null;
  data_json: string | null;
}

/** Writes a correction under its number. The caller holds the journal lock and took the number in the same transaction. */
export async function insertCorrection(trx: Knex.Transaction, correction: Correction): Promise<void> {
  const { seq, atMs, actor, kind } = correction;
  const fingerprint = 'fingerprint' in correction ? correction.fingerprint : undefined;
  await trx('memory_corrections').insert({
    recorded_seq: seq,
    at: toIsoTime(atMs),
    actor,
    kind,
    ...('scope' in correction ? toScopeColumns(correction.scope) : {}),
    fingerprint_class: fingerprint?.class ?? null,
    fingerprint_signature: fingerprint?.signature ?? null,
    factor: correction.kind === 'weaken' ? correction.factor : null,
    strategy: correction.kind === 'override_strategy' ? correction.strategy : null,
    text: 'text' in correction ? toText(correction.text) : null,
    data_json: toData(correction),
  });
}

function toData(correction: Correction): string | null {
  if (correction.kind === 'pin') return toJson(correction.known);
  if (correction.kind !== 'import') return null;
  const { lines, deploys, outcomes } = correction;
  return toJson({ lines, deploys, outcomes });
}

/** Corrections in the order of their numbers. */
export async function listCorrections(knex: Knex, afterSeq = 0): Promise<Correction[]> {
  const rows: CorrectionRow[] = await knex('memory_corrections')
    .where('recorded_seq', '>', afterSeq)
    .orderBy('recorded_seq');
  return rows.map(toCorrection);
}

// Written by `insertCorrection` and nowhere else, so the columns a kind needs are there.
function toCorrection(row: CorrectionRow): Correction {
  const base = { seq: Number(row.recorded_seq), atMs: Date.parse(row.at), actor: row.actor };
  const scope = toScope(row);
  const fingerprint = toFingerprint(row);
  const text = row.text ?? '';
  switch (row.kind) {
    case 'pin': {
      const known = fromJson(row.data_json) as PinnedCount;
      return { ...base, kind: 'pin', scope, fingerprint: fingerprint ?? { class: 'unknown' }, text, known };
    }
    case 'unpin':
      return { ...base, kind: 'unpin', scope, fingerprint: fingerprint ?? { class: 'unknown' } };
    case 'forget':
      return { ...base, kind: 'forget', scope, text, ...(fingerprint === undefined ? {} : { fingerprint }) };
    case 'weaken': {
      const factor = row.factor ?? 1;
      return { ...base, kind: 'weaken', scope, factor, text, ...(fingerprint === undefined ? {} : { fingerprint }) };
    }
    case 'note':
      return { ...base, kind: 'note', scope, text };
    case 'override_strategy':
      return { ...base, kind: 'override_strategy', scope, text, strategy: row.strategy as Strategy | null };
    case 'import': {
      const counts = fromJson(row.data_json) as { lines: number; deploys: number; outcomes: number };
      return { ...base, kind: 'import', text, ...counts };
    }
  }
}

function toScope({ cluster, environment, namespace, service }: CorrectionRow): Scope {
  return {
    cluster: cluster ?? '',
    environment: environment ?? '',
    namespace: namespace ?? '',
    service: service ?? '',
  };
}

function toFingerprint(row: CorrectionRow): FingerprintPattern | undefined {
  if (row.fingerprint_class === null) return undefined;
  const { fingerprint_class: failureClass, fingerprint_signature: signature } = row;
  return { class: failureClass, ...(signature === null ? {} : { signature }) };
}
