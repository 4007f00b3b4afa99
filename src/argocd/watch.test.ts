import { describe, expect, it } from 'vitest';
import { createManualClock } from '../lib/clock.ts';
import { silentLogger } from '../lib/logger.ts';
import { ArgoError } from './error.ts';
import type { ApplicationHint, ArgoStreams } from './streams.ts';
import { openWatch } from './watch.ts';

const idle = () => new Promise<void>((resolve) => setImmediate(resolve));

/** A stream whose items the test hands out; each connection is a new one. */
function createStreams() {
  const connections: { push(hint: ApplicationHint): Promise<void>; fail(error?: Error): Promise<void> }[] = [];
  const argo: ArgoStreams = {
    streamApplications: async function* ({ signal }) {
      const queue: (ApplicationHint | Error | 'end')[] = [];
      let wake = () => undefined as void;
      const put = async (item: ApplicationHint | Error | 'end') => {
        queue.push(item);
        wake();
        await idle();
      };
      signal?.addEventListener('abort', () => void put(new Error('aborted')));
      connections.push({ push: put, fail: (error) => put(error ?? 'end') });
      for (;;) {
        const item = queue.shift();
        if (item === undefined) await new Promise<void>((resolve) => (wake = resolve));
        else if (item === 'end') return;
        else if (item instanceof Error) throw item;
        else yield item;
      }
    },
  };
  return { argo, connections };
}

function toHint(name: string, resourceVersion: string, type: ApplicationHint['type'] = 'MODIFIED'): ApplicationHint {
  return { type, application: { name, namespace: 'argocd', project: 'default' }, uid: name, resourceVersion };
}

async function setUp() {
  const clock = createManualClock();
  const { argo, connections } = createStreams();
  const watch = openWatch({ argo, clock, logger: silentLogger, random: () => 1 });
  watch.hints();
  await idle();
  return { clock, connections, watch, never: new AbortController().signal };
}

const WEB = { name: 'web', namespace: 'argocd' };

describe('a wait for hints', () => {
  it('ends with the first change of its application, and of no other', async () => {
    const { connections, watch, never } = await setUp();
    const ended: string[] = [];
    const web = watch.hints().wait(WEB, 10_000, never);
    void watch
      .hints()
      .wait({ name: 'db', namespace: 'argocd' }, 10_000, never)
      .then((how) => ended.push(how));
    await connections[0]?.push(toHint('web', '1'));
    expect(await web).toBe('hint');
    expect(ended).toEqual([]);
  });

  it('ends by time when nothing is said, which is the net under lost events', async () => {
    const { clock, watch, never } = await setUp();
    const wait = watch.hints().wait(WEB, 10_000, never);
    await clock.advance(10_000);
    expect(await wait).toBe('time');
  });

  it('wakes everybody who waits for the same application', async () => {
    const { connections, watch, never } = await setUp();
    const waits = [watch.hints().wait(WEB, 10_000, never), watch.hints().wait({ name: 'web' }, 10_000, never)];
    await connections[0]?.push(toHint('web', '1'));
    expect(await Promise.all(waits)).toEqual(['hint', 'hint']);
  });

  it('remembers a change that came between two waits, for each observation by itself', async () => {
    const { clock, connections, watch, never } = await setUp();
    const [one, two] = [watch.hints(), watch.hints()];
    const first = [one.wait(WEB, 1_000, never), two.wait(WEB, 1_000, never)];
    await clock.advance(1_000);
    expect(await Promise.all(first)).toEqual(['time', 'time']);
    await connections[0]?.push(toHint('web', '1'));
    expect(await one.wait(WEB, 1_000, never)).toBe('hint');
    expect(await two.wait(WEB, 1_000, never)).toBe('hint');
    const again = one.wait(WEB, 1_000, never);
    await clock.advance(1_000);
    expect(await again).toBe('time');
  });

  it('is not woken by a repeated event', async () => {
    const { clock, connections, watch, never } = await setUp();
    await connections[0]?.push(toHint('web', '1'));
    const wait = watch.hints().wait(WEB, 1_000, never);
    await connections[0]?.push(toHint('web', '1', 'ADDED'));
    await clock.advance(1_000);
    expect(await wait).toBe('time');
  });

  it('is not woken by the event that brought what was read already, only by the next', async () => {
    const { connections, watch, never } = await setUp();
    const hints = watch.hints();
    const wait = hints.wait(WEB, 10_000, never, '7');
    const ended: string[] = [];
    void wait.then((how) => ended.push(how));
    await connections[0]?.push(toHint('web', '7'));
    await idle();
    expect(ended).toEqual([]);
    await connections[0]?.push(toHint('web', '8'));
    expect(await wait).toBe('hint');
    await connections[0]?.push(toHint('web', '9'));
    const next = hints.wait(WEB, 10_000, never, '9');
    await connections[0]?.push(toHint('web', '9', 'DELETED'));
    expect(await next).toBe('hint');
  });

  it('knows of a change that came before the first wait, after the hints were asked for', async () => {
    const { connections, watch, never } = await setUp();
    await connections[0]?.push(toHint('web', '1'));
    const hints = watch.hints();
    await connections[0]?.push(toHint('web', '2'));
    expect(await hints.wait(WEB, 10_000, never, '1')).toBe('hint');
  });

  it('rejects when its observation is aborted', async () => {
    const { watch } = await setUp();
    const stop = new AbortController();
    const wait = watch.hints().wait(WEB, 1_000, stop.signal);
    stop.abort(new Error('cancelled'));
    await expect(wait).rejects.toThrow('cancelled');
  });
});

describe('the stream', () => {
  it('is opened when somebody first asks for hints, and only once', async () => {
    const { argo, connections } = createStreams();
    const watch = openWatch({ argo, clock: createManualClock(), logger: silentLogger });
    await idle();
    expect(connections.length).toBe(0);
    watch.hints();
    watch.hints();
    await idle();
    expect(connections.length).toBe(1);
    await watch.close();
  });

  it('is not opened any more once it is closed', async () => {
    const { argo, connections } = createStreams();
    const watch = openWatch({ argo, clock: createManualClock(), logger: silentLogger });
    await watch.close();
    watch.hints();
    await idle();
    expect(connections.length).toBe(0);
  });

  it('is taken up again, and what changed in the gap wakes while the rest does not', async () => {
    const { clock, connections, watch, never } = await setUp();
    await connections[0]?.push(toHint('web', '1'));
    await connections[0]?.push(toHint('db', '7'));
    expect(watch.isConnected()).toBe(true);
    await connections[0]?.fail(new ArgoError('timed_out', 'stream applications', 'silent'));
    expect(watch.isConnected()).toBe(false);
    const web = watch.hints().wait(WEB, 60_000, never);
    const db = watch.hints().wait({ name: 'db', namespace: 'argocd' }, 60_000, never);
    await clock.advance(1_000);
    expect(connections.length).toBe(2);
    await connections[1]?.push(toHint('web', '2', 'ADDED'));
    await connections[1]?.push(toHint('db', '7', 'ADDED'));
    expect(await web).toBe('hint');
    await clock.advance(60_000);
    expect(await db).toBe('time');
  });

  it('is taken up again with growing pauses, which end with the first event', async () => {
    const { clock, connections } = await setUp();
    const reconnectsAfter = async (ms: number) => {
      const before = connections.length;
      await connections.at(-1)?.fail();
      await clock.advance(ms - 1);
      expect(connections.length).toBe(before);
      await clock.advance(1);
      expect(connections.length).toBe(before + 1);
    };
    await reconnectsAfter(1_000);
    await reconnectsAfter(2_000);
    await reconnectsAfter(4_000);
    await connections.at(-1)?.push(toHint('web', '1'));
    await reconnectsAfter(1_000);
  });

  it('ends on close, also while it waits to reconnect', async () => {
    const { connections, watch } = await setUp();
    await connections[0]?.fail();
    await watch.close();
    expect(watch.isConnected()).toBe(false);
    expect(connections.length).toBe(1);
  });
});
