import { findField, toStringMap } from '../../manifest/fields.ts';
import { toRefLabel } from '../../manifest/object.ts';
import type { ManifestObject, ObjectChange } from '../../manifest/object.ts';
import { toQuantityNumber } from '../../manifest/quantity.ts';
import { findWorkload } from '../../manifest/workload.ts';
import type { ChangeCheck, ChangeInput } from '../change.ts';
import type { Finding } from '../finding.ts';
import { findRunner } from '../runner.ts';

const CHECK = 'destructive';

// Kinds whose removal takes with it what git cannot bring back.
const HOLDERS: Readonly<Record<string, string>> = {
  Namespace: 'everything inside it, also what this repository does not know, is deleted with it',
  CustomResourceDefinition: 'every resource of its kind in the whole cluster is deleted with it',
  PersistentVolumeClaim: 'its data is deleted with it unless the volume is retained',
  PersistentVolume: 'its data may be deleted with it',
};

/** What a sync cannot undo, or the cluster refuses: removals, immutable fields, shrinking volumes, nothing left running. */
export const destructiveCheck: ChangeCheck = {
  name: CHECK,
  inspect: (input) =>
    input.changes.flatMap((change) => {
      if (change.after === undefined) return [inspectRemoval(change, input)];
      if (change.before === undefined) return inspectAdded(change, change.after);
      return [
        ...inspectImmutable(change, change.before, change.after),
        // A Deployment whose pods a Rollout runs describes them, and needs none of its own.
        ...(findRunner(change.ref, input.changes, input.after) === undefined
          ? inspectReplicas(change, change.before, change.after)
          : []),
        ...inspectClaim(change, change.before, change.after),
        ...inspectGitOps(change),
      ];
    }),
};

function inspectRemoval(change: ObjectChange, input: ChangeInput): Finding {
  const label = toRefLabel(change.ref);
  const loss = Object.hasOwn(HOLDERS, change.ref.kind) ? HOLDERS[change.ref.kind] : undefined;
  if (loss !== undefined) {
    const isAllowed = input.removableKinds?.includes(change.ref.kind) === true;
    return toFinding(change, isAllowed ? 'warning' : 'error', undefined, {
      message: `${label} would be removed; ${loss}.`,
      fix: 'Keep it in the repository, or remove it by hand after a backup.',
    });
  }
  const workload = change.before === undefined ? undefined : findWorkload(change.before);
  if (workload?.stateful === true)
    return toFinding(change, 'warning', undefined, {
      message: `${label} would be removed; it keeps data, and its volumes may stay behind without an owner or go with it.`,
      fix: 'Make sure a backup exists and nothing else uses the data.',
    });
  const weight =
    workload !== undefined || ['Service', 'Ingress', 'Secret'].includes(change.ref.kind) ? 'warning' : 'info';
  return toFinding(change, weight, undefined, {
    message: `${label} would be removed from the cluster when pruning is on.`,
    fix: 'Nothing, if that is what the ticket asks for.',
  });
}

interface ImmutableField {
  path: string[];
  /** The API server fills these in, so that leaving them out or adding them is not a change. */
  isDefaulted?: boolean;
}

const IMMUTABLE: Readonly<Record<string, ImmutableField[]>> = {
  'apps/Deployment': [{ path: ['spec', 'selector'] }],
  'apps/DaemonSet': [{ path: ['spec', 'selector'] }],
  'apps/StatefulSet': [
    { path: ['spec', 'selector'] },
    { path: ['spec', 'serviceName'] },
    { path: ['spec', 'podManagementPolicy'], isDefaulted: true },
    { path: ['spec', 'volumeClaimTemplates'] },
  ],
  'batch/Job': [
    { path: ['spec', 'selector'], isDefaulted: true },
    { path: ['spec', 'template'] },
    { path: ['spec', 'completionMode'], isDefaulted: true },
  ],
  '/Service': [{ path: ['spec', 'clusterIP'], isDefaulted: true }],
  '/PersistentVolumeClaim': [
    { path: ['spec', 'accessModes'] },
    { path: ['spec', 'storageClassName'], isDefaulted: true },
    { path: ['spec', 'volumeName'], isDefaulted: true },
    { path: ['spec', 'volumeMode'], isDefaulted: true },
    { path: ['spec', 'selector'], isDefaulted: true },
  ],
  'rbac.authorization.k8s.io/RoleBinding': [{ path: ['roleRef'] }],
  'rbac.authorization.k8s.io/ClusterRoleBinding': [{ path: ['roleRef'] }],
  'storage.k8s.io/StorageClass': [{ path: ['provisioner'] }, { path: ['parameters'] }],
  'scheduling.k8s.io/PriorityClass': [{ path: ['value'] }],
};

function inspectImmutable(change: ObjectChange, before: ManifestObject, after: ManifestObject): Finding[] {
  const key = `${change.ref.group}/${change.ref.kind}`;
  const fields = Object.hasOwn(IMMUTABLE, key) ? IMMUTABLE[key] : undefined;
  if (isReplaced(after)) return [];
  const findings: Finding[] = [];
  for (const field of fields ?? []) {
    const path = field.path.join('.');
    const touched = change.fields.find((entry) => entry.path === path || new RegExp(`^${path}[.[]`).test(entry.path));
    if (touched === undefined) continue;
    const isDefaulting =
      findField(before, ...field.path) === undefined || findField(after, ...field.path) === undefined;
    if (field.isDefaulted === true && isDefaulting) continue;
    findings.push(
      toFinding(change, 'error', touched.path, {
        message: `${touched.path} cannot be changed on an existing ${change.ref.kind}; the cluster would refuse the sync.`,
        fix: 'Keep the old value, or add an object under another name and remove this one later.',
      }),
    );
  }
  // An immutable ConfigMap or Secret refuses new data for as long as it exists.
  if (
    before['immutable'] === true &&
    change.fields.some((field) => /^(data|stringData|binaryData|immutable)/.test(field.path))
  )
    findings.push(
      toFinding(change, 'error', 'immutable', {
        message: `${toRefLabel(change.ref)} is marked immutable, so the cluster would refuse its new content.`,
        fix: 'Add it under a new name and point the workloads there.',
      }),
    );
  return findings;
}

// Argo CD deletes and creates these anew at every sync, so nothing in them is immutable.
function isReplaced(object: ManifestObject): boolean {
  const annotations = toStringMap(object.metadata.annotations);
  const isHook = 'argocd.argoproj.io/hook' in annotations || 'helm.sh/hook' in annotations;
  const options = annotations['argocd.argoproj.io/sync-options'] ?? '';
  return isHook || /(?:^|,)\s*(?:Replace|Force)=true\b/.test(options);
}

function inspectReplicas(change: ObjectChange, before: ManifestObject, after: ManifestObject): Finding[] {
  const [left, right] = [findWorkload(before), findWorkload(after)];
  if (left === undefined || right === undefined) return [];
  const isSuspended = findField(after, 'spec', 'suspend') === true && findField(before, 'spec', 'suspend') !== true;
  if (isSuspended)
    return [
      toFinding(change, 'warning', 'spec.suspend', {
        message: `${toRefLabel(change.ref)} would be suspended and start nothing more.`,
        fix: 'Nothing, if that is what the ticket asks for.',
      }),
    ];
  if (right.replicas === 0 && left.replicas !== 0)
    return [
      toFinding(change, 'warning', 'spec.replicas', {
        message: `${toRefLabel(change.ref)} would run no pods at all (from ${left.replicas ?? 1}).`,
        fix: 'Keep at least one replica unless the service is meant to stop.',
      }),
    ];
  const from = left.replicas ?? 1;
  if (right.replicas !== undefined && from >= 4 && right.replicas <= from / 4)
    return [
      toFinding(change, 'warning', 'spec.replicas', {
        message: `${toRefLabel(change.ref)} would lose most of its pods at once (${from} to ${right.replicas}).`,
        fix: 'Scale down in steps and watch the load.',
      }),
    ];
  return [];
}

function inspectClaim(change: ObjectChange, before: ManifestObject, after: ManifestObject): Finding[] {
  if (change.ref.kind !== 'PersistentVolumeClaim') return [];
  const path = ['spec', 'resources', 'requests', 'storage'];
  const [from, to] = [toSize(findField(before, ...path)), toSize(findField(after, ...path))];
  if (from === undefined || to === undefined || to >= from) return [];
  return [
    toFinding(change, 'error', path.join('.'), {
      message: 'A volume claim cannot shrink; the cluster would refuse the sync.',
      fix: 'Keep the size, or make a smaller claim under another name and copy the data.',
    }),
  ];
}

function toSize(value: unknown): number | undefined {
  return typeof value === 'string' || typeof value === 'number' ? toQuantityNumber(value) : undefined;
}

// Where an Application reads from decides what runs: changing that changes everything it deploys, unseen by this difference.
function inspectGitOps(change: ObjectChange): Finding[] {
  if (change.ref.group !== 'argoproj.io' || !['Application', 'ApplicationSet', 'AppProject'].includes(change.ref.kind))
    return [];
  return change.fields
    .filter((field) =>
      /repoURL|(?:^|\.)project$|destination|sourceRepos|destinations|clusterResource/i.test(field.path),
    )
    .map((field) =>
      toFinding(change, 'error', field.path, {
        message: `${field.path} decides what and where ${toRefLabel(change.ref)} deploys; changing it swaps everything behind it unseen.`,
        fix: 'Make this change by hand, with the people who own the cluster.',
      }),
    );
}

function inspectAdded(change: ObjectChange, after: ManifestObject): Finding[] {
  const findings: Finding[] = [];
  const workload = findWorkload(after);
  if (workload?.replicas === 0)
    findings.push(
      toFinding(change, 'info', 'spec.replicas', {
        message: `${toRefLabel(change.ref)} starts with no pods.`,
        fix: 'Set spec.replicas once it should run.',
      }),
    );
  return findings;
}

function toFinding(
  change: ObjectChange,
  severity: Finding['severity'],
  field: string | undefined,
  text: { message: string; fix: string },
): Finding {
  return { check: CHECK, severity, object: change.ref, ...(field === undefined ? {} : { field }), ...text };
}
