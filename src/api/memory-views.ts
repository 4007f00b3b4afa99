import { toName, type CorrectedContext } from '../memory/corrected-memory.ts';
import { isMatch, type Correction, type FingerprintPattern } from '../memory/corrections.ts';
import { findFailureAdvice } from '../memory/failure-advice.ts';
import type { StoredDeploy } from '../memory/fact-store.ts';
import { toScopeLabel } from '../memory/facts.ts';
import { formatPercent } from '../memory/strategy.ts';
import { toIsoTime } from '../lib/clock.ts';
import type { StoredPlan } from '../ticket/plan.ts';
import type { Ticket } from '../ticket/ticket.ts';
import type { ContextView, CorrectionView, DeployView, ExplainView } from './contract-memory.ts';

export function toContextView(known: CorrectedContext): ContextView {
  const { risk, strategy, override } = known;
  const { probability, low, high, deploys, failures, firstDeploy, signals, lastFailure } = risk;
  return {
    scope: known.scope,
    known: known.known,
    summary: toContextSummary(known),
    risk: {
      ...{ probability, low, high, deploys, failures, firstDeploy, signals },
      lastFailure:
        lastFailure === undefined
          ? null
          : {
              deployId: lastFailure.deployId,
              at: toIsoTime(lastFailure.atMs),
              version: lastFailure.version ?? null,
              fingerprint: lastFailure.fingerprint ?? null,
            },
    },
    patterns: known.patterns.map(({ fingerprint, count, firstAtMs, lastAtMs, lastDeployId }) => {
      const { possibleCauses, suggestedFix } = findFailureAdvice(fingerprint.class);
      return {
        ...{ fingerprint, count, lastDeployId, suggestedFix },
        firstAt: toIsoTime(firstAtMs),
        lastAt: toIsoTime(lastAtMs),
        pinned: known.pinned.some((pin) => isMatch(pin, fingerprint)),
        possibleCauses: [...possibleCauses],
      };
    }),
    coDeploys: known.coDeploys,
    bursts: known.bursts,
    recommendations: known.recommendations,
    strategy,
    override:
      override === undefined
        ? null
        : { strategy: override.strategy, by: override.actor, at: toIsoTime(override.atMs), text: override.text },
    pinned: known.pinned.map(({ class: failureClass, signature, count, deploys: of, text, actor, atMs }) => ({
      ...{ class: failureClass, signature: signature ?? null, count, deploys: of, text },
      by: actor,
      at: toIsoTime(atMs),
    })),
    notes: known.notes.map(({ text, actor, atMs }) => ({ text, by: actor, at: toIsoTime(atMs) })),
  };
}

/** What the context comes to, for somebody who reads nothing else of it. */
function toContextSummary({ risk, strategy, recommendations, bursts, override }: CorrectedContext): string[] {
  const place = toScopeLabel(risk.scope);
  const signals = risk.signals.slice(0, 5).map(({ detail, effect }) => `${detail} (${toEffect(effect)})`);
  return [
    ...new Set([
      ...recommendations,
      ...bursts,
      ...(signals.length === 0
        ? ['Nothing sets it apart from the usual rate of failure there.']
        : ['What moves the estimate:', ...signals]),
      `Next deploy of ${place}: ${STRATEGY_WORDS[strategy.strategy]}.`,
      ...strategy.reasons,
      ...(override === undefined
        ? []
        : [`${toName(override.actor)} set this strategy${override.text === '' ? '' : ` ("${override.text}")`}.`]),
    ]),
  ];
}

const STRATEGY_WORDS = {
  direct: 'direct, all pods in one go',
  canary: 'by canary, a few pods first and then the rest',
  blue_green: 'by blue-green, a second full set and then a switch',
  hold: 'not before a person has looked',
} as const;

/** Log-odds as a person reads them. */
function toEffect(effect: number): string {
  const factor = Math.exp(Math.abs(effect));
  const size = factor < 10 ? factor.toFixed(1) : factor.toFixed(0);
  return effect > 0 ? `the odds of failure are ${size} times as high` : `the odds of failure are ${size} times as low`;
}

export function toDeployView(stored: StoredDeploy, names: ReadonlyMap<string, StoredDeploy>): DeployView {
  const { deploy, outcome, regression } = stored;
  return {
    ...{ id: deploy.id, cluster: deploy.cluster, environment: deploy.environment, namespace: deploy.namespace },
    service: deploy.service,
    application: deploy.application ?? null,
    image: deploy.image ?? null,
    version: deploy.version ?? null,
    digest: deploy.digest ?? null,
    changeKind: deploy.changeKind,
    commit: deploy.commit ?? null,
    ticket: deploy.ticket ?? null,
    actor: deploy.actor ?? null,
    startedAt: toIsoTime(deploy.startedAtMs),
    strategy: deploy.strategy,
    size: deploy.size ?? null,
    origin: deploy.origin ?? null,
    concurrent: stored.concurrent.flatMap((id) => {
      const other = names.get(id)?.deploy;
      return other === undefined ? [] : [{ id, service: other.service, environment: other.environment }];
    }),
    outcome:
      outcome === undefined
        ? null
        : {
            outcome: outcome.outcome,
            at: toIsoTime(outcome.atMs),
            verdict: outcome.verdict ?? null,
            fingerprint: outcome.fingerprint ?? null,
            durationMs: outcome.durationMs ?? null,
          },
    ...(regression === undefined
      ? {}
      : {
          regression: {
            at: toIsoTime(regression.atMs),
            verdict: regression.verdict ?? null,
            fingerprint: regression.fingerprint ?? null,
          },
        }),
  };
}

type Explained = Pick<ExplainView, 'advice' | 'consulted' | 'deploys' | 'changeRisk'>;

/** Why the ticket's change was made the way it was, and what came of it. */
export function toExplainSummary(ticket: Ticket, { advice, consulted, deploys, changeRisk }: Explained): string[] {
  if (advice === null) return [`"${ticket.title}" has no plan yet, so memory has not been asked.`];
  const { probability, low, high, careReasons, remembered } = advice;
  return [
    ...new Set([
      probability === null || low === null || high === null
        ? 'When the plan was made nothing was remembered about what it changes.'
        : `When the plan was made its risk of failure was ${formatPercent(probability)} (${formatPercent(low)} to ${formatPercent(high)}).`,
      ...remembered,
      `Strategy: ${STRATEGY_WORDS[advice.strategy]}.`,
      ...careReasons,
      ...consulted.flatMap(({ sentences }) => sentences),
      ...(changeRisk === null
        ? []
        : [`The harm the change itself can do is ${changeRisk.level}${toBecause(changeRisk.reasons)}.`]),
      ...deploys.map(toDeploySentence),
    ]),
  ];
}

function toBecause(reasons: readonly string[]): string {
  return reasons.length === 0
    ? ''
    : `: ${reasons
        .slice(0, 3)
        .map((reason) => reason.replace(/\.$/, ''))
        .join('; ')}`;
}

function toDeploySentence(deploy: DeployView): string {
  const { service, environment, version, changeKind, outcome, regression, concurrent } = deploy;
  const what = `${changeKind} of ${service}${version === null ? '' : ` (${version})`} in ${environment}`;
  const beside =
    concurrent.length === 0 ? '' : ` Deploying at the same time: ${concurrent.map((one) => one.service).join(', ')}.`;
  if (outcome === null) return `Deploy: ${what}, not ended yet.${beside}`;
  const why = (failure: Pick<NonNullable<DeployView['outcome']>, 'fingerprint'>) =>
    failure.fingerprint === null ? '' : ` with ${failure.fingerprint.class}: ${failure.fingerprint.signature}`;
  const later = regression === undefined ? '' : `, failed at ${regression.at}${why(regression)}`;
  return `Deploy: ${what}, ${outcome.outcome}${why(outcome)}${later}.${beside}`;
}

export function toChangeRisk(plan: StoredPlan | undefined): ExplainView['changeRisk'] {
  const risk = plan?.review?.risk;
  if (risk === undefined) return null;
  return { level: risk.level, score: risk.score, reasons: risk.reasons.map(({ detail }) => detail) };
}

export function toCorrectionView(
  correction: Exclude<Correction, { kind: 'import' }>,
  matches: number | null,
): CorrectionView {
  const { kind, scope, actor, atMs } = correction;
  return { kind, scope, by: actor, at: toIsoTime(atMs), sentence: toSentence(correction), matches };
}

function toSentence(correction: Exclude<Correction, { kind: 'import' }>): string {
  const place = toScopeLabel(correction.scope);
  const what =
    'fingerprint' in correction && correction.fingerprint !== undefined ? toWords(correction.fingerprint) : '';
  switch (correction.kind) {
    case 'pin':
      return `Failures of ${place} with ${what} are kept in mind, however long ago.`;
    case 'unpin':
      return `Failures of ${place} with ${what} fade again.`;
    case 'forget':
      return what === ''
        ? `Deploys of ${place} up to now no longer count.`
        : `Failures of ${place} with ${what} up to now no longer count.`;
    case 'weaken':
      return `Failures of ${place}${what === '' ? '' : ` with ${what}`} up to now count as ${correction.factor} of one.`;
    case 'note':
      return `The note stands in the context of ${place}.`;
    case 'override_strategy':
      return correction.strategy === null
        ? `The strategy of ${place} is chosen by cost again.`
        : `${place} is deployed ${STRATEGY_WORDS[correction.strategy]}.`;
  }
}

function toWords({ class: failureClass, signature }: FingerprintPattern): string {
  return signature === undefined ? failureClass : `${failureClass}: ${signature}`;
}

const CURSOR_TIME = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$/;

/** Where the next page of a history begins: opaque to clients. */
export function toHistoryCursor({ deploy, seq }: StoredDeploy): string {
  return Buffer.from(`${toIsoTime(deploy.startedAtMs)}|${seq}`).toString('base64url');
}

export function parseHistoryCursor(cursor: string): { startedAt: string; seq: number } | undefined {
  const [startedAt = '', seq = ''] = Buffer.from(cursor, 'base64url').toString('utf8').split('|');
  return CURSOR_TIME.test(startedAt) && /^\d{1,15}$/.test(seq) ? { startedAt, seq: Number(seq) } : undefined;
}
