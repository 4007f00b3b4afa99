import { afterEach, describe, expect, it } from 'vitest';
import { createRedactor } from '../lib/redact.ts';
import { classify, findTellingLine, toSignature } from './classify.ts';
import { type Diagnosis, diagnose, toFingerprint } from './diagnose.ts';
import { toApp, toAppliedApp, toTree, WEB } from './test-facts.ts';
import { type Answer, connect, type Received, startServer, toDenial } from './test-server.ts';

const cleanUps: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

const REF = { name: 'web', namespace: 'argocd', project: 'default' };
const redactor = createRedactor(['s3cr3t-value']);

interface World {
  app?: unknown;
  tree?: unknown;
  pod?: object;
  events?: Record<string, { reason: string; message: string; type?: string }[]>;
  log?: string[];
  previousLog?: string[];
}

const PROGRESSING = toAppliedApp({
  health: 'Progressing',
  resources: [{ ...WEB, status: 'Synced', health: { status: 'Progressing', message: 'waiting' } }],
});

async function run(world: World, changed = [WEB]): Promise<Diagnosis & { requests: Received[] }> {
  const answer = (request: Received): Answer => {
    const { path, query } = request;
    if (path.endsWith('/resource-tree')) return { json: world.tree ?? toTree() };
    if (path.endsWith('/events')) {
      const items = (world.events?.[query.get('resourceName') ?? ''] ?? []).map((event, index) => ({
        type: 'Warning',
        lastTimestamp: `2026-01-01T12:00:0${index}Z`,
        ...event,
      }));
      return { json: { items } };
    }
    if (path.endsWith('/resource')) {
      if (world.pod === undefined) return toDenial(400, 3, 'not found as part of application');
      return { json: { manifest: JSON.stringify(world.pod) } };
    }
    if (path.endsWith('/logs')) {
      const lines = query.get('previous') === 'true' ? world.previousLog : world.log;
      return { chunks: (lines ?? []).map((content) => `${JSON.stringify({ result: { content } })}\n`) };
    }
    return { json: world.app ?? PROGRESSING };
  };
  const server = await startServer(answer);
  const argo = connect(server.url);
  cleanUps.push(server.close, () => argo.close());
  return { ...(await diagnose(argo, REF, { changed, redactor })), requests: server.received };
}

const CRASHED = {
  status: {
    containerStatuses: [
      { name: 'sidecar', ready: true, restartCount: 0, state: {} },
      {
        name: 'web',
        ready: false,
        restartCount: 4,
        state: { waiting: { reason: 'CrashLoopBackOff', message: 'back-off 40s restarting failed container' } },
        lastState: { terminated: { reason: 'Error', exitCode: 3 } },
      },
    ],
  },
};

describe('a diagnosis', () => {
  it('of a crash names the pod’s exit code and the telling line of the ended run’s log', async () => {
    const diagnosis = await run({
      tree: toTree([
        { name: 'web-old-1', set: 'web-old', reason: 'CrashLoopBackOff', restarts: 50 },
        { name: 'web-new-1', reason: 'CrashLoopBackOff', restarts: 4 },
      ]),
      pod: CRASHED,
      log: ['starting'],
      previousLog: ['starting', 'Error: cannot reach db at 10.0.0.7:5432', 'bye'],
    });
    expect(diagnosis).toMatchObject({ class: 'crash_loop', object: WEB, exitCode: 3, reason: 'CrashLoopBackOff' });
    expect(diagnosis.sentence).toContain('Error: cannot reach db');
    expect(diagnosis.logTail).toHaveLength(3);
    const logs = diagnosis.requests.filter(({ path }) => path.endsWith('/logs'));
    expect(logs.map(({ path, query }) => [path.split('/').at(-2), query.get('container')])).toEqual([
      ['web-new-1', 'web'],
    ]);
    expect(diagnosis.evidence).toContainEqual({ object: 'Pod prod/web-new-1', field: 'Restart Count', value: '4' });
  });

  it('masks secrets in everything it tells', async () => {
    const diagnosis = await run({
      tree: toTree([{ name: 'web-new-1', reason: 'Error', restarts: 1 }]),
      pod: CRASHED,
      previousLog: ['fatal: bad password=s3cr3t-value', 'Authorization: Bearer abcdefghijklmnop'],
      events: { 'web-new-1': [{ reason: 'BackOff', message: 'args --token=s3cr3t-value' }] },
    });
    const told = JSON.stringify({ ...diagnosis, requests: [] });
    expect(told).toContain('[redacted]');
    expect(told).not.toContain('s3cr3t-value');
    expect(told).not.toContain('abcdefghijklmnop');
  });

  it('of a missing image comes from the pod alone when nothing else can be read', async () => {
    const diagnosis = await run({
      tree: toTree([{ name: 'web-new-1', reason: 'ImagePullBackOff', message: 'Back-off pulling image "web:nope"' }]),
    });
    expect(diagnosis).toMatchObject({ class: 'image_pull', reason: 'ImagePullBackOff' });
    expect(diagnosis.evidence.map(({ field }) => field)).toContain('not readable');
  });

  it('does not take the answer about a container that never ran for its log', async () => {
    const waiting = { waiting: { reason: 'ErrImagePull', message: 'manifest unknown' } };
    const diagnosis = await run({
      tree: toTree([{ name: 'web-new-1', reason: 'ErrImagePull' }]),
      pod: { status: { containerStatuses: [{ name: 'web', restartCount: 0, state: waiting }] } },
      log: ['container "web" in pod "web-new-1" is waiting to start'],
    });
    expect(diagnosis).toMatchObject({ class: 'image_pull', logTail: [] });
  });

  it('of pods that were never made looks at the controllers above', async () => {
    const diagnosis = await run({
      tree: toTree([]),
      events: { 'web-new': [{ reason: 'FailedCreate', message: 'pods "web-x" is forbidden: exceeded quota: small' }] },
    });
    expect(diagnosis).toMatchObject({ class: 'quota', object: WEB });
  });

  it('of a refused object and of a failed hook comes from the operation', async () => {
    const message = 'spec.selector: Invalid value: field is immutable';
    // Ordinary objects have a hook phase as well.
    const result = { ...WEB, status: 'SyncFailed', hookPhase: 'Failed', message };
    const refused = { phase: 'Failed', started: 2, finished: 3, message: 'failed', resources: [result] };
    expect(await run({ app: toApp({ operation: refused }) })).toMatchObject({ class: 'immutable_field', object: WEB });
    const job = {
      group: 'batch',
      kind: 'Job',
      namespace: 'prod',
      name: 'migrate',
      hookType: 'PreSync',
      hookPhase: 'Failed',
      message: 'backoff limit',
    };
    const hooked = { phase: 'Failed', started: 2, finished: 3, resources: [job] };
    expect(await run({ app: toApp({ operation: hooked }) })).toMatchObject({
      class: 'hook',
      object: { name: 'migrate' },
    });
  });

  it('of broken manifests is the condition', async () => {
    const conditions = [{ type: 'ComparisonError', message: 'yaml: line 3: mapping values' }];
    const diagnosis = await run({ app: toApp({ sync: 'Unknown', conditions }) });
    expect(diagnosis).toMatchObject({ class: 'render', message: 'yaml: line 3: mapping values' });
  });

  it('says that nothing shows when nothing does', async () => {
    expect(await run({ app: toAppliedApp() })).toMatchObject({ class: 'unknown', logTail: [] });
  });

  it('looks first at what was changed', async () => {
    const other = {
      ...WEB,
      name: 'other',
      status: 'Synced',
      health: { status: 'Degraded', message: 'exceeded its progress deadline' },
    };
    const web = { ...WEB, status: 'Synced', health: { status: 'Degraded', message: 'exceeded its progress deadline' } };
    const diagnosis = await run({
      app: toAppliedApp({ health: 'Degraded', resources: [other, web] }),
      tree: toTree([]),
    });
    expect(diagnosis).toMatchObject({ class: 'timeout', object: WEB });
  });
});

describe('the class', () => {
  const none = { reasons: [], ended: [], messages: [], events: [] };
  it.each([
    ['oom_killed', { reasons: ['CrashLoopBackOff'], ended: [{ reason: 'OOMKilled', exitCode: 137 }] }],
    [
      'probe_failed',
      { reasons: ['CrashLoopBackOff'], events: ['Killing: Container web failed liveness probe, will be restarted'] },
    ],
    ['probe_failed', { events: ['Unhealthy: Readiness probe failed: connection refused'] }],
    [
      'crash_loop',
      { reasons: ['CrashLoopBackOff'], events: ['Unhealthy: Readiness probe failed: connection refused'] },
    ],
    ['scheduling', { events: ['FailedScheduling: 0/3 nodes are available: insufficient cpu'] }],
    ['config_missing', { reasons: ['CreateContainerConfigError'], messages: ['secret "db" not found'] }],
    [
      'analysis',
      { messages: ['RolloutAborted: metric "errors" assessed Failed due to failed (3) > failureLimit (2)'] },
    ],
    ['timeout', { messages: ['Deployment "web" exceeded its progress deadline'] }],
    ['unknown', { messages: ['something else'] }],
  ])('%s', (named, symptoms) => {
    expect(classify({ ...none, ...symptoms }).class).toBe(named);
  });
});

describe('the telling line of a log', () => {
  it('names a fault rather than the end it led to', () => {
    const log = [
      'start',
      'TypeError: port is undefined',
      '    at main (server.js:17)',
      'level=fatal msg="exiting"',
      '',
    ];
    expect(findTellingLine(log)).toBe('TypeError: port is undefined');
    expect(findTellingLine(['start', 'cannot bind', 'bye'])).toBe('cannot bind');
    expect(findTellingLine(['start', 'bye', ''])).toBe('bye');
    expect(findTellingLine([])).toBeUndefined();
  });
});

describe('a fingerprint', () => {
  const base: Diagnosis = {
    class: 'crash_loop',
    sentence: '',
    object: WEB,
    reason: 'CrashLoopBackOff',
    message: 'back-off 40s restarting failed container=web pod=web-7d4b9c6f5d-x2x8p',
    exitCode: 1,
    logTail: ['2026-01-01T12:00:00Z Error: cannot reach db at 10.0.0.7:5432 after 31s'],
    evidence: [],
  };

  it('is the same for the same cause on another day, pod and address', () => {
    const again = {
      ...base,
      reason: 'Error',
      message: 'back-off 5m0s restarting failed container=web pod=web-5f6b7c8d9f-abcde',
      logTail: ['2026-03-09T07:11:59.123Z Error: cannot reach db at 10.9.1.44:5432 after 7s'],
    };
    expect(toFingerprint(again)).toEqual(toFingerprint(base));
  });

  it('differs for another cause', () => {
    const other = { ...base, logTail: ['panic: nil pointer'] };
    expect(toFingerprint(other)).not.toEqual(toFingerprint(base));
    expect(toFingerprint({ ...base, exitCode: 137 })).not.toEqual(toFingerprint(base));
  });

  it('strips what varies and keeps what tells', () => {
    expect(toSignature('Pod web-7d4b9c6f5d-x2x8p pulled sha256:abcdef0123456789 in 1m30s')).toBe(
      'pod web-<pod> pulled <digest> in <duration>',
    );
    expect(toSignature('deadbeef is a word, deadbeef1 is not')).toBe('deadbeef is a word, <hex> is not');
  });

  it('stays short and still tells long texts apart', () => {
    const [one, two] = ['x', 'y'].map((end) => toSignature(`${'long '.repeat(100)}${end}`));
    expect(one).not.toBe(two);
    expect(one?.length).toBeLessThan(240);
  });
});
