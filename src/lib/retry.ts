import type { Clock } from './clock.ts';

interface RetryOptions {
  clock: Clock;
  /** Attempts in all, the first one included. */
  attempts: number;
  baseMs: number;
  maxMs: number;
  /** Decides from the error whether another attempt can help. */
  isRetryable(error: unknown): boolean;
  /** In [0, 1); spreads the waits. Defaults to no jitter. */
  random?: () => number;
  signal?: AbortSignal | undefined;
  onRetry?: (attempt: number, waitMs: number, error: unknown) => void;
}

/** Exponential backoff, bounded; throws the last error. */
export async function retry<T>(operation: (attempt: number) => Promise<T>, options: RetryOptions): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await operation(attempt);
    } catch (error) {
      if (attempt >= options.attempts || options.signal?.aborted || !options.isRetryable(error)) throw error;
      const ceiling = Math.min(options.maxMs, options.baseMs * 2 ** (attempt - 1));
      const waitMs = options.random ? Math.round(ceiling * (0.5 + options.random() / 2)) : ceiling;
      options.onRetry?.(attempt, waitMs, error);
      await options.clock.sleep(waitMs, options.signal);
    }
  }
}
