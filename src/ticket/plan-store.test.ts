import { describe, expect, it } from 'vitest';
import { describeOnDatabases } from '../../test/support/postgres.ts';
import type { ChangeHash } from '../lib/ids.ts';
import type { ObjectChange } from '../manifest/object.ts';
import type { PlannedStep } from '../model/planning.ts';
import { bookEffect, listEffects, settleEffect } from './effect-store.ts';
import { listObservations, saveObservationOutcome, saveSnapshot } from './observation-store.ts';
import { findLatestPlan, findPlan, nextRevision, savePlan } from './plan-store.ts';
import { toChangeHash, toDifferenceHash, type PlanDraft, type PlanReview, type StoredPlan } from './plan.ts';
import { createTicketWorld } from './test-tickets.ts';

const STEP: PlannedStep = {
  kind: 'investigate',
  service: 'web',
  question: 'Why?',
  title: 'Look',
  why: 'asked',
};
const DRAFT: PlanDraft = { changes: [], sourceFiles: ['charts/web.ts'], differenceHash: 'd'.repeat(64) };
const REVIEW: PlanReview = {
  findings: [],
  risk: { level: 'low', score: 1, reasons: [], blastRadius: { objects: 0, services: [], namespaces: [] } },
  policy: { decision: 'require_approval', rule: 'always', reasons: [], version: 'p1' },
  changeHash: 'c'.repeat(64) as ChangeHash,
};

function createPlan(ticketId: string, revision: number, parts: Partial<StoredPlan> = {}): StoredPlan {
  return {
    ticketId,
    attempt: 1,
    revision,
    baseCommit: 'a'.repeat(40),
    intent: {
      summary: `plan ${revision}`,
      steps: [STEP],
      assumptions: ['"quotes" \0 and 🚀'],
      advice: {
        probability: null,
        low: null,
        high: null,
        strategy: 'direct',
        remembered: [],
        careReasons: [],
        settleSeconds: 5,
      },
      strategies: {},
    },
    draft: null,
    review: null,
    createdAt: '2026-01-01T00:00:00.000Z',
    ...parts,
  };
}

describeOnDatabases('the stores of the work', (database) => {
  const createWorld = () => createTicketWorld(database().db);

  it('keeps a plan as far as it has come, and replaces it when it is written again', async () => {
    const { db, create } = createWorld();
    const { id } = await create();
    expect(await findLatestPlan(db.knex, id)).toBeUndefined();
    expect(await nextRevision(db.knex, id, 1)).toBe(1);
    const plan = createPlan(id, 1);
    await savePlan(db.knex, plan);
    expect(await findPlan(db.knex, plan)).toEqual(plan);
    const reviewed = { ...plan, draft: DRAFT, review: REVIEW };
    await savePlan(db.knex, reviewed);
    await savePlan(db.knex, reviewed);
    expect(await findPlan(db.knex, plan)).toEqual(reviewed);
    expect(await db.knex('plans').where({ ticket_id: id })).toMatchObject([
      { change_hash: REVIEW.changeHash, difference_hash: DRAFT.differenceHash },
    ]);
  });

  it('shows the newest plan that has a rendered difference, of the newest attempt', async () => {
    const { db, create } = createWorld();
    const { id } = await create();
    await savePlan(db.knex, createPlan(id, 1));
    expect(await findLatestPlan(db.knex, id)).toMatchObject({ revision: 1, draft: null });
    await savePlan(db.knex, createPlan(id, 2, { draft: DRAFT }));
    await savePlan(db.knex, createPlan(id, 3));
    expect(await findLatestPlan(db.knex, id)).toMatchObject({ attempt: 1, revision: 2 });
    await savePlan(db.knex, createPlan(id, 1, { attempt: 2, draft: DRAFT }));
    expect(await findLatestPlan(db.knex, id)).toMatchObject({ attempt: 2, revision: 1 });
    expect([await nextRevision(db.knex, id, 1), await nextRevision(db.knex, id, 2)]).toEqual([4, 2]);
  });

  it('does not show the plan of an earlier attempt once the next one has a plan', async () => {
    const { db, create } = createWorld();
    const { id } = await create();
    await savePlan(db.knex, createPlan(id, 1, { draft: DRAFT }));
    await savePlan(db.knex, createPlan(id, 1, { attempt: 2 }));
    expect(await findLatestPlan(db.knex, id)).toMatchObject({ attempt: 2, revision: 1 });
  });

  it('books an effect once, also where two book it at the same time, and tells who was first', async () => {
    const { db, create, ids, now } = createWorld();
    const { id: ticketId } = await create();
    const book = async () =>
      await bookEffect(db.knex, {
        id: ids.next('effect'),
        ticketId,
        kind: 'push',
        naturalKey: `${ticketId}/x`,
        intent: { head: 'h' },
        at: now(),
      });
    const booked = await Promise.all([book(), book(), book()]);
    expect(booked.filter((one) => one.isNew)).toHaveLength(1);
    expect(new Set(booked.map((one) => one.effect.id)).size).toBe(1);
    const effect = booked[0]?.effect;
    expect(effect).toMatchObject({ state: 'intended', intent: { head: 'h' }, outcome: null });
    await settleEffect(db.knex, effect?.id ?? '', { state: 'done', outcome: { kind: 'pushed' }, at: now() });
    expect(await book()).toMatchObject({ isNew: false, effect: { state: 'done', outcome: { kind: 'pushed' } } });
    expect(await listEffects(db.knex, ticketId)).toHaveLength(1);
  });

  it('keeps the first snapshot of an Application and what was concluded', async () => {
    const { db, create } = createWorld();
    const { id: ticketId } = await create();
    const key = { ticketId, application: 'argocd/web', commit: 'a'.repeat(40) };
    await saveSnapshot(db.knex, { ...key, snapshot: { before: true }, pushedAt: null });
    await saveSnapshot(db.knex, { ...key, snapshot: { before: false }, pushedAt: null });
    await saveSnapshot(db.knex, { ...key, application: 'argocd/api', snapshot: {}, pushedAt: null });
    expect(await listObservations(db.knex, ticketId, key.commit)).toMatchObject([
      { application: 'argocd/api', outcome: null },
      { application: 'argocd/web', snapshot: { before: true }, outcome: null },
    ]);
    await saveObservationOutcome(db.knex, key, { kind: 'live' });
    expect(await listObservations(db.knex, ticketId, key.commit)).toMatchObject([
      { outcome: null },
      { outcome: { kind: 'live' } },
    ]);
    expect(await listObservations(db.knex, ticketId, 'b'.repeat(40))).toEqual([]);
  });
});

describe('what an approval signs', () => {
  const input = { ticketId: 't', steps: [STEP], baseCommit: 'a', differenceHash: 'd', policyVersion: 'p' };

  it('changes with each of its parts and with nothing else', () => {
    const hash = toChangeHash(input);
    expect(hash).toMatch(/^[0-9a-f]{64}$/);
    const reordered = { policyVersion: 'p', differenceHash: 'd', baseCommit: 'a', steps: [{ ...STEP }], ticketId: 't' };
    expect(toChangeHash(reordered)).toBe(hash);
    const others = [
      { ...input, steps: [{ ...STEP, service: 'api' }] },
      { ...input, steps: [STEP, STEP] },
      { ...input, ticketId: 'u' },
      { ...input, baseCommit: 'b' },
      { ...input, differenceHash: 'e' },
      { ...input, policyVersion: 'q' },
    ].map(toChangeHash);
    expect(new Set([hash, ...others]).size).toBe(7);
  });

  it('sees every change of an object in the difference, and not how it is shown', () => {
    const change: ObjectChange = {
      type: 'changed',
      ref: { group: 'apps', kind: 'Deployment', namespace: 'n', name: 'web' },
      service: 'web',
      before: { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'web' }, spec: { replicas: 1 } },
      after: { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'web' }, spec: { replicas: 2 } },
      fields: [],
      patch: 'x',
    };
    const hash = toDifferenceHash([change]);
    expect(toDifferenceHash([{ ...change, patch: 'y' }])).toBe(hash);
    const other = { ...change, after: { ...change.before, spec: { replicas: 3 } } } as ObjectChange;
    expect(toDifferenceHash([other])).not.toBe(hash);
    expect(toDifferenceHash([])).not.toBe(hash);
  });
});
