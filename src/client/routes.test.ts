import { describe, expect, it, onTestFinished } from 'vitest';
import { createTestDatabase } from '../../test/support/postgres.ts';
import { createTestApi } from '../api/test-server.ts';
import { ROUTES } from './routes.ts';

/** Every route with names in place of values, and how it is asked. */
const CALLS: Record<keyof typeof ROUTES, [method: string, path: string][]> = {
  me: [['get', ROUTES.me]],
  info: [['get', ROUTES.info]],
  ready: [['get', ROUTES.ready]],
  audit: [['get', ROUTES.audit]],
  verifyAudit: [['get', ROUTES.verifyAudit]],
  allEvents: [['get', ROUTES.allEvents]],
  tickets: [
    ['get', ROUTES.tickets],
    ['post', ROUTES.tickets],
  ],
  ticket: [['get', ROUTES.ticket('{id}')]],
  plan: [['get', ROUTES.plan('{id}')]],
  events: [['get', ROUTES.events('{id}')]],
  stream: [['get', ROUTES.stream('{id}')]],
  ticketAudit: [['get', ROUTES.ticketAudit('{id}')]],
  action: (['start', 'pause', 'resume', 'retry'] as const).map((action) => ['post', ROUTES.action('{id}', action)]),
  approvePlan: [['post', ROUTES.approvePlan('{id}')]],
  rejectPlan: [['post', ROUTES.rejectPlan('{id}')]],
  answer: [['post', ROUTES.answer('{id}')]],
  cancel: [['post', ROUTES.cancel('{id}')]],
  grant: [['post', ROUTES.grant('{id}', '{approvalId}')]],
  deny: [['post', ROUTES.deny('{id}', '{approvalId}')]],
  services: [['get', ROUTES.services]],
  context: [['get', ROUTES.context('{service}')]],
  history: [['get', ROUTES.history('{service}')]],
  explain: [['get', ROUTES.explain('{ticket}')]],
  graph: [['get', ROUTES.graph]],
};

describe('the routes of the clients', () => {
  it('are all in the published contract, with the method they are asked by', async () => {
    const database = await createTestDatabase('sqlite3');
    onTestFinished(async () => await database.drop());
    const { server } = await createTestApi(database.db);
    onTestFinished(async () => await server.close());
    const answer = await server.inject({ url: '/api/openapi.json', headers: { host: '127.0.0.1' } });
    const { paths } = answer.json<{ paths: Record<string, Record<string, unknown>> }>();
    const missing = Object.values(CALLS)
      .flat()
      .filter(([method, path]) => paths[decodeURIComponent(path)]?.[method] === undefined);
    expect(missing).toEqual([]);
  });
});
