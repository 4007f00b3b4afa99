import { expect, it } from 'vitest';
import { describeOnDatabases } from '../../test/support/postgres.ts';
import { ArgoError } from '../argocd/error.ts';
import type { ArgoClient } from '../argocd/http.ts';
import { createBudgets } from '../argocd/observation.ts';
import { toIsoTime } from '../lib/clock.ts';
import { createIdSource, sha256Hex } from '../lib/ids.ts';
import { listEffects } from '../ticket/effect-store.ts';
import { saveSnapshot } from '../ticket/observation-store.ts';
import { createTicketWorld } from '../ticket/test-tickets.ts';
import { actOnRollout, isStillPaused, type RolloutWish } from './rollout-action.ts';
import type { AgentStateValue, Observed } from './state.ts';
import { createTestContext, toDeps, toSettings, toState } from './test-agent.ts';

const SINCE = '2026-01-01T00:00:00Z';
const steps = [{ setWeight: 20 }, { pause: {} }, { analysis: {} }, { pause: {} }];

/** A live Rollout at its second step; `status` replaces what it says of itself. */
function toLive(status: object = {}, strategy: object = { canary: { steps } }) {
  return { spec: { strategy }, status: { currentPodHash: 'new', stableRS: 'old', currentStepIndex: 1, ...status } };
}

const pause = (reason = 'CanaryPauseStep', startTime = SINCE) => ({
  phase: 'Paused',
  controllerPause: true,
  pauseConditions: [{ reason, startTime }],
});
const UNPAUSING = { controllerPause: true, phase: 'Paused' };
const NEXT_STEP = { phase: 'Progressing', currentStepIndex: 2 };
const INCONCLUSIVE = {
  ...pause('InconclusiveAnalysisRun'),
  currentStepIndex: 2,
  canary: { currentStepAnalysisRunStatus: { status: 'Inconclusive' } },
};

interface Play {
  wish?: RolloutWish;
  observed?: Partial<Observed>;
  /** What the rollout says, look by look; the last one stays. `told` counts the actions so far. */
  looks(told: number): object[];
  offered?: string[];
  refuse?: ArgoError;
}

describeOnDatabases('acting on a rollout', (database) => {
  async function play({ wish = 'go_on', observed = {}, looks, offered, refuse }: Play) {
    const world = createTicketWorld(database().db);
    const { db } = database();
    const ticket = await world.create();
    const head = sha256Hex(ticket.id).slice(0, 40);
    let now = Date.UTC(2026, 0, 1);
    const began = now;
    const clock = { now: () => now, sleep: async (ms: number) => void (now += ms) };
    const application = { name: 'web', namespace: 'argocd' };
    await saveSnapshot(db.knex, {
      ticketId: ticket.id,
      application: 'argocd/web',
      commit: head,
      snapshot: { application },
      pushedAt: toIsoTime(now),
    });
    const told: string[] = [];
    let looked = 0;
    let toldBefore = -1;
    const argo = {
      resource: async () => {
        if (told.length !== toldBefore) looked = 0;
        toldBefore = told.length;
        const all = looks(told.length);
        looked += 1;
        return all[Math.min(looked, all.length) - 1];
      },
      listResourceActions: async () =>
        (offered ?? ['resume', 'skip-current-step', 'promote-full']).map((name) => ({
          name,
          disabled: false,
          displayName: '',
        })),
      runResourceAction: async (_ref: unknown, _target: unknown, action: string) => {
        told.push(action);
        if (refuse !== undefined) throw refuse;
      },
    };
    const deps = toDeps({
      db,
      clock,
      ids: createIdSource(() => now),
      argo: argo as unknown as ArgoClient,
      settings: toSettings({ budgets: createBudgets() }),
    });
    const state: AgentStateValue = toState({
      ticketId: ticket.id,
      pushed: { base: 'b', head, commits: [head], atMs: now },
    });
    const seen: Observed = {
      kind: 'promotion',
      reason: '',
      application: 'argocd/web',
      sentence: 'It waits.',
      rollout: { group: 'argoproj.io', kind: 'Rollout', namespace: 'prod', name: 'web' },
      pause: 'CanaryPauseStep',
      pauseSince: SINCE,
      stepIndex: 1,
      ...observed,
    };
    const context = createTestContext();
    const act = async () => await actOnRollout(deps, state, context, seen, wish);
    return {
      act,
      stillPaused: async () => await isStillPaused(deps, state, context, seen),
      told,
      seconds: () => (now - began) / 1000,
      effects: async () => (await listEffects(db.knex, ticket.id)).map(({ state: ended, outcome }) => [ended, outcome]),
      notes: () => context.events.map((event) => (event.type === 'note' ? event.data.text : event.type)),
    };
  }

  it('resumes a pause, and is content when the next step has begun', async () => {
    const world = await play({
      looks: (told) => (told === 0 ? [toLive(pause())] : [toLive(UNPAUSING), toLive(UNPAUSING), toLive(NEXT_STEP)]),
    });
    expect(await world.act()).toBe(true);
    expect(world.told).toEqual(['resume']);
    expect(world.seconds()).toBe(4);
    expect(await world.effects()).toEqual([['done', { action: 'resume', attempt: 1 }]]);
  });

  it('tells it again after half a minute in which nothing moved, three times at most', async () => {
    const world = await play({ looks: () => [toLive(pause())] });
    expect(await world.act()).toBe(false);
    expect(world.told).toEqual(['resume', 'resume', 'resume']);
    expect(world.seconds()).toBe(90);
    expect(world.notes()[2]).toBe(
      'resume of Rollout web was sent again, for the rollout stood where it had stood for 30 s',
    );
  });

  it('is content with the second time', async () => {
    const world = await play({ looks: (told) => (told < 2 ? [toLive(pause())] : [toLive(NEXT_STEP)]) });
    expect(await world.act()).toBe(true);
    expect(world.told).toEqual(['resume', 'resume']);
  });

  it.each([
    ['at a later step', { ...pause('CanaryPauseStep', '2026-01-01T00:05:00Z'), currentStepIndex: 3 }],
    ['at the same step again', pause('CanaryPauseStep', '2026-01-01T00:05:00Z')],
    ['for another reason', pause('InconclusiveAnalysisRun')],
    ['no more', NEXT_STEP],
    ['no more, for it is done', { phase: 'Healthy', stableRS: 'new', currentStepIndex: 4 }],
  ])('passes over no pause that nobody decided about: paused %s', async (_what, status) => {
    const world = await play({ looks: () => [toLive(status)] });
    expect(await world.stillPaused()).toBe(false);
    expect(await world.act()).toBe(true);
    expect(world.told).toEqual([]);
  });

  it.each([
    ['of a step: leaves the step', INCONCLUSIVE, { canary: { steps } }, 'skip-current-step', undefined],
    ['of a step, where Argo CD cannot leave it', INCONCLUSIVE, { canary: { steps } }, 'resume', ['resume']],
    [
      'in the background: goes on',
      { ...pause('InconclusiveAnalysisRun'), currentStepIndex: 2 },
      { canary: { steps } },
      'resume',
      undefined,
    ],
    ['before a switch: switches', pause('InconclusiveAnalysisRun'), { blueGreen: {} }, 'promote-full', undefined],
  ])('goes on after an inconclusive analysis %s', async (_what, status, strategy, action, offered) => {
    const after = { phase: 'Progressing', currentStepIndex: 3 };
    const world = await play({
      observed: { pause: 'InconclusiveAnalysisRun', stepIndex: 'currentStepIndex' in status ? 2 : 1 },
      looks: (told) => [toLive(told === 0 ? status : after, strategy)],
      ...(offered === undefined ? {} : { offered }),
    });
    expect(await world.act()).toBe(true);
    expect(world.told).toEqual([action]);
  });

  it('aborts, and waits until the rollout says so itself', async () => {
    const world = await play({
      wish: 'abort',
      looks: (told) =>
        told === 0
          ? [toLive(pause())]
          : [toLive({ ...pause(), abort: true }), toLive({ abort: true, phase: 'Degraded', currentStepIndex: 0 })],
    });
    expect(await world.act()).toBe(true);
    expect(world.told).toEqual(['abort']);
    expect(world.seconds()).toBe(2);
  });

  it.each([
    ['aborted already', 'abort', { abort: true, phase: 'Degraded' }],
    ['promoted already', 'abort', { stableRS: 'new', phase: 'Healthy' }],
    ['not aborted', 'retry', NEXT_STEP],
    ['not paused', 'finish', NEXT_STEP],
  ] as const)('does nothing to a rollout that is %s', async (_what, wish, status) => {
    const world = await play({ wish, looks: () => [toLive(status)] });
    expect(await world.act()).toBe(true);
    expect(world.told).toEqual([]);
  });

  it('retries one that was aborted', async () => {
    const world = await play({
      wish: 'retry',
      looks: (told) => [toLive(told === 0 ? { abort: true, phase: 'Degraded' } : NEXT_STEP)],
    });
    expect(await world.act()).toBe(true);
    expect(world.told).toEqual(['retry']);
  });

  it('looks again where somebody wrote to it at the same moment, and gives other refusals on', async () => {
    const conflict = new ArgoError('conflict', 'run resume', 'the object has been modified');
    const moved = await play({ refuse: conflict, looks: (told) => [toLive(told === 0 ? pause() : NEXT_STEP)] });
    expect(await moved.act()).toBe(true);
    expect(await moved.effects()).toEqual([['failed', { action: 'resume', attempt: 1 }]]);
    const denied = await play({ refuse: new ArgoError('denied', 'run resume', 'no'), looks: () => [toLive(pause())] });
    await expect(denied.act()).rejects.toMatchObject({ reason: 'denied' });
  });
});
