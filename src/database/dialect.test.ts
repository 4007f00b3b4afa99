import { describe, expect, it } from 'vitest';
import { describeOnDatabases } from '../../test/support/postgres.ts';
import {
  countRows,
  forClaim,
  forUpdate,
  fromJson,
  isConnectionLoss,
  isTransient,
  isUniqueViolation,
  lockJournal,
  toBoolean,
  toDatabaseClient,
  toJson,
  toText,
  whereContains,
} from './dialect.ts';
import { openDatabase, type Database } from './open.ts';
import { inTransaction } from './transaction.ts';
import { silentLogger } from '../lib/logger.ts';

const AT = '2026-01-01T00:00:00.000Z';

const note = (id: string, text: string) => ({ id, subject: 's', text, actor: 'a', at: AT });

async function caught(work: Promise<unknown>): Promise<unknown> {
  try {
    await work;
  } catch (error) {
    return error;
  }
  throw new Error('it did not fail');
}

describeOnDatabases('the dialect', (database) => {
  const knex = () => database().db.knex;

  it('knows which database it speaks to, inside a transaction and out', async () => {
    expect(toDatabaseClient(knex())).toBe(database().client);
    await inTransaction(database().db, async (trx) => {
      expect(toDatabaseClient(trx)).toBe(database().client);
    });
  });

  it('keeps JSON as it was written, key order and escaped NUL characters included', async () => {
    const value = { b: 1, a: [null, true, 'x\0y', 'ü'], text: '"quoted"' };
    for (const [id, stored] of [
      ['json1', value],
      ['json2', 'just text'],
      ['json3', undefined],
    ] as const)
      await knex()('notes').insert(note(id, toJson(stored)));
    const rows: { text: string }[] = await knex()('notes').whereLike('id', 'json%').orderBy('id');
    expect(rows.map((row) => fromJson(row.text))).toEqual([value, 'just text', null]);
    expect(rows[0]?.text).toBe(JSON.stringify(value));
  });

  it('stores text that holds NUL characters once they are taken out', async () => {
    await knex()('notes').insert(note('nul', toText('a\0b')));
    expect(await knex()('notes').where({ id: 'nul' }).first()).toMatchObject({ text: 'ab' });
  });

  it('tells a taken key from other refusals', async () => {
    await knex()('notes').insert(note('twice', 'x'));
    expect(isUniqueViolation(await caught(knex()('notes').insert(note('twice', 'x'))))).toBe(true);
    expect(isUniqueViolation(await caught(knex()('notes').insert({ ...note('null', 'x'), actor: null })))).toBe(false);
    expect(isUniqueViolation(await caught(knex()('no_such_table').insert({ x: 1 })))).toBe(false);
  });

  it('reads sequence numbers and large integers as numbers', async () => {
    const large = 2 ** 52 + 1;
    await knex()('deploy_outcomes').where({ deploy_id: 'none' }).delete();
    await knex()('deploys').insert({
      id: 'big',
      recorded_seq: large,
      cluster: 'c',
      environment: 'e',
      namespace: 'n',
      service: 's',
      change_kind: 'scale',
      started_at: AT,
      strategy: 'direct',
    });
    expect(await knex()('deploys').where({ id: 'big' }).first('recorded_seq')).toEqual({ recorded_seq: large });
  });

  it('counts what a query finds', async () => {
    await knex()('notes').insert([note('c1', 'count'), note('c2', 'count')]);
    expect(await countRows(knex()('notes').select('id').where({ text: 'count' }).orderBy('id'))).toBe(2);
    expect(await countRows(knex()('notes').where({ text: 'no such' }))).toBe(0);
  });

  it('finds text in any of the columns, with wildcards as plain characters', async () => {
    await knex()('notes').insert([
      { ...note('w1', 'Scale WEB to 50%'), subject: 'find' },
      { ...note('w2', 'a_b'), subject: 'find' },
      { ...note('w3', 'axb\\'), subject: 'find' },
    ]);
    const find = async (text: string) => {
      const rows: { id: string }[] = await whereContains(
        knex()('notes').where({ subject: 'find' }).orderBy('id'),
        ['text', 'actor'],
        text,
      );
      return rows.map((row) => row.id);
    };
    expect(await find('web')).toEqual(['w1']);
    expect(await find('0%')).toEqual(['w1']);
    expect(await find('a_b')).toEqual(['w2']);
    expect(await find('xb\\')).toEqual(['w3']);
    expect(await find("'; drop table notes; --")).toEqual([]);
  });

  it('locks rows and the journal inside a transaction', async () => {
    await knex()('notes').insert(note('lock', 'x'));
    const row: unknown = await inTransaction(database().db, async (trx) => {
      await lockJournal(trx);
      await lockJournal(trx);
      return await forUpdate(trx, trx('notes').where({ id: 'lock' })).first();
    });
    expect(row).toMatchObject({ text: 'x' });
  });

  it('hands different rows to two who claim at the same time', async () => {
    await knex()('notes').insert([
      { ...note('q1', 'open'), subject: 'queue' },
      { ...note('q2', 'open'), subject: 'queue' },
    ]);
    const claim = () =>
      inTransaction(database().db, async (trx) => {
        const query = trx('notes').where({ subject: 'queue', text: 'open' }).orderBy('id').limit(1);
        const row: { id: string } | undefined = await forClaim(trx, query).first();
        if (row !== undefined) await trx('notes').where({ id: row.id }).update({ text: 'taken' });
        return row?.id;
      });
    const claimed = await Promise.all([claim(), claim()]);
    expect(claimed.toSorted()).toEqual(['q1', 'q2']);
  });

  it('lets readers of the journal miss nothing while many write', async () => {
    // Each on a connection of its own, as several processes would be.
    const writers: Database[] = await Promise.all(
      [1, 2, 3].map(() =>
        openDatabase({ client: database().client, connection: database().connection, logger: silentLogger }),
      ),
    );
    const seen: number[] = [];
    let after = 0;
    const read = async () => {
      const rows: { seq: number }[] = await knex()('events').where('seq', '>', after).orderBy('seq').select('seq');
      seen.push(...rows.map((row) => row.seq));
      after = seen.at(-1) ?? after;
    };
    let writing = true;
    const write = async (writer: Database) => {
      for (let index = 0; index < 15; index += 1)
        await inTransaction(writer, async (trx) => {
          await lockJournal(trx);
          await trx('events').insert({ at: AT, type: 'note', data_json: '{}' });
          // Time for another writer to take the next number, if it could.
          await trx.raw('select 1');
        });
    };
    const reader = (async () => {
      while (writing) await read();
    })();
    await Promise.all(writers.map(write));
    writing = false;
    await reader;
    await read();
    await Promise.all(writers.map((writer) => writer.close()));
    expect(seen).toHaveLength(45);
    expect(await countRows(knex()('events'))).toBe(45);
  });
});

describe('errors of the databases', () => {
  const withCode = (code: string) => Object.assign(new Error('x'), { code });

  it('tells what can be tried again from what cannot', () => {
    for (const code of ['40001', '40P01', 'SQLITE_BUSY', 'SQLITE_BUSY_SNAPSHOT', 'SQLITE_LOCKED'])
      expect([code, isTransient(withCode(code))]).toEqual([code, true]);
    for (const code of ['23505', 'SQLITE_CONSTRAINT', 'ECONNRESET', ''])
      expect([code, isTransient(withCode(code))]).toEqual([code, false]);
    expect(isTransient(undefined)).toBe(false);
  });

  it('recognises a connection that is gone', () => {
    for (const code of ['08006', '57P01', 'ECONNREFUSED', 'SQLITE_CANTOPEN', 'SQLITE_IOERR'])
      expect([code, isConnectionLoss(withCode(code))]).toEqual([code, true]);
    expect(isConnectionLoss(new Error('Connection terminated unexpectedly'))).toBe(true);
    expect(isConnectionLoss(withCode('40001'))).toBe(false);
  });

  it('reads booleans of both databases', () => {
    expect([true, 1, false, 0, null].map(toBoolean)).toEqual([true, true, false, false, false]);
  });
});
