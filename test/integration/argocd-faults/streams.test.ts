import { expect, it } from 'vitest';
import type { ArgoStreams } from '../../../src/argocd/streams.ts';
import { openWatch, type Watch } from '../../../src/argocd/watch.ts';
import { createSystemClock } from '../../../src/lib/clock.ts';
import { silentLogger, type Logger } from '../../../src/lib/logger.ts';
import { describeSandbox } from '../../contract/argocd/backend.ts';
import { toConfigMap } from '../../contract/argocd/manifests.ts';
import { startObserver } from '../../contract/argocd/observing.ts';

// Events are hints: whatever happens to them, the verdict is the same, and the stream comes back.

describeSandbox('a stream that cannot be trusted', (backend) => {
  const setFaults = (change: object) => backend().call('PATCH', '/sandbox/faults', { body: change });

  /** The product's watch, with how often it connected and why it broke. */
  function watch(idleTimeoutMs?: number) {
    // The first byte of a stream is given the longer of the two limits.
    const argo = backend().client(idleTimeoutMs === undefined ? {} : { requestTimeoutMs: idleTimeoutMs });
    const broke: string[] = [];
    let connects = 0;
    const streams: ArgoStreams = {
      streamApplications: (options) => {
        connects += 1;
        return argo.streamApplications({ ...options, ...(idleTimeoutMs === undefined ? {} : { idleTimeoutMs }) });
      },
    };
    const tell = (data: object) => {
      if ('error' in data) broke.push(String(data.error));
    };
    const logger: Logger = { ...silentLogger, debug: tell, warn: tell };
    const opened = openWatch({
      argo: streams,
      clock: createSystemClock(),
      logger,
      reconnectMs: 20,
      reconnectMaxMs: 100,
    });
    // The first that waits opens the stream.
    opened.hints();
    return { argo, opened, broke, connects: () => connects };
  }

  async function observeThrough(folder: string, opened: Watch): Promise<string> {
    await backend().push({ [`${folder}/map.json`]: toConfigMap(folder, 'one') });
    const name = await backend().createApplication(folder, { automated: {} });
    await backend().until(
      name,
      'applied',
      ({ status, operation }) => operation === undefined && status.operationState?.phase === 'Succeeded',
    );
    const { observe } = await startObserver(backend(), folder, { hints: opened.hints() });
    const commit = await backend().push({ [`${folder}/map.json`]: toConfigMap(folder, 'two') });
    const outcome = await observe(commit);
    expect(outcome).toMatchObject({ kind: 'live', via: commit });
    return name;
  }

  it('loses every event: the tick is enough', async () => {
    await setFaults({ dropStreamEvents: -1 });
    const { opened } = watch();
    try {
      await observeThrough('drop', opened);
      expect(opened.isConnected()).toBe(false);
    } finally {
      await opened.close();
    }
  });

  it('sends every event twice: a change wakes once', async () => {
    await setFaults({ duplicateStreamEvents: true });
    const { opened } = watch();
    try {
      const name = await observeThrough('twice', opened);
      const ref = { name };
      const hints = opened.hints();
      const signal = new AbortController().signal;
      await hints.wait(ref, 1, signal);
      const woken = hints.wait(ref, 30_000, signal);
      await backend().call('PATCH', `/api/v1/applications/${name}`, {
        body: { name, patchType: 'merge', patch: JSON.stringify({ metadata: { labels: { seen: 'yes' } } }) },
      });
      expect(await woken).toBe('hint');
      expect(await hints.wait(ref, 300, signal)).toBe('time');
    } finally {
      await opened.close();
    }
  });

  it('is cut in the middle of an item: the part is dropped, and the next connection lists everything anew', async () => {
    await setFaults({ cutStreamAfter: 2 });
    const { opened, broke, connects } = watch();
    try {
      await observeThrough('cut', opened);
      expect(connects()).toBeGreaterThan(1);
      expect(broke.some((text) => /cut inside an item|aborted/.test(text))).toBe(true);
    } finally {
      await opened.close();
    }
  });

  it('ends with 401 in the middle, while the status was 200: it is opened again', async () => {
    await setFaults({ unauthenticatedStreamAfter: 2 });
    const { opened, broke, connects } = watch();
    try {
      await observeThrough('expired', opened);
      expect(connects()).toBeGreaterThan(1);
      expect(broke.some((text) => text.includes('token is expired'))).toBe(true);
    } finally {
      await opened.close();
    }
  });

  it('falls silent, keep-alives included: it is taken for dead and opened again, and delivers when it can', async () => {
    await setFaults({ muteStreams: true });
    const { opened, broke, connects } = watch(300);
    try {
      await backend().find('found silent twice', () => Promise.resolve(connects() > 2 ? true : undefined));
      expect(broke[0]).toMatch(/no complete answer within 300 ms|silent for 300 ms/);
      expect(opened.isConnected()).toBe(false);
      await setFaults({ muteStreams: false });
      await backend().find('connected', () => Promise.resolve(opened.isConnected() ? true : undefined));
    } finally {
      await opened.close();
    }
  });

  it('comes while the server answers nothing else: the client’s calls fail alone, the watch goes on', async () => {
    const { opened, argo } = watch();
    try {
      await backend().find('connected', () => Promise.resolve(opened.isConnected() ? true : undefined));
      await setFaults({ unavailable: -1 });
      await expect(argo.version()).rejects.toMatchObject({ reason: 'unreachable' });
      expect(opened.isConnected()).toBe(true);
    } finally {
      await opened.close();
    }
  });
});
