import { describe, expect, it } from 'vitest';
import { createManualClock } from '../lib/clock.ts';
import { silentLogger } from '../lib/logger.ts';
import { createTimeline, toStamp } from './timeline.ts';

function create(speed = 1) {
  const clock = createManualClock(Date.UTC(2026, 4, 1, 12));
  return { clock, timeline: createTimeline({ clock, speed, logger: silentLogger }) };
}

describe('the timeline', () => {
  it('runs events in the order of their time, those of one instant in the order they were made', async () => {
    const { clock, timeline } = create();
    const seen: string[] = [];
    timeline.after(200, () => seen.push('late'));
    timeline.after(100, () => seen.push('first'));
    timeline.after(100, () => seen.push('second'));
    await clock.advance(99);
    expect(seen).toEqual([]);
    await clock.advance(200);
    expect(seen).toEqual(['first', 'second', 'late']);
  });

  it('divides simulated time by the speed and leaves instants to the clock', async () => {
    const { clock, timeline } = create(20);
    let at = 0;
    timeline.after(60_000, () => {
      at = timeline.now();
    });
    await clock.advance(2999);
    expect(at).toBe(0);
    await clock.advance(1);
    expect(at).toBe(Date.UTC(2026, 4, 1, 12, 0, 3));
    expect(timeline.toSimulated(3000)).toBe(60_000);
    expect(timeline.stamp()).toBe('2026-05-01T12:00:03Z');
  });

  it('does not drift when it is late: events follow from the time they were due', () => {
    let now = 0;
    // A clock whose timers never fire: everything happens when someone looks.
    const timeline = createTimeline({
      clock: { now: () => now, sleep: () => new Promise(() => undefined) },
      speed: 1,
      logger: silentLogger,
    });
    const seen: number[] = [];
    const turn = () => {
      seen.push(timeline.now());
      timeline.after(10, turn);
    };
    timeline.after(10, turn);
    now = 35;
    timeline.catchUp();
    expect(seen).toEqual([10, 20, 30]);
  });

  it('forgets what was cancelled and everything once stopped, and survives an event that throws', async () => {
    const { clock, timeline } = create();
    const seen: string[] = [];
    const cancel = timeline.after(10, () => seen.push('cancelled'));
    cancel();
    timeline.after(10, () => {
      throw new Error('no');
    });
    timeline.after(20, () => seen.push('kept'));
    timeline.after(50, () => seen.push('too late'));
    await clock.advance(30);
    timeline.stop();
    await clock.advance(100);
    expect(seen).toEqual(['kept']);
  });

  it('writes whole seconds', () => {
    expect(toStamp(Date.UTC(2026, 0, 2, 3, 4, 5, 999))).toBe('2026-01-02T03:04:05Z');
  });
});
