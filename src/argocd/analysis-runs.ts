import { z } from 'zod';
import { countOr, listOf, text } from '../lib/loose.ts';
import { cutText } from '../lib/plain-text.ts';
import type { ObjectRef } from '../manifest/object.ts';
import { isSameObject, toResourceRef, type ApplicationRef } from './application.ts';
import type { ArgoReads } from './reads.ts';
import type { ResourceTree } from './schema.ts';
import { toRoot } from './tree.ts';

const count = countOr(0);

const metricSchema = z.looseObject({
  name: text,
  phase: text,
  message: text,
  dryRun: z.boolean().nullish(),
  successful: count,
  failed: count,
  inconclusive: count,
  error: count,
  measurements: listOf(z.looseObject({ value: text, message: text })),
});

const runSchema = z.looseObject({
  spec: z.looseObject({ metrics: z.looseObject({ name: text }).array().nullish() }).nullish(),
  status: z.looseObject({ phase: text, message: text, metricResults: metricSchema.array().nullish() }).nullish(),
});

/** What one metric of an analysis has measured. Those that never began are there too, with nothing. */
interface MetricReport {
  name: string;
  good: number;
  bad: number;
  /** Neither good nor bad: no data, or a value between the two conditions. */
  open: number;
  errors: number;
  /** The last value, or what went wrong. */
  last: string;
}

/** One analysis of the update that is watched. */
export interface AnalysisReport {
  name: string;
  /** The Rollout it belongs to. */
  rollout: ObjectRef;
  /** Argo Rollouts' word: Running, Successful, Failed, Error, Inconclusive. */
  phase: string;
  message: string;
  createdAt: string;
  /** Without those that only run dry. */
  metrics: MetricReport[];
}

/** Their clock may be behind ours by this much. */
const SKEW_MS = 60_000;
const MAX_RUNS = 12;

/** The analyses of Rollouts in the tree that began after the push, newest first. */
export function listAnalysisNodes(tree: ResourceTree, pushedAtMs: number) {
  return tree.nodes
    .filter(({ group, kind }) => group === 'argoproj.io' && kind === 'AnalysisRun')
    .filter((node) => Date.parse(node.createdAt) >= pushedAtMs - SKEW_MS)
    .filter((node) => toRoot(tree, node).kind === 'Rollout')
    .sort((a, b) => b.createdAt.localeCompare(a.createdAt))
    .slice(0, MAX_RUNS);
}

/** Reads them one by one. Rejects when one cannot be read. */
export async function readAnalyses(
  argo: ArgoReads,
  ref: ApplicationRef,
  tree: ResourceTree,
  { pushedAtMs, signal }: { pushedAtMs: number; signal: AbortSignal },
): Promise<AnalysisReport[]> {
  const reports: AnalysisReport[] = [];
  for (const node of listAnalysisNodes(tree, pushedAtMs)) {
    const target = { ...toResourceRef(node), version: node.version === '' ? 'v1alpha1' : node.version };
    const live = await argo.resource(ref, target, { signal });
    reports.push({
      ...parseAnalysis(live),
      name: node.name,
      rollout: toResourceRef(toRoot(tree, node)),
      createdAt: node.createdAt,
    });
  }
  return reports;
}

export function parseAnalysis(live: unknown): Pick<AnalysisReport, 'phase' | 'message' | 'metrics'> {
  const run = runSchema.parse(live);
  const results = run.status?.metricResults ?? [];
  const names = [...(run.spec?.metrics ?? []).map(({ name }) => name), ...results.map(({ name }) => name)];
  const metrics = [...new Set(names)].flatMap((name): MetricReport[] => {
    const result = results.find((one) => one.name === name);
    if (result?.dryRun === true) return [];
    const last = result?.measurements.at(-1);
    return [
      {
        name,
        good: result?.successful ?? 0,
        bad: result?.failed ?? 0,
        open: result?.inconclusive ?? 0,
        errors: result?.error ?? 0,
        last: last === undefined ? '' : last.message === '' ? last.value : last.message,
      },
    ];
  });
  return { phase: run.status?.phase ?? '', message: run.status?.message ?? '', metrics };
}

/** Those of one Rollout. */
export function listReports(reports: readonly AnalysisReport[] | undefined, rollout: ObjectRef): AnalysisReport[] {
  return (reports ?? []).filter((report) => isSameObject(report.rollout, rollout));
}

/**
 * Whether the analysis ended although one of its metrics has not seen one good measurement: ended from outside before it
 * measured, or with limits that let everything pass. Argo Rollouts calls that Successful.
 */
export function isUnmeasured({ phase, metrics }: AnalysisReport): boolean {
  return phase === 'Successful' && metrics.some(({ good }) => good === 0);
}

/** What was measured, for a person: `success-rate: 0 good, 3 without an answer (last: [])`. */
export function toMeasured({ metrics }: Pick<AnalysisReport, 'metrics'>): string {
  return metrics
    .map(({ name, good, bad, open, errors, last }) => {
      const parts = [
        `${good} good`,
        ...(bad === 0 ? [] : [`${bad} bad`]),
        ...(open === 0 ? [] : [`${open} neither good nor bad`]),
        ...(errors === 0 ? [] : [`${errors} error${errors === 1 ? '' : 's'}`]),
      ];
      const shown = cutText(last, 160);
      return `${name}: ${parts.join(', ')}${shown === '' ? '' : ` (last: ${shown})`}`;
    })
    .join('; ');
}
