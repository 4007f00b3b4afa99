import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TicketView } from '../../src/api/contract.ts';
import { argoInstanceListSchema } from '../../src/api/contract-argocd.ts';
import { servicesSchema } from '../../src/api/contract-memory.ts';
import { createSystemClock } from '../../src/lib/clock.ts';
import { startSandbox, type Sandbox } from '../../src/sandbox/sandbox.ts';
import { startProduct, untilTicket, type Product } from '../support/product.ts';
import { runTiphys } from '../support/tiphys-process.ts';

const PATIENCE_MS = 240_000;
const WEST_TOKEN = 'the-token-of-the-west-side';
const RIGHTS = ['get', 'sync', 'action/*'].map((action) => ({ resource: 'applications', action, object: '*' }));

let dir: string;
let product: Product;
let west: Sandbox;
/** Settings in which the second instance has this name, or is not there. */
let configure: (name: string | undefined) => Record<string, unknown>;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'tiphys-instances-'));
  const tokenFile = join(dir, 'token');
  await writeFile(tokenFile, `${WEST_TOKEN}\n`);
  product = await startProduct(async (east) => {
    // A second Argo CD over the same repository, with an account of its own that may not read logs.
    west = await startSandbox({
      applications: { autoDiscover: { repoUrl: east.repository, branch: 'main', root: 'dist' } },
      accounts: [{ name: 'tiphys', token: WEST_TOKEN, rights: RIGHTS }],
      clock: createSystemClock(),
      speed: 40,
    });
    const first = { name: 'east', server: east.url, token: east.token };
    const second = { name: 'west', server: west.url, tokenFile, cluster: 'west-side' };
    configure = (name) => ({ argocd: { ...first, instances: name === undefined ? [] : [{ ...second, name }] } });
    return configure('west');
  });
});
afterAll(async () => {
  await product.close();
  await west.close();
  await rm(dir, { recursive: true, force: true });
});

const refuse = (name: string) => ({ kind: 'Deployment', name, message: `${name} is refused here`, times: -1 });

async function open(title: string, target?: string): Promise<TicketView> {
  const input = { title, ...(target === undefined ? {} : { target: { instance: target } }) };
  return await product.client.createTicket(input);
}

async function untilPlanned({ id }: TicketView): Promise<string> {
  const ticket = await untilTicket(product.client, id, (one) => one.hold !== null || one.endedAt !== null, PATIENCE_MS);
  if (ticket.hold?.kind !== 'plan_approval') throw new Error(`${ticket.title}: ${ticket.status}: ${ticket.reason}`);
  return ticket.hold.changeHash;
}

async function play(ticket: TicketView): Promise<TicketView> {
  await product.client.approvePlan(ticket.id, await untilPlanned(ticket));
  return await untilTicket(product.client, ticket.id, (one) => one.endedAt !== null, PATIENCE_MS);
}

const notes = async ({ id }: TicketView) =>
  (await product.client.listEvents(id)).flatMap((event) => (event.type === 'note' ? [event.data.text] : []));

describe('two Argo CD instances over one repository', () => {
  it(
    'give each ticket the verdict of its own, whatever the other one makes of the same push',
    async () => {
      // Each refuses what is watched at the other.
      product.embedded.sandbox.faults.set({ applyErrors: [refuse('mailer')] });
      west.faults.set({ applyErrors: [refuse('worker')] });
      const [here, there] = await Promise.all([
        open('Scale worker to 3').then(play),
        open('Scale mailer to 2 on west').then(play),
      ]);
      expect([here.status, here.target.instance, there.status, there.target.instance]).toEqual([
        ...['resolved', 'east'],
        ...['resolved', 'west'],
      ]);
      expect(await notes(here)).toContain(
        'Argo CD west follows these paths too: the same push changes worker there. This ticket is for east and watches only that.',
      );
      expect((await notes(there)).some((text) => text.includes('Argo CD east follows these paths too'))).toBe(true);

      const { items } = await product.client.request(servicesSchema, 'GET', '/api/memory/services');
      const places = Object.fromEntries(items.map(({ service, cluster }) => [service, cluster]));
      expect(places).toEqual({ worker: new URL(product.embedded.url).host, mailer: 'west-side' });
    },
    PATIENCE_MS * 2,
  );

  it(
    'keep a ticket where it is over a restart, and take back what fails there',
    async () => {
      product.embedded.sandbox.faults.reset();
      west.faults.set({ applyErrors: [refuse('api')] });
      const ticket = await open('Scale api to 3', 'west');
      const hash = await untilPlanned(ticket);
      await product.restart();
      await product.client.approvePlan(ticket.id, hash);
      const told = async () =>
        (await product.client.listEvents(ticket.id)).flatMap((event) => (event.type === 'verdict' ? [event.data] : []));
      while ((await told()).length === 0) {
        const { endedAt, reason } = await product.client.getTicket(ticket.id);
        if (endedAt !== null) throw new Error(`it ended without a verdict: ${reason}`);
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
      west.faults.reset();
      const ended = await untilTicket(product.client, ticket.id, (one) => one.endedAt !== null, PATIENCE_MS);
      expect((await told())[0]).toMatchObject({ outcome: 'failed', application: 'argocd/api' });
      expect((await told())[0]?.sentence).toContain('api is refused here');
      expect(ended).toMatchObject({ status: 'failed', ending: { code: 'reverted' }, target: { instance: 'west' } });
    },
    PATIENCE_MS * 2,
  );

  it('are named exactly, with the near ones told, and tickets are found by them', async () => {
    const refused = await product.request('POST', '/api/tickets', { title: 'Scale web to 3', target: 'wset' });
    expect(refused.status).toBe(422);
    expect(refused.body).toMatchObject({
      code: 'unknown_target',
      details: { near: ['west'], known: ['east', 'west'] },
    });
    const listed = await product.client.listTickets({ target: 'west' });
    expect(listed.items.map(({ title }) => title)).toEqual(['Scale api to 3', 'Scale mailer to 2 on west']);
  });

  it('are looked at by the server and told by the command line, without a secret', async () => {
    const url = product.app.url;
    const text = await (await fetch(`${url}/api/argocd/instances`)).text();
    expect(text).not.toContain(WEST_TOKEN);
    expect(text).not.toContain(product.embedded.token);
    const { items } = argoInstanceListSchema.parse(JSON.parse(text));
    expect(items.map(({ name, reachable, problems }) => [name, reachable, problems.length])).toEqual([
      ['east', true, 0],
      ['west', true, 1],
    ]);
    const line = 'p, tiphys, logs, get, default/*, allow';
    expect(items[1]?.problems[0]?.rbac).toEqual([line]);
    const info = await product.client.info();
    expect(info.warnings.some((warning) => warning.includes('Argo CD west') && warning.includes(line))).toBe(true);

    const said = await runTiphys(['argocd', 'instances', '--server', url], { cwd: dir, timeoutMs: PATIENCE_MS });
    expect(said.exitCode).toBe(0);
    expect(said.stdout).toMatch(/^east \(default\) +ok +http/m);
    expect(said.stdout).toMatch(/^west +warning +http/m);
    expect(said.stdout).toContain(`    ${line}`);
  });

  it(
    'end a ticket that waits, with what to do, when its own is renamed, and go on with it when it is back',
    async () => {
      const ticket = await open('Scale web to 4', 'west');
      const hash = await untilPlanned(ticket);
      await product.restart(configure('wset'));
      await product.client.approvePlan(ticket.id, hash);
      const isOver = (one: TicketView) => one.endedAt !== null || one.status === 'errored';
      const ended = await untilTicket(product.client, ticket.id, isOver, PATIENCE_MS);
      expect(ended).toMatchObject({ status: 'errored', target: { instance: 'west' } });
      expect(ended.reason).toBe(
        'This ticket is for Argo CD west, which is not configured any more. Configure it again under that name and retry, or cancel the ticket: what it has pushed stays pushed.',
      );
      const told = (await product.client.listEvents(ticket.id)).flatMap((event) =>
        event.type === 'error' ? [event.data.hint] : [],
      );
      expect(told.at(-1)).toBe('Did you mean wset? Configured: east, wset.');
      await product.restart(configure('west'));
      await product.client.retry(ticket.id);
      // What was approved stays approved.
      const again = await untilTicket(product.client, ticket.id, (one) => one.endedAt !== null, PATIENCE_MS);
      expect([again.status, again.target.instance]).toEqual(['resolved', 'west']);
    },
    PATIENCE_MS * 2,
  );
});
