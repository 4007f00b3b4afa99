// A process of its own: the stand-in with many Applications, and somebody who changes them. Started by `world.ts`.
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createSystemClock } from '../../src/lib/clock.ts';
import { exec } from '../../src/lib/exec.ts';
import { silentLogger } from '../../src/lib/logger.ts';
import { createControlPlane } from '../../src/sandbox/control-plane.ts';
import { createServer } from '../../src/sandbox/http/server.ts';
import { MARK, type Change, type Order } from './protocol.ts';

const [applications = 100] = process.argv.slice(2).map(Number);
/** Nothing is polled while it is measured: every event is one of ours. */
const POLL_MS = 1_000_000_000;

const dir = await mkdtemp(join(tmpdir(), 'tiphys-bench-watch-'));
const repository = await makeRepository();
// The parts of the stand-in, so that a change is made where its controller makes them: one write, one event, and no look at git.
const plane = await createControlPlane({
  applications: Array.from({ length: applications }, (_, index) => toApplication(`app-${index}`)),
  repositories: [{ url: repository }],
  clock: createSystemClock(),
  logger: silentLogger,
  speed: 20,
  pollIntervalMs: POLL_MS,
  accounts: [{ name: 'bench', token: 'bench', rights: 'admin' }],
  projects: [{ name: 'default', sourceRepos: ['*'], sourceNamespaces: [], syncWindows: [] }],
  seed: 'bench',
});
const server = createServer(plane.backend);
await server.listen({ host: '127.0.0.1', port: 0 });
await plane.start();
const send = (message: unknown) => void process.send?.(message);
let seq = 0;

process.on('message', (order: Order) => {
  if (order.type === 'change') void change(order).then((changes) => send({ type: 'changed', changes }));
  if (order.type === 'faults') {
    plane.backend.faults.set(order.faults);
    send({ type: 'set' });
  }
});
process.on('disconnect', () => void stop());
await untilCalm();
const { port } = server.server.address() as AddressInfo;
send({ type: 'ready', url: `http://127.0.0.1:${port}`, token: 'bench' });

/** Turns a mark of the Applications, in the order given, at an even pace. */
async function change({ names, perSecond }: Order & { type: 'change' }): Promise<Change[]> {
  const begun = performance.now();
  const changes: Change[] = [];
  for (const [index, name] of names.entries()) {
    const waitMs = begun + (index * 1000) / perSecond - performance.now();
    if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
    seq += 1;
    const annotations = { [MARK]: String(seq) };
    changes.push({ name, seq, atMs: Date.now() });
    plane.backend.registry.update({ namespace: 'argocd', name }, (current) => ({
      ...current,
      metadata: { ...current.metadata, annotations },
    }));
  }
  return changes;
}

/** Everything compared, applied and healthy. */
async function untilCalm(): Promise<void> {
  for (;;) {
    const all = plane.summarise();
    if (all.length === applications && all.every(({ sync, health }) => sync === 'Synced' && health === 'Healthy'))
      break;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  await new Promise((resolve) => setTimeout(resolve, 1_000));
}

async function stop(): Promise<void> {
  await server.close();
  await plane.stop();
  await rm(dir, { recursive: true, force: true });
  process.exit(0);
}

function toApplication(name: string) {
  return {
    name,
    spec: {
      source: { repoURL: repository, path: 'app', targetRevision: 'main' },
      destination: { server: 'https://kubernetes.default.svc', namespace: name },
      syncPolicy: { automated: {} },
    },
  };
}

/** One folder that all Applications follow, each into a namespace of its own: reading git is not what is measured. */
async function makeRepository(): Promise<string> {
  const bare = join(dir, 'infra.git');
  const tree = join(dir, 'tree');
  await git('init', '--quiet', '--bare', '--initial-branch=main', bare);
  await git('clone', '--quiet', bare, tree);
  await git('-C', tree, 'checkout', '--quiet', '-B', 'main');
  await mkdir(join(tree, 'app'));
  for (const object of toObjects()) await writeFile(join(tree, 'app', `${object.kind}.json`), JSON.stringify(object));
  await git('-C', tree, 'add', '--all');
  await git('-C', tree, '-c', 'user.name=bench', '-c', 'user.email=bench@localhost', 'commit', '--quiet', '-m', 'app');
  await git('-C', tree, 'push', '--quiet', 'origin', 'main');
  return bare;
}

async function git(...args: string[]): Promise<void> {
  const env = { PATH: '/usr/local/bin:/usr/bin:/bin', GIT_CONFIG_NOSYSTEM: '1', GIT_CONFIG_GLOBAL: '/dev/null' };
  const { exitCode, stderr } = await exec('git', args, { env, timeoutMs: 60_000, maxBytes: 1_000_000 });
  if (exitCode !== 0) throw new Error(`git ${args.join(' ')}: ${stderr}`);
}

/** What a small service consists of. */
function toObjects() {
  const labels = { app: 'app' };
  const container = { name: 'main', image: 'registry.example.com/app:1.0.0' };
  return [
    {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'app' },
      spec: {
        replicas: 1,
        selector: { matchLabels: labels },
        template: { metadata: { labels }, spec: { containers: [container] } },
      },
    },
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'app' },
      spec: { selector: labels, ports: [{ port: 80 }] },
    },
    { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'app' }, data: { level: 'info' } },
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'app' } },
  ];
}
