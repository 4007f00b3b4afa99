import { constants, existsSync } from 'node:fs';
import { access, readdir } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import type { Config } from '../../config/schema.ts';
import type { Environment } from '../../config/sources.ts';
import { openDatabase } from '../../database/open.ts';
import { AppError } from '../../lib/errors.ts';
import { exec } from '../../lib/exec.ts';
import { silentLogger } from '../../lib/logger.ts';
import { packageDir } from '../../lib/package.ts';
import { broken, createHastyClock, ok, skipped, warning, type Check } from './check.ts';

const MINIMUM_NODE = [22, 19] as const;
const MINIMUM_GIT = [2, 32] as const;

/** The Node that runs this. */
export function checkNode(version: string): Check {
  return isAtLeast(version, MINIMUM_NODE)
    ? ok('node', `Node ${version}`)
    : broken('node', `Node ${version} is too old`, `Use Node ${MINIMUM_NODE.join('.')} or newer; "npm ci" brings one.`);
}

/** The git that would be run, by running it. */
export async function checkGit(env: Environment): Promise<Check> {
  const path = env['PATH'] ?? '/usr/local/bin:/usr/bin:/bin';
  const result = await exec('git', ['version'], {
    env: { PATH: path, LC_ALL: 'C' },
    timeoutMs: 10_000,
    maxBytes: 10_000,
  });
  const fix = `Install git ${MINIMUM_GIT.join('.')} or newer and put it on the PATH.`;
  if (result.exitCode !== 0) return broken('git', toGitFault(result.stderr.trim()), fix);
  const said = result.stdout.trim();
  return isAtLeast(said, MINIMUM_GIT) ? ok('git', said) : broken('git', `${said} is too old`, fix);
}

function toGitFault(said: string): string {
  return said.includes('ENOENT') ? 'no git was found on the PATH' : `git does not run: ${said}`;
}

function isAtLeast(text: string, [major, minor]: readonly [number, number]): boolean {
  const [, a = '0', b = '0'] = /(\d+)\.(\d+)/.exec(text) ?? [];
  return Number(a) > major || (Number(a) === major && Number(b) >= minor);
}

/** Whether files can be made in the data folder, or the folder itself where it is missing. */
export async function checkDataFolder({ data }: Config): Promise<Check> {
  const dir = resolve(data.dir);
  let nearest = dir;
  while (!existsSync(nearest)) nearest = dirname(nearest);
  try {
    await access(nearest, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch {
    const fix = `Give this user the right to write there, or set TIPHYS_DATA_DIR.`;
    return broken('data folder', `${nearest} is not writable`, fix);
  }
  return ok('data folder', nearest === dir ? dir : `${dir} will be made at the first start`);
}

/** Opens the database and compares its tables with what this version knows. Makes no file. */
export async function checkDatabase({ db, data }: Config): Promise<Check> {
  if (db.client === 'sqlite3') {
    const file = resolve(db.connection ?? join(data.dir, 'tiphys.db'));
    if (!existsSync(file)) return ok('database', `${file} will be made at the first start`);
  }
  const database = await openDatabase({
    client: db.client,
    connection: db.connection ?? undefined,
    dataDir: data.dir,
    logger: silentLogger,
    clock: createHastyClock(),
  });
  try {
    if (!(await database.knex.schema.hasTable('knex_migrations')))
      return ok('database', `${database.location} answers; its tables will be made at the first start`);
    const rows: { name: string }[] = await database.knex('knex_migrations').select('name');
    const known = (await readdir(join(packageDir, 'migrations'))).filter((name) => name.endsWith('.js'));
    const strange = rows.filter(({ name }) => !known.includes(name)).map(({ name }) => name);
    if (strange.length > 0)
      throw new AppError('config_invalid', `${database.location} is newer than this version: ${strange.join(', ')}`, {
        hint: 'Start the newer version again, or restore the backup made before the upgrade.',
      });
    const missing = known.length - rows.length;
    return ok(
      'database',
      `${database.location} answers${missing > 0 ? `; ${missing} migrations come with the next start` : ''}`,
    );
  } finally {
    await database.close();
  }
}

/** The model's address, by asking it which models it has. */
export async function checkModel({ llm }: Config): Promise<Check> {
  if (llm.provider === 'offline') return skipped('model', 'none: tickets are read by the built-in rules');
  const base = (llm.baseUrl ?? 'https://api.openai.com/v1').replace(/\/+$/, '');
  const model = llm.model ?? '';
  if (model === '') return broken('model', 'no model is named', 'Set TIPHYS_LLM_MODEL.');
  let response: Response;
  let text: string;
  try {
    response = await fetch(`${base}/models`, {
      headers: llm.apiKey === null ? {} : { authorization: `Bearer ${llm.apiKey}` },
      signal: AbortSignal.timeout(MODEL_TIMEOUT_MS),
    });
    text = await response.text();
  } catch (error) {
    const why = error instanceof Error && error.cause instanceof Error ? `: ${error.cause.message}` : '';
    return broken('model', `nothing answers at ${base}${why}`, 'Check TIPHYS_LLM_BASE_URL, and that it runs.');
  }
  if (response.status === 401 || response.status === 403)
    return broken('model', `${base} refuses the key (${response.status})`, 'Check TIPHYS_LLM_API_KEY.');
  const names = response.ok ? readModelNames(text) : undefined;
  if (names === undefined)
    return warning(
      'model',
      `${base} answers, and does not say which models it has (${response.status})`,
      'Open a ticket to see whether it plans.',
    );
  return names.includes(model)
    ? ok('model', `${model} at ${base}`)
    : broken(
        'model',
        `${base} has no model ${model}`,
        `It has ${names.slice(0, 10).join(', ')}: set TIPHYS_LLM_MODEL.`,
      );
}

const MODEL_TIMEOUT_MS = 15_000;

function readModelNames(text: string): string[] | undefined {
  try {
    const answer = JSON.parse(text) as { data?: unknown } | null;
    if (!Array.isArray(answer?.data)) return undefined;
    return answer.data.flatMap((one: unknown) =>
      typeof one === 'object' && one !== null && 'id' in one && typeof one.id === 'string' ? [one.id] : [],
    );
  } catch {
    return undefined;
  }
}
