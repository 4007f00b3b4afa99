import { toObjectRef } from '../../manifest/object.ts';
import type { LiveObject } from '../cluster/live-object.ts';
import { toUuid } from '../cluster/naming.ts';
import { recordAt, textAt } from '../json.ts';
import { EXIT_CODE_ANNOTATION, LOG_TAIL_ANNOTATION, toImageFault } from './behaviour.ts';
import { toCrashLines } from './pod-logs.ts';
import { toPodStatus } from './pod-status.ts';
import type { ContainerRun, PodRun } from './pod-status.ts';
import { toUnschedulable } from './scheduling.ts';
import type { World } from './world.ts';

/** Simulated time each step of a pod's life takes. */
const SCHEDULE_MS = 100;
const PULL_MS = 800;
const SLOW_PULL_MS = 20_000;
const START_MS = 300;
const READY_MS = 700;
const SLOW_READY_MS = 30_000;
const CRASH_MS = 300;
const OOM_MS = 2500;
const TASK_MS = 2000;
const PROBE_MS = 10_000;
const CONFIG_RETRY_MS = 15_000;
const RESTART_MS = 500;
// A kubelet's back-off: 10 s, doubled every time, five minutes at most.
const BACKOFF_MS = 10_000;
const MAX_BACKOFF_MS = 300_000;

/** What can happen to a pod. Each step publishes its outcome and arranges for the next. */
export interface PodLife {
  publish(run: PodRun): void;
  /** From nothing: scheduling, pulling, starting, and whatever the behaviour holds. */
  begin(run: PodRun, pod: LiveObject): void;
  start(run: PodRun, container: ContainerRun): void;
  /** Turns a running container ready, or not, after this while. */
  settle(run: PodRun, container: ContainerRun, ms: number): void;
  failPull(run: PodRun, container: ContainerRun): void;
}

/** How long a flapping container stays as it is. */
export const FLAP_MS = 10_000;

/** The steps of the scheduler and the kubelet for one pod. */
export function createPodLife(world: World): PodLife {
  const { cluster, timeline, logs } = world;

  const publish = (run: PodRun) => {
    const pod = cluster.findByUid(run.uid);
    if (pod === undefined) return;
    cluster.setStatus(toObjectRef(pod), toPodStatus(run, pod, timeline.stamp()));
  };

  const later = (run: PodRun, ms: number, action: () => void) => {
    const cancel = timeline.after(ms, () => {
      run.cancels.delete(cancel);
      action();
    });
    run.cancels.add(cancel);
  };

  const report = (run: PodRun, type: 'Normal' | 'Warning', reason: string, message: string, component = 'kubelet') => {
    const pod = cluster.findByUid(run.uid);
    if (pod !== undefined) cluster.events.record(pod, type, reason, message, component);
  };

  const schedule = (run: PodRun, pod: LiveObject) => {
    run.unschedulable = toUnschedulable(pod, world.settings.nodes.length);
    if (run.unschedulable !== undefined) {
      report(run, 'Warning', 'FailedScheduling', run.unschedulable, 'default-scheduler');
      publish(run);
      return;
    }
    const wanted = textAt(pod, 'spec', 'nodeName');
    const nodeName =
      wanted ?? world.settings.nodes[Math.floor(world.random() * world.settings.nodes.length)] ?? 'node-1';
    run.nodeName = nodeName;
    run.startedAt = timeline.stamp();
    const label = `${pod.metadata.namespace ?? ''}/${pod.metadata.name}`;
    report(run, 'Normal', 'Scheduled', `Successfully assigned ${label} to ${nodeName}`, 'default-scheduler');
    cluster.update(toObjectRef(pod), (live) => ({ ...live, spec: { ...recordAt(live, 'spec'), nodeName } }));
    const waiting = { reason: run.inits.length > 0 ? 'PodInitializing' : 'ContainerCreating' };
    for (const container of [...run.inits, ...run.containers]) container.state = { waiting };
    publish(run);
    mount(run);
  };

  const mount = (run: PodRun) => {
    const missing = run.spec.mountedConfigMaps.find((name) => !hasConfigMap(run, name));
    if (missing === undefined) {
      advance(run);
      return;
    }
    report(run, 'Warning', 'FailedMount', `MountVolume.SetUp failed for volume : configmap "${missing}" not found`);
    later(run, CONFIG_RETRY_MS, () => mount(run));
  };

  const hasConfigMap = (run: PodRun, name: string) => {
    const namespace = cluster.findByUid(run.uid)?.metadata.namespace ?? '';
    return cluster.find({ group: '', kind: 'ConfigMap', namespace, name }) !== undefined;
  };

  /** Init containers run one after another; when they are through, all the others start together. */
  const advance = (run: PodRun) => {
    const next = run.inits.find((init) => !('terminated' in init.state) || init.state.terminated.exitCode !== 0);
    if (next !== undefined) pull(run, next);
    else for (const container of run.containers) pull(run, container);
  };

  const pull = (run: PodRun, container: ContainerRun) => {
    const { image } = container.spec;
    report(run, 'Normal', 'Pulling', `Pulling image "${image}"`);
    const fault = toImageFault(image);
    later(run, container.behaviour === 'slow' ? SLOW_PULL_MS : PULL_MS, () => {
      if (container.behaviour === 'pull_failure' || fault !== undefined) {
        failPull(run, container, fault, 1);
        return;
      }
      report(run, 'Normal', 'Pulled', `Successfully pulled image "${image}" in 812ms`);
      create(run, container);
    });
  };

  const failPull = (run: PodRun, container: ContainerRun, fault: string | undefined, attempt: number) => {
    const { image } = container.spec;
    if (fault !== undefined) {
      container.state = { waiting: { reason: 'InvalidImageName', message: fault } };
      report(run, 'Warning', 'InspectFailed', fault);
      publish(run);
      return;
    }
    const cause = `failed to pull and unpack image "${image}": failed to resolve reference "${image}": ${image}: not found`;
    const message = `rpc error: code = NotFound desc = ${cause}`;
    container.state = { waiting: { reason: 'ErrImagePull', message } };
    report(run, 'Warning', 'Failed', `Failed to pull image "${image}": ${message}`);
    report(run, 'Warning', 'Failed', 'Error: ErrImagePull');
    publish(run);
    const backoffMs = toBackoffMs(attempt);
    later(run, RESTART_MS, () => {
      container.state = { waiting: { reason: 'ImagePullBackOff', message: `Back-off pulling image "${image}"` } };
      report(run, 'Normal', 'BackOff', `Back-off pulling image "${image}"`);
      report(run, 'Warning', 'Failed', 'Error: ImagePullBackOff');
      publish(run);
    });
    later(run, backoffMs, () => {
      if (container.behaviour === 'pull_failure') failPull(run, container, undefined, attempt + 1);
      else create(run, container);
    });
  };

  const create = (run: PodRun, container: ContainerRun) => {
    const missing = container.spec.configMaps.find((name) => !hasConfigMap(run, name));
    if (missing !== undefined) {
      const message = `configmap "${missing}" not found`;
      container.state = { waiting: { reason: 'CreateContainerConfigError', message } };
      report(run, 'Warning', 'Failed', `Error: ${message}`);
      publish(run);
      later(run, CONFIG_RETRY_MS, () => create(run, container));
      return;
    }
    report(run, 'Normal', 'Created', `Created container: ${container.spec.name}`);
    later(run, START_MS, () => start(run, container));
  };

  const start = (run: PodRun, container: ContainerRun) => {
    const { name, image, ports } = container.spec;
    const write = (line: string) => logs.write(run.uid, name, line);
    container.state = { running: { startedAt: timeline.stamp() } };
    report(run, 'Normal', 'Started', `Started container ${name}`);
    publish(run);
    if (container.behaviour === 'crash') {
      const tail = run.spec.annotations[LOG_TAIL_ANNOTATION];
      const lines = tail === undefined ? toCrashLines(name, image) : tail.split('\n');
      later(run, CRASH_MS, () => {
        for (const line of lines) write(line);
        end(run, container, toExitCode(run.spec.annotations), 'Error');
      });
      return;
    }
    write(`level=info msg="starting ${name}" image=${image}`);
    if (container.behaviour === 'oom') {
      later(run, OOM_MS, () => {
        write('level=warn msg="heap is close to its limit" component=cache');
        end(run, container, 137, 'OOMKilled');
      });
      return;
    }
    if (run.inits.includes(container) || run.spec.restartPolicy !== 'Always') {
      later(run, container.behaviour === 'slow' ? SLOW_READY_MS : TASK_MS, () => {
        write(`level=info msg="${name} finished"`);
        end(run, container, 0, 'Completed');
      });
      if (!run.inits.includes(container)) container.ready = true;
      publish(run);
      return;
    }
    write(ports.length > 0 ? `level=info msg=listening port=${ports.join(',')}` : 'level=info msg="ready to work"');
    settle(run, container, container.spec.initialDelayMs + (container.behaviour === 'slow' ? SLOW_READY_MS : READY_MS));
  };

  /** Turns a running container ready, or not, as its behaviour wants. */
  const settle = (run: PodRun, container: ContainerRun, ms: number) => {
    later(run, ms, () => {
      if (!('running' in container.state)) return;
      if (container.behaviour === 'never_ready') {
        failProbe(run, container);
        return;
      }
      container.ready = true;
      publish(run);
      if (container.behaviour === 'flapping') {
        later(run, FLAP_MS, () => {
          failProbe(run, container);
          settle(run, container, FLAP_MS);
        });
      }
    });
  };

  const failProbe = (run: PodRun, container: ContainerRun) => {
    container.ready = false;
    report(run, 'Warning', 'Unhealthy', 'Readiness probe failed: HTTP probe failed with statuscode: 503');
    logs.write(run.uid, container.spec.name, 'level=warn msg="not ready" reason="dependency check failed"');
    publish(run);
    if (container.behaviour === 'never_ready') settle(run, container, PROBE_MS);
  };

  const end = (run: PodRun, container: ContainerRun, exitCode: number, reason: string) => {
    const startedAt = 'running' in container.state ? container.state.running.startedAt : timeline.stamp();
    const containerID = `containerd://${toUuid(world.random).replaceAll('-', '').repeat(2)}`;
    const terminated = { exitCode, reason, startedAt, finishedAt: timeline.stamp(), containerID };
    container.state = { terminated };
    container.ready = false;
    publish(run);
    if (exitCode === 0 && (run.inits.includes(container) || run.spec.restartPolicy !== 'Always')) {
      if (run.inits.includes(container)) advance(run);
      return;
    }
    if (run.spec.restartPolicy === 'Never') return;
    container.failures += 1;
    const again = () => {
      container.lastTerminated = terminated;
      container.restartCount += 1;
      logs.rotate(run.uid, container.spec.name);
      start(run, container);
    };
    if (container.failures === 1) {
      later(run, RESTART_MS, again);
      return;
    }
    const backoffMs = toBackoffMs(container.failures - 1);
    later(run, RESTART_MS, () => {
      const pod = cluster.findByUid(run.uid);
      const label = `${pod?.metadata.name ?? ''}_${pod?.metadata.namespace ?? ''}(${run.uid})`;
      const message = `back-off ${formatBackoff(backoffMs)} restarting failed container=${container.spec.name} pod=${label}`;
      container.lastTerminated = terminated;
      container.state = { waiting: { reason: 'CrashLoopBackOff', message } };
      const told = `Back-off restarting failed container ${container.spec.name} in pod ${label}`;
      report(run, 'Warning', 'BackOff', told);
      publish(run);
      later(run, backoffMs, again);
    });
  };

  return {
    publish,
    start,
    settle,
    begin: (run, pod) => {
      publish(run);
      later(run, SCHEDULE_MS, () => schedule(run, pod));
    },
    failPull: (run, container) => failPull(run, container, undefined, 1),
  };
}

function toBackoffMs(attempt: number): number {
  return Math.min(MAX_BACKOFF_MS, BACKOFF_MS * 2 ** (attempt - 1));
}

/** As Go prints a duration: `40s`, `2m40s`. */
function formatBackoff(ms: number): string {
  const seconds = Math.round(ms / 1000);
  return seconds < 60 ? `${seconds}s` : `${Math.floor(seconds / 60)}m${seconds % 60}s`;
}

function toExitCode(annotations: Record<string, string>): number {
  const code = Number(annotations[EXIT_CODE_ANNOTATION] ?? '1');
  return Number.isInteger(code) && code > 0 && code < 256 ? code : 1;
}
