import { findField, toNumber, toRecord, toStringMap, toText } from '../../manifest/fields.ts';
import { toObjectRef, toRefLabel } from '../../manifest/object.ts';
import type { ManifestObject } from '../../manifest/object.ts';
import { toWorkloads } from '../../manifest/workload.ts';
import type { SetCheck } from '../change.ts';
import type { Finding } from '../finding.ts';

const CHECK = 'disruption';

/** Disruption budgets that forbid every eviction, so that no node can be drained. */
export const disruptionCheck: SetCheck = {
  name: CHECK,
  inspect: listBlockingBudgets,
};

function listBlockingBudgets(objects: readonly ManifestObject[]): Finding[] {
  const workloads = toWorkloads(objects);
  return objects.flatMap((object) => {
    if (object.kind !== 'PodDisruptionBudget' || !object.apiVersion.startsWith('policy/')) return [];
    const spec = toRecord(object['spec']) ?? {};
    const labels = toStringMap(findField(spec, 'selector', 'matchLabels'));
    const replicas = workloads
      .filter((workload) => Object.entries(labels).every(([key, value]) => workload.podLabels[key] === value))
      .map((workload) => workload.replicas ?? 1);
    const { maxUnavailable, minAvailable } = spec;
    const isNoneDown = maxUnavailable === 0 || maxUnavailable === '0' || maxUnavailable === '0%';
    const isAllUp = minAvailable === '100%' || replicas.some((count) => isAtLeast(minAvailable, count));
    if (!isNoneDown && !isAllUp) return [];
    const ref = toObjectRef(object);
    return [
      {
        check: CHECK,
        severity: 'warning' as const,
        object: ref,
        field: isNoneDown ? 'spec.maxUnavailable' : 'spec.minAvailable',
        message: `${toRefLabel(ref)} forbids every voluntary eviction, so nodes cannot be drained while it exists.`,
        fix: 'Allow at least one pod to be unavailable.',
      },
    ];
  });
}

function isAtLeast(minAvailable: unknown, replicas: number): boolean {
  const count = toNumber(minAvailable) ?? Number.parseInt(toText(minAvailable) ?? '', 10);
  return !String(minAvailable).endsWith('%') && replicas > 0 && Number.isFinite(count) && count >= replicas;
}
