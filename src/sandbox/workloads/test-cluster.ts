import { createManualClock } from '../../lib/clock.ts';
import { silentLogger } from '../../lib/logger.ts';
import type { ManifestObject, ObjectRef } from '../../manifest/object.ts';
import { createCluster } from '../cluster/cluster.ts';
import { createRandom } from '../cluster/naming.ts';
import { toHealth } from '../health.ts';
import { listAt, numberAt, textAt } from '../json.ts';
import { createTimeline } from '../timeline.ts';
import { startControllers } from './controllers.ts';
import { createPodLogs } from './pod-logs.ts';

/** A simulated cluster on a manual clock, for tests: a second of the clock is a simulated second. */
export function createTestCluster(settings: { progressDeadlineSeconds?: number } = {}) {
  const clock = createManualClock();
  const timeline = createTimeline({ clock, speed: 1, logger: silentLogger });
  const random = createRandom('test');
  const cluster = createCluster({ timeline, random });
  const logs = createPodLogs(timeline);
  const controllers = startControllers({
    cluster,
    timeline,
    random,
    logs,
    settings: {
      progressDeadlineSeconds: settings.progressDeadlineSeconds ?? 600,
      nodes: ['node-1', 'node-2', 'node-3'],
    },
    measurements: () => undefined,
    controllerLagMs: () => 0,
  });
  const seconds = (count: number) => clock.advance(count * 1000);
  const health = (ref: ObjectRef) => {
    const object = cluster.find(ref);
    return object === undefined ? undefined : toHealth(object);
  };
  const pods = () =>
    cluster
      .list('Pod')
      .filter((pod) => pod.metadata.deletionTimestamp === undefined)
      .map((pod) => {
        const [status] = listAt(pod, 'status', 'containerStatuses');
        return {
          name: pod.metadata.name,
          uid: pod.metadata.uid,
          image: textAt(pod, 'spec', 'containers', 0, 'image'),
          phase: textAt(pod, 'status', 'phase'),
          ready: listAt(pod, 'status', 'conditions').some(
            (entry) => textAt(entry, 'type') === 'Ready' && textAt(entry, 'status') === 'True',
          ),
          waiting: textAt(status, 'state', 'waiting', 'reason'),
          restarts: numberAt(status, 'restartCount') ?? 0,
          lastReason: textAt(status, 'lastState', 'terminated', 'reason'),
          lastExitCode: numberAt(status, 'lastState', 'terminated', 'exitCode'),
          health: toHealth(pod)?.status,
        };
      });
  return { clock, timeline, cluster, logs, controllers, seconds, health, pods };
}

/** A workload of one container. */
export function toWorkload(
  kind: string,
  name: string,
  image: string,
  spec: Record<string, unknown> = {},
  pod: Record<string, unknown> = {},
): ManifestObject {
  const labels = { app: name };
  return {
    apiVersion: kind === 'Job' ? 'batch/v1' : 'apps/v1',
    kind,
    metadata: { name, namespace: 'shop' },
    spec: {
      ...(kind === 'Job' ? {} : { selector: { matchLabels: labels } }),
      template: { metadata: { labels }, spec: { containers: [{ name, image }], ...pod } },
      ...spec,
    },
  };
}
