import { toErrorMessage } from '../../lib/errors.ts';
import type { Logger } from '../../lib/logger.ts';
import type { Cluster } from '../cluster/cluster.ts';
import type { Timeline } from '../timeline.ts';
import { DELETION_APPROVED_ANNOTATION, isFinal, toApplicationId, toApplicationKey } from './application.ts';
import type {
  Application,
  ApplicationId,
  HistoryEntry,
  Operation,
  OperationState,
  RetryStrategy,
} from './application.ts';
import type { ApiServer } from './apply.ts';
import { GitReadError } from './git.ts';
import type { Live } from './live.ts';
import type { Registry } from './registry.ts';
import { toWindowVerdict } from './project.ts';
import type { Project } from './project.ts';
import { runSync } from './sync-run.ts';
import { planSync } from './sync-tasks.ts';
import { toRevisionFields, toSourceFields } from './targets.ts';
import type { TargetLoader } from './targets.ts';

/** Runs what stands in the `operation` field of Applications, one at a time for each. */
export interface Operations {
  /** Looks at the Application and starts its operation unless it runs already. Safe to call at any time. */
  pickUp(id: ApplicationId): void;
}

interface OperationsDeps {
  registry: Registry;
  cluster: Cluster;
  timeline: Timeline;
  api: ApiServer;
  loader: TargetLoader;
  live: Live;
  logger: Logger;
  findProject(name: string): Project | undefined;
  /** After an operation that changed something has ended for good. */
  onFinished(id: ApplicationId, operation: Operation): void;
}

/** How long an operation waits in the `operation` field before the controller takes it. */
const PICK_UP_MS = 100;

export function createOperations(deps: OperationsDeps): Operations {
  const { registry, timeline, logger } = deps;
  const active = new Set<string>();

  const begin = async (id: ApplicationId) => {
    await timeline.sleep(PICK_UP_MS);
    const application = registry.find(id);
    if (application?.operation === undefined) return;
    await createRun(deps, application).run();
  };

  return {
    pickUp: (id) => {
      const key = toApplicationKey(id);
      if (active.has(key) || registry.find(id)?.operation === undefined) return;
      active.add(key);
      begin(id)
        .catch((error: unknown) =>
          logger.error({ application: key, error: toErrorMessage(error) }, 'an operation broke down'),
        )
        .finally(() => active.delete(key));
    },
  };
}

type Attempt = Pick<OperationState, 'phase' | 'syncResult'> & { message: string };

function createRun(deps: OperationsDeps, started: Application) {
  const { registry, timeline } = deps;
  const id = toApplicationId(started);
  const operation = started.operation ?? {};

  /** Undefined once the Application is gone or is another one of the same name. */
  const current = () => {
    const application = registry.find(id);
    return application?.metadata.uid === started.metadata.uid ? application : undefined;
  };

  const setState = (change: (state: OperationState) => OperationState) => {
    registry.update(id, (application) => {
      const state = application.status.operationState;
      if (state === undefined || current() === undefined) return application;
      return { ...application, status: { ...application.status, operationState: change(state) } };
    });
  };

  const isTerminated = () => current()?.status.operationState?.phase !== 'Running';

  const attempt = async (): Promise<Attempt> => {
    const application = current() ?? started;
    const sync = operation.sync ?? {};
    let targets;
    try {
      targets = await deps.loader.load(application, sync);
    } catch (error) {
      if (!(error instanceof GitReadError)) throw error;
      return { phase: 'Error', message: `ComparisonError: ${error.message}` };
    }
    const facts = { ...toRevisionFields(application, targets.revisions), ...toSourceFields(application) };
    setState((state) => ({ ...state, syncResult: { ...facts, resources: [] } }));
    const plan = planSync(deps.live.compare(application, targets.objects), sync, application.spec.destination);
    const startedAt = application.status.operationState?.startedAt ?? '';
    const outcome = await runSync(
      {
        ...deps,
        isTerminated,
        isDeletionConfirmed: () => {
          const word = current()?.metadata.annotations?.[DELETION_APPROVED_ANNOTATION] ?? '';
          return Date.parse(word) >= Date.parse(startedAt);
        },
        report: (message, resources) =>
          setState((state) => ({
            ...state,
            ...(state.phase === 'Running' && message !== '' ? { message } : {}),
            syncResult: { ...facts, ...(resources.length > 0 ? { resources } : {}) },
          })),
      },
      plan,
      sync,
    );
    const syncResult = current()?.status.operationState?.syncResult;
    const result = syncResult === undefined ? {} : { syncResult };
    switch (outcome.kind) {
      case 'succeeded':
        return { phase: 'Succeeded', message: outcome.message, ...result };
      case 'failed':
        return { phase: 'Failed', message: outcome.message, ...result };
      case 'terminated':
        return { phase: 'Terminating', message: 'Operation terminated', ...result };
    }
  };

  const finish = ({ phase, message }: Attempt) => {
    registry.update(id, (application) => {
      const state = application.status.operationState;
      if (state === undefined || current() === undefined) return application;
      const { operation: _done, ...rest } = application;
      const ended = phase === 'Terminating' ? 'Failed' : phase;
      const retries = state.retryCount ?? 0;
      const text = ended !== 'Succeeded' && retries > 0 ? `${message} (retried ${retries} times).` : message;
      const finished = { ...state, phase: ended, message: text, finishedAt: timeline.stamp() };
      const history = toHistory(application, finished, timeline.stamp());
      // The end of the operation and its removal are one write: no reader sees the one without the other.
      return {
        ...rest,
        status: { ...application.status, operationState: finished, ...(history === undefined ? {} : { history }) },
      };
    });
    // A rehearsal has changed nothing that would have to be compared.
    if (operation.sync?.dryRun !== true) deps.onFinished(id, operation);
  };

  /** A window that has closed since the request holds the operation back until it opens, or until somebody ends it. */
  const waitForWindow = async () => {
    for (let application = current(); application !== undefined && !isTerminated(); application = current()) {
      const project = deps.findProject(application.spec.project);
      const { mayAutoSync, mayManualSync } = toWindowVerdict(project, application, timeline.now());
      if (operation.initiatedBy?.automated === true ? mayAutoSync : mayManualSync) return;
      setState((state) => ({ ...state, message: 'Sync operation blocked by sync window' }));
      await timeline.sleep(1000);
    }
  };

  const run = async () => {
    registry.update(id, (application) => {
      const before = application.status.operationState;
      // After a restart of the controller an operation that was running carries on.
      if (before !== undefined && !isFinal(before.phase)) return application;
      const state: OperationState = { operation, phase: 'Running', startedAt: timeline.stamp() };
      return { ...application, status: { ...application.status, operationState: state } };
    });
    for (;;) {
      await waitForWindow();
      if (current()?.status.operationState?.phase === 'Terminating') {
        finish({ phase: 'Terminating', message: 'Operation terminated' });
        return;
      }
      const result = await attempt();
      if (current() === undefined) return;
      const retries = current()?.status.operationState?.retryCount ?? 0;
      const limit = operation.retry?.limit ?? 0;
      const mayRetry = (result.phase === 'Failed' || result.phase === 'Error') && (limit < 0 || retries < limit);
      if (!mayRetry) {
        finish(result);
        return;
      }
      const waitMs = toBackoffMs(operation.retry ?? {}, retries);
      const at = toKitchenTime(timeline.now() + waitMs / toSpeed(timeline));
      setState((state) => ({
        ...state,
        phase: 'Running',
        // Running with an end: this attempt is over, the operation is not.
        finishedAt: timeline.stamp(),
        retryCount: retries + 1,
        message: `${result.message}. Retrying attempt #${retries + 1} at ${at}.`,
      }));
      for (let waited = 0; waited < waitMs && !isTerminated(); waited += 250)
        await timeline.sleep(Math.min(250, waitMs - waited));
      // The next attempt begins without the results of the last one.
      setState(({ finishedAt: _over, syncResult: _results, ...state }) => ({
        ...state,
        message: `Retrying operation. Attempt #${state.retryCount ?? 0}`,
      }));
    }
  };

  return { run };
}

/** Only complete, successful operations are remembered. */
function toHistory(application: Application, state: OperationState, stamp: string): HistoryEntry[] | undefined {
  const { sync } = state.operation;
  if (state.phase !== 'Succeeded' || sync?.dryRun === true || (sync?.resources?.length ?? 0) > 0) return undefined;
  const before = application.status.history ?? [];
  const entry: HistoryEntry = {
    id: before.length === 0 ? 0 : Math.max(...before.map((other) => other.id)) + 1,
    ...toRevisionFields(application, state.syncResult?.revisions ?? [state.syncResult?.revision ?? '']),
    deployStartedAt: state.startedAt,
    deployedAt: stamp,
    ...toSourceFields(application),
    initiatedBy: state.operation.initiatedBy ?? {},
  };
  return [...before, entry].slice(-(application.spec.revisionHistoryLimit ?? 10));
}

/** 5 s, doubled every time, three minutes at most, unless the operation says otherwise. */
function toBackoffMs(retry: RetryStrategy, retries: number): number {
  const base = parseDuration(retry.backoff?.duration) ?? 5000;
  const max = parseDuration(retry.backoff?.maxDuration) ?? 180_000;
  return Math.min(max, base * (retry.backoff?.factor ?? 2) ** retries);
}

/** Go's durations as far as they are used in policies: `5s`, `3m`, `1m30s`, or plain seconds. */
function parseDuration(text: string | undefined): number | undefined {
  if (text === undefined || text === '') return undefined;
  if (/^\d+$/.test(text)) return Number(text) * 1000;
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h)/g)];
  if (parts.length === 0) return undefined;
  const units: Record<string, number> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };
  return parts.reduce((sum, [, count, unit]) => sum + Number(count) * (units[unit ?? 's'] ?? 1000), 0);
}

function toSpeed(timeline: Timeline): number {
  return timeline.toSimulated(1);
}

/** `3:04PM`, as Go's kitchen layout writes it. */
function toKitchenTime(ms: number): string {
  const time = new Date(ms);
  const hours = time.getUTCHours();
  return `${hours % 12 === 0 ? 12 : hours % 12}:${String(time.getUTCMinutes()).padStart(2, '0')}${hours < 12 ? 'AM' : 'PM'}`;
}
