import { toObjectRef } from '../../manifest/object.ts';
import type { Cluster } from '../cluster/cluster.ts';
import type { LiveObject } from '../cluster/live-object.ts';
import { booleanAt, numberAt, recordAt } from '../json.ts';
import type { Timeline } from '../timeline.ts';

export interface ResourceAction {
  name: string;
  disabled?: boolean;
  displayName?: string;
  params?: { name: string }[];
}

export type ActionOutcome = { kind: 'done' } | { kind: 'unknown' } | { kind: 'refused'; message: string };

/** The built-in actions on live objects. They change the object, not git. */
export interface Actions {
  list(uid: string): ResourceAction[];
  run(uid: string, action: string, parameters: Record<string, string>): ActionOutcome;
}

const RESTARTABLE = ['Deployment', 'StatefulSet', 'DaemonSet'];

export function createActions(cluster: Cluster, timeline: Timeline): Actions {
  const setSpec = (object: LiveObject, change: Record<string, unknown>) => {
    cluster.update(toObjectRef(object), (live) => ({ ...live, spec: { ...recordAt(live, 'spec'), ...change } }));
  };

  const list = (object: LiveObject): ResourceAction[] => {
    const actions: ResourceAction[] = RESTARTABLE.includes(object.kind) ? [{ name: 'restart' }] : [];
    const isPaused = booleanAt(object, 'spec', 'paused') === true;
    if (object.kind === 'Deployment') {
      actions.push({ name: 'pause', disabled: isPaused }, { name: 'resume', disabled: !isPaused });
    }
    if (object.kind === 'Deployment' || object.kind === 'StatefulSet') {
      actions.push({ name: 'scale', params: [{ name: 'replicas' }] });
    }
    if (object.kind === 'CronJob' || object.kind === 'Job') {
      const isSuspended = booleanAt(object, 'spec', 'suspend') === true;
      actions.push({ name: 'suspend', disabled: isSuspended }, { name: 'resume', disabled: !isSuspended });
    }
    return actions;
  };

  const restart = (object: LiveObject) => {
    const template = recordAt(object, 'spec', 'template');
    const metadata = recordAt(template, 'metadata');
    const annotations = { ...recordAt(metadata, 'annotations'), 'kubectl.kubernetes.io/restartedAt': timeline.stamp() };
    setSpec(object, { template: { ...template, metadata: { ...metadata, annotations } } });
  };

  return {
    list: (uid) => {
      const object = cluster.findByUid(uid);
      return object === undefined ? [] : list(object);
    },
    run: (uid, action, parameters) => {
      const object = cluster.findByUid(uid);
      if (object === undefined || !list(object).some((known) => known.name === action)) return { kind: 'unknown' };
      const field = object.kind === 'Deployment' ? 'paused' : 'suspend';
      switch (action) {
        case 'restart':
          restart(object);
          return { kind: 'done' };
        case 'pause':
        case 'suspend':
          setSpec(object, { [field]: true });
          return { kind: 'done' };
        case 'resume':
          setSpec(object, { [field]: false });
          return { kind: 'done' };
        case 'scale': {
          const replicas = Number(parameters['replicas']);
          if (!Number.isInteger(replicas) || replicas < 0)
            return { kind: 'refused', message: `invalid number: ${parameters['replicas'] ?? ''}` };
          if (replicas !== numberAt(object, 'spec', 'replicas')) setSpec(object, { replicas });
          return { kind: 'done' };
        }
        default:
          return { kind: 'unknown' };
      }
    },
  };
}
