import type { LiveObject } from './live-object.ts';
import type { Timeline } from '../timeline.ts';
import { toSuffix, toUuid } from './naming.ts';

/** A core/v1 Event, the fields clients read. */
export interface ClusterEvent {
  metadata: { name: string; namespace: string; uid: string; creationTimestamp: string; resourceVersion: string };
  involvedObject: { apiVersion: string; kind: string; namespace: string; name: string; uid: string };
  type: 'Normal' | 'Warning';
  reason: string;
  message: string;
  source: { component: string };
  firstTimestamp: string;
  lastTimestamp: string;
  count: number;
}

export interface EventLog {
  record(object: EventSubject, type: ClusterEvent['type'], reason: string, message: string, component: string): void;
  /** Oldest first. */
  listFor(uid: string): ClusterEvent[];
  snapshot(): ClusterEvent[];
  restore(events: ClusterEvent[]): void;
}

type EventSubject = Pick<LiveObject, 'apiVersion' | 'kind'> & {
  metadata: { name: string; namespace?: string; uid: string };
};

// A cluster forgets events after an hour; the sandbox keeps the latest few of each object instead.
const MAX_PER_OBJECT = 50;
const MAX_OBJECTS = 5000;

export function createEventLog(timeline: Timeline, random: () => number, nextVersion: () => string): EventLog {
  const byUid = new Map<string, ClusterEvent[]>();
  const open = (uid: string) => {
    const found = byUid.get(uid);
    if (found !== undefined) return found;
    const oldest = byUid.size >= MAX_OBJECTS ? byUid.keys().next().value : undefined;
    if (oldest !== undefined) byUid.delete(oldest);
    const events: ClusterEvent[] = [];
    byUid.set(uid, events);
    return events;
  };
  return {
    record: (object, type, reason, message, component) => {
      const events = open(object.metadata.uid);
      const stamp = timeline.stamp();
      const same = events.findLast((event) => event.reason === reason && event.message === message);
      if (same !== undefined) {
        // Repeats are counted, not listed again, as the event recorder does.
        same.count += 1;
        same.lastTimestamp = stamp;
        return;
      }
      const { name, namespace = '', uid } = object.metadata;
      events.push({
        metadata: {
          name: `${name}.${toSuffix(random, 16)}`,
          namespace,
          uid: toUuid(random),
          creationTimestamp: stamp,
          resourceVersion: nextVersion(),
        },
        involvedObject: { apiVersion: object.apiVersion, kind: object.kind, namespace, name, uid },
        type,
        reason,
        message,
        source: { component },
        firstTimestamp: stamp,
        lastTimestamp: stamp,
        count: 1,
      });
      if (events.length > MAX_PER_OBJECT) events.shift();
    },
    listFor: (uid) => [...(byUid.get(uid) ?? [])],
    snapshot: () => [...byUid.values()].flat(),
    restore: (events) => {
      for (const event of events) open(event.involvedObject.uid).push(event);
    },
  };
}
