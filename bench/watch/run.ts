import { STREAM_FIELDS } from '../../src/argocd/streams.ts';
import { toRatioReport } from '../support/ratio.ts';
import { readBare } from './floor.ts';
import { AFTER_MS, measure, toPercentile, type Measured, type Pace } from './measure.ts';
import { startObservers } from './observers.ts';
import { startWorld, type World } from './world.ts';

const APPLICATIONS = 1_000;
const TICKETS = 50;
const TICK_MS = 10_000;
const PAIRS = 3;
const BUSY: Pace = { own: 20, others: 80, seconds: 15 };
const CALM: Pace = { own: 2, others: 8, seconds: 20 };
const OTHERS: Pace = { own: 0, others: 100, seconds: 15 };
const SMALL: Pace = { own: 10, others: 40, seconds: 8 };

const SECTIONS: Record<string, () => Promise<void>> = { compare, growth, stall };

/**
 * What it costs that many tickets wait for Argo CD, and how soon they notice: the product's observers with its one stream, the same
 * observers asking by time alone, and the least a program can do with the stream. The stand-in runs in another process.
 */
export async function run(args: string[]): Promise<void> {
  for (const name of args.length === 0 ? Object.keys(SECTIONS) : args) {
    const section = SECTIONS[name];
    if (section === undefined) throw new Error(`no section ${name}; there are: ${Object.keys(SECTIONS).join(', ')}`);
    await section();
  }
}

const say = (text: string) => process.stdout.write(`${text}\n`);
const toNames = (count: number) => Array.from({ length: count }, (_, index) => `app-${index}`);
const settle = () => new Promise((resolve) => setTimeout(resolve, 2_000));

async function compare(): Promise<void> {
  const world = await startWorld(APPLICATIONS);
  try {
    say(`${APPLICATIONS} Applications, ${TICKETS} tickets`);
    say('| changes a second | | CPU, ms a second | ms an event | calls a second | reaction p50, ms | p99, ms |');
    say('|-|-|-|-|-|-|-|');
    for (const pace of [BUSY, CALM])
      for (const [title, hints, tickMs] of [
        ['one stream, net of 10 s', true, TICK_MS],
        ['polling, 1 s', false, 1_000],
        ['polling, 5 s', false, 5_000],
      ] as const)
        say(toRow(title, await observe(world, TICKETS, { hints, tickMs }, pace), pace));
    await floor(world);
  } finally {
    await world.close();
  }
}

/** An event of an Application nobody waits for, with fifty tickets waiting, against bare reading. */
async function floor(world: World): Promise<void> {
  say('\nEvents of Applications that nobody observes');
  const toEach = (cpuMs: number) => (cpuMs * 1000) / (OTHERS.others * OTHERS.seconds);
  say(`bare, whole Applications: ${toEach(await bare(world, undefined)).toFixed(0)} µs of CPU an event`);
  const pairs: { product: number; peer: number }[] = [];
  // The first pair warms up and is left out of the ratio.
  for (let pair = 0; pair < PAIRS; pair += 1) {
    const peer = toEach(await bare(world, STREAM_FIELDS));
    const { measured } = await observe(world, TICKETS, { hints: true, tickMs: TICK_MS }, OTHERS);
    const product = toEach(measured.cpuMs);
    pairs.push({ product, peer });
    say(`bare, the same fields: ${peer.toFixed(0)} µs; product: ${product.toFixed(0)} µs`);
  }
  const { median, min, max, n } = toRatioReport(pairs);
  say(`product over bare: ratio ${median.toFixed(2)} [${min.toFixed(2)}, ${max.toFixed(2)}] n ${n}`);
}

async function bare(world: World, fields: string | undefined): Promise<number> {
  const reader = readBare(world, fields);
  await settle();
  const before = reader.items();
  const { cpuMs } = await measure(world, [], OTHERS);
  const items = reader.items() - before;
  await reader.close();
  if (items !== OTHERS.others * OTHERS.seconds) say(`noisy: ${items} items came`);
  return cpuMs;
}

async function growth(): Promise<void> {
  say(`\nGrowth, ${SMALL.own + SMALL.others} changes a second`);
  say('| Applications | tickets | CPU, ms an event | calls a change | reaction p50, ms | p99, ms |');
  say('|-|-|-|-|-|-|');
  for (const applications of [100, 1_000, 3_000]) {
    const world = await startWorld(applications);
    try {
      for (const tickets of [10, 50, 200]) {
        const { measured, calls, reactions } = await observe(world, tickets, { hints: true, tickMs: TICK_MS }, SMALL);
        const own = reactions.length;
        say(
          `| ${applications} | ${tickets} | ${toEventMs(measured)} | ${(calls / own).toFixed(2)} | ` +
            `${toPercentile(reactions, 0.5).toFixed(0)} | ${toPercentile(reactions, 0.99).toFixed(0)} |`,
        );
      }
    } finally {
      await world.close();
    }
  }
}

/** How long until a stream that says nothing any more counts as dead, and until hints come again. */
async function stall(): Promise<void> {
  const world = await startWorld(100);
  const [name] = toNames(1);
  if (name === undefined) return;
  const observers = await startObservers(world, [name], { hints: true, tickMs: TICK_MS });
  try {
    await settle();
    await world.change([name], 1);
    await settle();
    const deafMs = Date.now();
    await world.setFaults({ muteStreams: true });
    const during = await world.change([name], 1);
    const noticedMs = await untilConnected(observers.isConnected, false);
    await world.setFaults({ muteStreams: false });
    const backMs = await untilConnected(observers.isConnected, true);
    await settle();
    const after = await world.change([name], 1);
    await settle();
    say(
      `\nA stream that falls silent: noticed after ${toSeconds(noticedMs - deafMs)}, hints again ${toSeconds(backMs - noticedMs)} after that`,
    );
    say(
      `a change meanwhile: seen after ${toSeconds(observers.reactions(during)[0] ?? NaN)}; afterwards: ${toSeconds(observers.reactions(after)[0] ?? NaN)}`,
    );
  } finally {
    await observers.close();
    await world.close();
  }
}

async function untilConnected(look: () => boolean, wanted: boolean): Promise<number> {
  while (look() !== wanted) await new Promise((resolve) => setTimeout(resolve, 20));
  return Date.now();
}

async function observe(world: World, tickets: number, how: { hints: boolean; tickMs: number }, pace: Pace) {
  const names = toNames(Math.min(tickets, Math.floor(world.applications / 2)));
  // Where there are more tickets than Applications several wait for one.
  const wanted = Array.from({ length: tickets }, (_, index) => names[index % names.length] ?? 'app-0');
  const observers = await startObservers(world, wanted, how);
  try {
    await settle();
    const before = observers.calls();
    const measured = await measure(world, names, pace);
    const reactions = observers.reactions(measured.changes);
    return { measured, calls: observers.calls() - before, reactions };
  } finally {
    await observers.close();
  }
}

function toEventMs({ cpuMs, changes }: Measured): string {
  return (cpuMs / changes.length).toFixed(2);
}

function toRow(title: string, { measured, calls, reactions }: Awaited<ReturnType<typeof observe>>, pace: Pace): string {
  const seconds = pace.seconds + AFTER_MS / 1_000;
  const cells = [
    `${pace.own + pace.others}, ${pace.own} of them observed`,
    title,
    (measured.cpuMs / seconds).toFixed(1),
    toEventMs(measured),
    (calls / seconds).toFixed(1),
    toPercentile(reactions, 0.5).toFixed(0),
    toPercentile(reactions, 0.99).toFixed(0),
  ];
  return `| ${cells.join(' | ')} |`;
}

function toSeconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}
