import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createSystemClock } from '../lib/clock.ts';
import { randomHex } from '../lib/ids.ts';
import { createLogger } from '../lib/logger.ts';
import { createRedactor } from '../lib/redact.ts';
import { startEmbedded } from '../sandbox/embedded.ts';
import { untilStopped } from './host.ts';

/** Runs the Argo CD stand-in until a signal stops it. */
export async function runSandbox(options: { dir?: string; port: number; speed: number }): Promise<void> {
  const dir = options.dir ?? (await mkdtemp(join(tmpdir(), 'tiphys-sandbox-')));
  const embedded = await startEmbedded({
    dir,
    branch: 'main',
    port: options.port,
    speed: options.speed,
    token: randomHex(24),
    clock: createSystemClock(),
    logger: createLogger('warn', createRedactor()),
  });
  const { url, token, repository } = embedded;
  process.stdout.write(
    `${JSON.stringify({ server: url, token, repository, branch: 'main', dir, speed: options.speed })}\n`,
  );
  await untilStopped();
  await embedded.close();
}
