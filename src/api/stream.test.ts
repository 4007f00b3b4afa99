import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { createTestDatabase, describeOnDatabases, type TestDatabase } from '../../test/support/postgres.ts';
import { openDatabase, type Database } from '../database/open.ts';
import { silentLogger } from '../lib/logger.ts';
import { lastEventId, listEvents } from '../ticket/event-store.ts';
import { createTestApi, listen, openStream, type StreamClient } from './test-server.ts';

type Api = Awaited<ReturnType<typeof createTestApi>>;

const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function startApi(
  db: Database,
  options: Parameters<typeof createTestApi>[1] = {},
): Promise<Api & { url: string }> {
  const api = await createTestApi(db, options);
  closers.push(async () => await api.server.close());
  return { ...api, url: await listen(api.server) };
}

async function open(url: string, headers?: Record<string, string>): Promise<StreamClient> {
  const stream = await openStream(url, headers);
  closers.push(async () => stream.cut());
  return stream;
}

const eventually = async (check: () => unknown) => await vi.waitFor(check, { timeout: 20_000, interval: 5 });

const ids = (stream: StreamClient) => stream.frames.map((frame) => frame.id);
const texts = (stream: StreamClient) => stream.frames.map((frame) => frame.data.data['text']);

describeOnDatabases('event streams', (database) => {
  it('tell a ticket from its beginning and go on with what happens, each frame with id, type and data', async () => {
    const api = await startApi(database().db);
    const ticket = await api.create();
    const other = await api.create();
    const stream = await open(`${api.url}/api/tickets/${ticket.id}/stream`);
    expect(stream.status).toBe(200);
    expect(stream.headers['content-type']).toBe('text/event-stream; charset=utf-8');
    await stream.count(1);
    await api.write(other.id, 'of another ticket');
    await api.write(ticket.id, 'line\nbreak', 'ü🚀');
    await stream.count(3);
    const stored = await api.events(ticket.id);
    expect(stream.frames.map(({ id, event, data }) => [id, event, data])).toEqual(
      stored.map((event) => [event.id, event.type, event]),
    );
    expect(texts(stream).slice(1)).toEqual(['line\nbreak', 'ü🚀']);
  });

  it('tell all tickets from now on', async () => {
    const api = await startApi(database().db);
    await api.create();
    const stream = await open(`${api.url}/api/events/stream`);
    const [one, two] = [await api.create(), await api.create()];
    await stream.count(2);
    expect(stream.frames.map((frame) => frame.data.ticketId)).toEqual([one.id, two.id]);
  });

  it('go on after the last id, given as header or as query, the header first', async () => {
    const api = await startApi(database().db);
    const ticket = await api.create();
    await api.write(ticket.id, 'a', 'b', 'c');
    const [, a, b] = (await api.events(ticket.id)).map((event) => String(event.id));
    const url = `${api.url}/api/tickets/${ticket.id}/stream`;
    const byHeader = await open(url, { 'last-event-id': b ?? '' });
    await byHeader.count(1);
    expect(texts(byHeader)).toEqual(['c']);
    const byQuery = await open(`${url}?lastEventId=${a}`);
    await byQuery.count(2);
    expect(texts(byQuery)).toEqual(['b', 'c']);
    const both = await open(`${url}?lastEventId=${a}`, { 'last-event-id': b ?? '' });
    await both.count(1);
    expect(texts(both)).toEqual(['c']);
    const all = await open(`${api.url}/api/events/stream?lastEventId=${a}`);
    await all.count(2);
    expect(texts(all).slice(0, 2)).toEqual(['b', 'c']);
  });

  it('lose and repeat nothing over server restarts while events keep coming', async () => {
    const { client, connection, db } = database();
    // The writer is another process, as the runner of another server is.
    const writerDb = await openDatabase({ client, connection, logger: silentLogger });
    closers.push(async () => await writerDb.close());
    const writer = await createTestApi(writerDb);
    closers.push(async () => await writer.server.close());
    const { id: ticketId } = await writer.create();
    const start = await lastEventId(db.knex);
    const total = 60;
    const writing = (async () => {
      for (let index = 0; index < total; index += 2) await writer.write(ticketId, `${index}`, `${index + 1}`);
    })();
    const seen: number[] = [];
    const told: unknown[] = [];
    for (let round = 0; seen.length < total; round += 1) {
      const api = await createTestApi(db);
      const url = await listen(api.server);
      const last = String(seen.at(-1) ?? start);
      const stream = await openStream(`${url}/api/tickets/${ticketId}/stream`, { 'last-event-id': last });
      await stream.count(Math.min((round % 3) * 7 + 1, total - seen.length));
      if (round % 2 === 0) stream.cut();
      await api.server.close();
      await stream.ended;
      seen.push(...ids(stream));
      told.push(...texts(stream));
    }
    await writing;
    const stored = await listEvents(db.knex, { ticketId }, { afterId: start, limit: 1_000 });
    expect(seen).toEqual(stored.map((event) => event.id));
    expect(told).toEqual(Array.from({ length: total }, (_, index) => `${index}`));
  });
});

describe('event streams', () => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await createTestDatabase('sqlite3');
  });
  afterAll(async () => await database.drop());

  it('send a comment now and then where nothing happens', async () => {
    const api = await startApi(database.db, { streams: { heartbeatMs: 10 } });
    const stream = await open(`${api.url}/api/events/stream`);
    await stream.comment(': heartbeat');
    expect(stream.comments[0]).toBe('retry: 2000');
    expect(stream.frames).toEqual([]);
  });

  it('end cleanly when the server stops, for readers who read and for readers who do not', async () => {
    const api = await startApi(database.db);
    const ticket = await api.create();
    const reader = await open(`${api.url}/api/tickets/${ticket.id}/stream`);
    const idle = await open(`${api.url}/api/events/stream`);
    const stuck = await open(`${api.url}/api/events/stream?lastEventId=0`);
    stuck.pause();
    await api.write(ticket.id, ...Array.from({ length: 40 }, () => 'x'.repeat(200_000)));
    await reader.count(41);
    await api.server.close();
    expect(await reader.ended).toBe(true);
    expect(await idle.ended).toBe(true);
    stuck.resume();
    await stuck.ended;
  });

  it('give a slow reader everything, and cut one that takes nothing', async () => {
    const api = await startApi(database.db, { streams: { stallMs: 300 } });
    const ticket = await api.create();
    const size = 30;
    await api.write(ticket.id, ...Array.from({ length: size }, (_, index) => `${index} ${'x'.repeat(300_000)}`));
    const url = `${api.url}/api/tickets/${ticket.id}/stream`;
    const slow = await open(url);
    for (let taken = 1; taken < size; taken += 6) {
      await slow.count(taken);
      slow.pause();
      await new Promise((resolve) => setTimeout(resolve, 20));
      slow.resume();
    }
    await slow.count(size + 1);
    expect(ids(slow)).toEqual((await api.events(ticket.id)).map((event) => event.id));
    slow.cut();
    const openStreams = async () =>
      /^tiphys_event_streams (\d+)$/m.exec((await api.server.inject('/metrics')).body)?.[1];
    await eventually(async () => expect(await openStreams()).toBe('0'));
    const stuck = await open(url);
    stuck.pause();
    await eventually(async () => expect(await openStreams()).toBe('1'));
    await eventually(async () => expect(await openStreams()).toBe('0'));
    stuck.resume();
    expect(await stuck.ended).toBe(false);
    expect(stuck.frames.length).toBeLessThan(size + 1);
    // It comes back with the last id it has.
    const again = await open(url, { 'last-event-id': String(ids(stuck).at(-1) ?? 0) });
    await again.count(size + 1 - stuck.frames.length);
    expect([...ids(stuck), ...ids(again)]).toEqual((await api.events(ticket.id)).map((event) => event.id));
  });

  it('are forgotten when their reader goes', async () => {
    const api = await startApi(database.db);
    const stream = await open(`${api.url}/api/events/stream`);
    const shows = async (pattern: RegExp) => pattern.test((await api.server.inject('/metrics')).body);
    await eventually(async () => expect(await shows(/^tiphys_event_streams 1$/m)).toBe(true));
    stream.cut();
    await eventually(async () => expect(await shows(/^tiphys_event_streams 0$/m)).toBe(true));
    expect(await shows(/duration_seconds_count\{[^}]*stream/)).toBe(false);
  });

  it('are not opened for what cannot be meant', async () => {
    const api = await startApi(database.db);
    const url = (path: string) => fetch(`${api.url}${path}`);
    expect((await url('/api/tickets/tkt_00000000000000000000000000/stream')).status).toBe(404);
    expect((await url('/api/tickets/nonsense/stream')).status).toBe(400);
    expect((await url('/api/events/stream?lastEventId=-1')).status).toBe(400);
    expect((await url('/api/events/stream?from=1')).status).toBe(400);
    expect((await fetch(`${api.url}/api/events/stream`, { method: 'HEAD' })).status).toBe(404);
  });
});
