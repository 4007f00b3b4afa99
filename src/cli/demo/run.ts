import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TicketView } from '../../api/contract.ts';
import { createSystemClock, toIsoTime } from '../../lib/clock.ts';
import { AppError } from '../../lib/errors.ts';
import { createLogger } from '../../lib/logger.ts';
import { createRedactor } from '../../lib/redact.ts';
import { randomHex } from '../../lib/ids.ts';
import { startEmbedded, type Embedded } from '../../sandbox/embedded.ts';
import type { TicketEvent } from '../../ticket/event.ts';
import { createApiClient, type ApiClient } from '../../client/api-client.ts';
import { processEnvironment } from '../../config/environment.ts';
import { loadConfig } from '../../config/load.ts';
import { packageDir } from '../../lib/package.ts';
import type { Host } from '../host.ts';
import { readBack, type Summary } from './read-back.ts';
import { renderDifference, renderEvent, renderTimeline } from './render.ts';
import { createStyle, type Style } from './style.ts';

/** What is asked, and how each ticket has to end for the demo to have shown what it promises. */
const ACTS = [
  {
    heading: 'A new service',
    title: 'Deploy redis 7.2 with 3 replicas',
    expected: 'resolved',
  },
  {
    heading: 'An update that crashes',
    title: 'Update api to 1.9.0-crash',
    expected: 'failed',
  },
  {
    heading: 'The same service again, with what was learned',
    title: 'Update api to 1.9.1',
    expected: 'resolved',
  },
] as const;

/** Simulated seconds for each second: a rollout of half a minute is over in two seconds. */
const SPEED = 20;
const TICKET_TIMEOUT_MS = 300_000;

interface Stage {
  client: ApiClient;
  events: TicketEvent[];
  print(lines: readonly string[]): void;
  style: Style;
  isJson: boolean;
}

/**
 * Plays three tickets on a real git repository, the Argo CD stand-in and the server itself, all on this machine, and then
 * reads back from each of them what happened. Gives the exit code: 0 only if what was promised was found there.
 */
export async function runDemo(host: Host, options: { json: boolean; keep: boolean }): Promise<number> {
  const startedAt = performance.now();
  const dir = await mkdtemp(join(tmpdir(), 'tiphys-demo-'));
  const isTty = process.stdout.isTTY;
  const style = createStyle({ isTty, noColor: processEnvironment()['NO_COLOR'] });
  const print = (lines: readonly string[]) => {
    if (!options.json && lines.length > 0) process.stdout.write(`${lines.join('\n')}\n`);
  };
  const clock = createSystemClock();
  const logger = createLogger('error', createRedactor());
  const closers: (() => Promise<void>)[] = [];
  try {
    await mkdir(join(dir, 'argo'), { recursive: true });
    print([style.bold('Tiphys demo'), style.dim(`everything happens in ${dir}`), '']);
    const embedded = await startEmbedded({
      dir: join(dir, 'argo'),
      branch: 'main',
      port: 0,
      speed: SPEED,
      token: randomHex(24),
      clock,
      logger,
    });
    closers.push(async () => await embedded.close());
    const app = await host.startApp(toConfig(dir, embedded));
    closers.push(async () => await app.close());
    print([`server ${app.url}   Argo CD stand-in ${embedded.url}`, `repository ${embedded.repository}`, '']);

    const stop = new AbortController();
    const stage: Stage = { client: createApiClient(app.url), events: [], print, style, isJson: options.json };
    const following = follow(stage, stop.signal);
    // Also where an act fails: what goes on following would keep the process alive.
    closers.push(async () => {
      stop.abort();
      await following;
    });
    const tickets: TicketView[] = [];
    for (const [index, act] of ACTS.entries()) {
      print([style.bold(`${index + 1}. ${act.heading}`), `  ${style.dim('ticket'.padEnd(9))} "${act.title}"`]);
      tickets.push(await play(stage, act.title));
      print(['']);
    }
    stop.abort();
    await following;
    const summary = await readBack({ dir, embedded, database: app.database, clock });
    summary.elapsedMs = Math.round(performance.now() - startedAt);
    report(stage, tickets, summary);
    const faults = check(tickets, summary);
    for (const fault of faults) process.stderr.write(`demo: ${fault}\n`);
    return faults.length === 0 ? 0 : 1;
  } finally {
    for (const closer of closers.reverse()) await closer();
    if (options.keep) print([style.dim(`kept: ${dir}`)]);
    else await rm(dir, { recursive: true, force: true });
  }
}

function toConfig(dir: string, embedded: Embedded) {
  return loadConfig({
    configDir: join(packageDir, 'config'),
    // The demo is the same on every machine: nothing of the environment takes part.
    env: {},
    nodeEnv: 'demo',
    overrides: {
      server: { port: 0 },
      data: { dir: join(dir, 'data') },
      git: { repoUrl: embedded.repository },
      argocd: { server: embedded.url, token: embedded.token },
      log: { level: 'error' },
      rollouts: { controller: 'installed' },
      observation: {
        pollSeconds: 1,
        earlyFailureSeconds: 2,
        degradedConfirmSeconds: 2,
        settleSeconds: 1,
        settleCustomSeconds: 1,
      },
    },
  });
}

/** Collects every event, and shows it as it comes. */
async function follow(stage: Stage, signal: AbortSignal): Promise<void> {
  for await (const event of stage.client.followEvents(0, signal)) {
    stage.events.push(event);
    if (stage.isJson) process.stdout.write(`${JSON.stringify(event)}\n`);
    else stage.print(renderEvent(event, stage.style));
  }
}

/** Opens a ticket and plays the person at the other end until it has ended. */
async function play(stage: Stage, title: string): Promise<TicketView> {
  const { client } = stage;
  const { id } = await client.createTicket({ title });
  const deadline = performance.now() + TICKET_TIMEOUT_MS;
  const approved = new Set<string>();
  for (;;) {
    const ticket = await client.getTicket(id);
    if (ticket.endedAt !== null) {
      await untilSeen(stage, id, ticket.status);
      return ticket;
    }
    const hold = ticket.hold;
    if (hold?.kind === 'plan_approval' && !approved.has(hold.approvalId)) {
      approved.add(hold.approvalId);
      await untilSeen(stage, id, ticket.status);
      const plan = await client.getPlan(id);
      stage.print(renderDifference(plan, stage.style));
      await client.approvePlan(id, hold.changeHash);
    } else if (hold?.kind === 'approval' && hold.purpose === 'promotion' && !approved.has(hold.approvalId)) {
      approved.add(hold.approvalId);
      await untilSeen(stage, id, ticket.status);
      await client.grant(id, hold.approvalId);
    } else if (hold?.kind === 'question' || (hold?.kind === 'approval' && hold.purpose !== 'promotion')) {
      throw new AppError('internal', `the demo did not expect to be asked: ${ticket.reason}`);
    }
    if (performance.now() > deadline)
      throw new AppError('timeout', `"${title}" is still ${ticket.status}: ${ticket.reason}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** Waits until the stream has told of the status too, so that what is printed is in order. */
async function untilSeen(stage: Stage, id: string, status: string): Promise<void> {
  const isSeen = () =>
    stage.events.some((one) => one.ticketId === id && one.type === 'status' && one.data.to === status);
  for (let waited = 0; waited < 5_000 && !isSeen(); waited += 20)
    await new Promise((resolve) => setTimeout(resolve, 20));
}

function report(stage: Stage, tickets: readonly TicketView[], summary: Summary): void {
  const { style, print, events } = stage;
  if (stage.isJson) {
    process.stdout.write(`${JSON.stringify(summary)}\n`);
    return;
  }
  for (const ticket of tickets) {
    print([
      style.bold(`${ticket.title}: ${ticket.status}`),
      ...renderTimeline(
        events.filter((one) => one.ticketId === ticket.id),
        style,
      ),
      '',
    ]);
  }
  print([style.bold('The repository'), ...summary.history.map((line) => `  ${line}`), '']);
  print([style.bold('What memory holds'), ...summary.memory.map((line) => `  ${line}`), '']);
  print([
    style.bold('What Argo CD runs'),
    ...summary.applications.map((one) => `  ${one.name.padEnd(10)} ${one.sync} ${one.health}  ${one.images.join(' ')}`),
    '',
  ]);
  const seconds = (summary.elapsedMs / 1000).toFixed(1);
  print([
    `${summary.resolved} resolved, ${summary.failed} failed, ${summary.reverted} reverted in git, in ${seconds} s (${toIsoTime(Date.parse(summary.endedAt)).slice(0, 10)}).`,
  ]);
}

/** What was promised and not found. */
function check(tickets: readonly TicketView[], summary: Summary): string[] {
  const faults = ACTS.flatMap((act, index) => {
    const ticket = tickets[index];
    return ticket?.status === act.expected
      ? []
      : [`"${act.title}" ended ${ticket?.status ?? 'not at all'}: ${ticket?.reason ?? ''}`];
  });
  if (summary.resolved !== 2) faults.push(`the database holds ${summary.resolved} resolved tickets, not 2`);
  if (summary.failed !== 1) faults.push(`the database holds ${summary.failed} failed tickets, not 1`);
  if (summary.reverted !== 1) faults.push(`the repository holds ${summary.reverted} reverts, not 1`);
  for (const one of summary.applications) {
    if (one.sync !== 'Synced' || one.health !== 'Healthy')
      faults.push(`${one.name} is ${one.sync} and ${one.health} at the end`);
    if (!one.atHead) faults.push(`${one.name} does not run the head of the branch`);
  }
  if (!summary.remembered) faults.push('memory does not hold the failed deploy of api');
  if (!summary.careful) faults.push('the third plan does not say why it is more careful');
  return faults;
}
