import { type Clock, toAbortError } from '../lib/clock.ts';
import { ArgoError } from './error.ts';

interface Deadline {
  signal: AbortSignal;
  /** From now on only silence ends the call. Returns what is to be called at every sign of life. */
  watchSilence(idleTimeoutMs: number): () => void;
  clear(): void;
}

/** Ends a call after a time, or when the caller does; the reason of the signal tells which. */
export function createDeadline(
  clock: Clock,
  what: string,
  timeoutMs: number,
  outer: AbortSignal | undefined,
): Deadline {
  const controller = new AbortController();
  let timer = new AbortController();
  const onAbort = () => controller.abort(toAbortError(outer));
  if (outer?.aborted === true) onAbort();
  outer?.addEventListener('abort', onAbort, { once: true });
  clock.sleep(timeoutMs, timer.signal).then(
    () => controller.abort(new ArgoError('timed_out', what, `no complete answer within ${timeoutMs} ms`)),
    () => undefined,
  );
  return {
    signal: controller.signal,
    watchSilence: (idleTimeoutMs) => {
      timer.abort();
      timer = new AbortController();
      let lastMs = clock.now();
      // One timer for the whole stream: a busy one would otherwise make and drop a timer for every event.
      const watch = async (signal: AbortSignal) => {
        for (let idleMs = 0; idleMs < idleTimeoutMs; idleMs = clock.now() - lastMs)
          await clock.sleep(idleTimeoutMs - idleMs, signal);
        controller.abort(new ArgoError('timed_out', what, `the stream was silent for ${idleTimeoutMs} ms`));
      };
      watch(timer.signal).catch(() => undefined);
      return () => (lastMs = clock.now());
    },
    clear: () => {
      timer.abort();
      outer?.removeEventListener('abort', onAbort);
    },
  };
}

/** The promise, or the signal's reason as soon as it aborts; what was promised goes on for others who wait for it. */
export function orAbort<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(toAbortError(signal));
    if (signal.aborted) onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    const done = () => signal.removeEventListener('abort', onAbort);
    promise.then(resolve, reject).then(done, done);
  });
}
