import type { ManifestObject } from '../manifest/object.ts';
import { toObjectRef } from '../manifest/object.ts';
import { booleanAt, isRecord, listAt, numberAt, textAt, valueAt } from './json.ts';

export type HealthStatus = 'Healthy' | 'Suspended' | 'Progressing' | 'Missing' | 'Degraded' | 'Unknown';

export interface Health {
  status: HealthStatus;
  message?: string;
}

const ORDER: readonly HealthStatus[] = ['Healthy', 'Suspended', 'Progressing', 'Missing', 'Degraded', 'Unknown'];

function isWorse(a: HealthStatus, than: HealthStatus): boolean {
  return ORDER.indexOf(a) > ORDER.indexOf(than);
}

/**
 * The worst of an Application's resources. Before 3.4 one missing resource made the whole Missing; since then missing
 * resources count only when nothing else is there.
 */
export function toApplicationHealth(
  resources: readonly (Health | undefined)[],
  missingRule: 'any' | 'all',
): HealthStatus {
  const known = resources.filter((health) => health !== undefined).map((health) => health.status);
  const allMissing = known.length > 0 && resources.every((health) => health?.status === 'Missing');
  const counted = missingRule === 'all' && !allMissing ? known.filter((status) => status !== 'Missing') : known;
  return counted.reduce<HealthStatus>((worst, status) => (isWorse(status, worst) ? status : worst), 'Healthy');
}

/** The health of one live object by the rule of its kind; undefined for kinds without a rule, which are ignored. */
export function toHealth(object: ManifestObject): Health | undefined {
  const ref = toObjectRef(object);
  const rule = RULES[`${ref.group}/${ref.kind}`];
  if (object.metadata['deletionTimestamp'] !== undefined) return { status: 'Progressing', message: 'Pending deletion' };
  return rule?.(object);
}

type Rule = (object: ManifestObject) => Health;

function isUnobserved(object: ManifestObject): boolean {
  return (numberAt(object, 'metadata', 'generation') ?? 0) > (numberAt(object, 'status', 'observedGeneration') ?? 0);
}

const deployment: Rule = (object) => {
  if (booleanAt(object, 'spec', 'paused') === true) return { status: 'Suspended', message: 'Deployment is paused' };
  if (isUnobserved(object)) return waiting('observed deployment generation less than desired generation');
  const progressing = listAt(object, 'status', 'conditions').find((entry) => textAt(entry, 'type') === 'Progressing');
  if (textAt(progressing, 'reason') === 'ProgressDeadlineExceeded') {
    return { status: 'Degraded', message: `Deployment "${object.metadata.name}" exceeded its progress deadline` };
  }
  const replicas = numberAt(object, 'spec', 'replicas') ?? 1;
  const updated = numberAt(object, 'status', 'updatedReplicas') ?? 0;
  const total = numberAt(object, 'status', 'replicas') ?? 0;
  const available = numberAt(object, 'status', 'availableReplicas') ?? 0;
  if (updated < replicas) return waiting(`${updated} out of ${replicas} new replicas have been updated`);
  if (total > updated) return waiting(`${total - updated} old replicas are pending termination`);
  if (available < updated) return waiting(`${available} of ${updated} updated replicas are available`);
  return { status: 'Healthy' };
};

const replicaSet: Rule = (object) => {
  if (isUnobserved(object))
    return waiting('Waiting for rollout to finish: observed replica set generation less than desired generation');
  const failure = listAt(object, 'status', 'conditions').find((entry) => textAt(entry, 'type') === 'ReplicaFailure');
  if (textAt(failure, 'status') === 'True') return { status: 'Degraded', message: textAt(failure, 'message') ?? '' };
  const replicas = numberAt(object, 'spec', 'replicas') ?? 0;
  const available = numberAt(object, 'status', 'availableReplicas') ?? 0;
  return available < replicas
    ? waiting(`${available} out of ${replicas} new replicas are available`)
    : { status: 'Healthy' };
};

const statefulSet: Rule = (object) => {
  if (isUnobserved(object)) return waiting('Waiting for statefulset spec update to be observed...');
  const replicas = numberAt(object, 'spec', 'replicas') ?? 1;
  const ready = numberAt(object, 'status', 'readyReplicas') ?? 0;
  if (ready < replicas) return waiting(`Waiting for ${replicas - ready} pods to be ready...`);
  const rolling = valueAt(object, 'spec', 'updateStrategy', 'rollingUpdate');
  if (textAt(object, 'spec', 'updateStrategy', 'type') !== 'OnDelete' && isRecord(rolling)) {
    const updated = numberAt(object, 'status', 'updatedReplicas') ?? 0;
    const wanted = replicas - (numberAt(rolling, 'partition') ?? 0);
    if (updated < wanted)
      return waiting(
        `Waiting for partitioned roll out to finish: ${updated} out of ${wanted} new pods have been updated...`,
      );
    return { status: 'Healthy', message: `partitioned roll out complete: ${updated} new pods have been updated...` };
  }
  if (textAt(object, 'spec', 'updateStrategy', 'type') === 'OnDelete') {
    return { status: 'Healthy', message: `statefulset has ${ready} ready pods` };
  }
  if (textAt(object, 'status', 'updateRevision') !== textAt(object, 'status', 'currentRevision')) {
    return waiting(
      `waiting for statefulset rolling update to complete ${numberAt(object, 'status', 'updatedReplicas') ?? 0} pods at revision ${textAt(object, 'status', 'updateRevision') ?? ''}...`,
    );
  }
  return {
    status: 'Healthy',
    message: `statefulset rolling update complete ${replicas} pods at revision ${textAt(object, 'status', 'currentRevision') ?? ''}...`,
  };
};

const daemonSet: Rule = (object) => {
  if (isUnobserved(object)) return waiting('observed daemon set generation less than desired generation');
  const desired = numberAt(object, 'status', 'desiredNumberScheduled') ?? 0;
  const updated = numberAt(object, 'status', 'updatedNumberScheduled') ?? 0;
  const available = numberAt(object, 'status', 'numberAvailable') ?? 0;
  if (textAt(object, 'spec', 'updateStrategy', 'type') === 'OnDelete')
    return { status: 'Healthy', message: `daemon set ${available} out of ${desired} new pods have been updated` };
  if (updated < desired) return waiting(`${updated} out of ${desired} new pods have been updated`);
  if (available < desired) return waiting(`${available} of ${desired} updated pods are available`);
  return { status: 'Healthy' };
};

const job: Rule = (object) => {
  const conditions = listAt(object, 'status', 'conditions').filter((entry) => textAt(entry, 'status') === 'True');
  const find = (type: string) => conditions.find((entry) => textAt(entry, 'type') === type);
  const failed = find('Failed');
  if (failed !== undefined) return { status: 'Degraded', message: textAt(failed, 'message') ?? '' };
  const suspended = find('Suspended');
  if (suspended !== undefined) return { status: 'Suspended', message: textAt(suspended, 'message') ?? '' };
  const complete = find('Complete');
  if (complete !== undefined) return { status: 'Healthy', message: textAt(complete, 'message') ?? '' };
  return { status: 'Progressing' };
};

const cronJob: Rule = (object) =>
  booleanAt(object, 'spec', 'suspend') === true
    ? { status: 'Suspended', message: 'CronJob is Suspended' }
    : { status: 'Healthy' };

const pod: Rule = (object) => {
  const phase = textAt(object, 'status', 'phase');
  const restartPolicy = textAt(object, 'spec', 'restartPolicy') ?? 'Always';
  const statuses = [
    ...listAt(object, 'status', 'initContainerStatuses'),
    ...listAt(object, 'status', 'containerStatuses'),
  ];
  if (restartPolicy === 'Always') {
    for (const status of statuses) {
      const reason = textAt(status, 'state', 'waiting', 'reason') ?? '';
      if (reason.startsWith('Err') || reason.endsWith('Error') || reason.endsWith('BackOff')) {
        return { status: 'Degraded', message: textAt(status, 'state', 'waiting', 'message') ?? reason };
      }
    }
  }
  switch (phase) {
    case 'Pending':
      return { status: 'Progressing', message: '' };
    case 'Running':
      return restartPolicy === 'Always' ? runningPod(object) : { status: 'Progressing', message: '' };
    case 'Succeeded':
      return { status: 'Healthy', message: '' };
    case 'Failed': {
      const code = statuses
        .map((status) => numberAt(status, 'state', 'terminated', 'exitCode'))
        .find((exit) => exit !== undefined && exit !== 0);
      return { status: 'Degraded', message: `container failed with exit code ${code ?? 1}` };
    }
    default:
      return { status: 'Unknown', message: '' };
  }
};

const runningPod: Rule = (object) => {
  const isReady = listAt(object, 'status', 'conditions').some(
    (entry) => textAt(entry, 'type') === 'Ready' && textAt(entry, 'status') === 'True',
  );
  if (isReady) return { status: 'Healthy', message: '' };
  const hasEnded = listAt(object, 'status', 'containerStatuses').some((status) =>
    isRecord(valueAt(status, 'lastState', 'terminated')),
  );
  return { status: hasEnded ? 'Degraded' : 'Progressing', message: '' };
};

const claim: Rule = (object) => {
  const phase = textAt(object, 'status', 'phase');
  if (phase === 'Bound') return { status: 'Healthy' };
  return { status: phase === 'Lost' ? 'Degraded' : phase === 'Pending' ? 'Progressing' : 'Unknown' };
};

const ingress: Rule = (object) => ({
  status: listAt(object, 'status', 'loadBalancer', 'ingress').length > 0 ? 'Healthy' : 'Progressing',
});

const service: Rule = (object) =>
  textAt(object, 'spec', 'type') === 'LoadBalancer' ? ingress(object) : { status: 'Healthy' };

const FAILED_SCALING = new Set([
  'FailedGetObjectMetric',
  'FailedGetPodsMetric',
  'FailedGetResourceMetric',
  'FailedGetContainerResourceMetric',
  'FailedGetExternalMetric',
  'FailedGetScale',
  'FailedUpdateScale',
  'InvalidSelector',
  'FailedComputeMetricsReplicas',
  'InvalidMetricSourceType',
]);

const autoscaler: Rule = (object) => {
  const conditions = listAt(object, 'status', 'conditions');
  const failed = conditions.find((entry) => FAILED_SCALING.has(textAt(entry, 'reason') ?? ''));
  if (failed !== undefined) return { status: 'Degraded', message: textAt(failed, 'message') ?? '' };
  const able = conditions.find(
    (entry) =>
      ['AbleToScale', 'ScalingLimited'].includes(textAt(entry, 'type') ?? '') && textAt(entry, 'status') === 'True',
  );
  if (able !== undefined) return { status: 'Healthy', message: textAt(able, 'message') ?? '' };
  return { status: 'Progressing', message: 'Waiting to Autoscale' };
};

const rollout: Rule = (object) => {
  const observed = textAt(object, 'status', 'observedGeneration');
  // The Rollout controller writes the generation as text; one not yet seen says nothing about the new spec.
  if (observed === undefined || Number(observed) < (numberAt(object, 'metadata', 'generation') ?? 0)) {
    return waiting('Waiting for rollout spec update to be observed');
  }
  const phase = textAt(object, 'status', 'phase') ?? 'Progressing';
  const message = textAt(object, 'status', 'message') ?? '';
  if (phase === 'Paused') return { status: 'Suspended', message };
  if (phase === 'Healthy' || phase === 'Degraded') return { status: phase, message };
  return { status: 'Progressing', message };
};

const analysisRun: Rule = (object) => {
  const message = textAt(object, 'status', 'message') ?? '';
  switch (textAt(object, 'status', 'phase')) {
    case 'Successful':
      return { status: 'Healthy', message: 'Analysis run completed successfully' };
    case 'Failed':
    case 'Error':
      return { status: 'Degraded', message };
    case 'Inconclusive':
      return { status: 'Unknown', message };
    default:
      return { status: 'Progressing', message: 'Analysis run is running' };
  }
};

const RULES: Readonly<Record<string, Rule>> = {
  'apps/Deployment': deployment,
  'apps/ReplicaSet': replicaSet,
  'apps/StatefulSet': statefulSet,
  'apps/DaemonSet': daemonSet,
  'batch/Job': job,
  'batch/CronJob': cronJob,
  '/Pod': pod,
  '/PersistentVolumeClaim': claim,
  '/Service': service,
  'networking.k8s.io/Ingress': ingress,
  'autoscaling/HorizontalPodAutoscaler': autoscaler,
  'argoproj.io/Rollout': rollout,
  'argoproj.io/AnalysisRun': analysisRun,
};

function waiting(message: string): Health {
  return {
    status: 'Progressing',
    message:
      message.startsWith('Waiting') || message.startsWith('waiting')
        ? message
        : `Waiting for rollout to finish: ${message}...`,
  };
}
