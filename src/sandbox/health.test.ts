import { describe, expect, it } from 'vitest';
import type { ManifestObject } from '../manifest/object.ts';
import { toApplicationHealth, toHealth } from './health.ts';
import type { HealthStatus } from './health.ts';

function toObject(kind: string, fields: { spec?: object; status?: object; metadata?: object }): ManifestObject {
  const apiVersion = GROUPS[kind] ?? 'v1';
  return { apiVersion, kind, ...fields, metadata: { name: 'x', namespace: 'shop', ...fields.metadata } };
}

const GROUPS: Record<string, string> = {
  Deployment: 'apps/v1',
  StatefulSet: 'apps/v1',
  DaemonSet: 'apps/v1',
  ReplicaSet: 'apps/v1',
  Job: 'batch/v1',
  Rollout: 'argoproj.io/v1alpha1',
  AnalysisRun: 'argoproj.io/v1alpha1',
  Application: 'argoproj.io/v1alpha1',
  HorizontalPodAutoscaler: 'autoscaling/v2',
};
const up = { replicas: 2, updatedReplicas: 2, availableReplicas: 2, readyReplicas: 2, observedGeneration: 3 };
const seen = { metadata: { generation: 3 } };
const waiting = (reason: string) => ({ phase: 'Running', containerStatuses: [{ state: { waiting: { reason } } }] });
const ready = { conditions: [{ type: 'Ready', status: 'True' }] };

describe('health of one object', () => {
  it.each<[string, string, { spec?: object; status?: object; metadata?: object }, HealthStatus | undefined]>([
    ['Deployment', 'complete', { ...seen, spec: { replicas: 2 }, status: up }, 'Healthy'],
    ['Deployment', 'paused, whatever else', { spec: { paused: true }, status: {} }, 'Suspended'],
    [
      'Deployment',
      'not observed, though past its deadline',
      {
        ...seen,
        spec: { replicas: 2 },
        status: {
          ...up,
          observedGeneration: 2,
          conditions: [{ type: 'Progressing', reason: 'ProgressDeadlineExceeded' }],
        },
      },
      'Progressing',
    ],
    [
      'Deployment',
      'past its deadline',
      {
        ...seen,
        spec: { replicas: 2 },
        status: { ...up, conditions: [{ type: 'Progressing', reason: 'ProgressDeadlineExceeded' }] },
      },
      'Degraded',
    ],
    [
      'Deployment',
      'not all updated',
      { ...seen, spec: { replicas: 2 }, status: { ...up, updatedReplicas: 1 } },
      'Progressing',
    ],
    [
      'Deployment',
      'with old pods left',
      { ...seen, spec: { replicas: 2 }, status: { ...up, replicas: 3 } },
      'Progressing',
    ],
    [
      'Deployment',
      'not all available',
      { ...seen, spec: { replicas: 2 }, status: { ...up, availableReplicas: 1 } },
      'Progressing',
    ],
    [
      'Deployment',
      'being deleted',
      { metadata: { deletionTimestamp: 'now', generation: 3 }, spec: { replicas: 2 }, status: up },
      'Progressing',
    ],
    [
      'StatefulSet',
      'with another revision on its way',
      { ...seen, spec: { replicas: 2 }, status: { ...up, currentRevision: 'a', updateRevision: 'b' } },
      'Progressing',
    ],
    [
      'StatefulSet',
      'OnDelete, with another revision',
      {
        ...seen,
        spec: { replicas: 2, updateStrategy: { type: 'OnDelete' } },
        status: { ...up, currentRevision: 'a', updateRevision: 'b' },
      },
      'Healthy',
    ],
    [
      'StatefulSet',
      'its partition satisfied',
      {
        ...seen,
        spec: { replicas: 2, updateStrategy: { rollingUpdate: { partition: 1 } } },
        status: { ...up, updatedReplicas: 1, currentRevision: 'a', updateRevision: 'b' },
      },
      'Healthy',
    ],
    [
      'StatefulSet',
      'not ready',
      { ...seen, spec: { replicas: 2 }, status: { ...up, readyReplicas: 1 } },
      'Progressing',
    ],
    [
      'DaemonSet',
      'not all updated',
      {
        ...seen,
        status: { observedGeneration: 3, desiredNumberScheduled: 3, updatedNumberScheduled: 2, numberAvailable: 3 },
      },
      'Progressing',
    ],
    [
      'DaemonSet',
      'complete',
      {
        ...seen,
        status: { observedGeneration: 3, desiredNumberScheduled: 3, updatedNumberScheduled: 3, numberAvailable: 3 },
      },
      'Healthy',
    ],
    ['Job', 'running', { status: { active: 1 } }, 'Progressing'],
    ['Job', 'failed', { status: { conditions: [{ type: 'Failed', status: 'True' }] } }, 'Degraded'],
    ['Pod', 'in a back-off', { status: waiting('CrashLoopBackOff') }, 'Degraded'],
    ['Pod', 'with an image error', { status: waiting('ErrImagePull') }, 'Degraded'],
    ['Pod', 'with a configuration error', { status: waiting('CreateContainerConfigError') }, 'Degraded'],
    ['Pod', 'being made', { status: { ...waiting('ContainerCreating'), phase: 'Pending' } }, 'Progressing'],
    ['Pod', 'ready', { status: { phase: 'Running', ...ready } }, 'Healthy'],
    [
      'Pod',
      'not ready after it ended once',
      { status: { phase: 'Running', containerStatuses: [{ lastState: { terminated: { exitCode: 1 } } }] } },
      'Degraded',
    ],
    ['Pod', 'not ready yet', { status: { phase: 'Running', containerStatuses: [{}] } }, 'Progressing'],
    [
      'Pod',
      'of a job, running and ready',
      { spec: { restartPolicy: 'Never' }, status: { phase: 'Running', ...ready } },
      'Progressing',
    ],
    ['Pod', 'of a job, failed', { spec: { restartPolicy: 'Never' }, status: { phase: 'Failed' } }, 'Degraded'],
    [
      'Service',
      'without an address it asked for',
      { spec: { type: 'LoadBalancer' }, status: { loadBalancer: {} } },
      'Progressing',
    ],
    ['Service', 'inside the cluster', { spec: {} }, 'Healthy'],
    ['PersistentVolumeClaim', 'lost', { status: { phase: 'Lost' } }, 'Degraded'],
    [
      'HorizontalPodAutoscaler',
      'without metrics',
      { status: { conditions: [{ type: 'ScalingActive', status: 'False', reason: 'FailedGetResourceMetric' }] } },
      'Degraded',
    ],
    ['Rollout', 'paused', { ...seen, status: { phase: 'Paused', observedGeneration: '3' } }, 'Suspended'],
    [
      'Rollout',
      'Healthy before it has seen the new spec',
      { ...seen, status: { phase: 'Healthy', observedGeneration: '2' } },
      'Progressing',
    ],
    ['AnalysisRun', 'inconclusive', { status: { phase: 'Inconclusive' } }, 'Unknown'],
    ['ConfigMap', 'as always', {}, undefined],
    ['Application', 'whatever its own health', { status: { health: { status: 'Degraded' } } }, undefined],
  ])('%s %s', (kind, _how, fields, status) => {
    expect(toHealth(toObject(kind, fields))?.status).toBe(status);
  });
});

describe('health of an Application', () => {
  const of = (...statuses: (HealthStatus | undefined)[]) =>
    statuses.map((status) => (status === undefined ? undefined : { status }));

  it.each<[(HealthStatus | undefined)[], HealthStatus, HealthStatus]>([
    [[], 'Healthy', 'Healthy'],
    [[undefined], 'Healthy', 'Healthy'],
    [['Healthy', 'Suspended'], 'Suspended', 'Suspended'],
    [['Suspended', 'Progressing'], 'Progressing', 'Progressing'],
    [['Progressing', 'Degraded'], 'Degraded', 'Degraded'],
    [['Degraded', 'Unknown'], 'Unknown', 'Unknown'],
    [['Healthy', 'Missing'], 'Healthy', 'Missing'],
    [['Missing', 'Missing'], 'Missing', 'Missing'],
    [['Missing', 'Degraded'], 'Degraded', 'Degraded'],
  ])('of %o is %s since 3.4 and %s before', (resources, since, before) => {
    expect(toApplicationHealth(of(...resources), 'all')).toBe(since);
    expect(toApplicationHealth(of(...resources), 'any')).toBe(before);
  });
});
