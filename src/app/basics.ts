import type { Clock } from '../lib/clock.ts';
import type { Logger } from '../lib/logger.ts';

export interface Basics {
  clock: Clock;
  logger: Logger;
}

/** What is to be done at the end, the last one first. */
export type Closers = (() => Promise<void> | void)[];
