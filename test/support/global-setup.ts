import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { TestProject } from 'vitest/node';
import { startPostgres, type PostgresServer } from './postgres-server.ts';

/** Where a test file gets the address of the PostgreSQL of this run, or the reason why there is none. */
export type PostgresOffer =
  { kind: 'url'; url: string } | { kind: 'starts_on_request'; askAt: string } | { kind: 'skipped'; reason: string };

declare module 'vitest' {
  export interface ProvidedContext {
    postgres: PostgresOffer;
  }
}

/**
 * Offers one PostgreSQL server to the whole run. It starts when the first test file asks for it, so that a run without
 * database tests does not pay for it. TEST_PG_URL names a server to use instead; TIPHYS_SKIP_PG=1 skips its tests.
 */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const given = process.env['TEST_PG_URL'] ?? '';
  if (given !== '') {
    project.provide('postgres', { kind: 'url', url: given });
    return async () => undefined;
  }
  if (process.env['TIPHYS_SKIP_PG'] === '1') {
    project.provide('postgres', { kind: 'skipped', reason: 'TIPHYS_SKIP_PG=1' });
    return async () => undefined;
  }
  let started: Promise<PostgresServer> | undefined;
  const desk = createServer((_request, response) => {
    started ??= startPostgres();
    started.then(
      (server) => response.end(JSON.stringify({ url: server.url })),
      (error: unknown) => response.end(JSON.stringify({ error: String(error) })),
    );
  });
  project.provide('postgres', { kind: 'starts_on_request', askAt: await listen(desk) });
  return async () => {
    desk.close();
    await started?.then(
      (server) => server.stop(),
      () => undefined,
    );
  };
}

async function listen(server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${String((server.address() as AddressInfo).port)}/`;
}
