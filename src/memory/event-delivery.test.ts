import * as http from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { describeOnDatabases } from '../../test/support/postgres.ts';
import { createSystemClock } from '../lib/clock.ts';
import { silentLogger } from '../lib/logger.ts';
import { toCdEvent } from './cd-event.ts';
import { createEventDelivery, type DeliveryOptions, type EventDelivery } from './event-delivery.ts';
import { createEventSender } from './event-sender.ts';
import { createMemoryKeeper } from './memory-store.ts';
import { bookEvent, countOutbox } from './outbox-store.ts';
import { play, toDeploy, toOutcome } from './test-memory.ts';

interface Received {
  headers: http.IncomingHttpHeaders;
  body: { context: { id: string; type: string }; customData: { deployId: string } };
}

type Answer = (received: Received, response: http.ServerResponse) => void;

/** A receiver of events over real HTTP; `answer` decides per event. */
async function openSink(answer: Answer, port = 0) {
  const received: Received[] = [];
  const server = http.createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const body = JSON.parse(Buffer.concat(chunks).toString('utf8')) as Received['body'];
      const one = { headers: request.headers, body };
      received.push(one);
      answer(one, response);
    });
  });
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  return {
    received,
    port: (server.address() as AddressInfo).port,
    deploys: () => received.map(({ body }) => body.customData.deployId),
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

type Sink = Awaited<ReturnType<typeof openSink>>;
const accept: Answer = (_received, response) => void response.writeHead(202).end();

describeOnDatabases('the delivery of events', (database) => {
  const db = () => database().db;
  const clock = createSystemClock();
  const sinks: Sink[] = [];
  const deliveries: EventDelivery[] = [];

  const open = async (answer: Answer, port?: number) => {
    const sink = await openSink(answer, port);
    sinks.push(sink);
    return sink;
  };
  const deliver = (port: number, over: Partial<DeliveryOptions> = {}) => {
    const delivery = createEventDelivery({
      db: db(),
      send: createEventSender({ endpoint: `http://127.0.0.1:${port}/events`, token: 'sink-token' }),
      clock,
      logger: silentLogger,
      random: () => 0.5,
      maxAttempts: 4,
      timeoutMs: 5_000,
      pollMs: 20,
      baseMs: 5,
      ...over,
    });
    deliveries.push(delivery);
    delivery.start();
    return delivery;
  };
  const keeper = () =>
    createMemoryKeeper(db(), {
      outbox: {
        book: async (trx, ended) => await bookEvent(trx, ended, { source: '/tiphys', nowMs: clock.now() }),
        wake: () => deliveries.forEach((one) => one.wake()),
      },
    });
  const until = async (test: () => Promise<boolean> | boolean) => {
    while (!(await test())) await clock.sleep(5);
  };
  const counts = async () => await countOutbox(db().knex);
  const isSettled = async (delivered: number, dead = 0) => {
    const now = await counts();
    return now.pending === 0 && now.delivered === delivered && now.dead === dead;
  };

  beforeEach(async () => {
    for (const table of ['event_outbox', 'deploy_outcomes', 'deploys']) await db().knex(table).delete();
  });
  afterEach(async () => {
    await Promise.all(deliveries.splice(0).map(async (one) => await one.stop()));
    await Promise.all(sinks.splice(0).map(async (one) => await one.close()));
  });

  it('tells of each ended deploy once, as a CloudEvent in binary mode', async () => {
    const sink = await open(accept);
    deliver(sink.port);
    await play(keeper(), 'dep_1', 1, 'healthy', { ticket: 'tkt_1' });
    await play(keeper(), 'dep_2', 2, 'failed');
    await play(keeper(), 'dep_3', 3, 'healthy', { changeKind: 'revert' });
    await until(async () => await isSettled(2));
    expect(sink.received.map(({ body }) => body.context.type).toSorted()).toEqual([
      'dev.cdevents.service.deployed.0.2.0',
      'dev.cdevents.service.rolledback.0.2.0',
    ]);
    const first = sink.received.find(({ body }) => body.customData.deployId === 'dep_1');
    expect(first?.headers).toMatchObject({
      'ce-specversion': '1.0',
      'ce-id': first?.body.context.id,
      'ce-source': '/tiphys',
      'ce-type': 'dev.cdevents.service.deployed.0.2.0',
      'ce-subject': 'shop/web',
      'content-type': 'application/json; charset=utf-8',
      authorization: 'Bearer sink-token',
    });
  });

  it('gives one event up after all attempts, and none of the others waits for it', async () => {
    const sink = await open(({ body }, response) => {
      response.writeHead(body.customData.deployId === 'dep_bad' ? 500 : 204).end();
    });
    await play(keeper(), 'dep_bad', 1, 'healthy');
    for (let index = 0; index < 20; index += 1) await play(keeper(), `dep_${index}`, 2 + index, 'healthy');
    deliver(sink.port);
    await until(async () => await isSettled(20, 1));
    expect(sink.deploys().filter((id) => id === 'dep_bad')).toHaveLength(4);
    expect(new Set(sink.deploys()).size).toBe(21);
    expect((await counts()).lastError).toBe('the receiver answered 500');
    expect(await db().knex('event_outbox').where({ state: 'dead' })).toMatchObject([{ deploy_id: 'dep_bad' }]);
  });

  it('does not send again what the receiver calls malformed', async () => {
    const sink = await open((_received, response) => void response.writeHead(422).end());
    await play(keeper(), 'dep_1', 1, 'healthy');
    deliver(sink.port);
    await until(async () => await isSettled(0, 1));
    expect(sink.received).toHaveLength(1);
  });

  it('passes by a receiver that does not answer for one event', async () => {
    const sink = await open(({ body }, response) => {
      if (body.customData.deployId !== 'dep_slow') response.writeHead(200).end();
    });
    await play(keeper(), 'dep_slow', 1, 'healthy');
    for (let index = 0; index < 30; index += 1) await play(keeper(), `dep_${index}`, 2 + index, 'healthy');
    deliver(sink.port, { timeoutMs: 100 });
    await until(async () => await isSettled(30, 1));
    expect((await counts()).lastError).toBe('no answer within 100 ms');
  });

  it('delivers everything once the receiver is back, and after a restart of its own', async () => {
    const first = await open((_received, response) => void response.destroy());
    const stopped = deliver(first.port, { maxAttempts: 1_000 });
    for (let index = 0; index < 5; index += 1) await play(keeper(), `dep_${index}`, index, 'healthy');
    await until(() => first.received.length >= 5);
    await stopped.stop();
    await first.close();
    expect(await counts()).toMatchObject({ pending: 5, delivered: 0, dead: 0 });
    await db()
      .knex('event_outbox')
      .update({ next_at: new Date(clock.now()).toISOString() });
    const second = await open(accept, first.port);
    deliver(second.port);
    await until(async () => await isSettled(5));
    expect(new Set(second.deploys()).size).toBe(5);
  });

  it('does not count an attempt that was stopped', async () => {
    const sink = await open(() => undefined);
    const delivery = deliver(sink.port);
    await play(keeper(), 'dep_1', 1, 'healthy');
    await until(() => sink.received.length === 1);
    await delivery.stop();
    expect(await db().knex('event_outbox').first()).toMatchObject({ state: 'pending', attempts: 0 });
  });

  it('sends each event once while two processes deliver', async () => {
    const sink = await open(accept);
    for (let index = 0; index < 40; index += 1) await play(keeper(), `dep_${index}`, index, 'healthy');
    deliver(sink.port);
    deliver(sink.port);
    await until(async () => await isSettled(40));
    expect(sink.received).toHaveLength(40);
  });

  it('follows no redirect, so neither event nor token goes elsewhere', async () => {
    const other = await open(accept);
    const sink = await open((_received, response) => {
      response.writeHead(307, { location: `http://127.0.0.1:${other.port}/` }).end();
    });
    await play(keeper(), 'dep_1', 1, 'healthy');
    deliver(sink.port, { maxAttempts: 2 });
    await until(async () => await isSettled(0, 1));
    expect(other.received).toEqual([]);
    expect((await counts()).lastError).toContain('redirects are not followed');
  });

  it('waits as long as the receiver asks', async () => {
    const sink = await open((_received, response) => void response.writeHead(503, { 'retry-after': '120' }).end());
    await play(keeper(), 'dep_1', 1, 'healthy');
    const before = clock.now();
    deliver(sink.port);
    await until(async () => (await counts()).lastError !== null);
    const row: { next_at: string } = await db().knex('event_outbox').first();
    expect(Date.parse(row.next_at)).toBeGreaterThanOrEqual(before + 120_000);
  });

  it('books no event where the outcome is not written', async () => {
    const broken = createMemoryKeeper(db(), {
      outbox: {
        book: async (trx, ended) => {
          await bookEvent(trx, ended, { source: '/tiphys', nowMs: clock.now() });
          throw new Error('the process ends here');
        },
        wake: () => undefined,
      },
    });
    await expect(play(broken, 'dep_1', 1, 'healthy')).rejects.toThrow('ends here');
    expect(await db().knex('deploy_outcomes')).toEqual([]);
    expect(await counts()).toMatchObject({ pending: 0 });
  });
});

describe('the sender of events', () => {
  it('does not connect to link-local addresses, where clouds keep credentials', async () => {
    const deploy = toDeploy('dep_1', 1);
    const event = toCdEvent({ deploy, outcome: toOutcome(deploy, 'healthy') }, { source: '/tiphys', isFirst: true });
    if (event === undefined) throw new Error('no event');
    for (const endpoint of ['http://169.254.169.254/latest', 'http://[fe80::1]/', 'http://[::ffff:169.254.169.254]/']) {
      const send = createEventSender({ endpoint });
      const answer = await send(event, AbortSignal.timeout(2_000));
      expect(answer).toMatchObject({ kind: 'failed', error: expect.stringContaining('link-local') });
    }
  });
});
