import { cp, mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startApp } from '../../src/app/start.ts';
import { createApiClient } from '../../src/client/api-client.ts';
import { loadConfig } from '../../src/config/load.ts';
import { createSystemClock } from '../../src/lib/clock.ts';
import { exec } from '../../src/lib/exec.ts';
import { silentLogger } from '../../src/lib/logger.ts';
import { packageDir } from '../../src/lib/package.ts';
import { startEmbedded } from '../../src/sandbox/embedded.ts';
import { toMedian, toRatioReport } from '../support/ratio.ts';

const DEFAULT_PAIRS = 8;

/**
 * From a ticket to its commit on the branch, against a shell script that does the same change by hand: clone, edit with sed,
 * render, add, commit, push. Both push to the same kind of bare repository over the file system. The product also
 * validates, asks for approval (granted at once), and writes everything down; the script does none of that.
 */
export async function run(args: string[]): Promise<void> {
  const pairs = Number(args[0] ?? DEFAULT_PAIRS);
  const dir = await mkdtemp(join(tmpdir(), 'tiphys-bench-'));
  const embedded = await startEmbedded({
    dir: join(dir, 'argo'),
    branch: 'main',
    port: 0,
    speed: 100,
    token: 'bench-token',
    clock: createSystemClock(),
    logger: silentLogger,
  });
  const app = await startApp(
    loadConfig({
      configDir: join(packageDir, 'config'),
      env: {},
      overrides: {
        server: { port: 0 },
        data: { dir: join(dir, 'data') },
        git: { repoUrl: embedded.repository },
        argocd: { server: embedded.url, token: embedded.token },
        log: { level: 'error' },
        observation: { pollSeconds: 1, settleSeconds: 0, settleCustomSeconds: 0 },
      },
    }),
  );
  const peerRepository = join(dir, 'peer.git');
  await cp(embedded.repository, peerRepository, { recursive: true });
  const measured: { product: number; peer: number }[] = [];
  try {
    const client = createApiClient(app.url);
    for (let index = 0; index < pairs; index += 1) {
      const peer = await runScript(dir, peerRepository, index);
      const product = await runTicket(client, index);
      measured.push({ product, peer });
      process.stdout.write(`pair ${index}: script ${peer.toFixed(0)} ms, ticket ${product.toFixed(0)} ms\n`);
    }
  } finally {
    await app.close();
    await embedded.close();
    await rm(dir, { recursive: true, force: true });
  }
  const report = toRatioReport(measured);
  const peers = measured.slice(1).map(({ peer }) => peer);
  const products = measured.slice(1).map(({ product }) => product);
  process.stdout.write(
    `ticket to push, ticket over script: ratio ${report.median.toFixed(2)} [${report.min.toFixed(2)}, ${report.max.toFixed(2)}] n ${report.n}; ` +
      `script ${toMedian(peers).toFixed(0)} ms, ticket ${toMedian(products).toFixed(0)} ms\n`,
  );
  if (report.peerSpread > 2) {
    process.stdout.write(`noisy: the script's slowest run took ${report.peerSpread.toFixed(1)} times its fastest\n`);
    process.exitCode = 3;
  }
}

/** Milliseconds from opening the ticket until the push event, approving as soon as the plan is there. */
async function runTicket(client: ReturnType<typeof createApiClient>, index: number): Promise<number> {
  const stop = new AbortController();
  const started = performance.now();
  const { id } = await client.createTicket({ title: `Update worker to 3.0.${index}` });
  let pushed = Number.NaN;
  for await (const event of client.followEvents(0, stop.signal)) {
    if (event.ticketId !== id) continue;
    if (event.type === 'approval' && event.data.state === 'pending') void approve(client, id);
    if (event.type === 'push') pushed = performance.now() - started;
    if (event.type === 'status' && ['failed', 'errored', 'cancelled'].includes(event.data.to)) {
      throw new Error(`the ticket ended ${event.data.to}: ${event.data.reason}`);
    }
    if (event.type === 'status' && event.data.to === 'resolved') break;
  }
  stop.abort();
  return pushed;
}

async function approve(client: ReturnType<typeof createApiClient>, id: string): Promise<void> {
  for (;;) {
    const { hold } = await client.getTicket(id);
    if (hold?.kind === 'plan_approval') {
      await client.approvePlan(id, hold.changeHash);
      return;
    }
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** The same change by hand. Rendering uses the fastest way there is: Node runs the TypeScript as it is. */
async function runScript(dir: string, repository: string, index: number): Promise<number> {
  const clone = join(dir, `clone-${index}`);
  // Dependencies are installed beforehand in any sensible pipeline, so they cost the script nothing here.
  await symlink(join(packageDir, 'node_modules'), join(dir, 'node_modules')).catch(() => undefined);
  const script = [
    'set -e',
    `git clone --quiet --depth 1 "file://${repository}" "${clone}"`,
    `cd "${clone}"`,
    `sed -i 's#shop/worker:[^'"'"']*#shop/worker:3.0.${index}#' main.ts charts/worker.ts`,
    `"${process.execPath}" main.ts`,
    'git add -A',
    `git -c user.name=bench -c user.email=bench@localhost commit --quiet -m "worker 3.0.${index}"`,
    'git push --quiet origin HEAD:main',
  ].join('\n');
  const started = performance.now();
  const result = await exec('/bin/bash', ['-c', script], {
    env: { PATH: '/usr/local/bin:/usr/bin:/bin', HOME: dir },
    timeoutMs: 60_000,
    maxBytes: 1_000_000,
  });
  const elapsed = performance.now() - started;
  if (result.exitCode !== 0) throw new Error(`the script failed: ${result.stderr}`);
  await rm(clone, { recursive: true, force: true });
  return elapsed;
}
