import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TicketView } from '../api/contract.ts';
import { openDatabase } from '../database/open.ts';
import { silentLogger } from '../lib/logger.ts';
import { playTicket, startProduct, untilStatus, untilTicket, type Product } from '../../test/support/product.ts';
import { runCommand } from './test-terminal.ts';
import { toShortId } from '../client/words.ts';

let product: Product;
beforeAll(async () => {
  product = await startProduct({ policy: { revertApproval: 'always' } });
});
afterAll(async () => await product.close());

interface Person {
  input?: string;
  answers?: readonly string[];
}
const run = async (args: readonly string[], person: Person = {}) =>
  await runCommand(args, { server: product.app.url, ...person });
const json = async <T = TicketView>(args: readonly string[], person: Person = {}): Promise<T> => {
  const said = await run([...args, '--json'], person);
  expect(said, said.stderr).toMatchObject({ stderr: '' });
  return JSON.parse(said.stdout) as T;
};
const open = async (title: string) => (await product.client.createTicket({ title, start: false })).id;
const openPlanned = async (title: string) => {
  const { id } = await product.client.createTicket({ title });
  const { hold } = await untilStatus(product.client, id, 'pending_plan_approval');
  return { id, hash: hold?.kind === 'plan_approval' ? hold.changeHash : '' };
};

describe('tiphys ticket create, list and show', () => {
  it('opens what it is told to, with words from standard input', async () => {
    const args = ['ticket', 'create', 'Scale web to 5', '-d', '-', '--priority', 'high', '--draft'];
    const ticket = await json([...args, '--application', 'web', '--environment', 'production'], {
      input: 'Because of\nthe sale.\n',
    });
    expect(ticket).toMatchObject({
      title: 'Scale web to 5',
      description: 'Because of\nthe sale.',
      priority: 'high',
      status: 'draft',
      target: { application: 'web', environment: 'production' },
    });
    expect(await product.client.getTicket(ticket.id)).toMatchObject(ticket);
    expect(await json(['ticket', 'show', ticket.id])).toMatchObject(ticket);

    const shown = await run(['ticket', 'show', toShortId(ticket.id).toLowerCase()]);
    expect(shown).toMatchObject({ exitCode: 0, stderr: '' });
    expect(shown.stdout).toContain('\n  Because of\n  the sale.\n');
    expect(shown.stdout).toContain(`tiphys ticket start ${toShortId(ticket.id)}`);
  });

  it('lists what fits, and says where there is more', async () => {
    const marked = await Promise.all(['one', 'two', 'three'].map(async (word) => await open(`Restart zebra ${word}`)));
    const all = await json<{ items: TicketView[]; nextCursor: string | null }>(['ticket', 'list', '--text', 'zebra']);
    expect(all.items.map(({ id }) => id).sort()).toEqual([...marked].sort());
    expect(all.nextCursor).toBeNull();
    const two = await run(['ticket', 'list', '--text', 'zebra', '--limit', '2']);
    expect(two.stdout.trimEnd().split('\n')).toHaveLength(3);
    expect(two.stdout).toMatch(/^ID +STATUS +PRIORITY +SERVICE +AGE +TITLE\n/);
    expect(two.stderr).toBe('There are more: --limit shows more than 2.\n');
    const none = await run(['ticket', 'list', '--text', 'zebra', '--status', 'resolved,failed']);
    expect(none).toMatchObject({ exitCode: 0, stdout: '', stderr: 'No tickets.\n' });
  });

  it('finds a ticket by either end of its id, and helps where none or several fit', async () => {
    const [one, two] = [await open('Restart web'), await open('Restart api')];
    expect((await json(['ticket', 'show', toShortId(one)])).id).toBe(one);
    expect((await json(['ticket', 'show', one.slice(0, 29)])).id).toBe(one);
    // The beginning is the time: tickets of one day share it.
    const several = await run(['ticket', 'show', one.slice(4, 9)]);
    expect(several).toMatchObject({ exitCode: 2, stdout: '' });
    expect(several.stderr).toMatch(/may be any of \d+ tickets/);
    const wrong = `${two.slice(0, 29)}${two.endsWith('Z') ? 'Y' : 'Z'}`;
    for (const given of [wrong, wrong.slice(-12)]) {
      const unknown = await run(['ticket', 'cancel', given]);
      expect(unknown).toMatchObject({ exitCode: 1, stdout: '' });
      expect(unknown.stderr).toContain(`there is no ticket ${given}\nDid you mean`);
      expect(unknown.stderr).toContain(two);
    }
    expect((await run(['ticket', 'show', 'QQQQQQQQ'])).stderr).toContain('"tiphys ticket list" shows them.');
    for (const given of ['Z', '../../info', 'a ticket'])
      expect(await run(['ticket', 'show', given])).toMatchObject({ exitCode: 2, stdout: '' });
  });
});

describe('tiphys ticket approve', () => {
  it('needs the hash or a person who has seen it, and ends with what became of the ticket', async () => {
    const created = await run(['ticket', 'create', 'Scale worker to 4', '--wait']);
    expect(created).toMatchObject({ exitCode: 3, stderr: '' });
    expect(created.stdout).toContain('Its plan waits for you');
    const id = /tkt_\w+/.exec(created.stdout)?.[0] ?? '';
    const short = toShortId(id);

    const plan = await run(['ticket', 'plan', short]);
    const hash = /^hash ([0-9a-f]{64})$/m.exec(plan.stdout)?.[1] ?? '';
    expect(plan.stdout).toMatch(/^ {4}-\s+replicas: \d+$/m);
    expect(plan.stdout).toMatch(/^ {4}\+\s+replicas: 4$/m);
    expect(plan.stdout).toMatch(/^Risk\n {2}(low|medium|high)/m);
    expect(await json(['ticket', 'plan', short])).toMatchObject({ changeHash: hash });

    for (const args of [[], ['--json'], ['--hash', '0'.repeat(64)], ['--hash', hash.slice(0, 12)]]) {
      const refused = await run(['ticket', 'approve', short, ...args]);
      expect(refused.exitCode).toBe(args[1]?.length === 64 ? 1 : 2);
      if (args[0] === '--json') expect(JSON.parse(refused.stdout)).toMatchObject({ error: { exitCode: 2 } });
      else expect(refused.stdout).toBe('');
    }
    for (const answers of [['no'], ['y'], []]) {
      const declined = await run(['ticket', 'approve', short], { answers });
      expect(declined).toMatchObject({ exitCode: 1, stderr: 'tiphys: nothing was done: the answer was not yes\n' });
      expect(declined.stdout).toMatch(new RegExp(`risk \\w+, hash ${hash}\\?`));
    }
    expect((await product.client.getTicket(id)).status).toBe('pending_plan_approval');

    const approved = await run(['ticket', 'approve', short, '--wait'], { answers: ['yes'] });
    expect(approved).toMatchObject({ exitCode: 0, stderr: '' });
    expect(approved.stdout).not.toContain('waiting for the planner');
    expect(approved.stdout).toMatch(/live and healthy/);
    expect((await product.client.getTicket(id)).status).toBe('resolved');

    const watched = await run(['ticket', 'watch', short, '--json']);
    const lines = watched.stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(watched.exitCode).toBe(0);
    expect(lines[0]).toMatchObject({ type: 'status', data: { to: 'draft' } });
    expect(lines.at(-1)).toMatchObject({ type: 'ticket', ticket: { id, status: 'resolved' } });
    expect(lines.slice(0, -1)).toEqual(await product.client.listEvents(id));
  });

  it('takes the hash from the command line, and says no with a reason', async () => {
    const first = await openPlanned('Scale worker to 7');
    const rejected = await json(['ticket', 'reject', first.id, '--reason', '-'], { input: 'not before Monday\n' });
    expect(rejected.reason).toContain('not before Monday');
    expect(await run(['ticket', 'reject', first.id])).toMatchObject({ exitCode: 2 });
    const second = await openPlanned('Scale worker to 6');
    const approved = await run(['ticket', 'approve', second.id, '--hash', second.hash]);
    expect(approved).toMatchObject({ exitCode: 0, stderr: '' });
    expect(approved.stdout).toMatch(/^Scale worker to 6: executing/);
    await untilStatus(product.client, second.id, 'resolved');
  });
});

describe('tiphys ticket grant and deny', () => {
  it('shows what it asks for before granting it, and ends with 1 for a change that was taken back', async () => {
    const { id, hash } = await openPlanned('Update api to 1.9.0-crash');
    const waiting = await run(['ticket', 'approve', id, '--hash', hash, '--wait']);
    expect(waiting.exitCode).toBe(3);
    const { hold } = await product.client.getTicket(id);
    expect(hold).toMatchObject({ kind: 'approval', purpose: 'revert' });
    expect(await run(['ticket', 'grant', id])).toMatchObject({ exitCode: 2, stdout: '' });
    expect(await run(['ticket', 'grant', id], { answers: ['no'] })).toMatchObject({ exitCode: 1 });
    expect((await product.client.getTicket(id)).status).toBe('pending_approval');
    const granted = await run(['ticket', 'grant', id, '--wait'], { answers: ['yes'] });
    expect(granted.stdout).toMatch(/Grant this revert, hash [0-9a-f]{64}\?/);
    expect(granted.exitCode).toBe(1);
    expect((await product.client.getTicket(id)).ending).toMatchObject({ reverted: true });
    expect(await run(['ticket', 'deny', id])).toMatchObject({ exitCode: 1, stdout: '' });
  });

  it('denies what waits', async () => {
    const { id } = await openPlanned('Scale mailer to 3');
    expect(await run(['ticket', 'grant', id])).toMatchObject({ exitCode: 2 });
    const denied = await json(['ticket', 'deny', id, '--reason', 'no']);
    expect(denied.status).not.toBe('pending_plan_approval');
  });
});

describe('tiphys ticket answer', () => {
  it('answers by words, from standard input, or asks the person', async () => {
    const opened = await run(['ticket', 'create', 'Scale mailer', '--wait']);
    expect(opened.exitCode).toBe(3);
    const id = /tkt_\w+/.exec(opened.stdout)?.[0] ?? '';
    expect(opened.stdout).toContain(`tiphys ticket answer ${toShortId(id)} TEXT`);
    const missing = await run(['ticket', 'answer', id]);
    expect(missing).toMatchObject({ exitCode: 2, stdout: '' });
    expect(missing.stderr).toContain('It asks: ');
    expect(await run(['ticket', 'answer', id, '-'], { input: ' \n' })).toMatchObject({ exitCode: 2 });
    const answered = await run(['ticket', 'answer', id, '--wait'], { answers: ['4'] });
    expect(answered.exitCode).toBe(3);
    expect((await product.client.getPlan(id)).summary).toContain('4 replicas');
    expect(await run(['ticket', 'answer', id, '5'])).toMatchObject({ exitCode: 1, stdout: '' });
  });
});

describe('tiphys ticket start, pause, resume, cancel and retry', () => {
  it('moves a ticket, and says where it stands', async () => {
    const id = await open('Scale mailer to 5');
    expect(await run(['ticket', 'watch', id])).toMatchObject({ exitCode: 3 });
    expect((await run(['ticket', 'start', id, '--wait'])).exitCode).toBe(3);
    expect((await json(['ticket', 'pause', id])).status).toBe('paused');
    const waiting = await run(['ticket', 'watch', id]);
    expect(waiting.exitCode).toBe(3);
    expect(waiting.stdout).toContain(`tiphys ticket resume ${toShortId(id)}`);
    expect((await json(['ticket', 'resume', id])).status).toBe('pending_plan_approval');
    const cancelled = await run(['ticket', 'cancel', id, '--reason', 'changed my mind']);
    expect(cancelled).toMatchObject({ exitCode: 0, stderr: '' });
    expect(cancelled.stdout).toMatch(/^Scale mailer to 5: cancelled/);
    expect((await run(['ticket', 'watch', id])).exitCode).toBe(1);
    expect(await run(['ticket', 'resume', id])).toMatchObject({ exitCode: 1, stdout: '' });
  });

  it('tries a ticket again that ended badly', async () => {
    const { id } = await product.client.createTicket({ title: 'hello world' });
    await untilTicket(product.client, id, ({ endedAt }) => endedAt !== null);
    expect((await run(['ticket', 'watch', id])).exitCode).toBe(1);
    expect((await json(['ticket', 'retry', id])).attempt).toBe(2);
  });
});

describe('tiphys deploy, status and audit', () => {
  it('opens a ticket for what the options say', async () => {
    const args = ['deploy', 'web', '--version', '1.28.0', '--replicas', '2', '--priority', 'low'];
    const ticket = await json([...args, '--environment', 'production', '--wait']);
    expect(ticket).toMatchObject({
      title: 'Deploy web version 1.28.0 with 2 replicas',
      status: 'pending_plan_approval',
      priority: 'low',
      target: { environment: 'production' },
    });
    expect(await run(['deploy', 'web'])).toMatchObject({ exitCode: 2, stdout: '' });
  });

  it('says how the server is and what waits, and how a service is', async () => {
    await playTicket(product.client, 'Restart web');
    const { id } = await openPlanned('Scale web to 9');
    const status = await run(['status']);
    expect(status).toMatchObject({ exitCode: 0, stderr: '' });
    expect(status.stdout).toMatch(/^argocd +ok +Argo CD v/m);
    expect(status.stdout).toMatch(new RegExp(`Waiting for a person\n[^]*^${toShortId(id)} `, 'm'));
    const whole = await json<Record<string, unknown>>(['status']);
    expect(Object.keys(whole)).toEqual(['server', 'info', 'ready', 'waiting', 'services']);

    const web = await run(['status', 'web']);
    expect(web).toMatchObject({ exitCode: 0, stderr: '' });
    expect(web.stdout).toMatch(/^web in production/m);
    expect(web.stdout).toMatch(/last deploy {2}healthy/);
    expect(web.stdout).toMatch(/Argo CD +Synced Healthy/);
    expect(web.stdout).toContain('Scale web to 9');
    // The update crashed and was taken back: what runs is well, and the ticket says what happened.
    const api = await run(['status', 'api']);
    expect(api.exitCode).toBe(0);
    expect(api.stdout).toMatch(/last deploy {2}healthy {2}1\.8\.0/);
    expect(api.stdout).toMatch(/ failed .* Update api to 1\.9\.0-crash/);
    expect((await run(['status', 'nobody'])).stderr).toContain('Nothing is known of nobody');
  });

  it('lists the audit log and verifies it; a changed entry is found', async () => {
    const { id } = await product.client.createTicket({ title: 'Restart api', start: false });
    const of = await json<{ items: { ticketId: string }[] }>(['audit', 'list', '--ticket', toShortId(id)]);
    expect(of.items.map(({ ticketId }) => ticketId)).toEqual([id]);
    const some = await json<{ items: { seq: number }[]; lastSeq: number }>([
      'audit',
      'list',
      '--after',
      '2',
      '--limit',
      '3',
    ]);
    expect(some.items.map(({ seq }) => seq)).toEqual([3, 4, 5]);
    expect(some.lastSeq).toBe(5);
    const table = await run(['audit', 'list', '--limit', '2']);
    expect(table.stdout.trimEnd().split('\n')).toHaveLength(3);

    expect((await run(['audit', 'verify'])).stdout).toMatch(/^intact: \d+ entries, head [0-9a-f]{64}\n$/);
    expect(await json(['audit', 'verify'])).toMatchObject({ kind: 'intact' });
    const db = await openDatabase({ client: 'sqlite3', connection: product.app.database, logger: silentLogger });
    await db.knex('audit').where({ seq: 4 }).update({ actor: 'person:mallory' });
    await db.close();
    const broken = await run(['audit', 'verify']);
    expect(broken).toMatchObject({ exitCode: 1, stderr: '' });
    expect(broken.stdout).toMatch(/^broken at entry 4: /);
    const verdict = await run(['audit', 'verify', '--json']);
    expect(verdict.exitCode).toBe(1);
    expect(JSON.parse(verdict.stdout)).toMatchObject({ kind: 'broken', seq: 4 });
  });
});
