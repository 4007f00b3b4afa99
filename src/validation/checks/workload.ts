import { findField, toList, toRecord, toRecords, toText } from '../../manifest/fields.ts';
import type { ManifestObject } from '../../manifest/object.ts';
import { findWorkload } from '../../manifest/workload.ts';
import type { Workload, WorkloadContainer } from '../../manifest/workload.ts';
import type { ObjectCheck } from '../change.ts';
import type { Finding } from '../finding.ts';

const CHECK = 'workload';

/** What makes a workload run badly or reach beyond its pods: privileges, missing limits, missing probes. */
export const workloadCheck: ObjectCheck = {
  name: CHECK,
  inspect: (object) => {
    const workload = findWorkload(object);
    // A Rollout that points at a Deployment has no pods of its own; the Deployment is looked at itself.
    if (workload === undefined || workload.workloadRef !== undefined) return [];
    return [
      ...inspectPod(workload),
      ...workload.containers.flatMap((container) => [
        ...inspectPrivileges(workload, container),
        ...inspectResources(workload, container),
        ...inspectProbes(workload, container),
      ]),
      ...inspectSelector(workload),
    ];
  },
};

const HOST_FIELDS: readonly [field: string, reach: string][] = [
  ['hostNetwork', 'its pods see all traffic of the node and bypass network policies'],
  ['hostPID', 'its pods see and can signal every process of the node'],
  ['hostIPC', "its pods share the node's memory segments"],
];

function inspectPod(workload: Workload): Finding[] {
  const findings = HOST_FIELDS.filter(([field]) => workload.podSpec[field] === true).map(([field, reach]) =>
    toFinding(workload, 'error', `spec.template.spec.${field}`, `${field} is on: ${reach}.`, `Remove ${field}.`),
  );
  for (const volume of toRecords(workload.podSpec['volumes'])) {
    if (toRecord(volume['hostPath']) === undefined) continue;
    const name = toText(volume['name']) ?? '?';
    findings.push(
      toFinding(
        workload,
        'error',
        `spec.template.spec.volumes[${name}].hostPath`,
        `Volume ${name} mounts a path of the node, from which a pod can take over the node.`,
        'Use a PersistentVolumeClaim, an emptyDir or a ConfigMap.',
      ),
    );
  }
  return findings;
}

const STRONG_CAPABILITIES = new Set([
  'ALL',
  'SYS_ADMIN',
  'SYS_PTRACE',
  'SYS_MODULE',
  'NET_ADMIN',
  'DAC_READ_SEARCH',
  'BPF',
]);

function inspectPrivileges(workload: Workload, container: WorkloadContainer): Finding[] {
  const findings: Finding[] = [];
  const context = toRecord(container.spec['securityContext']) ?? {};
  const pod = toRecord(workload.podSpec['securityContext']) ?? {};
  const at = (field: string) => toContainerPath(container, `securityContext.${field}`);
  const add = (severity: Finding['severity'], field: string, message: string, fix: string) =>
    findings.push(toFinding(workload, severity, at(field), message, fix));
  if (context['privileged'] === true)
    add(
      'error',
      'privileged',
      `Container ${container.name} is privileged: it is root on the node.`,
      'Remove privileged.',
    );
  const added = toList(findField(context, 'capabilities', 'add')).map((name) => String(name).replace(/^CAP_/, ''));
  for (const name of added.filter((capability) => STRONG_CAPABILITIES.has(capability)))
    add(
      'error',
      'capabilities.add',
      `Container ${container.name} gets ${name}, with which it can leave its confinement.`,
      `Drop ${name}.`,
    );
  const user = context['runAsUser'] ?? pod['runAsUser'];
  const isNonRoot = (context['runAsNonRoot'] ?? pod['runAsNonRoot']) === true;
  if (user === 0)
    add(
      'warning',
      'runAsUser',
      `Container ${container.name} runs as root.`,
      'Run it as another user (runAsUser, runAsNonRoot).',
    );
  else if (user === undefined && !isNonRoot)
    add(
      'info',
      'runAsNonRoot',
      `Container ${container.name} runs as whatever user its image names, which may be root.`,
      'Set runAsNonRoot: true, or a runAsUser.',
    );
  if (user === 0 && isNonRoot)
    add(
      'error',
      'runAsNonRoot',
      `Container ${container.name} asks for user 0 and for runAsNonRoot; it would never start.`,
      'Choose another user, or drop runAsNonRoot.',
    );
  return findings;
}

function inspectResources(workload: Workload, container: WorkloadContainer): Finding[] {
  if (container.isInit) return [];
  const { requests, limits } = container.resources;
  const missing = [
    ...(requests['cpu'] === undefined && limits['cpu'] === undefined ? ['requests.cpu'] : []),
    ...(requests['memory'] === undefined && limits['memory'] === undefined ? ['requests.memory'] : []),
    ...(limits['memory'] === undefined ? ['limits.memory'] : []),
  ];
  if (missing.length === 0) return [];
  return [
    toFinding(
      workload,
      'warning',
      toContainerPath(container, 'resources'),
      `Container ${container.name} sets no ${missing.join(', ')}; it can starve its neighbours and is evicted first.`,
      'Set what it needs and how much memory it may take.',
    ),
  ];
}

function inspectProbes(workload: Workload, container: WorkloadContainer): Finding[] {
  const isServing = container.ports.length > 0 && !container.isInit && !['Job', 'CronJob'].includes(workload.kind);
  if (!isServing || container.probes.readiness) return [];
  return [
    toFinding(
      workload,
      'warning',
      toContainerPath(container, 'readinessProbe'),
      `Container ${container.name} serves a port without a readiness probe; it gets traffic before it can answer, and a broken version looks healthy.`,
      'Add a readinessProbe.',
    ),
  ];
}

// The API server refuses a template its own selector does not match.
function inspectSelector(workload: Workload): Finding[] {
  const wrong = Object.entries(workload.selector).filter(([key, value]) => workload.podLabels[key] !== value);
  if (wrong.length === 0 || ['Job', 'CronJob'].includes(workload.kind)) return [];
  return [
    toFinding(
      workload,
      'error',
      'spec.selector',
      `The selector asks for ${wrong.map(([key, value]) => `${key}=${value}`).join(', ')}, which the pod template does not carry.`,
      'Make the labels of the template and the selector agree.',
    ),
  ];
}

function toContainerPath(container: WorkloadContainer, field: string): string {
  return `spec.template.spec.${container.isInit ? 'initContainers' : 'containers'}[${container.name}].${field}`;
}

function toFinding(
  workload: { ref: Workload['ref']; object: ManifestObject },
  severity: Finding['severity'],
  field: string,
  message: string,
  fix: string,
): Finding {
  return { check: CHECK, severity, object: workload.ref, field, message, fix };
}
