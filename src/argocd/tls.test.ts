import * as https from 'node:https';
import { writeFile, mkdtemp, rm } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { createAuthority } from '../../test/support/certificate.ts';
import { isArgoError } from './error.ts';
import { connect } from './test-server.ts';
import { createSystemClock } from '../lib/clock.ts';

const cleanUps: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

async function startTls(certified: { key: string; cert: string }) {
  const seen: string[] = [];
  const server = https.createServer(certified, (request, response) => {
    seen.push(`${request.method} ${request.headers.authorization}`);
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify({ Version: 'v3.5.1', metadata: { name: 'web' } }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  cleanUps.push(
    () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  );
  return { port: (server.address() as AddressInfo).port, seen };
}

const clock = createSystemClock();
const call = async (url: string, ca?: string) => {
  const argo = connect(url, { clock, ...(ca === undefined ? {} : { ca }) });
  cleanUps.push(() => argo.close());
  return await argo.version();
};
const refusal = async (promise: Promise<unknown>) => {
  const error: unknown = await promise.catch((thrown: unknown) => thrown);
  if (!isArgoError(error)) throw new Error(`an ArgoError was expected, not ${String(error)}`);
  return error;
};

describe('a server with a certificate of a private authority', () => {
  const authority = createAuthority('Acme Root');
  const certified = authority.issue(['localhost', '127.0.0.1']);

  it('is trusted with that authority, for reads and for writes, which use a connection of their own', async () => {
    const { port, seen } = await startTls(certified);
    const argo = connect(`https://localhost:${port}`, { clock, ca: authority.ca });
    cleanUps.push(() => argo.close());
    expect((await argo.version()).Version).toBe('v3.5.1');
    await argo.sync({ name: 'web' }, { infos: [] });
    expect(seen).toEqual(['GET Bearer token-1', 'POST Bearer token-1']);
  });

  it('is trusted with the authority in a file', async () => {
    const { port } = await startTls(certified);
    const dir = await mkdtemp(join(tmpdir(), 'tiphys-tls-'));
    cleanUps.push(() => rm(dir, { recursive: true }));
    const caFile = join(dir, 'ca.pem');
    await writeFile(caFile, authority.ca);
    const argo = connect(`https://localhost:${port}`, { clock, caFile });
    cleanUps.push(() => argo.close());
    expect((await argo.version()).Version).toBe('v3.5.1');
    expect(() => connect('https://localhost', { caFile: join(dir, 'none.pem') })).toThrow(/cannot be read.*none\.pem/);
  });

  it('is not trusted without it, nor with another, and the token stays at home', async () => {
    const { port, seen } = await startTls(certified);
    for (const ca of [undefined, createAuthority('Somebody Else').ca]) {
      const error = await refusal(call(`https://localhost:${port}`, ca));
      expect(error).toMatchObject({ reason: 'unreachable', code: 'argocd_unavailable' });
      expect(error.message).toContain('certificate');
      expect(error.hint).toContain('certificate authority');
    }
    expect(seen).toEqual([]);
  });

  it('is not trusted under a name that is not in the certificate, or after its end', async () => {
    const other = await startTls(authority.issue(['argocd.example.com']));
    expect((await refusal(call(`https://localhost:${other.port}`, authority.ca))).message).toMatch(/localhost.*cert/i);
    const yesterday = new Date(clock.now() - 24 * 3600 * 1000);
    const ended = await startTls(
      authority.issue(['localhost'], { notBefore: new Date(yesterday.getTime() - 1000), notAfter: yesterday }),
    );
    expect((await refusal(call(`https://localhost:${ended.port}`, authority.ca))).message).toContain('expired');
    expect([...other.seen, ...ended.seen]).toEqual([]);
  });
});

describe('a certificate authority that is none', () => {
  it('is refused when the client is made', () => {
    expect(() => connect('https://localhost', { ca: 'not a certificate' })).toThrow(/certificate authority/);
  });
});
