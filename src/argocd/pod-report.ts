import { z } from 'zod';
import { isAppError, toErrorMessage } from '../lib/errors.ts';
import type { ApplicationRef } from './application.ts';
import type { Symptoms } from './classify.ts';
import { evidence } from './context.ts';
import type { Evidence } from './outcome.ts';
import type { ArgoReads } from './reads.ts';
import type { ResourceEvent, TreeNode } from './schema.ts';
import { toPodState } from './tree.ts';

const endSchema = z.looseObject({
  reason: z.string().nullish(),
  exitCode: z.number().nullish(),
  message: z.string().nullish(),
});
const containerSchema = z.looseObject({
  name: z.string(),
  restartCount: z.number().nullish(),
  ready: z.boolean().nullish(),
  state: z
    .looseObject({
      waiting: z.looseObject({ reason: z.string().nullish(), message: z.string().nullish() }).nullish(),
      terminated: endSchema.nullish(),
    })
    .nullish(),
  lastState: z.looseObject({ terminated: endSchema.nullish() }).nullish(),
});
const podSchema = z.looseObject({
  status: z
    .looseObject({
      reason: z.string().nullish(),
      conditions: z
        .looseObject({
          type: z.string(),
          status: z.string(),
          reason: z.string().nullish(),
          message: z.string().nullish(),
        })
        .array()
        .nullish(),
      initContainerStatuses: containerSchema.array().nullish(),
      containerStatuses: containerSchema.array().nullish(),
    })
    .nullish(),
});

type PodStatus = z.output<typeof podSchema>['status'];
type ContainerStatus = z.output<typeof containerSchema>;

/** What one pod shows of its trouble. */
export interface PodReport {
  symptoms: Symptoms;
  /** The container to blame, where the pod says which. */
  container?: string;
  exitCode?: number;
  logTail: string[];
  evidence: Evidence[];
}

/** A read that helps if it works: what fails is left out, since a diagnosis from less is better than none. */
export type Attempt = <T>(what: string, read: () => Promise<T>) => Promise<T | undefined>;

export function createAttempt(signal: AbortSignal | undefined, onFailure: (entry: Evidence) => void): Attempt {
  return async (what, read) => {
    try {
      return await read();
    } catch (error) {
      if (signal?.aborted === true || !isAppError(error)) throw error;
      onFailure(evidence(what, 'not readable', toErrorMessage(error)));
      return undefined;
    }
  };
}

interface Reading {
  argo: ArgoReads;
  ref: ApplicationRef;
  attempt: Attempt;
  tailLines: number;
  signal: AbortSignal | undefined;
}

export async function readPod(reading: Reading, node: TreeNode): Promise<PodReport> {
  const { argo, ref, attempt, signal } = reading;
  const label = `Pod ${node.namespace}/${node.name}`;
  const target = { group: '', version: 'v1', kind: 'Pod', namespace: node.namespace, name: node.name };
  const manifest = await attempt(label, () => argo.resource(ref, target, { signal }));
  const status = manifest === undefined ? undefined : (podSchema.safeParse(manifest).data?.status ?? undefined);
  const events = await readEvents(reading, node);
  const state = toPodState(node);
  const containers = [...(status?.initContainerStatuses ?? []), ...(status?.containerStatuses ?? [])];
  const blamed = containers.find(isFailing);
  const ends = containers.flatMap(listEnds);
  const exitCode = (blamed === undefined ? ends : listEnds(blamed)).find((end) => end.exitCode !== undefined)?.exitCode;
  const symptoms: Symptoms = {
    reasons: [
      state.reason,
      ...containers.map(({ state: now }) => now?.waiting?.reason ?? ''),
      ...listConditions(status),
    ].filter((reason) => reason !== '' && reason !== 'Running'),
    ended: ends,
    messages: [state.message, ...containers.map(({ state: now }) => now?.waiting?.message ?? '')].filter(Boolean),
    events,
  };
  return {
    symptoms,
    ...(blamed === undefined ? {} : { container: blamed.name }),
    ...(exitCode === undefined ? {} : { exitCode }),
    logTail: await readLog(reading, node, blamed),
    evidence: [
      evidence(label, 'Status Reason', state.reason),
      evidence(label, 'Restart Count', String(state.restarts)),
      ...ends.map((end) => evidence(label, 'terminated', `${end.reason} ${end.exitCode ?? ''}`.trim())),
      ...events.slice(-5).map((event) => evidence(label, 'event', event)),
    ],
  };
}

function isFailing({ state, lastState, ready }: ContainerStatus): boolean {
  if (state?.waiting?.reason && !/^(ContainerCreating|PodInitializing)$/.test(state.waiting.reason)) return true;
  const end = state?.terminated ?? lastState?.terminated;
  return end !== undefined && end !== null && end.exitCode !== 0 && ready !== true;
}

function listEnds({ state, lastState }: ContainerStatus): { reason: string; exitCode: number | undefined }[] {
  return [state?.terminated, lastState?.terminated]
    .filter((end) => end !== undefined && end !== null)
    .map((end) => ({ reason: end.reason ?? '', exitCode: end.exitCode ?? undefined }))
    .filter((end) => end.exitCode !== 0);
}

function listConditions(status: PodStatus | undefined): string[] {
  return (status?.conditions ?? [])
    .filter((condition) => condition.type === 'PodScheduled' && condition.status === 'False')
    .map((condition) => condition.reason ?? '');
}

/** Warnings about a resource, oldest first, as `Reason: message`. */
export async function readEvents({ argo, ref, attempt, signal }: Reading, node: TreeNode): Promise<string[]> {
  const target = { name: node.name, namespace: node.namespace, uid: node.uid };
  const events = await attempt(`events of ${node.kind} ${node.name}`, () => argo.events(ref, target, { signal }));
  return (events ?? [])
    .filter((event) => event.type !== 'Normal')
    .sort((a, b) => toTime(a).localeCompare(toTime(b)))
    .map((event) => `${event.reason}: ${event.message}`)
    .slice(-20);
}

function toTime(event: ResourceEvent): string {
  return event.lastTimestamp || event.eventTime || event.firstTimestamp || event.metadata.creationTimestamp;
}

/** The ended run's log where there was one, since a container that has just started again has not failed yet. */
async function readLog(
  { argo, ref, attempt, tailLines, signal }: Reading,
  node: TreeNode,
  container: ContainerStatus | undefined,
): Promise<string[]> {
  const query = {
    podName: node.name,
    namespace: node.namespace,
    tailLines,
    signal,
    ...(container === undefined ? {} : { container: container.name }),
  };
  const label = `log of Pod ${node.name}`;
  const restarted = toPodState(node).restarts > 0 || (container?.restartCount ?? 0) > 0;
  // A container that never ran has no log; asked for one, the cluster answers with a sentence that is none.
  if (!restarted && container?.state?.waiting) return [];
  const previous = restarted ? await attempt(label, () => argo.logs(ref, { ...query, previous: true })) : undefined;
  if (previous !== undefined && previous.length > 0) return previous.slice(-tailLines);
  return ((await attempt(label, () => argo.logs(ref, query))) ?? []).slice(-tailLines);
}
