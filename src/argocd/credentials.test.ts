import { afterEach, describe, expect, it } from 'vitest';
import { createManualClock } from '../lib/clock.ts';
import { silentLogger } from '../lib/logger.ts';
import { type ArgoError, isArgoError } from './error.ts';
import type { ArgoClientOptions } from './http.ts';
import { type Answer, connect, type Received, startServer, toDenial } from './test-server.ts';

const APP = { metadata: { name: 'web', namespace: 'team' }, spec: { project: 'p' } };
const REF = { name: 'web', namespace: 'team', project: 'p' };

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

async function failure(promise: Promise<unknown>): Promise<ArgoError> {
  const error: unknown = await promise.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!isArgoError(error)) throw new Error(`an ArgoError was expected, not ${String(error)}`);
  return error;
}

function toToken(expSeconds: number): string {
  return `h.${Buffer.from(JSON.stringify({ exp: expSeconds })).toString('base64url')}.s`;
}

describe('a session', () => {
  const session = { username: 'tiphys', password: 'correct horse' };
  const withoutToken = (clock = createManualClock()) =>
    ({ token: undefined, session, clock }) as Partial<ArgoClientOptions>;

  it('logs in once for many calls', async () => {
    const clock = createManualClock();
    const token = toToken(clock.now() / 1000 + 86_400);
    const { argo, server } = await setUp(
      (request) => (request.path === '/api/v1/session' ? { json: { token } } : { json: APP }),
      withoutToken(clock),
    );
    await Promise.all([argo.getApplication(REF), argo.getApplication(REF)]);
    await argo.getApplication(REF);
    expect(server.received.filter(({ path }) => path === '/api/v1/session').length).toBe(1);
    expect(server.received.at(-1)?.headers.authorization).toBe(`Bearer ${token}`);
  });

  it('logs in again shortly before the token ends', async () => {
    const clock = createManualClock();
    let issued = 0;
    const { argo } = await setUp((request) => {
      if (request.path !== '/api/v1/session') return { json: APP };
      issued += 1;
      return { json: { token: toToken(clock.now() / 1000 + 3_600) } };
    }, withoutToken(clock));
    await argo.getApplication(REF);
    await clock.advance(3_500_000);
    await argo.getApplication(REF);
    expect(issued).toBe(1);
    await clock.advance(50_000);
    await argo.getApplication(REF);
    expect(issued).toBe(2);
  });

  it('logs in once more when a token is refused before its end', async () => {
    let issued = 0;
    const { argo } = await setUp((request) => {
      if (request.path === '/api/v1/session') return { json: { token: `a.b.${++issued}` } };
      return request.headers.authorization === 'Bearer a.b.1' ? toDenial(401, 16, 'revoked') : { json: APP };
    }, withoutToken());
    expect((await argo.getApplication(REF)).metadata.name).toBe('web');
    expect(issued).toBe(2);
  });

  it('never repeats a refused login before the server would forget it', async () => {
    const clock = createManualClock();
    const { argo, server } = await setUp(() => toDenial(401, 16, 'Invalid username or password'), withoutToken(clock));
    for (let call = 0; call < 10; call += 1)
      expect((await failure(argo.getApplication(REF))).reason).toBe('unauthenticated');
    expect(server.received.length).toBe(1);
    await clock.advance(331_000);
    await failure(argo.getApplication(REF));
    expect(server.received.length).toBe(2);
  });

  it('does not go round when every new token is refused', async () => {
    const { argo, server } = await setUp(
      (request) => (request.path === '/api/v1/session' ? { json: { token: 't.t.t' } } : toDenial(401, 16, 'no')),
      withoutToken(),
    );
    expect((await failure(argo.getApplication(REF))).reason).toBe('unauthenticated');
    expect(server.received.length).toBe(4);
  });

  it('waits for one login no longer than the caller does, and lets it go on for the others', async () => {
    const { argo, server } = await setUp(
      (request) => (request.path === '/api/v1/session' ? 'never' : { json: APP }),
      withoutToken(),
    );
    const stop = new AbortController();
    const impatient = argo.getApplication(REF, { signal: stop.signal });
    const others = argo.getApplication(REF);
    others.catch(() => undefined);
    while (server.received.length === 0) await new Promise((resolve) => setImmediate(resolve));
    stop.abort(new Error('the ticket was cancelled'));
    await expect(impatient).rejects.toThrow('the ticket was cancelled');
    expect(server.received.map(({ path }) => path)).toEqual(['/api/v1/session']);
  });

  it('keeps a login that failed on the way from counting as refused', async () => {
    const clock = createManualClock();
    let logins = 0;
    const { argo } = await setUp((request) => {
      if (request.path !== '/api/v1/session') return { json: APP };
      logins += 1;
      return logins === 1 ? { status: 503, text: 'upstream' } : { json: { token: toToken(clock.now() / 1000 + 900) } };
    }, withoutToken(clock));
    expect((await failure(argo.sync(REF, { infos: [] }))).reason).toBe('unreachable');
    expect((await argo.sync(REF, { infos: [] })).metadata.name).toBe('web');
    expect(logins).toBe(2);
  });
});

describe('the life of an API token', () => {
  const DAY = 86_400;

  it('is told ahead of its end', () => {
    const clock = createManualClock();
    const expiry = (seconds: number) =>
      connect('http://localhost', { clock, token: toToken(clock.now() / 1000 + seconds) }).tokenExpiry().state;
    expect([expiry(-1), expiry(3_600), expiry(30 * DAY)]).toEqual(['expired', 'expiring', 'valid']);
    expect(connect('http://localhost', { token: 'opaque' }).tokenExpiry()).toEqual({ state: 'never' });
    expect(connect('http://localhost', { token: undefined }).tokenExpiry()).toEqual({ state: 'none' });
  });

  it('is logged from a week before its end, once a day, without the token', async () => {
    const clock = createManualClock();
    const token = toToken(clock.now() / 1000 + 8 * DAY);
    const told: [object, string][] = [];
    const logger = { ...silentLogger, warn: (data: object, message: string) => void told.push([data, message]) };
    const { argo } = await setUp(() => ({ json: APP }), { clock, logger, token });
    const look = async (days: number) => {
      await clock.advance(days * DAY * 1000);
      await argo.getApplication(REF);
      await argo.getApplication(REF);
      return told.length;
    };
    expect([await look(0), await look(1.5), await look(0.1), await look(1)]).toEqual([0, 1, 1, 2]);
    expect(told[0]).toEqual([{ endsAt: '2026-01-09T00:00:00.000Z' }, 'the argocd token ends soon and is not renewed']);
    await look(6);
    expect(told.at(-1)?.[1]).toBe('the argocd token has ended');
    expect(JSON.stringify(told)).not.toContain(token);
  });

  it('is named as the reason when the server refuses a token that has ended', async () => {
    const clock = createManualClock();
    const { argo } = await setUp(() => toDenial(401, 16, 'invalid session: token is expired'), {
      clock,
      token: toToken(clock.now() / 1000 - 60),
    });
    const error = await failure(argo.getApplication(REF));
    expect(error).toMatchObject({ reason: 'unauthenticated', upstreamStatus: 401, grpcCode: 16 });
    expect(error.message).toContain('our token ended on 2025-12-31T23:59:00.000Z');
  });
});

describe('an API token', () => {
  it('may have come with a newline or the word Bearer', async () => {
    const { argo, server } = await setUp(() => ({ json: APP }), { token: ' Bearer a.b.c\n' });
    await argo.getApplication(REF);
    expect(server.received[0]?.headers.authorization).toBe('Bearer a.b.c');
  });

  it.each(['', ' \n', 'two words', 'a\nb'])('that cannot be one is refused when the client is made: %j', (token) => {
    expect(() => connect('http://localhost', { token })).toThrow(/the Argo CD token (is empty|holds spaces)/);
  });
});
