import { toText } from '../database/dialect.ts';
import { toIsoTime } from '../lib/clock.ts';
import type { DeployFact, DeployOutcome, OutcomeFact, RegressionFact, Scope, Strategy } from './facts.ts';

/** Where a deploy comes from that this installation watched itself. */
const OBSERVED = 'observed';

/** A row of `deploys`. */
export interface DeployRow {
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

/** A row of `deploy_outcomes`. */
export interface OutcomeRow {
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

/** A row of `deploy_regressions`. */
export interface RegressionRow {
  deploy_id: string;
  recorded_seq: number | string;
  told_at: string;
  at: string;
  verdict: string | null;
  fingerprint_class: string | null;
  fingerprint_signature: string | null;
}

/** Where a fact stands in the order in which facts are told. */
export interface ToldPlace {
  toldAt: string;
  seq: number;
}

/** A fact with its place in the order of telling. */
export type StoredFact = ToldPlace &
  (
    | { kind: 'deploy'; deploy: DeployFact }
    | { kind: 'outcome'; outcome: OutcomeFact }
    | { kind: 'regression'; regression: RegressionFact; deploy: DeployFact; deploySeq: number }
  );

/** A scope as columns, of anything that has one. */
export function toScopeColumns({ cluster, environment, namespace, service }: Scope) {
  return { cluster, environment, namespace, service };
}

/** Rows of before there was `told_at` are told at their own time. */
export function toStoredDeployFact(row: DeployRow): StoredFact {
  const place = { seq: Number(row.recorded_seq), toldAt: row.told_at ?? row.started_at };
  return { ...place, kind: 'deploy', deploy: toDeployFact(row) };
}

/** As `toStoredDeployFact`. */
export function toStoredOutcomeFact(row: OutcomeRow): StoredFact {
  return {
    seq: Number(row.recorded_seq),
    toldAt: row.told_at ?? row.at,
    kind: 'outcome',
    outcome: toOutcomeFact(row),
  };
}

/** As `toStoredDeployFact`; what a person says about the place is looked up by the deploy. */
export function toStoredRegressionFact(row: RegressionRow, of: DeployRow): StoredFact {
  return {
    seq: Number(row.recorded_seq),
    toldAt: row.told_at,
    kind: 'regression',
    regression: toRegressionFact(row),
    deploy: toDeployFact(of),
    deploySeq: Number(of.recorded_seq),
  };
}

/** All columns but those that place the fact. */
export function toDeployColumns(fact: DeployFact): Record<string, unknown> {
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

/** The fact a row was written from; what was left out then is left out again. */
export function toDeployFact(row: DeployRow): DeployFact {
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

/** All columns but those that place the fact. */
export function toOutcomeColumns(fact: OutcomeFact): Record<string, unknown> {
  return {
    deploy_id: fact.deployId,
    at: toIsoTime(fact.atMs),
    outcome: fact.outcome,
    verdict: fact.verdict ?? null,
    ...toFingerprintColumns(fact),
    duration_ms: fact.durationMs === undefined ? null : Math.round(fact.durationMs),
  };
}

function toFingerprintColumns({ fingerprint }: Pick<OutcomeFact, 'fingerprint'>): Record<string, unknown> {
  return {
    fingerprint_class: fingerprint?.class ?? null,
    // The evidence behind it is text of other programs.
    fingerprint_signature: fingerprint === undefined ? null : toText(fingerprint.signature),
  };
}

/** The fact a row was written from. */
export function toOutcomeFact(row: OutcomeRow): OutcomeFact {
  return {
    deployId: row.deploy_id,
    atMs: Date.parse(row.at),
    outcome: row.outcome as DeployOutcome,
    ...(row.verdict === null ? {} : { verdict: row.verdict }),
    ...toFingerprint(row),
    ...(row.duration_ms === null ? {} : { durationMs: Number(row.duration_ms) }),
  };
}

/** All columns but those that place the fact. */
export function toRegressionColumns(fact: RegressionFact): Record<string, unknown> {
  return {
    deploy_id: fact.deployId,
    at: toIsoTime(fact.atMs),
    verdict: fact.verdict ?? null,
    ...toFingerprintColumns(fact),
  };
}

/** The fact a row was written from. */
export function toRegressionFact(row: RegressionRow): RegressionFact {
  return {
    deployId: row.deploy_id,
    atMs: Date.parse(row.at),
    ...(row.verdict === null ? {} : { verdict: row.verdict }),
    ...toFingerprint(row),
  };
}

function toFingerprint(row: Pick<OutcomeRow, 'fingerprint_class' | 'fingerprint_signature'>) {
  const { fingerprint_class: failureClass, fingerprint_signature: signature } = row;
  return failureClass === null || signature === null ? {} : { fingerprint: { class: failureClass, signature } };
}
