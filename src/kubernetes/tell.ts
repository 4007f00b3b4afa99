import { toRecord, toText, toRecords } from '../manifest/fields.ts';
import { toQuantityNumber } from '../manifest/quantity.ts';
import { cutText, toPlain } from '../lib/plain-text.ts';
import type { ClusterEvent, ClusterEvents, ClusterLimits, ClusterObject, ClusterQuota, PodUsage } from './schema.ts';

// What was read, in lines that people and models can use. Nothing of it is masked yet: that is for whoever shows it.

const MAX_LINES = 20;
const MAX_LINE_CHARS = 400;
const MAX_OBJECT_CHARS = 4_000;

/** Oldest first, the last twenty. */
export function tellEvents({ items, metadata }: ClusterEvents): string[] {
  const sorted = items
    .map((event) => ({ event, at: toTime(event) }))
    .sort((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : 0));
  const lines = sorted.slice(-MAX_LINES).map(({ event, at }) => {
    const { reason, message, involvedObject } = event;
    const count = event.series?.count ?? event.count;
    return toLine(`${at} ${reason} (${count}x) ${involvedObject.kind}/${involvedObject.name}: ${message}`);
  });
  const left = sorted.length - lines.length;
  return [
    ...(metadata.continue === '' ? [] : ['there are more than were read']),
    ...(left === 0 ? [] : [`… ${left} earlier ones`]),
    ...lines,
  ];
}

/** Times are written in several places, by old and new senders; all of them sort as texts. */
function toTime(event: ClusterEvent): string {
  const times = [event.series?.lastObservedTime ?? '', event.lastTimestamp, event.eventTime];
  const latest = times
    .filter((time) => time !== '')
    .sort()
    .at(-1);
  return (latest ?? event.metadata.creationTimestamp).replace(/\.\d+Z$/, 'Z');
}

/** By pod, containers together where there is one only. */
export function tellUsage(pods: readonly PodUsage[], isWanted: (pod: string) => boolean = () => true): string[] {
  return pods
    .filter(({ metadata }) => isWanted(metadata.name))
    .slice(0, MAX_LINES)
    .map(({ metadata, containers }) => {
      const parts = containers.map(({ name, usage }) => {
        const amount = `cpu ${usage.cpu}, memory ${usage.memory}`;
        return containers.length === 1 ? amount : `${name} ${amount}`;
      });
      return toLine(`${metadata.name}: ${parts.join('; ')}`);
    });
}

/** What is at its limit comes first, and is said to be. */
export function tellQuotas(quotas: readonly ClusterQuota[]): string[] {
  const lines = quotas.flatMap(({ metadata, status }) =>
    Object.entries(status.hard).map(([resource, hard]) => {
      const used = status.used[resource] ?? '0';
      const [spent, most] = [toQuantityNumber(used), toQuantityNumber(hard)];
      const isFull = spent !== undefined && most !== undefined && spent >= most;
      return { isFull, line: toLine(`${metadata.name}: ${resource} ${used} of ${hard}${isFull ? ', used up' : ''}`) };
    }),
  );
  return [...lines.filter(({ isFull }) => isFull), ...lines.filter(({ isFull }) => !isFull)]
    .slice(0, MAX_LINES)
    .map(({ line }) => line);
}

export function tellLimits(ranges: readonly ClusterLimits[]): string[] {
  return ranges.slice(0, MAX_LINES).map(({ metadata, spec }) => {
    const limits = spec.limits.map((limit) => JSON.stringify(limit)).join(' ');
    return toLine(`${metadata.name}: ${limits}`);
  });
}

/** What is wrong with a node, or that nothing is. */
export function tellNode(node: ClusterObject): string {
  const { name } = node.metadata;
  const status = toRecord(node['status']) ?? {};
  const troubles = toRecords(status['conditions']).flatMap((condition) => {
    const type = toText(condition['type']) ?? '';
    const state = toText(condition['status']) ?? '';
    const isWell = type === 'Ready' ? state === 'True' : state === 'False';
    return isWell
      ? []
      : [`${type} is ${state} (${toText(condition['reason']) ?? ''}: ${toText(condition['message']) ?? ''})`];
  });
  const spec = toRecord(node['spec']) ?? {};
  if (spec['unschedulable'] === true) troubles.push('it takes no new pods');
  return toLine(`Node ${name}: ${troubles.length === 0 ? 'nothing wrong' : troubles.join('; ')}`);
}

/** Whether a claim has its volume. */
export function tellClaim(claim: ClusterObject): string {
  const phase = toText(toRecord(claim['status'])?.['phase']) ?? 'unknown';
  const storageClass = toText(toRecord(claim['spec'])?.['storageClassName']);
  return toLine(`${phase}${storageClass === undefined ? '' : `, class ${storageClass}`}`);
}

// Where secrets stand in what otherwise is plain state, and what is of no use to anybody.
const LEFT_OUT = new Set([
  ...['env', 'envFrom', 'args', 'command', 'annotations', 'data', 'stringData', 'binaryData'],
  ...['managedFields', 'httpHeaders', 'exec', 'selfLink', 'generation', 'resourceVersion'],
]);

/** State and shape of an object as JSON, without what may hold secrets, cut. */
export function describeObject(object: ClusterObject): string {
  const text = toPlain(JSON.stringify(prune(object), undefined, 1));
  return text.length <= MAX_OBJECT_CHARS ? text : `${text.slice(0, MAX_OBJECT_CHARS)}\n… cut`;
}

function prune(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(prune);
  const record = toRecord(value);
  if (record === undefined) return value;
  return Object.fromEntries(
    Object.entries(record).flatMap(([key, field]) => (LEFT_OUT.has(key) ? [] : [[key, prune(field)]])),
  );
}

function toLine(text: string): string {
  const plain = toPlain(text).replace(/\s+/g, ' ').trim();
  return cutText(plain, MAX_LINE_CHARS);
}
