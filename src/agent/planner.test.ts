import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createExampleRepo } from '../../test/support/example-repo.ts';
import type { BareRepo } from '../../test/support/git-fixture.ts';
import { openTestRepo } from '../../test/support/open-repo.ts';
import { createTestDatabase, type TestDatabase } from '../../test/support/postgres.ts';
import { createBudgets } from '../argocd/observation.ts';
import { inTransaction } from '../database/transaction.ts';
import { createMemoryKeeper } from '../memory/memory-store.ts';
import type { Planner, PlanningInput, PlanResult } from '../model/planning.ts';
import { parsePolicySettings } from '../policy/settings.ts';
import type { InfraRepo } from '../repo/infra-repo.ts';
import { findPlan } from '../ticket/plan-store.ts';
import { answerQuestion } from '../ticket/question-store.ts';
import { createTicketWorld, type TicketWorld } from '../ticket/test-tickets.ts';
import { runPlanner, toServices } from './planner.ts';
import type { AgentStateValue } from './state.ts';
import { createTestContext, toDeps, toInstances, toSettings, toState, type PlanSteps } from './test-agent.ts';

let dir: string;
let bare: BareRepo;
let repo: InfraRepo;
let database: TestDatabase;
let world: TicketWorld;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'tiphys-planner-'));
  bare = await createExampleRepo(join(dir, 'infra.git'));
  repo = await openTestRepo(bare.url, { dir: join(dir, 'ours') });
  database = await createTestDatabase('sqlite3');
  world = createTicketWorld(database.db);
});
afterAll(async () => {
  await database.drop();
  await rm(dir, { recursive: true, force: true, maxRetries: 3 });
});

const caption = { title: 'A step', why: 'It is asked for.' };
const update = (service: string): PlanSteps[number] => ({
  kind: 'edit',
  edit: { kind: 'set_image', service, image: `registry.example.com/shop/${service}:9.9.9` },
  ...caption,
});
const scale: PlanSteps[number] = { kind: 'edit', edit: { kind: 'scale', service: 'api', replicas: 5 }, ...caption };

function toPlan(steps: PlanSteps, strategy?: 'canary' | 'blue_green' | 'rolling_update'): PlanResult {
  const wishes = strategy === undefined ? {} : { strategy };
  return { kind: 'plan', version: 1, summary: 'What is asked', steps, wishes, assumptions: ['a thing'] };
}

/** Runs the planner node over a ticket, with a planner that answers this. */
async function run(
  result: PlanResult,
  state: Partial<AgentStateValue> = {},
  ticketId?: string,
  instances: readonly string[] = ['default'],
) {
  const id = ticketId ?? (await world.create({ title: 'Update api', description: 'to 9.9.9' })).id;
  const inputs: PlanningInput[] = [];
  const context = createTestContext();
  const planner: Planner = {
    plan: async (input, hooks) => {
      inputs.push(input);
      await hooks.onNote('read by a test');
      return result;
    },
  };
  const deps = toDeps({
    ...toInstances(instances, planner),
    instance: 'default',
    planner,
    db: database.db,
    clock: world.clock,
    ids: world.ids,
    repo,
    memory: createMemoryKeeper(database.db),
    rollouts: { isAvailable: async () => true },
    policy: { settings: parsePolicySettings({}), freezeWindows: [] },
    settings: toSettings({ cluster: 'east', budgets: createBudgets({}) }),
  });
  const before = toState({ ...state, ticketId: id });
  const after = await runPlanner(deps, before, context);
  const plan = await findPlan(database.db.knex, { ...before, ...after });
  return { id, after, plan, input: inputs[0], events: context.events };
}

describe('the planner', () => {
  it('plans on the newest commit with what the repository renders, and stores the plan as the next revision', async () => {
    const { id, after, plan, input, events } = await run(toPlan([scale]));
    expect(input?.facts.services.map(({ service }) => service)).toEqual(['api', 'mailer', 'postgres', 'web', 'worker']);
    expect(input?.ticket).toMatchObject({ title: 'Update api', description: 'to 9.9.9' });
    expect(after).toMatchObject({ revision: 1, isPreparation: false, plannerRuns: 1, feedback: [], hold: null });
    expect(plan).toMatchObject({
      baseCommit: await bare.head(),
      intent: { summary: 'What is asked', steps: [scale], assumptions: ['a thing'], strategies: { api: 'direct' } },
      draft: null,
      review: null,
    });
    expect((await world.tickets.get(id)).application).toBe('api');
    expect(events.map(({ type }) => type)).toEqual(['note', 'note', 'memory']);

    const second = await run(toPlan([update('api')]), { feedback: ['too many'], revision: 1, plannerRuns: 1 }, id);
    expect(second.input?.feedback).toEqual(['too many']);
    expect(second.after).toMatchObject({ revision: 2, plannerRuns: 2, feedback: [] });
  });

  it('asks once, and plans with the answer', async () => {
    const question = { kind: 'question' as const, question: 'Which image?', options: ['a', 'b'], field: 'image' };
    const { id, after } = await run(question);
    expect(after.hold).toMatchObject({ kind: 'question', question: 'Which image?', returnTo: 'planning' });
    const again = await run(question, {}, id);
    expect(again.after.hold).toEqual(after.hold);
    expect(again.events.some(({ type }) => type === 'question')).toBe(false);
    if (after.hold?.kind !== 'question') throw new Error('no question');
    const { questionId } = after.hold;
    await inTransaction(database.db, async (trx) => {
      await answerQuestion(trx, questionId, { answer: 'a', by: 'ann', at: world.now() });
    });
    expect((await run(toPlan([scale]), {}, id)).input?.answers).toEqual([{ question: 'Which image?', answer: 'a' }]);
  });

  it('ends the ticket with what would be understood when it refuses', async () => {
    const { after, plan } = await run({ kind: 'refusal', reason: 'No such thing.', canDo: ['Scale api to 3'] });
    expect(after.ending).toMatchObject({ status: 'failed', code: 'not_understood', commits: [] });
    expect(after.ending?.sentence).toContain('No such thing. Nothing was changed.');
    expect(after.ending?.sentence).toContain('- Scale api to 3');
    expect(plan).toBeUndefined();
  });
});

describe('the instance of a ticket', () => {
  const open = async (title: string, instance?: string) =>
    (await world.create({ title, target: instance === undefined ? {} : { instance } })).id;
  const place = async (id: string, state: Partial<AgentStateValue> = {}) =>
    await run(toPlan([scale]), state, id, ['default', 'east', 'west']);
  const stored = async (id: string) => (await world.tickets.get(id)).instance;

  it('is the one its words name, which are no words of the change', async () => {
    const id = await open('Scale api to 5 on east');
    const { input, events } = await place(id);
    expect(await stored(id)).toBe('east');
    expect(input?.ticket.title).toBe('Scale api to 5');
    expect(events).toContainEqual({
      type: 'note',
      data: { node: 'planner', text: 'this ticket is for Argo CD east, as its words say' },
    });
  });

  it('is asked about where words and target do not agree, and goes by the answer', async () => {
    const id = await open('Scale api to 5 on west', 'east');
    const { after, input } = await place(id);
    expect(input).toBeUndefined();
    if (after.hold?.kind !== 'question') throw new Error('no question');
    expect(after.hold).toMatchObject({ options: ['east', 'west'], returnTo: 'planning' });
    expect(after.hold.question).toBe('The ticket is for Argo CD east, and its words name west. Which one is meant?');
    const { questionId } = after.hold;
    await inTransaction(database.db, async (trx) => {
      await answerQuestion(trx, questionId, { answer: ' West ', by: 'ann', at: world.now() });
    });
    expect((await place(id)).plan?.intent.steps).toEqual([scale]);
    expect(await stored(id)).toBe('west');
  });

  it('is asked about where the words name several, as often as the answer is none of them', async () => {
    const id = await open('Scale api to 5 on east and on west');
    const { after } = await place(id);
    if (after.hold?.kind !== 'question') throw new Error('no question');
    const { questionId } = after.hold;
    await inTransaction(database.db, async (trx) => {
      await answerQuestion(trx, questionId, { answer: 'both', by: 'ann', at: world.now() });
    });
    expect((await place(id)).after.hold).toMatchObject({ kind: 'question', options: ['east', 'west'] });
  });

  it('stays what it is where something is out already', async () => {
    const id = await open('Scale api to 5 on east');
    await place(id, { earlier: ['a'.repeat(40)], preparations: 1 });
    expect(await stored(id)).toBe('default');
  });

  it('is not looked for in the words where there is one only', async () => {
    const id = await open('Scale api to 5 on east');
    expect((await run(toPlan([scale]), {}, id)).input?.ticket.title).toBe('Scale api to 5 on east');
    expect(await stored(id)).toBe('default');
  });
});

describe('a preparation', () => {
  it.each([
    ['canary', 'canary'],
    ['blue_green', 'blue-green'],
  ] as const)('comes before a new version that is to roll out by %s', async (strategy, words) => {
    const { after, plan } = await run(toPlan([update('api'), update('web')], strategy));
    expect(after.isPreparation).toBe(true);
    expect(plan?.intent.steps.map((step) => step.kind === 'edit' && step.edit)).toMatchObject([
      { kind: 'set_strategy', service: 'api', strategy },
      { kind: 'set_strategy', service: 'web', strategy },
    ]);
    expect(plan?.intent.summary).toBe(`Make api, web ready for a ${words} deploy; then: What is asked`);
  });

  it('does not go in circles: after as many as there can be, the ticket itself is carried out', async () => {
    const earlier = ['a'.repeat(40), 'b'.repeat(40)];
    const { after, plan } = await run(toPlan([update('api')], 'canary'), { earlier, preparations: earlier.length });
    expect(after.isPreparation).toBe(false);
    expect(plan?.intent.steps).toEqual([update('api')]);
  });

  it.each([
    ['no version changes', toPlan([scale], 'canary')],
    ['nothing asks for it', toPlan([update('api')])],
    ['the wish is what is there', toPlan([update('api')], 'rolling_update')],
    ['the service cannot roll out so', toPlan([update('postgres')], 'canary')],
  ])('is not made where %s', async (_what, result) => {
    const { after, plan } = await run(result);
    expect(after.isPreparation).toBe(false);
    expect(result.kind === 'plan' && plan?.intent.steps).toEqual(result.kind === 'plan' && result.steps);
  });
});

describe('the services of a plan', () => {
  it('are named once, in order, and free-form steps name none', () => {
    const rollback: PlanSteps[number] = { kind: 'rollback', service: 'web', ...caption };
    const write: PlanSteps[number] = { kind: 'edit_source', files: [{ path: 'main.ts', content: '' }], ...caption };
    expect(toServices([write, update('worker'), scale, rollback, update('worker')])).toEqual(['worker', 'api', 'web']);
  });
});
