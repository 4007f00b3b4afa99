import { toObjectRef } from '../../manifest/object.ts';
import type { Cluster } from '../cluster/cluster.ts';
import type { LiveObject } from '../cluster/live-object.ts';
import { booleanAt, listAt, numberAt, recordAt, textAt } from '../json.ts';
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

const RESTARTABLE = ['Deployment', 'StatefulSet', 'DaemonSet', 'Rollout'];

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
    if (object.kind === 'Rollout') actions.push(...listRolloutActions(object));
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

  /** Verbs of a Rollout are patches of its status, which git knows nothing of; only pausing changes the specification. */
  const runRolloutAction = (object: LiveObject, action: string): ActionOutcome => {
    const setStatus = (change: Record<string, unknown>) => {
      const status = Object.entries({ ...recordAt(object, 'status'), ...change }).filter(
        ([, value]) => value !== undefined,
      );
      cluster.setStatus(toObjectRef(object), Object.fromEntries(status));
    };
    const stepIndex = numberAt(object, 'status', 'currentStepIndex') ?? 0;
    switch (action) {
      // What was inconclusive is measured once more then, for the step does not move on by this.
      case 'resume':
        setStatus({ pauseConditions: undefined });
        if (booleanAt(object, 'spec', 'paused') === true) setSpec(object, { paused: false });
        return { kind: 'done' };
      case 'abort':
        setStatus({ abort: true });
        return { kind: 'done' };
      case 'retry':
        setStatus({ abort: undefined, ...withoutRuns(object) });
        return { kind: 'done' };
      case 'promote-full':
        setStatus({ promoteFull: true });
        return { kind: 'done' };
      case 'pause':
        setSpec(object, { paused: true });
        return { kind: 'done' };
      case 'skip-current-step':
        if (stepIndex < listAt(object, 'spec', 'strategy', 'canary', 'steps').length)
          setStatus({ pauseConditions: undefined, currentStepIndex: stepIndex + 1 });
        return { kind: 'done' };
      default:
        return { kind: 'unknown' };
    }
  };

  return {
    list: (uid) => {
      const object = cluster.findByUid(uid);
      return object === undefined ? [] : list(object);
    },
    run: (uid, action, parameters) => {
      const object = cluster.findByUid(uid);
      if (object === undefined || !list(object).some((known) => known.name === action)) return { kind: 'unknown' };
      if (object.kind === 'Rollout' && action !== 'restart') return runRolloutAction(object, action);
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

/** A retried update is analysed anew. */
function withoutRuns(object: LiveObject): Record<string, unknown> {
  const {
    currentStepAnalysisRunStatus: _step,
    currentBackgroundAnalysisRunStatus: _background,
    ...canary
  } = recordAt(object, 'status', 'canary');
  const {
    prePromotionAnalysisRunStatus: _pre,
    postPromotionAnalysisRunStatus: _post,
    ...blueGreen
  } = recordAt(object, 'status', 'blueGreen');
  return { canary, blueGreen };
}

function listRolloutActions(object: LiveObject): ResourceAction[] {
  const isPaused = booleanAt(object, 'spec', 'paused') === true;
  const isAborted = booleanAt(object, 'status', 'abort') === true;
  const isUpdating = textAt(object, 'status', 'currentPodHash') !== textAt(object, 'status', 'stableRS');
  const isWaiting = isPaused || listAt(object, 'status', 'pauseConditions').length > 0;
  return [
    { name: 'abort', disabled: !isUpdating || isAborted },
    { name: 'pause', disabled: isPaused },
    { name: 'promote-full', disabled: !isUpdating },
    { name: 'resume', disabled: !isWaiting },
    { name: 'retry', disabled: !isAborted },
    {
      name: 'skip-current-step',
      disabled: !isUpdating || listAt(object, 'spec', 'strategy', 'canary', 'steps').length === 0,
    },
  ];
}
