import { describe, expect, it } from 'vitest';
import { AppError } from '../lib/errors.ts';
import type { ApiClient } from '../client/api-client.ts';
import { createEffects } from './effects.ts';
import type { Action, Effect, State } from './model.ts';
import { reduce } from './state.ts';
import { makeInfo, makeEvent, makePlan, makeState, makeTicket, makeWaiting, textOf } from './test-state.ts';

/** A server that answers what the test gives it and remembers what it was asked. */
function createRig(answers: Partial<ApiClient>, start: State = makeState()) {
  const asked: string[] = [];
  let state = start;
  const client = new Proxy(answers, {
    get:
      (given, name) =>
      (...args: unknown[]) => {
        asked.push([String(name), ...args.map((one) => JSON.stringify(one))].join(' '));
        const answer: unknown = Reflect.get(given, name);
        if (typeof answer === 'function') return Reflect.apply(answer, undefined, args) as unknown;
        return Promise.reject(new AppError('timeout', 'no server answers', { hint: 'Start one.' }));
      },
  });
  const effects = createEffects({
    client: toClient(client),
    signal: new AbortController().signal,
    dispatch: (action: Action) => {
      state = reduce(state, action);
    },
    getState: () => state,
  });
  const settle = async () => {
    for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  };
  return {
    asked,
    state: () => state,
    run: async (effect: Exclude<Effect, { type: 'quit' }>) => {
      effects.run(effect);
      await settle();
    },
    notice: async (...actions: Action[]) => {
      for (const action of actions) effects.noticed(action);
      await settle();
    },
  };
}

function toClient(answers: Partial<ApiClient>): ApiClient {
  return answers as ApiClient;
}

const waiting = makeWaiting();
const { id } = waiting;

describe('effects', () => {
  it('asks about the newest plan, not about the one that was on the screen', async () => {
    const newest = makePlan({ changeHash: 'f'.repeat(64) });
    const rig = createRig({ getTicket: () => Promise.resolve(waiting), getPlan: () => Promise.resolve(newest) });
    await rig.run({ type: 'prepare_approval', id });
    expect(rig.state().dialog).toMatchObject({
      kind: 'approve',
      ticketId: id,
      changeHash: 'f'.repeat(64),
      risk: 'high',
    });
    expect(rig.state().risks.get(id)).toBe('high');
  });

  it('does not ask about a plan that has not been checked', async () => {
    const plan = makePlan({ changeHash: null });
    const rig = createRig({ getTicket: () => Promise.resolve(waiting), getPlan: () => Promise.resolve(plan) });
    await rig.run({ type: 'prepare_approval', id });
    expect(rig.state().dialog).toBeUndefined();
    expect(textOf(rig.state())).toContain('The plan is still being checked.');
  });

  it('takes the question back when the plan changes while it is open', async () => {
    const rig = createRig({ getTicket: () => Promise.resolve(waiting), getPlan: () => Promise.resolve(makePlan()) });
    await rig.run({ type: 'prepare_approval', id });
    const plan = {
      attempt: 1,
      revision: 2,
      summary: '',
      steps: [],
      strategy: 'direct',
      careReasons: [],
      changedObjects: 1,
      risk: 'low',
    };
    const changed = makeEvent(5, { type: 'plan', data: { ...plan, changeHash: 'e'.repeat(64) } });
    const after = reduce(rig.state(), { type: 'event_came', event: changed });
    expect(after.dialog).toBeUndefined();
    expect(textOf(after)).toContain('The plan has changed: look at it again.');
    const same = makeEvent(5, { type: 'plan', data: { ...plan, changeHash: 'ab'.repeat(32) } });
    expect(reduce(rig.state(), { type: 'event_came', event: same }).dialog).toBeDefined();
  });

  it('says what a refusal says, and what to do', async () => {
    const refusal = new AppError('conflict', 'the plan has changed', { hint: 'Look at it again.' });
    const rig = createRig({ approvePlan: () => Promise.reject(refusal) });
    await rig.run({ type: 'approve', id, changeHash: 'x' });
    expect(rig.asked).toEqual([`approvePlan "${id}" "x"`]);
    expect(textOf(rig.state())).toContain('the plan has changed. Look at it again.');
  });

  it('opens a ticket for the instance that was chosen', async () => {
    const typed: Action[] = [
      makeInfo('west', 'main'),
      { type: 'screen_shown', screen: 'create' },
      { type: 'typed', step: { kind: 'insert', text: 'Update api to 2' } },
      ...([1, 1, 1] as const).map((by): Action => ({ type: 'form_moved', by })),
      { type: 'form_chosen', by: 1 },
    ];
    const rig = createRig({}, makeState(typed));
    await rig.run({ type: 'create' });
    expect(rig.asked[0]).toContain('"target":{"instance":"west"}');
  });

  it('keeps what was typed into the form where the ticket could not be created', async () => {
    const typed: Action[] = [
      { type: 'screen_shown', screen: 'create' },
      { type: 'typed', step: { kind: 'insert', text: 'Update api to 2' } },
    ];
    const rig = createRig({}, makeState(typed));
    await rig.run({ type: 'create' });
    expect(rig.state()).toMatchObject({
      screen: 'create',
      form: { title: { text: 'Update api to 2' }, isSending: false },
    });
    expect(textOf(rig.state())).toContain('no server answers. Start one.');
    const empty = createRig({}, makeState([{ type: 'screen_shown', screen: 'create' }]));
    await empty.run({ type: 'create' });
    expect(empty.asked).toEqual([]);
  });

  it('lists all pages, and asks only for the risks in sight, a missing plan included, each once', async () => {
    const tickets = Array.from({ length: 450 }, (_, index) => makeTicket(1_000 - index));
    const rig = createRig({
      listTickets: ({ limit = 50, cursor = '0' } = {}) => {
        const end = Number(cursor) + limit;
        return Promise.resolve({
          items: tickets.slice(Number(cursor), end),
          nextCursor: end < 450 ? String(end) : null,
        });
      },
      getPlan: () => Promise.reject(new AppError('not_found', 'this ticket has no plan yet')),
    });
    await rig.run({ type: 'refresh' });
    await rig.run({ type: 'refresh' });
    expect(rig.state()).toMatchObject({ isListing: false });
    expect(rig.state().tickets).toHaveLength(450);
    const plans = rig.asked.filter((one) => one.startsWith('getPlan'));
    expect(plans).toHaveLength(21);
    expect(new Set(plans).size).toBe(21);
  });

  it('does not ask for a risk again while the answer is under way', async () => {
    const rig = createRig(
      { getPlan: () => Promise.resolve(makePlan()) },
      makeState([{ type: 'tickets_loaded', tickets: [makeTicket(1)], isLast: true }]),
    );
    await rig.notice({ type: 'scrolled', by: 1 }, { type: 'scrolled', by: 1 });
    expect(rig.asked).toEqual([`getPlan "${id}"`]);
    expect(rig.state().risks.get(id)).toBe('high');
  });

  it('asks once for a ticket of which many events come at once', async () => {
    const moved = makeTicket(1, { status: 'observing', updatedAt: '2026-01-02T11:59:59.000Z' });
    const rig = createRig({ getTicket: () => Promise.resolve(moved) });
    const event = (number: number): Action => ({
      type: 'event_came',
      event: makeEvent(number, { type: 'status', data: { from: 'executing', to: 'observing', code: 'x', reason: '' } }),
    });
    await rig.notice(event(1), event(2), event(3));
    expect(rig.asked).toEqual([`getTicket "${id}"`]);
    expect(rig.state().tickets).toEqual([moved]);
  });

  it('does not let a late answer replace a newer one', async () => {
    const newer = makeTicket(1, { status: 'resolved', updatedAt: '2026-01-02T11:59:59.000Z' });
    const older = makeTicket(1, { status: 'observing', updatedAt: '2026-01-02T11:59:58.000Z' });
    const state = makeState([
      { type: 'ticket_changed', ticket: newer },
      { type: 'ticket_changed', ticket: older },
    ]);
    expect(state.tickets).toEqual([newer]);
  });
});
