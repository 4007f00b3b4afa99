import type { Timeline } from '../timeline.ts';

export interface LogLine {
  atMs: number;
  content: string;
}

/** What containers have written: the running instance and the one before it, as the kubelet keeps them. */
export interface PodLogs {
  write(uid: string, container: string, content: string): void;
  /** The current instance becomes the previous one. */
  rotate(uid: string, container: string): void;
  read(uid: string, container: string, previous: boolean): LogLine[] | undefined;
  /** Called with every line written from now on. */
  follow(listener: (uid: string, container: string, line: LogLine) => void): () => void;
  forget(uid: string): void;
}

const MAX_LINES = 500;

export function createPodLogs(timeline: Timeline): PodLogs {
  const pods = new Map<string, Map<string, { current: LogLine[]; previous?: LogLine[] }>>();
  const listeners = new Set<(uid: string, container: string, line: LogLine) => void>();
  const open = (uid: string, container: string) => {
    const containers = pods.get(uid) ?? new Map<string, { current: LogLine[]; previous?: LogLine[] }>();
    pods.set(uid, containers);
    const logs = containers.get(container) ?? { current: [] };
    containers.set(container, logs);
    return logs;
  };
  return {
    write: (uid, container, content) => {
      const logs = open(uid, container);
      const line = { atMs: timeline.now(), content };
      logs.current.push(line);
      if (logs.current.length > MAX_LINES) logs.current.shift();
      for (const listener of [...listeners]) listener(uid, container, line);
    },
    rotate: (uid, container) => {
      const logs = open(uid, container);
      if (logs.current.length === 0) return;
      logs.previous = logs.current;
      logs.current = [];
    },
    read: (uid, container, previous) => {
      const logs = pods.get(uid)?.get(container);
      if (previous) return logs?.previous;
      return logs === undefined ? undefined : [...logs.current];
    },
    follow: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    forget: (uid) => void pods.delete(uid),
  };
}

/** The last words of a container that fails at start: an error a person can understand and act upon. */
export function toCrashLines(name: string, image: string): string[] {
  return [
    `level=info msg="starting ${name}" image=${image}`,
    'level=info msg="loading configuration" path=/etc/config',
    'level=error msg="configuration rejected" error="required setting DATABASE_URL is empty"',
    'Error: required setting DATABASE_URL is empty',
    '    at loadConfig (/app/dist/config.js:42:11)',
    '    at main (/app/dist/server.js:17:18)',
    'level=fatal msg="start-up failed, exiting" code=1',
  ];
}
