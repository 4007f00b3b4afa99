import { expect, it } from 'vitest';
import { describeOnDatabases } from '../../test/support/postgres.ts';
import { inTransaction } from '../database/transaction.ts';
import { answerQuestion, findQuestion, listQuestions } from './question-store.ts';
import { createTicketWorld, PERSON } from './test-tickets.ts';

describeOnDatabases('the question store', (database) => {
  const createWorld = () => createTicketWorld(database().db);

  it('asks the same words once while they are open, and again when they were answered', async () => {
    const world = createWorld();
    const { id } = await world.create();
    const first = await world.ask(id);
    expect((await world.ask(id)).id).toBe(first.id);
    const answer = { answer: 'redis\0:7', at: world.now(), by: PERSON };
    await inTransaction(world.db, async (trx) => await answerQuestion(trx, first.id, answer));
    await world.clock.advance(5);
    const again = await world.ask(id);
    expect(again.id).not.toBe(first.id);
    expect(await listQuestions(world.db.knex, id)).toMatchObject([
      { id: first.id, answer: 'redis:7', answeredBy: PERSON, options: ['a', 'b'] },
      { id: again.id, answer: null, answeredBy: null },
    ]);
  });

  it('finds a question with odd words again', async () => {
    const world = createWorld();
    const { id } = await world.create();
    const words = 'Which "image"?\0 🚀';
    const first = await world.ask(id, words);
    expect(first.question).toBe('Which "image"? 🚀');
    expect((await world.ask(id, words)).id).toBe(first.id);
  });

  it('lists those of one attempt', async () => {
    const world = createWorld();
    const { id } = await world.create();
    await world.ask(id);
    expect(await listQuestions(world.db.knex, id, 1)).toHaveLength(1);
    expect(await listQuestions(world.db.knex, id, 2)).toEqual([]);
  });

  it('lets one answer stand', async () => {
    const world = createWorld();
    const { id } = await world.ask((await world.create()).id);
    const won = await Promise.all(
      ['a', 'b', 'c'].map(
        async (answer) =>
          await inTransaction(
            world.db,
            async (trx) => await answerQuestion(trx, id, { answer, at: world.now(), by: `person:${answer}` }),
          ),
      ),
    );
    expect(won.filter(Boolean)).toHaveLength(1);
    const question = await findQuestion(world.db.knex, id);
    expect(question?.answeredBy).toBe(`person:${question?.answer}`);
  });
});
