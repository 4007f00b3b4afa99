import { afterEach, describe, expect, it } from 'vitest';
import { type ArgoError, isArgoError } from './error.ts';
import type { ArgoClientOptions } from './http.ts';
import {
  type Answer,
  connect,
  createDrivenClock,
  type Received,
  REQUEST_TIMEOUT_MS,
  startServer,
  toDenial,
} from './test-server.ts';

const cleanUps: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0)) await cleanUp();
});

async function setUp(answer: (request: Received) => Answer | 'never', more: Partial<ArgoClientOptions> = {}) {
  const server = await startServer(answer);
  const argo = connect(server.url, more);
  cleanUps.push(() => argo.close(), server.close);
  return { server, argo };
}

const APP = { metadata: { name: 'web', namespace: 'team' }, spec: { project: 'p' } };
const REF = { name: 'web', namespace: 'team', project: 'p' };

async function failure(promise: Promise<unknown>): Promise<ArgoError> {
  const error: unknown = await promise.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!isArgoError(error)) throw new Error(`an ArgoError was expected, not ${String(error)}`);
  return error;
}

describe('requests', () => {
  it('carry the token, the namespace and the project', async () => {
    const { argo, server } = await setUp(() => ({ json: APP }));
    const application = await argo.getApplication(REF);
    expect(application.status.resources).toEqual([]);
    const [request] = server.received;
    expect(request?.headers.authorization).toBe('Bearer token-1');
    expect(request?.query.toString()).toBe('appNamespace=team&project=p');
    expect(request?.headers['content-type']).toBeUndefined();
  });

  it('that write say application/json and nothing more, with or without a body', async () => {
    const { argo, server } = await setUp(() => ({ json: APP }));
    await argo.sync(REF, { infos: [{ name: 'ticket', value: '1' }] });
    await argo.terminateOperation(REF);
    expect(server.received.map(({ headers }) => headers['content-type'])).toEqual([
      'application/json',
      'application/json',
    ]);
    expect(server.received.map(({ headers }) => headers['transfer-encoding'])).toEqual([undefined, undefined]);
  });

  it('put everything into the body where the route ignores the query', async () => {
    const { argo, server } = await setUp(() => ({ json: APP }));
    await argo.sync(REF, { revision: 'a'.repeat(40), infos: [] });
    expect(server.received[0]?.query.size).toBe(0);
    expect(JSON.parse(server.received[0]?.body ?? '')).toEqual({
      name: 'web',
      appNamespace: 'team',
      project: 'p',
      revision: 'a'.repeat(40),
      infos: [],
    });
  });

  it('keep a path prefix and escape names', async () => {
    const server = await startServer(() => ({ json: APP }));
    const argo = connect(`${server.url}/argo/`);
    cleanUps.push(server.close);
    await argo.getApplication({ name: 'a/../b' });
    expect(server.received[0]?.path).toBe('/argo/api/v1/applications/a%2F..%2Fb');
  });

  it('refuse an address with a password in it', () => {
    expect(() => connect('https://admin:hunter22@argo.example.com')).toThrow(/must not hold/);
  });
});

describe('errors', () => {
  const cases: [string, Answer, { reason: string; code: string }, { withProject?: boolean }?][] = [
    [
      '403 without a project',
      toDenial(403, 7, 'permission denied'),
      { reason: 'missing_or_denied', code: 'argocd_denied' },
    ],
    [
      '403 with a project',
      toDenial(403, 7, 'permission denied'),
      { reason: 'denied', code: 'argocd_denied' },
      { withProject: true },
    ],
    [
      '404 with a project',
      toDenial(404, 5, 'not found'),
      { reason: 'not_found', code: 'not_found' },
      { withProject: true },
    ],
    [
      'a precondition, sent as 400',
      toDenial(400, 9, 'another operation is already in progress'),
      { reason: 'operation_in_progress', code: 'argocd_failed' },
    ],
    [
      'another precondition, also 400',
      toDenial(400, 9, 'Cannot sync to abc: auto-sync currently set to main'),
      { reason: 'auto_sync_revision', code: 'argocd_failed' },
    ],
    [
      'a sync window, sent as 403',
      toDenial(403, 7, 'cannot sync: blocked by sync window'),
      { reason: 'sync_window', code: 'argocd_denied' },
    ],
    ['a conflict', toDenial(409, 10, 'the object has been modified'), { reason: 'conflict', code: 'argocd_failed' }],
    ['an untyped server error', toDenial(500, 2, 'boom'), { reason: 'failed', code: 'argocd_failed' }],
    ['no session', toDenial(401, 16, 'no session information'), { reason: 'unauthenticated', code: 'argocd_denied' }],
    ['bad input', toDenial(400, 3, 'bad'), { reason: 'rejected', code: 'argocd_failed' }],
  ];

  it.each(cases)('keep their meaning: %s', async (_, answer, expected, { withProject } = {}) => {
    const { argo } = await setUp(() => answer);
    const error = await failure(argo.getApplication(withProject === true ? REF : { name: 'web' }));
    expect({ reason: error.reason, code: error.code }).toEqual(expected);
    expect(error.upstreamStatus).toBe(answer.status);
  });

  it.each([
    [toDenial(408, 1, 'context canceled'), 'unreachable'],
    [toDenial(504, 4, 'context deadline exceeded'), 'timed_out'],
    [toDenial(409, 6, 'already exists'), 'conflict'],
    [toDenial(429, 8, 'too many requests'), 'overloaded'],
    [toDenial(501, 12, 'unknown method'), 'unsupported'],
    [toDenial(500, 13, 'Internal error'), 'failed'],
    [toDenial(503, 14, 'connection refused'), 'unreachable'],
    [
      toDenial(
        400,
        9,
        'error setting app operation: rpc error: code = FailedPrecondition desc = another operation is already in progress',
      ),
      'operation_in_progress',
    ],
    [toDenial(400, 3, 'Unable to terminate operation. No operation is in progress'), 'no_operation'],
    [toDenial(400, 9, 'application is deleting'), 'being_deleted'],
    [{ status: 415, text: 'Invalid content type\n' }, 'unsupported'],
    [
      { status: 502, headers: { 'content-type': 'text/html' }, text: '<html><h1>502 Bad Gateway</h1></html>' },
      'unreachable',
    ],
    [{ status: 404, text: '404 page not found\n' }, 'not_found'],
  ] as [Answer, string][])('are told apart by code and words: %j', async (answer, reason) => {
    const { argo, server } = await setUp(() => answer);
    const error = await failure(argo.sync(REF, { infos: [] }));
    expect(error.reason).toBe(reason);
    expect(error.upstreamMessage).not.toMatch(/[<>]/);
    expect(server.received).toHaveLength(1);
  });

  it('name what is there instead of an Argo CD server', async () => {
    const { argo } = await setUp(() => ({ headers: { 'content-type': 'text/html' }, text: '<html>welcome</html>' }));
    expect((await failure(argo.getApplication(REF, { refresh: 'normal' }))).message).toContain('is this the address');
  });

  it('name the field of an answer with an unexpected shape', async () => {
    const { argo } = await setUp(() => ({ json: { metadata: { name: 7 } } }));
    expect((await failure(argo.getApplication(REF))).message).toContain('metadata.name');
  });
});

describe('repetition', () => {
  const NETWORK = [REQUEST_TIMEOUT_MS];

  it('is for reads that could not be answered, and ends', async () => {
    const clock = createDrivenClock(NETWORK);
    let calls = 0;
    const { argo } = await setUp(() => (++calls < 3 ? { status: 503, text: 'upstream' } : { json: APP }), { clock });
    await clock.drive(argo.getApplication(REF));
    expect(calls).toBe(3);
    calls = -100;
    expect((await failure(clock.drive(argo.getApplication(REF)))).reason).toBe('unreachable');
    expect(calls).toBe(-97);
  });

  it('is for reads whose answer broke off', async () => {
    const clock = createDrivenClock(NETWORK);
    let calls = 0;
    const { argo } = await setUp(() => (++calls === 1 ? { chunks: ['{"metadata":{"na'], cut: true } : { json: APP }), {
      clock,
    });
    expect((await clock.drive(argo.getApplication(REF))).metadata.name).toBe('web');
    expect(calls).toBe(2);
  });

  it('is not for writes, refusals and refreshes', async () => {
    const { argo, server } = await setUp((request) =>
      request.query.has('refresh') || request.method === 'POST' ? { status: 503 } : toDenial(403, 7, 'no'),
    );
    await failure(argo.sync(REF, { infos: [] }));
    await failure(argo.getApplication(REF, { refresh: 'normal' }));
    await failure(argo.getApplication(REF));
    expect(server.received.length).toBe(3);
  });

  it('does not hide a server that is not there', async () => {
    const clock = createDrivenClock(NETWORK);
    const server = await startServer(() => ({}));
    await server.close();
    const argo = connect(server.url, { clock });
    expect(await failure(clock.drive(argo.version()))).toMatchObject({
      reason: 'unreachable',
      code: 'argocd_unavailable',
    });
  });
});

describe('time limits', () => {
  it('end a refresh the controller never answers', async () => {
    const clock = createDrivenClock([59_999], () => true);
    const { argo } = await setUp(() => 'never', { clock });
    const error = await failure(clock.drive(argo.getApplication(REF, { refresh: 'normal', timeoutMs: 59_999 })));
    expect(error.reason).toBe('timed_out');
  });

  it('end an answer that stops in the middle', async () => {
    const clock = createDrivenClock([REQUEST_TIMEOUT_MS], () => true);
    const { argo } = await setUp(() => ({ chunks: ['{"metadata":'], open: true }), { clock });
    expect((await failure(clock.drive(argo.getApplication(REF)))).reason).toBe('timed_out');
  });

  it('leave the reason of an abort as it is', async () => {
    const { argo } = await setUp(() => 'never');
    const stop = new AbortController();
    const call = argo.getApplication(REF, { signal: stop.signal });
    stop.abort(new Error('the ticket was cancelled'));
    await expect(call).rejects.toThrow('the ticket was cancelled');
  });
});

describe('redirects', () => {
  it('never carry the token to another origin', async () => {
    const stranger = await startServer(() => ({ json: APP }));
    cleanUps.push(stranger.close);
    const { argo } = await setUp(() => ({ status: 307, headers: { location: `${stranger.url}/api` } }));
    expect((await failure(argo.getApplication(REF))).reason).toBe('redirected');
    expect(stranger.received).toEqual([]);
  });

  it('never leave the path of the server, where another program answers under the same origin', async () => {
    const server = await startServer(({ path }) =>
      path.startsWith('/argocd/')
        ? { status: 302, headers: { location: '/argocd-console/login?next=x' } }
        : { json: APP },
    );
    cleanUps.push(server.close);
    const error = await failure(connect(`${server.url}/argocd`).getApplication(REF));
    expect(error.reason).toBe('redirected');
    expect(error.message).toMatch(/\/argocd-console\/login$/);
    expect(server.received).toHaveLength(1);
  });

  it('are followed within the origin for reads, not for writes', async () => {
    const { argo } = await setUp((request) =>
      request.path.startsWith('/moved') ? { json: APP } : { status: 302, headers: { location: '/moved' } },
    );
    expect((await argo.getApplication(REF)).metadata.name).toBe('web');
    expect((await failure(argo.sync(REF, { infos: [] }))).reason).toBe('redirected');
  });

  it('do not go round for ever', async () => {
    const { argo, server } = await setUp(() => ({ status: 302, headers: { location: '/again' } }));
    expect((await failure(argo.getApplication(REF))).reason).toBe('redirected');
    expect(server.received.length).toBeLessThan(6);
  });
});

describe('logs', () => {
  const line = (content: string, last = false) => `${JSON.stringify({ result: { content, last, podName: 'p' } })}\n`;

  it('are the lines until the closing item', async () => {
    const { argo, server } = await setUp(() => ({ chunks: [line('one'), line('two'), line('', true)] }));
    const query = { podName: 'web-1', namespace: 'prod', container: 'web', tailLines: 20, previous: true };
    expect(await argo.logs(REF, query)).toEqual(['one', 'two']);
    const [request] = server.received;
    expect(request?.path).toBe('/api/v1/applications/web/pods/web-1/logs');
    expect(Object.fromEntries(request?.query ?? [])).toMatchObject({
      tailLines: '20',
      previous: 'true',
      follow: 'false',
    });
  });

  it('are empty when no pod matches', async () => {
    const { argo } = await setUp(() => ({ text: '' }));
    expect(await argo.logs(REF, { namespace: 'prod', tailLines: 5 })).toEqual([]);
  });

  it('end with the error the stream carries', async () => {
    const error = JSON.stringify({ error: { grpc_code: 7, http_code: 403, message: 'permission denied' } });
    const { argo } = await setUp(() => ({ chunks: [line('one'), error] }));
    expect((await failure(argo.logs(REF, { namespace: 'prod', tailLines: 5 }))).message).toContain('permission denied');
  });
});

describe('resource actions', () => {
  const target = { group: 'argoproj.io', version: 'v1alpha1', kind: 'Rollout', namespace: 'prod', name: 'web' };

  it('use the older route where the newer one is unknown', async () => {
    const { argo, server } = await setUp((request) =>
      request.path.endsWith('/v2') ? toDenial(404, 5, 'Not Found') : { json: {} },
    );
    await argo.runResourceAction(REF, target, 'resume');
    expect(server.received[1]?.body).toBe('"resume"');
    expect(server.received[1]?.query.get('resourceName')).toBe('web');
  });

  it('do not repeat an action because the application is missing', async () => {
    const { argo, server } = await setUp(() => toDenial(404, 5, 'applications.argoproj.io "web" not found'));
    await failure(argo.runResourceAction(REF, target, 'resume'));
    expect(server.received.length).toBe(1);
  });
});

describe('the application stream', () => {
  const item = (name: string, version: string) =>
    JSON.stringify({
      result: { type: 'MODIFIED', application: { metadata: { name, namespace: 'argocd', resourceVersion: version } } },
    });

  async function collect(answer: Answer, more: Partial<ArgoClientOptions> = {}) {
    const { argo, server } = await setUp(() => answer, more);
    const names: string[] = [];
    const run = async (idleTimeoutMs?: number) => {
      const options = idleTimeoutMs === undefined ? {} : { idleTimeoutMs };
      for await (const hint of argo.streamApplications(options)) names.push(hint.application.name);
    };
    return { names, server, run };
  }

  it('is asked for in the framing that has keep-alives, by exactly its name', async () => {
    const { server, run } = await collect({ text: '' });
    await run();
    expect(server.received[0]?.headers.accept).toBe('text/event-stream');
  });

  it('is read in both framings, in pieces cut anywhere, with an unterminated tail', async () => {
    const sse = `:\n\ndata: ${item('a', '1')}\n\n:\ndata: ${item('b', '2')}\n\n${item('c', '3')}\n${item('ä', '4')}`;
    // Byte by byte, so that even a letter of two bytes comes in two pieces.
    const bytes = [...Buffer.from(sse)].map((byte) => Buffer.of(byte));
    const { names, run } = await collect({ chunks: bytes });
    await run();
    expect(names).toEqual(['a', 'b', 'c', 'ä']);
  });

  it('ends with the typed error of its last item', async () => {
    const error = '{"error":{"grpc_code":16,"http_code":401,"message":"token expired","http_status":"Unauthorized"}}';
    const { names, run } = await collect({ chunks: [`data: ${item('a', '1')}\n\n`, error] });
    expect((await failure(run())).reason).toBe('unauthenticated');
    expect(names).toEqual(['a']);
  });

  it('does not take a cut item for an event', async () => {
    const { run } = await collect({ chunks: [item('a', '1').slice(0, 30)] });
    expect((await failure(run())).reason).toBe('unreadable');
  });

  it('breaks when the connection does, and when it falls silent', async () => {
    const cut = await collect({ chunks: [`data: ${item('a', '1')}\n\n`], cut: true });
    expect((await failure(cut.run())).reason).toBe('unreachable');
    const clock = createDrivenClock([REQUEST_TIMEOUT_MS]);
    const silent = await collect({ chunks: [`data: ${item('a', '1')}\n\n`], open: true }, { clock });
    expect(await failure(clock.drive(silent.run(20_000)))).toMatchObject({
      reason: 'timed_out',
      upstreamMessage: 'the stream was silent for 20000 ms',
    });
    expect(silent.names).toEqual(['a']);
  });
});
