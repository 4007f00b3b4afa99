import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../../test/support/postgres.ts';
import { createArgoInstances } from '../argocd/instances.ts';
import { silentLogger } from '../lib/logger.ts';
import { createRedactor } from '../lib/redact.ts';
import type { Planner } from '../model/planning.ts';
import { createTicketWorld, type TicketWorld } from '../ticket/test-tickets.ts';
import type { GraphDeps } from './deps.ts';
import { toDeps, toSettings } from './test-agent.ts';
import { toTicketDeps } from './ticket-deps.ts';

let database: TestDatabase;
let world: TicketWorld;
beforeAll(async () => {
  database = await createTestDatabase('sqlite3');
  world = createTicketWorld(database.db);
});
afterAll(async () => await database.drop());

const toPlanner = (): Planner => ({ plan: async () => await Promise.reject(new Error('nobody plans here')) });

function configure(...names: readonly string[]): GraphDeps {
  const rest = { token: null, tokenFile: null, session: null, caFile: null, kubeconfig: null, kubeContext: null };
  const instances = createArgoInstances(
    names.map((name, index) => {
      return { name, server: `http://${name}.invalid`, cluster: `cluster-${name}`, isDefault: index === 0, ...rest };
    }),
    {
      ...{ requestTimeoutMs: 1_000, rollouts: 'absent' },
      ...{ clock: world.clock, logger: silentLogger, redactor: createRedactor() },
    },
  );
  onTestFinished(async () => await instances.close());
  const planners = new Map(names.map((name) => [name, toPlanner()]));
  return toDeps({ db: database.db, instances, planners, settings: toSettings({ mayTerminate: true }) });
}

describe('what a ticket works with', () => {
  it('is the instance stored with it, also after the configuration has another default', async () => {
    const { id } = await world.create({ target: { instance: 'east' } });
    for (const names of [
      ['default', 'east'],
      ['east', 'default'],
    ]) {
      const given = configure(...names);
      const deps = await toTicketDeps(given, id);
      expect(deps).toMatchObject({ instance: 'east', settings: { cluster: 'cluster-east', mayTerminate: true } });
      expect(deps.argo).toBe(given.instances.get('east').argo);
      expect(deps.planner).toBe(given.planners.get('east'));
    }
  });

  it('cannot be another instance where its own is not configured any more', async () => {
    const { id } = await world.create({ target: { instance: 'east' } });
    await expect(toTicketDeps(configure('default', 'eats'), id)).rejects.toMatchObject({
      code: 'unknown_target',
      message: expect.stringMatching(
        /^This ticket is for Argo CD east, .* Configure it again under that name and retry/,
      ),
      retryable: false,
      hint: 'Did you mean eats? Configured: default, eats.',
    });
  });
});
