import type { LoadedConfig } from '../config/load.ts';
import { isAppError } from '../lib/errors.ts';
import { toPlain } from '../lib/plain-text.ts';
import { createRedactor } from '../lib/redact.ts';
import { loadProcessConfig } from './config-source.ts';
import { connect, type ConnectionOptions } from './connect.ts';
import { broken, ok, skipped, toBroken, toClean, warning, type Check } from './doctor/check.ts';
import { checkDatabase, checkDataFolder, checkGit, checkModel, checkNode } from './doctor/machine.ts';
import { checkArgo } from './doctor/argocd.ts';
import { checkKubernetes } from './doctor/kubernetes.ts';
import { checkRepository } from './doctor/platform.ts';
import { checkPullRequests } from './doctor/pull-requests.ts';
import { EXIT } from './failure.ts';
import { toJsonText } from './json.ts';
import type { Terminal } from './terminal.ts';

const MARKS = { ok: 'green', warning: 'yellow', broken: 'red', skipped: 'dim' } as const;

/** Tries everything a server would need, one thing after the other, and tells what it found. Changes nothing. */
export async function runDoctor(terminal: Terminal, options: ConnectionOptions): Promise<void> {
  const checks: Check[] = [];
  const { style } = terminal;
  for await (const check of listChecks(terminal, options)) {
    checks.push(check);
    if (options.json === true) continue;
    const mark = style[MARKS[check.status]](check.status.padEnd(8));
    terminal.out(`${mark} ${style.bold(check.name.padEnd(13))} ${toPlain(check.detail)}`);
    if (check.fix !== null) terminal.out(`${' '.repeat(23)}${toPlain(check.fix)}`);
  }
  const count = checks.filter(({ status }) => status === 'broken').length;
  if (options.json === true) terminal.out(toJsonText({ ok: count === 0, checks }, 2));
  else
    terminal.out(
      count === 0
        ? '\nNothing is broken.'
        : `\n${count} broken. Mend them from the top: later ones may follow from earlier ones.`,
    );
  terminal.exit(count === 0 ? EXIT.ok : EXIT.failed);
}

async function* listChecks(terminal: Terminal, options: ConnectionOptions): AsyncGenerator<Check> {
  const { env } = terminal;
  yield checkNode(process.versions.node);
  yield await checkGit(env);
  let loaded: LoadedConfig;
  try {
    loaded = loadProcessConfig();
  } catch (error) {
    // Without a configuration there is nothing to try the rest with.
    yield toBroken('configuration', error);
    return;
  }
  const { config, secrets } = loaded;
  const redactor = createRedactor(secrets);
  const changed = loaded.provenance.filter(({ source }) => source !== 'default').length;
  yield ok('configuration', `${changed} settings are not at their default; "tiphys config check" lists them`);
  const attempt = async (name: string, check: Promise<Check>) =>
    toClean(await check.catch((error: unknown) => toBroken(name, error)), redactor);
  yield await attempt('data folder', checkDataFolder(config));
  yield await attempt('database', checkDatabase(config));
  for await (const check of checkRepository(config, env)) yield toClean(check, redactor);
  for await (const check of checkPullRequests(config)) yield toClean(check, redactor);
  for await (const check of checkArgo(loaded, redactor)) yield toClean(check, redactor);
  for await (const check of checkKubernetes(loaded.instances, redactor)) yield toClean(check, redactor);
  yield await attempt('model', checkModel(config));
  yield await attempt('server', checkServer(terminal, options));
}

/** A server need not run; where one does, whether it takes our key and is ready. */
async function checkServer(terminal: Terminal, options: ConnectionOptions): Promise<Check> {
  const client = connect(options, terminal);
  try {
    const { version } = await client.info();
    const { checks, status } = await client.ready();
    if (status === 'ready') return ok('server', `${client.baseUrl} runs version ${version} and is ready`);
    const faults = checks.filter((one) => !one.ok).map(({ name, detail }) => `${name}: ${detail}`);
    return broken('server', `${client.baseUrl} is not ready: ${faults.join('; ')}`, 'Its log says more.');
  } catch (error) {
    if (isAppError(error, 'unauthorized'))
      return warning('server', `${client.baseUrl} does not take our key`, error.hint ?? '');
    if (isAppError(error, 'timeout')) return skipped('server', `none runs at ${client.baseUrl}`);
    throw error;
  }
}
