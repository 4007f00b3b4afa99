import { Annotation, END, INTERRUPT, START, StateGraph } from '@langchain/langgraph';
import { emptyCheckpoint, type CheckpointListOptions } from '@langchain/langgraph-checkpoint';
import { validate } from '@langchain/langgraph-checkpoint-validation';
import * as vitest from 'vitest';
import { createCheckpointer } from '../../src/agent/checkpointer.ts';
import { DATABASE_CLIENTS } from '../../src/database/dialect.ts';
import { createTestDatabase, describeOnDatabases, postgresSkipReason, type TestDatabase } from '../support/postgres.ts';

const { describe, expect, it } = vitest;

// LangGraph's own suite for savers looks for the test functions among the globals.
Object.assign(globalThis, vitest);

for (const client of DATABASE_CLIENTS) {
  const skipReason = client === 'pg' ? postgresSkipReason() : undefined;
  describe.skipIf(skipReason !== undefined)(`LangGraph's conformance suite on ${client}`, () => {
    let database: TestDatabase;
    validate({
      checkpointerName: `KnexSaver on ${client}`,
      beforeAllTimeout: 120_000,
      beforeAll: async () => {
        database = await createTestDatabase(client);
      },
      afterAll: async () => {
        await database.drop();
      },
      createCheckpointer: () => createCheckpointer(database.db),
      destroyCheckpointer: async () => {
        for (const table of ['checkpoint_writes', 'checkpoint_blobs', 'checkpoints'])
          await database.db.knex(table).delete();
      },
    });
  });
}

describeOnDatabases('the checkpoint saver', (database) => {
  const State = Annotation.Root({ a: Annotation<string>, b: Annotation<string> });

  it('keeps the branches of a thread continued from an older checkpoint apart', async () => {
    let run = 'first';
    const graph = new StateGraph(State)
      .addNode('one', () => ({ a: `${run} a` }))
      .addNode('two', () => ({ b: `${run} b` }))
      .addEdge(START, 'one')
      .addEdge('one', 'two')
      .addEdge('two', END)
      .compile({ checkpointer: createCheckpointer(database().db) });
    const thread = { configurable: { thread_id: 'fork' } };
    await graph.invoke({ a: '', b: '' }, { ...thread, durability: 'sync' });
    const firstEnd = await graph.getState(thread);
    const history = [];
    for await (const state of graph.getStateHistory(thread)) history.push(state);
    const beforeOne = history.find((state) => state.next.includes('one'));
    expect(beforeOne).toBeDefined();

    run = 'second';
    const result = await graph.invoke(null, { ...beforeOne?.config, durability: 'sync' });
    expect(result).toEqual({ a: 'second a', b: 'second b' });
    expect((await graph.getState(thread)).values).toEqual({ a: 'second a', b: 'second b' });
    expect((await graph.getState(firstEnd.config)).values).toEqual({ a: 'first a', b: 'first b' });
  });

  it('lists newest first in pages, with limit, before and metadata filter, and forgets a deleted thread', async () => {
    const saver = createCheckpointer(database().db);
    const ids = Array.from({ length: 120 }, (_, index) => `1f000000-0000-6000-8000-${String(index).padStart(12, '0')}`);
    for (const [step, id] of ids.entries())
      await saver.put(
        { configurable: { thread_id: 'long', checkpoint_ns: '' } },
        { ...emptyCheckpoint(), id },
        { source: 'loop', step, parents: {} },
        {},
      );
    const list = async (options: CheckpointListOptions) => {
      const found = [];
      for await (const tuple of saver.list({ configurable: { thread_id: 'long' } }, options))
        found.push(tuple.checkpoint.id);
      return found;
    };
    expect(await list({})).toEqual(ids.toReversed());
    expect(await list({ limit: 3 })).toEqual(ids.slice(-3).toReversed());
    expect(await list({ before: { configurable: { checkpoint_id: ids[2] } } })).toEqual([ids[1], ids[0]]);
    expect(await list({ filter: { step: 7, source: 'loop' } })).toEqual([ids[7]]);
    await saver.deleteThread('long');
    expect(await list({})).toEqual([]);
  });

  it('keeps the first result of a task, and the last of its interrupts', async () => {
    const saver = createCheckpointer(database().db);
    const config = await saver.put(
      { configurable: { thread_id: 'writes', checkpoint_ns: '' } },
      emptyCheckpoint(),
      { source: 'loop', step: 0, parents: {} },
      {},
    );
    await saver.putWrites(config, [['result', 'first']], 'task');
    await saver.putWrites(config, [['result', 'second']], 'task');
    await saver.putWrites(config, [[INTERRUPT, 'first']], 'task');
    await saver.putWrites(config, [[INTERRUPT, 'second']], 'task');
    expect((await saver.getTuple(config))?.pendingWrites).toEqual([
      ['task', INTERRUPT, 'second'],
      ['task', 'result', 'first'],
    ]);
  });
});
