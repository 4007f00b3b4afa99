import type { Clock } from '../lib/clock.ts';
import { toErrorMessage } from '../lib/errors.ts';
import type { Logger } from '../lib/logger.ts';
import { type ApplicationRef, toApplicationKey } from './application.ts';
import { isArgoError } from './error.ts';
import type { ApplicationHint, ArgoStreams } from './streams.ts';

/** Wakes a waiting observation early. Hints may be lost or repeated: the time given is the net. */
export interface HintSource {
  /**
   * Resolves with `hint` when the application may have changed since the last wait, or since these hints were asked for, else with
   * `time` after `ms`. `read` is the resource version the caller has read last: an event that brought just that one is no news.
   */
  wait(ref: ApplicationRef, ms: number, signal: AbortSignal, read?: string): Promise<'hint' | 'time'>;
}

export interface Watch {
  /** For one observation; remembers what happened between its waits. The first one opens the stream. */
  hints(): HintSource;
  /** Whether the stream is delivering. */
  isConnected(): boolean;
  /** Ends the stream and resolves when it has ended. Waits go on by time alone. */
  close(): Promise<void>;
}

interface WatchDeps {
  argo: ArgoStreams;
  clock: Clock;
  logger: Logger;
  random?: () => number;
  /** First wait before reconnecting, doubled up to `reconnectMaxMs`. */
  reconnectMs?: number;
  reconnectMaxMs?: number;
}

/** The last event of one application. */
interface LastChange {
  /** Its place among the events of all. */
  place: number;
  version: string;
}

/**
 * One stream per Argo CD instance for all observations, opened when the first of them begins. Each connection begins with every application as it is, which is the
 * re-list after a gap: whatever changed meanwhile shows by its resource version, and nothing else wakes anybody.
 */
export function openWatch(deps: WatchDeps): Watch {
  const { argo, clock, logger } = deps;
  const stop = new AbortController();
  const changes = new Map<string, LastChange>();
  let places = 0;
  const waiters = new Map<string, Set<() => void>>();
  let connected = false;

  const note = (hint: ApplicationHint) => {
    const { application, resourceVersion, type } = hint;
    // A waiting observation may not know the control plane's namespace, so the bare name is a key as well.
    for (const key of new Set([toApplicationKey(application), toApplicationKey({ name: application.name })])) {
      const known = changes.get(key);
      const version = `${type === 'DELETED' ? 'deleted ' : ''}${resourceVersion}`;
      if (known?.version === version && resourceVersion !== '') continue;
      changes.set(key, { place: (places += 1), version });
      for (const wake of [...(waiters.get(key) ?? [])]) wake();
    }
  };

  const run = async () => {
    let failures = 0;
    while (!stop.signal.aborted) {
      try {
        for await (const hint of argo.streamApplications({ signal: stop.signal })) {
          connected = true;
          failures = 0;
          note(hint);
        }
        logger.debug({}, 'argocd stream ended');
      } catch (error) {
        if (stop.signal.aborted) break;
        const denied = isArgoError(error, 'denied', 'missing_or_denied', 'unauthenticated');
        logger[denied && failures === 0 ? 'warn' : 'debug']({ error: toErrorMessage(error) }, 'argocd stream broke');
      }
      connected = false;
      failures += 1;
      const ceiling = Math.min((deps.reconnectMs ?? 1_000) * 2 ** (failures - 1), deps.reconnectMaxMs ?? 30_000);
      // Spread, so that many clients of a restarted server do not come back at the same moment.
      await clock.sleep(Math.round(ceiling * (0.5 + (deps.random?.() ?? 1) / 2)), stop.signal).catch(() => undefined);
    }
  };
  let running: Promise<void> | undefined;

  return {
    hints: () => {
      if (!stop.signal.aborted) running ??= run();
      return createHints({ changes, waiters, clock, after: places });
    },
    isConnected: () => connected,
    close: async () => {
      stop.abort();
      await running;
      connected = false;
    },
  };
}

interface HintsDeps {
  changes: ReadonlyMap<string, LastChange>;
  waiters: Map<string, Set<() => void>>;
  clock: Clock;
  /** Place of the last event before these hints were asked for. */
  after: number;
}

function createHints({ changes, waiters, clock, after }: HintsDeps): HintSource {
  const seen = new Map<string, number>();
  return {
    wait: async (ref, ms, signal, read) => {
      const key = toApplicationKey(ref);
      const before = seen.get(key) ?? after;
      const isNews = () => {
        const last = changes.get(key);
        return last !== undefined && last.place > before && last.version !== read;
      };
      const note = () => seen.set(key, changes.get(key)?.place ?? before);
      if (isNews()) {
        note();
        return 'hint';
      }
      const ended = new AbortController();
      const both = AbortSignal.any([signal, ended.signal]);
      const set = waiters.get(key) ?? new Set();
      waiters.set(key, set);
      let hinted = false;
      const wake = () => {
        if (!isNews()) return;
        hinted = true;
        ended.abort();
      };
      set.add(wake);
      try {
        await clock.sleep(ms, both);
      } catch (error) {
        if (!hinted || signal.aborted) throw error;
      } finally {
        set.delete(wake);
        if (set.size === 0) waiters.delete(key);
        note();
      }
      return hinted ? 'hint' : 'time';
    },
  };
}
