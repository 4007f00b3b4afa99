import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import type { ArgoInstanceSettings } from '../config/instances.ts';
import { createManualClock } from '../lib/clock.ts';
import { AppError } from '../lib/errors.ts';
import { silentLogger } from '../lib/logger.ts';
import { createRedactor } from '../lib/redact.ts';
import { isArgoError } from './error.ts';
import { createArgoInstances } from './instances.ts';
import { startServer, toDenial, type Answer, type Received } from './test-server.ts';

let dir: string;
beforeEach(async () => void (dir = await mkdtemp(join(tmpdir(), 'tiphys-token-'))));
afterEach(async () => await rm(dir, { recursive: true, force: true }));

async function serve(answer: (request: Received) => Answer | 'never') {
  const server = await startServer(answer);
  onTestFinished(async () => await server.close());
  return server;
}

function open(settings: (Pick<ArgoInstanceSettings, 'name' | 'server'> & Partial<ArgoInstanceSettings>)[]) {
  const redactor = createRedactor();
  const rest = {
    isDefault: false,
    token: null,
    tokenFile: null,
    session: null,
    caFile: null,
    kubeconfig: null,
    kubeContext: null,
  };
  const instances = createArgoInstances(
    settings.map((one, index) => ({ ...rest, cluster: one.name, isDefault: index === 0, ...one })),
    {
      requestTimeoutMs: 10_000,
      rollouts: 'absent',
      clock: createManualClock(),
      logger: silentLogger,
      redactor,
    },
  );
  onTestFinished(async () => await instances.close());
  return { instances, redactor };
}

describe('Argo CD instances', () => {
  it('each have a client with their own credentials, and connect when they are used', async () => {
    const [a, b] = [await serve(() => ({ json: { Version: 'a' } })), await serve(() => ({ json: { Version: 'b' } }))];
    const { instances } = open([
      { name: 'staging', server: a.url, token: 'token-a' },
      { name: 'production', server: b.url, token: 'token-b' },
    ]);
    expect(instances.default.name).toBe('staging');
    expect([a.received, b.received]).toEqual([[], []]);
    expect((await instances.get('production').argo.version()).Version).toBe('b');
    expect(b.received.map(({ headers }) => headers.authorization)).toEqual(['Bearer token-b']);
    expect(a.received).toEqual([]);
  });

  it('are told apart by name, and a name that is nearly right is suggested', () => {
    const { instances } = open([
      { name: 'staging', server: 'http://127.0.0.1:1' },
      { name: 'production', server: 'http://127.0.0.1:2' },
    ]);
    const refusal = (name: string) => {
      try {
        return instances.get(name).name;
      } catch (error) {
        if (!(error instanceof AppError)) throw error;
        return { code: error.code, hint: error.hint, near: error.details['near'] };
      }
    };
    expect(refusal('prodution')).toEqual({
      code: 'unknown_target',
      hint: 'Did you mean production? Configured: staging, production.',
      near: ['production'],
    });
    expect(refusal('moon')).toMatchObject({ hint: 'Configured: staging, production.', near: [] });
  });
});

describe('a token in a file', () => {
  const bearer = ({ headers }: Received) => headers.authorization;

  it('is read again when it is refused, so that a rotated one works, and both are masked from then on', async () => {
    const file = join(dir, 'token');
    await writeFile(file, 'first-token-of-all\n');
    let good = 'Bearer first-token-of-all';
    const server = await serve((request) =>
      bearer(request) === good ? { json: { Version: 'v3' } } : toDenial(401, 16, 'invalid session'),
    );
    const { instances, redactor } = open([{ name: 'default', server: server.url, tokenFile: file }]);
    const { argo } = instances.default;
    await argo.version();
    await writeFile(file, 'second-token-of-all');
    good = 'Bearer second-token-of-all';
    expect((await argo.version()).Version).toBe('v3');
    expect(server.received.map(bearer)).toEqual([
      'Bearer first-token-of-all',
      'Bearer first-token-of-all',
      'Bearer second-token-of-all',
    ]);
    expect(redactor.text('first-token-of-all and second-token-of-all')).toBe('[redacted] and [redacted]');
  });

  it('is not tried again while the file holds what was refused, or nothing', async () => {
    const file = join(dir, 'token');
    await writeFile(file, 'a-token-that-is-over');
    const server = await serve(() => toDenial(401, 16, 'invalid session'));
    const { argo } = open([{ name: 'default', server: server.url, tokenFile: file }]).instances.default;
    const refused = async () => await argo.version().catch((error: unknown) => isArgoError(error, 'unauthenticated'));
    expect(await refused()).toBe(true);
    await rm(file);
    expect(await refused()).toBe(true);
    expect(server.received.map(bearer)).toEqual(['Bearer a-token-that-is-over', 'Bearer a-token-that-is-over']);
  });
});
