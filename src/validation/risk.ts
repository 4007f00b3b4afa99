import { toRefLabel } from '../manifest/object.ts';
import type { ManifestObject, ObjectChange } from '../manifest/object.ts';
import { findWorkload } from '../manifest/workload.ts';
import type { Finding } from './finding.ts';
import { listChangeSignals } from './risk-signals.ts';
import type { RiskSignal } from './risk-signals.ts';

export type RiskLevel = 'low' | 'medium' | 'high' | 'critical';

export interface Risk {
  level: RiskLevel;
  /** From 0 to 1: how much of the room for harm the signals fill, not a probability of failure. */
  score: number;
  /** What speaks for it, heaviest first. */
  reasons: RiskSignal[];
  blastRadius: { objects: number; services: string[]; namespaces: string[] };
}

export interface RiskInput {
  changes: readonly ObjectChange[];
  findings: readonly Finding[];
  environment: string;
  /** What the touched services render to as a whole: a pod that goes in one object may be run by another. */
  rendered?: readonly ManifestObject[];
  /** Services known to keep data, also where the change touches another of their objects. */
  statefulServices?: readonly string[];
}

const LEVELS: readonly [RiskLevel, number][] = [
  ['critical', 0.7],
  ['high', 0.4],
  ['medium', 0.15],
];

/**
 * How dangerous a change is, from the rendered difference and the findings alone: no word of a ticket, a model or a memory
 * counts here. Independent signals are combined so that each fills its share of what is left below 1.
 */
export function assessRisk(input: RiskInput): Risk {
  const { changes, findings } = input;
  const blastRadius = {
    objects: changes.length,
    services: unique(changes.map((change) => change.service)),
    namespaces: unique(changes.map((change) => change.ref.namespace).filter((namespace) => namespace !== '')),
  };
  const signals =
    changes.length === 0
      ? []
      : [
          ...listChangeSignals(changes, input.rendered ?? []),
          ...listReach(input, blastRadius),
          ...listWeight(findings),
        ];
  const reasons = mergeSignals(signals);
  const left = reasons.reduce((room, reason) => room * (1 - reason.weight), 1);
  const score = Math.round((1 - left) * 1000) / 1000;
  return { level: LEVELS.find(([, from]) => score >= from)?.[0] ?? 'low', score, reasons, blastRadius };
}

/** Whether an environment of this name serves real users. */
export function isProduction(environment: string): boolean {
  return (
    /^(?:prod|prd|live)(?:uction)?(?:$|[^a-z])/i.test(environment) ||
    /(?:^|[-_.])(?:prod|production|live)$/i.test(environment)
  );
}

function listReach(input: RiskInput, radius: Risk['blastRadius']): RiskSignal[] {
  const signals: RiskSignal[] = [];
  if (isProduction(input.environment))
    signals.push({ signal: 'production', weight: 0.1, detail: `${input.environment} serves real users.` });
  if (radius.services.length > 1)
    signals.push({
      signal: 'several_services',
      weight: Math.min(0.3, 0.08 * (radius.services.length - 1)),
      detail: `${radius.services.length} services change together: ${radius.services.slice(0, 5).join(', ')}.`,
    });
  if (radius.objects > 10)
    signals.push({ signal: 'many_objects', weight: 0.1, detail: `${radius.objects} objects change.` });
  if (radius.namespaces.length > 1)
    signals.push({
      signal: 'several_namespaces',
      weight: 0.15,
      detail: `Objects in ${radius.namespaces.length} namespaces change: ${radius.namespaces.slice(0, 5).join(', ')}.`,
    });
  const stateful = input.changes.find(
    (change) => isStateful(change) || input.statefulServices?.includes(change.service) === true,
  );
  if (stateful !== undefined)
    signals.push({
      signal: 'stateful',
      weight: 0.2,
      detail: `${toRefLabel(stateful.ref)} belongs to a service that keeps data.`,
    });
  return signals;
}

function isStateful(change: ObjectChange): boolean {
  if (['PersistentVolumeClaim', 'PersistentVolume'].includes(change.ref.kind)) return true;
  return [change.before, change.after].some(
    (object) => object !== undefined && findWorkload(object)?.stateful === true,
  );
}

function listWeight(findings: readonly Finding[]): RiskSignal[] {
  const count = (severity: Finding['severity']) => findings.filter((finding) => finding.severity === severity).length;
  const [errors, warnings] = [count('error'), count('warning')];
  return [
    ...(errors === 0 ? [] : [{ signal: 'errors', weight: 0.5, detail: `${errors} finding(s) forbid the change.` }]),
    ...(warnings === 0
      ? []
      : [{ signal: 'warnings', weight: Math.min(0.2, 0.03 * warnings), detail: `${warnings} finding(s) warn of it.` }]),
  ];
}

// The same signal from many objects says little more than from one: the heaviest counts, and a little for company.
function mergeSignals(signals: readonly RiskSignal[]): RiskSignal[] {
  const byName = new Map<string, RiskSignal[]>();
  for (const signal of signals) byName.set(signal.signal, [...(byName.get(signal.signal) ?? []), signal]);
  const merged = [...byName.values()].flatMap((group) => {
    const heaviest = group.toSorted((a, b) => b.weight - a.weight)[0];
    if (heaviest === undefined) return [];
    const more = group.length - 1;
    const weight = Math.min(0.9, heaviest.weight * (1 + 0.1 * Math.min(more, 10)));
    return [{ ...heaviest, weight: Math.round(weight * 1000) / 1000, detail: toDetail(heaviest.detail, more) }];
  });
  return merged.toSorted((a, b) => b.weight - a.weight || (a.signal < b.signal ? -1 : 1));
}

function toDetail(detail: string, more: number): string {
  return more === 0 ? detail : `${detail} (and ${more} more)`;
}

function unique(names: readonly string[]): string[] {
  return [...new Set(names)].sort();
}
