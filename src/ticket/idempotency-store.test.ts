import { expect, it } from 'vitest';
import { describeOnDatabases } from '../../test/support/postgres.ts';
import { inTransaction } from '../database/transaction.ts';
import { createManualClock } from '../lib/clock.ts';
import { AppError } from '../lib/errors.ts';
import { once, type Remember } from './idempotency-store.ts';

describeOnDatabases('doing something once for a key', (database) => {
  const createDesk = () => {
    const clock = createManualClock();
    const deps = { db: database().db, clock };
    let done = 0;
    const work = async () => {
      done += 1;
      return { status: 201, body: { number: done } };
    };
    const ask = async (key: string | undefined, over: { actor?: string; route?: string; body?: unknown } = {}) =>
      await once(deps, { actor: 'ann', route: 'POST /x', key, body: { a: 1, b: 2 }, ...over }, work);
    return { deps, clock, ask, count: () => done };
  };

  it('answers a repeat with the first answer, whatever the order of its fields', async () => {
    const desk = createDesk();
    const first = await desk.ask('same');
    expect(first).toEqual({ status: 201, body: { number: 1 }, replayed: false });
    expect(await desk.ask('same', { body: { b: 2, a: 1 } })).toEqual({ ...first, replayed: true });
    expect(desk.count()).toBe(1);
  });

  it('does it every time without a key, and once for each actor, route and key', async () => {
    const desk = createDesk();
    for (let index = 0; index < 2; index += 1) await desk.ask(undefined);
    await desk.ask('apart');
    await desk.ask('apart', { actor: 'bob' });
    await desk.ask('apart', { route: 'POST /y' });
    await desk.ask('apart2');
    expect(desk.count()).toBe(6);
  });

  it('refuses another body under the same key, and keys that cannot be meant', async () => {
    const desk = createDesk();
    await desk.ask('body');
    await expect(desk.ask('body', { body: { a: 2 } })).rejects.toMatchObject({ code: 'conflict', httpStatus: 409 });
    await expect(desk.ask('')).rejects.toMatchObject({ code: 'invalid_input' });
    await expect(desk.ask('k'.repeat(201))).rejects.toMatchObject({ code: 'invalid_input' });
    expect((await desk.ask('k'.repeat(200))).replayed).toBe(false);
    expect(desk.count()).toBe(2);
  });

  it('does it once where many ask at the same time', async () => {
    const desk = createDesk();
    const asked = await Promise.allSettled(Array.from({ length: 6 }, async () => await desk.ask('race')));
    expect(desk.count()).toBe(1);
    const fresh = asked.filter((one) => one.status === 'fulfilled' && !one.value.replayed);
    expect(fresh).toHaveLength(1);
    for (const one of asked) if (one.status === 'rejected') expect(one.reason).toMatchObject({ code: 'conflict' });
  });

  it('frees the key where the work fails', async () => {
    const { deps, ask, count } = createDesk();
    const failing = once(deps, { actor: 'ann', route: 'POST /x', key: 'fail', body: { a: 1, b: 2 } }, async () => {
      throw new AppError('illegal_transition', 'no');
    });
    await expect(failing).rejects.toMatchObject({ code: 'illegal_transition' });
    expect((await ask('fail')).replayed).toBe(false);
    expect(count()).toBe(1);
  });

  it('lets one take over what was begun and never answered, after a while', async () => {
    const { deps, clock, ask, count } = createDesk();
    // A process that dies in the middle neither answers nor frees the key.
    const dead = once(
      deps,
      { actor: 'ann', route: 'POST /x', key: 'dead', body: { a: 1, b: 2 } },
      () => new Promise<never>(() => undefined),
    );
    dead.catch(() => undefined);
    const isTaken = async () => (await deps.db.knex('idempotency_keys').where({ key: 'dead' })).length === 1;
    while (!(await isTaken()));
    await expect(ask('dead')).rejects.toMatchObject({ code: 'conflict' });
    await clock.advance(30_001);
    const asked = await Promise.allSettled([ask('dead'), ask('dead'), ask('dead')]);
    expect(count()).toBe(1);
    expect(asked.some((one) => one.status === 'fulfilled')).toBe(true);
    expect((await ask('dead')).replayed).toBe(true);
  });

  it('knows the answer of work that was done right before the process died', async () => {
    const { deps, ask, count } = createDesk();
    const request = { actor: 'ann', route: 'POST /x', key: 'crash', body: { a: 1, b: 2 } };
    const work = async (remember: Remember<{ number: number }>) => {
      await inTransaction(deps.db, async (trx) => await remember(trx, { status: 201, body: { number: 7 } }));
      throw new Error('the process ends here');
    };
    await expect(once(deps, request, work)).rejects.toThrow('ends here');
    expect(await ask('crash')).toEqual({ status: 201, body: { number: 7 }, replayed: true });
    expect(count()).toBe(0);
  });

  it('remembers nothing of a transaction that was rolled back', async () => {
    const { deps, ask } = createDesk();
    const request = { actor: 'ann', route: 'POST /x', key: 'rolled', body: { a: 1, b: 2 } };
    const work = async (remember: Remember<{ number: number }>) =>
      await inTransaction(deps.db, async (trx): Promise<never> => {
        await remember(trx, { status: 201, body: { number: 7 } });
        throw new Error('rolled back');
      });
    await expect(once(deps, request, work)).rejects.toThrow('rolled back');
    expect((await ask('rolled')).replayed).toBe(false);
  });

  it('forgets keys after a week', async () => {
    const { deps, clock, ask } = createDesk();
    await ask('old');
    await clock.advance(8 * 24 * 3_600_000);
    await ask('new');
    const keys: { key: string }[] = await deps.db.knex('idempotency_keys').whereIn('key', ['old', 'new']).select('key');
    expect(keys).toEqual([{ key: 'new' }]);
  });
});
