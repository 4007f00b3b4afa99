import type { Clock } from '../lib/clock.ts';
import { toErrorMessage } from '../lib/errors.ts';
import type { Logger } from '../lib/logger.ts';

interface Entry {
  atMs: number;
  run: () => void;
}

/** What is due to happen in the simulation, in order of time. Delays are simulated time, instants are the clock's. */
export interface Timeline {
  /** The instant of the event being run, otherwise the clock's time: chains of events do not drift when a timer is late. */
  now(): number;
  /** RFC 3339 with whole seconds, as Kubernetes writes times. */
  stamp(): string;
  /** Runs once after this much simulated time; the returned function cancels it. */
  after(simulatedMs: number, run: () => void): () => void;
  sleep(simulatedMs: number): Promise<void>;
  /** How long a stretch between two instants of the clock is in simulated milliseconds. */
  toSimulated(elapsedMs: number): number;
  /** Runs everything that is due, so that a reader sees the state of this moment. */
  catchUp(): void;
  stop(): void;
}

interface TimelineOptions {
  clock: Clock;
  /** Simulated seconds per second of the clock. */
  speed: number;
  logger: Logger;
  /** Added to every time that is written, to imitate a server whose clock is off. */
  skewMs?: () => number;
}

/** Starts a timeline; it drives itself from the clock until stopped. */
export function createTimeline({ clock, speed, logger, skewMs }: TimelineOptions): Timeline {
  let entries: Entry[] = [];
  let running: number | undefined;
  let stopped = false;
  let alarm: { atMs: number; controller: AbortController } | undefined;

  const now = () => running ?? clock.now();

  const catchUp = () => {
    if (running !== undefined || stopped) return;
    const until = clock.now();
    for (;;) {
      const next = entries[0];
      if (next === undefined || next.atMs > until) break;
      entries.shift();
      running = next.atMs;
      try {
        next.run();
      } catch (error) {
        logger.error({ error: toErrorMessage(error) }, 'a simulated event failed');
      } finally {
        running = undefined;
      }
    }
  };

  const arm = () => {
    const next = entries[0];
    if (stopped || next === undefined || (alarm !== undefined && alarm.atMs <= next.atMs)) return;
    alarm?.controller.abort();
    const mine = { atMs: next.atMs, controller: new AbortController() };
    alarm = mine;
    clock.sleep(Math.max(0, next.atMs - clock.now()), mine.controller.signal).then(
      () => {
        if (alarm === mine) alarm = undefined;
        catchUp();
        arm();
      },
      // Aborted: an earlier event took over, or the timeline was stopped.
      () => undefined,
    );
  };

  const insert = (entry: Entry) => {
    let low = 0;
    let high = entries.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const other = entries[middle];
      if (other !== undefined && other.atMs <= entry.atMs) low = middle + 1;
      else high = middle;
    }
    entries.splice(low, 0, entry);
  };

  const after = (simulatedMs: number, run: () => void) => {
    if (stopped) return () => undefined;
    const entry: Entry = { atMs: now() + Math.max(0, simulatedMs) / speed, run };
    insert(entry);
    arm();
    return () => {
      // Left where it stands and passed over when its time comes: searching for it would cost more.
      entry.run = NOTHING;
    };
  };

  return {
    now,
    stamp: () => toStamp(now() + (skewMs?.() ?? 0)),
    after,
    sleep: (simulatedMs) => new Promise((resolve) => void after(simulatedMs, resolve)),
    toSimulated: (elapsedMs) => elapsedMs * speed,
    catchUp,
    stop: () => {
      stopped = true;
      entries = [];
      alarm?.controller.abort();
    },
  };
}

const NOTHING = () => undefined;

/** RFC 3339 in UTC with whole seconds. */
export function toStamp(ms: number): string {
  return `${new Date(Math.floor(ms / 1000) * 1000).toISOString().slice(0, 19)}Z`;
}
