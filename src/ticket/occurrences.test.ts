import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { describeOnDatabases } from '../../test/support/postgres.ts';
import { inTransaction } from '../database/transaction.ts';
import { createRedactor } from '../lib/redact.ts';
import { createMemoryKeeper } from '../memory/memory-store.ts';
import type { TicketEventBody } from './event.ts';
import { recordTicketOccurrences } from './occurrences.ts';
import { createTicketWorld } from './test-tickets.ts';

const COMMIT = 'c'.repeat(40);
const REVERT = 'd'.repeat(40);

const verdict = (commit: string, outcome: string, sentence: string): TicketEventBody => ({
  type: 'verdict',
  data: { application: 'web', commit, outcome, sentence, evidence: [] },
});
const push = (head: string, purpose: 'change' | 'revert'): TicketEventBody => ({
  type: 'push',
  data: { branch: 'main', base: 'b'.repeat(40), head, commits: [head], outcome: 'pushed', purpose },
});

describeOnDatabases('the occurrences of a ticket', (database) => {
  it('tell each of its deploys with its own history and its own reasons', async () => {
    const world = createTicketWorld(database().db);
    const keeper = createMemoryKeeper(database().db);
    const { id: ticket } = await world.create();
    const say = async (...bodies: TicketEventBody[]) => {
      await inTransaction(world.db, async (trx) => await world.journal.append(trx, ticket, 'agent:test', bodies));
      await world.clock.advance(1_000);
    };
    const begin = async (id: string, commit: string, changeKind: string) => {
      const scope = { cluster: 'main', environment: 'production', namespace: 'production', service: 'web' };
      const startedAtMs = world.clock.now();
      await keeper.recordDeploy({ ...scope, id, commit, changeKind, ticket, startedAtMs, strategy: 'direct' });
    };
    await say(push(COMMIT, 'change'));
    await begin('dep_change', COMMIT, 'set_image');
    await say(
      { type: 'sync', data: { application: 'web', status: 'OutOfSync', revision: COMMIT } },
      verdict(COMMIT, 'failed', 'web is degraded.'),
      {
        type: 'tool_call',
        data: {
          ...{ tool: 'argocd.diagnose', input: 'events of web', durationMs: 40, ok: true },
          output: 'The container ends with exit code 1.\nlast log line',
        },
      },
    );
    const fingerprint = { class: 'crash_loop', signature: 'exit code #' };
    const end = { deployId: 'dep_change', atMs: world.clock.now(), verdict: 'degraded' };
    await keeper.recordOutcome({ ...end, outcome: 'failed', fingerprint });
    await world.clock.advance(1_000);
    await say(push(REVERT, 'revert'));
    await begin('dep_revert', REVERT, 'revert');
    await say(verdict(REVERT, 'live', 'web is live again.'));
    await keeper.recordOutcome({
      deployId: 'dep_revert',
      atMs: world.clock.now(),
      outcome: 'healthy',
      verdict: 'live',
    });
    await keeper.recordDeploy({
      ...{ cluster: 'main', environment: 'production', namespace: 'production', service: 'web', ticket },
      ...{ id: 'dep_open', changeKind: 'set_image', startedAtMs: world.clock.now(), strategy: 'direct' },
    });

    const dir = await mkdtemp(join(tmpdir(), 'tiphys-ticket-occurrences-'));
    const deps = { knex: world.db.knex, dir, redactor: createRedactor() };
    const written = await recordTicketOccurrences(deps, ticket);
    expect(await recordTicketOccurrences(deps, ticket)).toEqual(written);
    await rm(dir, { recursive: true, force: true });

    expect(written.map(({ type }) => type).toSorted()).toEqual(['deploy.run.completed', 'deploy.run.failed']);
    const failed = written.find(({ type }) => type === 'deploy.run.failed');
    expect(failed?.reasoning.causal_chain).toEqual(['web is degraded.', 'The container ends with exit code 1.']);
    expect(failed?.error).toMatchObject({ code: 'crash_loop', message: 'web is degraded.' });
    expect(failed?.history.steps.map(({ action }) => action)).toEqual([
      'status.draft',
      'push.change',
      'verdict',
      'tool.argocd.diagnose',
    ]);
    const completed = written.find(({ type }) => type === 'deploy.run.completed');
    expect(completed?.reasoning.explanation).toContain('web is live again.');
    expect(completed?.reasoning.explanation).not.toContain('web is degraded.');
    expect(completed).not.toHaveProperty('error');
  });

  it('are none where nothing was deployed', async () => {
    const world = createTicketWorld(database().db);
    const { id } = await world.create();
    const deps = { knex: world.db.knex, dir: '/nowhere', redactor: createRedactor() };
    expect(await recordTicketOccurrences(deps, id)).toEqual([]);
  });
});
