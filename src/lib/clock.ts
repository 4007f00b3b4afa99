/** Time as an argument. Milliseconds since the epoch; `sleep` rejects with the signal's reason when aborted. */
export interface Clock {
  now(): number;
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

export function createSystemClock(): Clock {
  return {
    now: () => Date.now(),
    sleep: (ms, signal) =>
      new Promise((resolve, reject) => {
        if (signal?.aborted) {
          reject(toAbortError(signal));
          return;
        }
        const onAbort = () => {
          clearTimeout(timer);
          reject(toAbortError(signal));
        };
        const timer = setTimeout(() => {
          signal?.removeEventListener('abort', onAbort);
          resolve();
        }, ms);
        signal?.addEventListener('abort', onAbort, { once: true });
      }),
  };
}

/** The reason of an aborted signal as an Error. */
export function toAbortError(signal: AbortSignal | undefined): Error {
  const reason: unknown = signal?.reason;
  if (reason instanceof Error) return reason;
  const error = new Error(typeof reason === 'string' ? reason : 'aborted');
  error.name = 'AbortError';
  return error;
}

export interface ManualClock extends Clock {
  /** Moves time forward and wakes, in order, every sleeper whose time has come. */
  advance(ms: number): Promise<void>;
}

/** A clock that stands still until told otherwise. For the sandbox's virtual time and for tests. */
export function createManualClock(startMs = Date.UTC(2026, 0, 1)): ManualClock {
  let now = startMs;
  let sleepers: { at: number; wake: () => void }[] = [];
  return {
    now: () => now,
    sleep: (ms, signal) =>
      new Promise((resolve, reject) => {
        if (signal?.aborted) {
          reject(toAbortError(signal));
          return;
        }
        const sleeper = { at: now + ms, wake: resolve };
        sleepers.push(sleeper);
        signal?.addEventListener(
          'abort',
          () => {
            sleepers = sleepers.filter((other) => other !== sleeper);
            reject(toAbortError(signal));
          },
          { once: true },
        );
      }),
    advance: async (ms) => {
      const until = now + ms;
      for (;;) {
        const next = sleepers.filter((sleeper) => sleeper.at <= until).sort((a, b) => a.at - b.at)[0];
        if (next === undefined) break;
        sleepers = sleepers.filter((other) => other !== next);
        now = Math.max(now, next.at);
        next.wake();
        // Let everything the sleeper does without waiting run before the next one wakes.
        await new Promise<void>((resolve) => setImmediate(resolve));
      }
      now = until;
    },
  };
}

/** RFC 3339 in UTC with milliseconds, the form in which times are stored and sent. */
export function toIsoTime(ms: number): string {
  return new Date(ms).toISOString();
}
