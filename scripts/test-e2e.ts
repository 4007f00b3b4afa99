// npm run test:e2e [-- VITEST ARGS]: runs the contract suite against the Argo CD that the environment names, and says loudly what
// is not run because something is not set.
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findObstacles } from '../test/contract/argocd/readiness.ts';
import { loadServerSettings, VARIABLES } from '../test/contract/argocd/settings.ts';

const SUITE = 'test/contract/argocd';
const SECRET = /TOKEN|PASSWORD|KEY/;

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

function listVariables(): void {
  for (const [name, purpose] of Object.entries(VARIABLES)) {
    const value = process.env[name] ?? '';
    const shown = value === '' ? 'not set' : SECRET.test(name) ? 'set' : value.replace(/\/\/[^@/]*@/, '//***@');
    say(`  ${name.padEnd(30)} ${shown.padEnd(20)} ${purpose}`);
  }
}

async function runSuite(args: readonly string[]): Promise<number> {
  const dir = mkdtempSync(join(tmpdir(), 'tiphys-e2e-'));
  const log = join(dir, 'log');
  writeFileSync(log, '');
  // Files that are named stand in place of all of them.
  const isNarrowed = args.some((arg) => arg.includes(SUITE));
  const vitest = fileURLToPath(new URL('../node_modules/vitest/vitest.mjs', import.meta.url));
  const child = spawn(
    process.execPath,
    // One file after the other: a cluster that others use too is not to be kept busier than needed. Verbose, for the reasons of skips.
    [vitest, 'run', ...(isNarrowed ? [] : [SUITE]), '--no-file-parallelism', '--reporter=verbose', ...args],
    {
      cwd: fileURLToPath(new URL('..', import.meta.url)),
      env: { ...process.env, TIPHYS_E2E_BACKEND: 'server', TIPHYS_E2E_LOG: log },
      stdio: 'inherit',
    },
  );
  const code = await new Promise<number>((resolve) => child.on('close', (ended) => resolve(ended ?? 1)));
  const lines = readFileSync(log, 'utf8').trim();
  rmSync(dir, { recursive: true });
  say(`\nWhat was done:\n${lines === '' ? 'nothing' : lines}`);
  const left = lines.split('\n').filter((line) => line.includes('LEFT BEHIND'));
  if (left.length > 0)
    say(`\n${left.length} things could not be taken away again; the next run tries, an hour from now.`);
  return code;
}

/** Gives the exit code. */
async function run(args: readonly string[]): Promise<number> {
  say('Contract suite against a real Argo CD:');
  listVariables();
  const settings = loadServerSettings(process.env);
  if ('missing' in settings) {
    say(`\nSKIPPED: the contract suite against a real Argo CD. Set ${settings.missing.join(', ')}.`);
    return 0;
  }
  const obstacles = await findObstacles(settings);
  for (const { what, fix } of obstacles) say(`\nFAILED: ${what}\n${fix}`);
  if (obstacles.length > 0) return 1;
  if (settings.image === undefined)
    say(
      '\nSKIPPED: the checks of running containers. Set TIPHYS_E2E_IMAGE to an image with sh that the cluster can pull.',
    );
  say(`\nRunning against ${settings.url}, in project ${settings.project}.\n`);
  return await runSuite(args);
}

try {
  process.exitCode = await run(process.argv.slice(2));
} catch (error) {
  say(`\nFAILED: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
}
