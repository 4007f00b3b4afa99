import { deserialize, serialize } from 'node:v8';
import { AppError } from '../lib/errors.ts';
import type { KnownPattern, MemoryContext } from './context.ts';
import type { Correction, CorrectionBook, Note, Pin } from './corrections.ts';
import { changesThePast, isMatch, openCorrections } from './corrections.ts';
import type { DeployFact, DeployRecord, OutcomeFact, RegressionFact, Scope } from './facts.ts';
import { findFailure, isFailure, toScopeLabel } from './facts.ts';
import type { ContextInput, DeployMemory } from './memory.ts';
import { createDeployMemory } from './memory.ts';
import type { RiskAssessment, RiskInput } from './risk.ts';
import { toLogit } from './statistics.ts';
import type { CostTable, StrategyChoice, StrategyInput } from './strategy.ts';
import { formatPercent, toStrategyInput } from './strategy.ts';

/** A failure that a person wants kept in mind, with how often it came. */
export interface PinnedPattern {
  class: string;
  signature?: string;
  count: number;
  deploys: number;
  lastAtMs?: number;
  lastDeployId?: string;
  text: string;
  actor: string;
  atMs: number;
}

/** The context with what people said about the scope. */
export interface CorrectedContext extends MemoryContext {
  pinned: PinnedPattern[];
  /** Newest first. */
  notes: Note[];
  override?: { strategy: string; actor: string; atMs: number; text: string };
}

/** The memory as it may be asked. It is told things by its keeper alone. */
export interface RecalledMemory extends Pick<DeployMemory, 'assess' | 'choose' | 'history' | 'graph'> {
  context(scope: Scope, atMs: number, input?: ContextInput): CorrectedContext;
}

/** One thing the memory is told, with its number. */
export type Fact = { seq: number } & (
  | { kind: 'deploy'; deploy: DeployFact }
  | { kind: 'outcome'; outcome: OutcomeFact }
  | { kind: 'regression'; regression: RegressionFact; deploy: DeployFact }
  | { kind: 'correction'; correction: Correction }
);

/** A memory that is told facts and corrections, a pure function of both. */
export interface CorrectedMemory extends RecalledMemory {
  /**
   * Tells the next fact. Answers false, and takes nothing, where it changes what was told before: begin a new memory
   * with all corrections and tell everything again.
   */
  tell(fact: Fact): boolean;
  /** All of it as bytes that only this version of the program reads: a shortcut for start-up, never the record. */
  snapshot(): Uint8Array;
}

/**
 * @param corrections all that are recorded, in order, whether the facts they speak of were told yet or not
 * @param options.snapshot what `snapshot` gave, of a memory with the same corrections
 * @throws AppError `invalid_input` when the snapshot is of another version
 */
export function createCorrectedMemory(
  options: { costs?: CostTable; snapshot?: Uint8Array },
  corrections: readonly Correction[] = [],
): CorrectedMemory {
  const { snapshot, ...plain } = options;
  const saved = snapshot === undefined ? undefined : readSaved(snapshot);
  const memory = createDeployMemory(saved === undefined ? plain : { ...plain, snapshot: saved.memory });
  const all = [...corrections];
  let book = openCorrections(all);
  const open = saved?.open ?? new Map<string, DeployFact>();
  const pinned = createPinCounts(saved?.pins);

  const assess = (input: RiskInput): RiskAssessment => withPins(memory.assess(input), pinned.of(book, input.scope));
  const choose = (assessment: RiskAssessment, input: StrategyInput): StrategyChoice => {
    const set = book.override(assessment.scope);
    return memory.choose(assessment, set === undefined ? input : { override: set.strategy, ...input });
  };
  return {
    tell: (fact) => {
      switch (fact.kind) {
        case 'deploy':
          if (book.isForgotten(fact.deploy, fact.seq)) return true;
          open.set(fact.deploy.id, fact.deploy);
          memory.recordDeploy(fact.deploy);
          return true;
        case 'outcome': {
          const deploy = open.get(fact.outcome.deployId);
          if (deploy === undefined) return true;
          open.delete(deploy.id);
          const told = book.toTold(deploy, fact.outcome, fact.seq);
          memory.recordOutcome(told);
          pinned.add(book, deploy, told, fact.seq);
          return true;
        }
        case 'regression': {
          const { deploy } = fact;
          const told = book.toToldRegression(deploy, fact.regression, fact.seq);
          if (told !== undefined && memory.recordRegression(told)) pinned.addRegressed(book, deploy, told, fact.seq);
          return true;
        }
        case 'correction':
          if (all.some((one) => one.seq === fact.seq)) return true;
          if (changesThePast(fact.correction)) return false;
          all.push(fact.correction);
          book = openCorrections(all);
          return true;
      }
    },
    assess,
    choose,
    context: (scope, atMs, input = {}) => {
      const pins = pinned.of(book, scope);
      const set = book.override(scope);
      const asked = set === undefined ? input : { override: set.strategy, ...input };
      const plain = memory.context(scope, atMs, asked);
      const risk = withPins(plain.risk, pins);
      const strategy = choose(risk, toStrategyInput(scope.environment, asked));
      return {
        ...plain,
        risk,
        strategy,
        patterns: withPinnedPatterns(plain.patterns, pins),
        recommendations: withSayings(plain, risk, strategy, pins, book.notes(scope)),
        pinned: pins,
        notes: [...book.notes(scope)],
        ...(set === undefined ? {} : { override: set }),
      };
    },
    history: (scope, limit): DeployRecord[] => memory.history(scope, limit),
    graph: () => memory.graph(),
    snapshot: () => serialize({ memory: memory.snapshot(), open, pins: pinned.all } satisfies Saved),
  };
}

interface Saved {
  memory: Uint8Array;
  open: Map<string, DeployFact>;
  pins: Map<number, PinCount>;
}

function readSaved(bytes: Uint8Array): Saved {
  try {
    // Written above; what is inside says of which version it is.
    return deserialize(bytes) as Saved;
  } catch (error) {
    throw new AppError('invalid_input', 'the snapshot of the memory cannot be read', { cause: error });
  }
}

type Ended = Omit<DeployRecord, 'deploy'>;

interface PinCount {
  count: number;
  deploys: number;
  last?: { atMs: number; deployId: string };
}

/** What came since each pin was set; what lies before it the pin itself knows. */
function createPinCounts(counts = new Map<number, PinCount>()) {
  const count = (book: CorrectionBook, deploy: DeployFact, ended: { record: Ended; deploys: 0 | 1 }, seq: number) => {
    const failure = findFailure(ended.record);
    for (const pin of book.pins(deploy)) {
      if (seq <= pin.seq) continue;
      const known = counts.get(pin.seq) ?? { count: 0, deploys: 0 };
      known.deploys += ended.deploys;
      if (failure !== undefined && isMatch(pin.fingerprint, failure.fingerprint)) {
        known.count += 1;
        known.last = { atMs: failure.atMs, deployId: deploy.id };
      }
      counts.set(pin.seq, known);
    }
  };
  return {
    all: counts,
    add: (book: CorrectionBook, deploy: DeployFact, outcome: OutcomeFact, seq: number) => {
      if (isFailure(outcome.outcome) === undefined) return;
      count(book, deploy, { record: { outcome }, deploys: 1 }, seq);
    },
    /** The deploy was counted when it was told healthy. */
    addRegressed: (book: CorrectionBook, deploy: DeployFact, regression: RegressionFact, seq: number) =>
      count(book, deploy, { record: { regression }, deploys: 0 }, seq),
    of: (book: CorrectionBook, scope: Scope): PinnedPattern[] =>
      book.pins(scope).map((pin) => toPinnedPattern(pin, counts.get(pin.seq) ?? { count: 0, deploys: 0 })),
  };
}

function toPinnedPattern({ fingerprint, known, text, actor, atMs }: Pin, later: PinCount): PinnedPattern {
  const lastAtMs = later.last?.atMs ?? known.lastAtMs;
  const lastDeployId = later.last?.deployId ?? known.lastDeployId;
  return {
    ...fingerprint,
    count: known.count + later.count,
    deploys: known.deploys + later.deploys,
    ...(lastAtMs === undefined ? {} : { lastAtMs }),
    ...(lastDeployId === undefined ? {} : { lastDeployId }),
    text,
    actor,
    atMs,
  };
}

/** What a pinned failure makes of the risk at least: it counts by all deploys there were, however long ago. */
function floorOf({ count, deploys }: PinnedPattern): number {
  return count / (deploys + 1);
}

function withPins(risk: RiskAssessment, pins: readonly PinnedPattern[]): RiskAssessment {
  const highest = [...pins].sort((a, b) => floorOf(b) - floorOf(a))[0];
  if (highest === undefined || floorOf(highest) <= risk.probability) return risk;
  const probability = floorOf(highest);
  const signal = {
    name: 'pinned_failure',
    detail: `${toPinSentence(highest)} It does not fade.`,
    effect: toLogit(probability) - toLogit(risk.probability),
  };
  return {
    ...risk,
    probability,
    low: Math.min(risk.low, probability),
    high: Math.max(risk.high, probability),
    signals: [...risk.signals, signal].sort((a, b) => Math.abs(b.effect) - Math.abs(a.effect)),
  };
}

/** The known patterns, with those that are pinned and were dropped in the meantime. */
function withPinnedPatterns(patterns: readonly KnownPattern[], pins: readonly PinnedPattern[]): KnownPattern[] {
  const dropped = pins.filter(
    (pin) => pin.lastAtMs !== undefined && !patterns.some(({ fingerprint }) => isMatch(pin, fingerprint)),
  );
  return [
    ...patterns,
    ...dropped.map((pin) => ({
      fingerprint: { class: pin.class, signature: pin.signature ?? 'any' },
      count: pin.count,
      firstAtMs: pin.atMs,
      lastAtMs: pin.lastAtMs ?? pin.atMs,
      lastDeployId: pin.lastDeployId ?? '',
    })),
  ];
}

function toPinSentence({ class: kind, signature, count, deploys, actor, text }: PinnedPattern): string {
  const what = signature === undefined ? kind : `${kind}: ${signature}`;
  const why = text === '' ? '' : ` ("${text}")`;
  return `${toName(actor)} pinned ${what}${why}; ${count} of ${deploys} deploys failed with it.`;
}

/** `person:ann` is Ann's key; a reader wants the name. */
export function toName(actor: string): string {
  return actor.startsWith('person:') ? actor.slice('person:'.length) : actor;
}

/** The advice in sentences, as of the corrected risk, with what people said at its end. */
function withSayings(
  plain: MemoryContext,
  risk: RiskAssessment,
  strategy: StrategyChoice,
  pins: readonly PinnedPattern[],
  notes: readonly Note[],
): string[] {
  const isOther = strategy.strategy !== plain.strategy.strategy;
  const lines = plain.recommendations.filter((line) => !isOther || !STRATEGY_ADVICE.test(line));
  if (isOther) lines.push(...strategy.reasons);
  if (risk.probability !== plain.risk.probability)
    lines.push(
      `With the pinned failure the risk of ${toScopeLabel(risk.scope)} counts as ${formatPercent(risk.probability)}.`,
    );
  lines.push(...pins.map(toPinSentence));
  lines.push(...notes.slice(0, NOTES_SHOWN).map(({ actor, text }) => `${toName(actor)} noted: ${text}`));
  return lines;
}

const NOTES_SHOWN = 5;
/** The sentences of the plain context that tell what to do, which a pin may have overtaken. */
const STRATEGY_ADVICE = /^(?:Deploy by|Ask a person before)/;
