import type { DeployFact, FailureFingerprint, OutcomeFact, RegressionFact, Scope, Strategy } from './facts.ts';
import { isFailure, toScopeKey } from './facts.ts';

/** A kind of failure: one class, and one signature of it where that is said. */
export interface FingerprintPattern {
  class: string;
  signature?: string;
}

interface CorrectionBase {
  /** Its place among all recorded facts: it speaks about those with a lower number. */
  seq: number;
  atMs: number;
  actor: string;
}

/** What was known of a pinned failure when it was pinned; counting goes on from there. */
export interface PinnedCount {
  count: number;
  deploys: number;
  lastAtMs?: number;
  lastDeployId?: string;
}

/**
 * What a person changed about the memory, or where a history was brought in. Corrections are facts like deploys: the
 * memory is a function of all of them, so it is rebuilt exactly.
 */
export type Correction = CorrectionBase &
  (
    | { kind: 'pin'; scope: Scope; fingerprint: FingerprintPattern; text: string; known: PinnedCount }
    | { kind: 'unpin'; scope: Scope; fingerprint: FingerprintPattern }
    /** Without a fingerprint everything about the scope; with one, its failures of that kind. */
    | { kind: 'forget'; scope: Scope; fingerprint?: FingerprintPattern; text: string }
    /** Failures count as this much of one, from 0 to 1. Several corrections multiply. */
    | { kind: 'weaken'; scope: Scope; fingerprint?: FingerprintPattern; factor: number; text: string }
    | { kind: 'note'; scope: Scope; text: string }
    /** Null takes an earlier override back. */
    | { kind: 'override_strategy'; scope: Scope; strategy: Strategy | null; text: string }
    /** Older facts were put between those that are there. */
    | { kind: 'import'; text: string; lines: number; deploys: number; outcomes: number }
  );

export type CorrectionKind = Correction['kind'];

/** A failure that a person wants kept in mind. */
export interface Pin {
  fingerprint: FingerprintPattern;
  text: string;
  actor: string;
  atMs: number;
  seq: number;
  known: PinnedCount;
}

export interface Note {
  text: string;
  actor: string;
  atMs: number;
}

/** All corrections as of one moment, ready to be asked. */
export interface CorrectionBook {
  pins(scope: Scope): readonly Pin[];
  /** Newest first. */
  notes(scope: Scope): readonly Note[];
  override(scope: Scope): { strategy: Strategy; actor: string; atMs: number; text: string } | undefined;
  /** Whether the memory is not to be told of a deploy recorded at `seq`. */
  isForgotten(deploy: DeployFact, seq: number): boolean;
  /** The outcome as the memory is told it; a failure that is forgotten or counts nothing says nothing about the change. */
  toTold(deploy: DeployFact, outcome: OutcomeFact, seq: number): OutcomeFact;
  /** The same of a regression; undefined where the memory is not to be told of it. */
  toToldRegression(deploy: DeployFact, regression: RegressionFact, seq: number): RegressionFact | undefined;
}

/** Whether everything told so far has to be told anew: the correction changes what lies before it. */
export function changesThePast({ kind }: Correction): boolean {
  return kind === 'forget' || kind === 'weaken' || kind === 'import';
}

export function isMatch(pattern: FingerprintPattern, fingerprint: FailureFingerprint | undefined): boolean {
  if (fingerprint === undefined || fingerprint.class !== pattern.class) return false;
  return pattern.signature === undefined || pattern.signature === fingerprint.signature;
}

type Scoped<K extends CorrectionKind> = Extract<Correction, { kind: K }>;

interface Page {
  pins: Pin[];
  notes: Note[];
  override?: Scoped<'override_strategy'>;
  forgets: Scoped<'forget'>[];
  weakens: Scoped<'weaken'>[];
}

/** Folds the corrections, given in the order of their numbers, into what holds now. */
export function openCorrections(corrections: readonly Correction[]): CorrectionBook {
  const pages = new Map<string, Page>();
  const pageOf = (scope: Scope): Page => {
    const key = toScopeKey(scope);
    const known = pages.get(key);
    if (known !== undefined) return known;
    const page: Page = { pins: [], notes: [], forgets: [], weakens: [] };
    pages.set(key, page);
    return page;
  };
  for (const correction of corrections) {
    if (correction.kind !== 'import') apply(pageOf(correction.scope), correction);
  }
  const find = (scope: Scope): Page | undefined => pages.get(toScopeKey(scope));
  /** What a failure recorded at `seq` is worth now: 1 where nobody said anything, 0 where it is forgotten. */
  const weigh = (deploy: DeployFact, failure: Pick<OutcomeFact, 'fingerprint'>, seq: number): number => {
    const page = find(deploy);
    if (page === undefined) return 1;
    const speaksOf = (one: Scoped<'forget' | 'weaken'>) =>
      seq < one.seq && (one.fingerprint === undefined || isMatch(one.fingerprint, failure.fingerprint));
    if (page.forgets.some(speaksOf)) return 0;
    return page.weakens.filter(speaksOf).reduce((product, one) => product * one.factor, 1);
  };
  return {
    pins: (scope) => find(scope)?.pins ?? [],
    notes: (scope) => find(scope)?.notes ?? [],
    override: (scope) => {
      const set = find(scope)?.override;
      if (set === undefined || set.strategy === null) return undefined;
      return { strategy: set.strategy, actor: set.actor, atMs: set.atMs, text: set.text };
    },
    isForgotten: (deploy, seq) =>
      find(deploy)?.forgets.some((one) => one.fingerprint === undefined && seq < one.seq) ?? false,
    toTold: (deploy, outcome, seq) => {
      const weight = isFailure(outcome.outcome) === true ? weigh(deploy, outcome, seq) : 1;
      if (weight <= 0) {
        const { fingerprint: _forgotten, ...rest } = outcome;
        return { ...rest, outcome: 'cancelled' };
      }
      return weight === 1 ? outcome : { ...outcome, weight };
    },
    toToldRegression: (deploy, regression, seq) => {
      const weight = weigh(deploy, regression, seq);
      if (weight <= 0) return undefined;
      return weight === 1 ? regression : { ...regression, weight };
    },
  };
}

function apply(page: Page, correction: Exclude<Correction, { kind: 'import' }>): void {
  switch (correction.kind) {
    case 'pin': {
      const { fingerprint, text, actor, atMs, seq, known } = correction;
      // Pinned again: the newer words, and counts as of now.
      page.pins = page.pins.filter((pin) => !isSame(pin.fingerprint, fingerprint));
      page.pins.push({ fingerprint, text, actor, atMs, seq, known });
      return;
    }
    case 'unpin':
      page.pins = page.pins.filter((pin) => !isSame(pin.fingerprint, correction.fingerprint));
      return;
    case 'forget': {
      const { fingerprint } = correction;
      page.forgets.push(correction);
      // What is forgotten cannot be kept in mind.
      page.pins = page.pins.filter((pin) => fingerprint !== undefined && !covers(fingerprint, pin.fingerprint));
      if (fingerprint === undefined) page.notes = [];
      return;
    }
    case 'weaken':
      page.weakens.push(correction);
      return;
    case 'note':
      page.notes.unshift({ text: correction.text, actor: correction.actor, atMs: correction.atMs });
      return;
    case 'override_strategy':
      page.override = correction;
  }
}

function isSame(a: FingerprintPattern, b: FingerprintPattern): boolean {
  return a.class === b.class && a.signature === b.signature;
}

function covers(wide: FingerprintPattern, narrow: FingerprintPattern): boolean {
  return wide.class === narrow.class && (wide.signature === undefined || wide.signature === narrow.signature);
}
