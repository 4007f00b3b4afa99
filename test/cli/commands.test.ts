import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { git } from '../support/git-run.ts';
import { makeTempDir } from '../support/open-repo.ts';
import { runTiphys, startTiphys } from '../support/tiphys-process.ts';

/** A folder with a configuration of its own, so that none of the machine's takes part. */
async function makeHome(local: unknown = {}): Promise<string> {
  const cwd = await makeTempDir();
  await mkdir(join(cwd, 'config'));
  await writeFile(join(cwd, 'config/local.json'), JSON.stringify(local));
  return cwd;
}

describe('tiphys', () => {
  it('lists its commands for --help, and says its version', async () => {
    const cwd = await makeHome();
    const help = await runTiphys(['--help'], { cwd });
    expect(help).toMatchObject({ exitCode: 0, stderr: '' });
    for (const command of ['serve', 'demo', 'sandbox', 'init', 'migrate', 'config'])
      expect(help.stdout).toMatch(new RegExp(`^ {2}${command}( |$)`, 'm'));
    const { version } = JSON.parse(await readFile(new URL('../../package.json', import.meta.url), 'utf8')) as {
      version: string;
    };
    expect((await runTiphys(['--version'], { cwd })).stdout).toBe(`${version}\n`);
  });

  it.each([
    [['frobnicate'], /unknown command 'frobnicate'/],
    [['serve', '--prot'], /unknown option '--prot'/],
    [['sandbox', '--port', '99999'], /must be a number from 0 to 65535/],
    [['init'], /missing required argument 'folder'/],
  ])('refuses %j with code 2 and where to look', async (args, message) => {
    const result = await runTiphys(args, { cwd: await makeHome() });
    expect(result).toMatchObject({ exitCode: 2, stdout: '' });
    expect(result.stderr).toMatch(message);
    expect(result.stderr).toContain('tiphys --help');
  });

  it('says in one sentence that a Node is too old, before it loads anything the old Node could not read', async () => {
    const cwd = await makeHome();
    const preload = join(cwd, 'old-node.cjs');
    await writeFile(preload, "Object.defineProperty(process.versions, 'node', { value: '20.20.2' });\n");
    const result = await runTiphys(['--help'], { cwd, nodeArgs: ['--require', preload] });
    expect(result).toMatchObject({ exitCode: 2, stdout: '' });
    expect(result.stderr).toMatch(/^tiphys needs Node 22\.19 or newer, this is Node 20\.20\.2\. .*npm ci.*\n$/);
  });
});

describe('tiphys config check', () => {
  const SECRET = 'hunter22-very-secret';

  it('prints every setting with its value and where that came from, secrets masked', async () => {
    const cwd = await makeHome({ agent: { concurrency: 7 } });
    const env = {
      TIPHYS_SERVER_PORT: '4001',
      TIPHYS_SERVER_API_KEYS: `alice:${SECRET}`,
      TIPHYS_DB_CLIENT: 'pg',
      TIPHYS_DB_CONNECTION: `postgres://tiphys:${SECRET}@db.example.org/tiphys`,
    };
    const text = await runTiphys(['config', 'check'], { cwd, env });
    expect(text).toMatchObject({ exitCode: 0, stderr: '' });
    expect(text.stdout).toMatch(/^server\.port +4001 +environment TIPHYS_SERVER_PORT$/m);
    expect(text.stdout).toMatch(/^agent\.concurrency +7 +config\/local\.json$/m);
    expect(text.stdout).toMatch(/^git\.branch +main +default$/m);
    expect(text.stdout).not.toContain(SECRET);

    const json = await runTiphys(['config', 'check', '--json'], { cwd, env });
    expect(json).toMatchObject({ exitCode: 0, stderr: '' });
    const rows = JSON.parse(json.stdout) as { key: string; value: unknown; source: string }[];
    expect(rows.find(({ key }) => key === 'server.port')).toMatchObject({
      value: 4001,
      source: 'environment TIPHYS_SERVER_PORT',
    });
    expect(rows).toHaveLength(text.stdout.trimEnd().split('\n').length - 1);
    expect(json.stdout).not.toContain(SECRET);
  });

  it('tells every mistake at once, and ends with code 2', async () => {
    const cwd = await makeHome({ server: { port: 'x' }, lgo: { level: 'info' } });
    const env = { TIPHYS_LLM_PROVIDER: 'openia', TIPHYS_SERVER_PROT: '1', TIPHYS_GIT_TOKEN: SECRET };
    for (const args of [['config', 'check'], ['config', 'check', '--json'], ['serve'], ['migrate']]) {
      const result = await runTiphys(args, { cwd, env });
      expect(result.exitCode).toBe(2);
      if (args.includes('--json'))
        expect(JSON.parse(result.stdout)).toMatchObject({ error: { code: 'config_invalid' } });
      else expect(result.stdout).toBe('');
      expect(result.stdout).not.toContain(SECRET);
      expect(result.stderr).toContain('4 mistakes');
      expect(result.stderr).toContain('server.port = "x" (config/local.json): must be a whole number');
      expect(result.stderr).toContain('lgo');
      expect(result.stderr).toContain('must be offline or openai');
      expect(result.stderr).toContain('did you mean TIPHYS_SERVER_PORT?');
      expect(result.stderr).not.toContain(SECRET);
    }
  });
});

describe('tiphys init', () => {
  it('writes a repository into a folder that is missing, and none into one that holds something', async () => {
    const cwd = await makeHome();
    const made = await runTiphys(['init', 'infra'], { cwd });
    expect(made).toMatchObject({ exitCode: 0, stderr: '' });
    expect(made.stdout).toContain('files written to infra');
    const files = await readdir(join(cwd, 'infra'), { recursive: true });
    expect(files).toEqual(expect.arrayContaining(['main.ts', '.gitignore', 'tiphys.yaml', 'charts/api.ts']));
    expect(files).toContain('dist/api/Deployment.api.k8s.yaml');

    const before = await readFile(join(cwd, 'infra/main.ts'), 'utf8');
    const again = await runTiphys(['init', 'infra'], { cwd });
    expect(again).toMatchObject({ exitCode: 1, stdout: '' });
    expect(again.stderr).toMatch(/infra is not empty: it holds /);
    expect(await readFile(join(cwd, 'infra/main.ts'), 'utf8')).toBe(before);

    await writeFile(join(cwd, 'a-file'), 'mine');
    const onFile = await runTiphys(['init', 'a-file'], { cwd });
    expect(onFile).toMatchObject({ exitCode: 2, stdout: '' });
    expect(onFile.stderr).toContain('a-file is not a folder');
    expect(await readFile(join(cwd, 'a-file'), 'utf8')).toBe('mine');
  });

  it('adds what is missing with --force, and leaves what is there alone', async () => {
    const cwd = await makeHome();
    await writeFile(join(cwd, 'main.ts'), '// mine\n');
    const refused = await runTiphys(['init', '.'], { cwd });
    expect(refused.exitCode).toBe(1);
    expect(refused.stderr).toContain('--force');
    expect(existsSync(join(cwd, 'tiphys.yaml'))).toBe(false);
    expect(await runTiphys(['init', '.', '--force'], { cwd })).toMatchObject({ exitCode: 0, stderr: '' });
    expect(existsSync(join(cwd, 'tiphys.yaml'))).toBe(true);
    expect(await readFile(join(cwd, 'main.ts'), 'utf8')).toBe('// mine\n');
  });
});

describe('tiphys migrate', () => {
  it('makes the database, and finds it up to date the second time', async () => {
    const cwd = await makeHome();
    const env = { TIPHYS_DATA_DIR: join(cwd, 'data') };
    const first = await runTiphys(['migrate'], { cwd, env });
    expect(first).toMatchObject({ exitCode: 0, stderr: '' });
    expect(first.stdout).toMatch(/was brought up to date: \S+/);
    expect(existsSync(join(cwd, 'data/tiphys.db'))).toBe(true);
    const second = await runTiphys(['migrate'], { cwd, env });
    expect(second.stdout).toMatch(/^The database .*tiphys\.db is up to date\.\n$/);
  });

  it('ends with code 4 and says what to do where the database does not answer', async () => {
    const cwd = await makeHome();
    // Nothing listens on port 1.
    const env = { TIPHYS_DB_CLIENT: 'pg', TIPHYS_DB_CONNECTION: 'postgres://tiphys:hunter22-x@127.0.0.1:1/tiphys' };
    const result = await runTiphys(['migrate'], { cwd, env });
    expect(result).toMatchObject({ exitCode: 4, stdout: '' });
    expect(result.stderr).toMatch(/^tiphys: .*127\.0\.0\.1/m);
    expect(result.stderr).toContain('Check TIPHYS_DB_CLIENT');
    expect(result.stderr).not.toContain('hunter22');
  });
});

describe('tiphys sandbox', () => {
  it('prints its addresses as one line of JSON, answers there, and stops when asked', async () => {
    const cwd = await makeHome();
    const running = await startTiphys(['sandbox', '--dir', join(cwd, 'sandbox')], { cwd });
    onTestFinished(async () => void (await running.stop()));
    const told = JSON.parse(running.line) as Record<string, string>;
    const version = await fetch(`${told['server']}/api/version`);
    expect(version.status).toBe(200);
    expect(await version.json()).toMatchObject({ Version: expect.stringMatching(/^v3\./) as string });
    const applications = (token: string) =>
      fetch(`${told['server']}/api/v1/applications`, { headers: { authorization: `Bearer ${token}` } });
    expect((await applications('wrong')).status).toBe(401);
    const listed = (await (await applications(told['token'] ?? '')).json()) as { items: unknown[] };
    expect(listed.items.length).toBeGreaterThan(3);
    await git(cwd, ['clone', '--quiet', '--branch', told['branch'] ?? '', told['repository'] ?? '', 'clone']);
    expect(existsSync(join(cwd, 'clone/main.ts'))).toBe(true);
    expect(await running.stop()).toEqual({ exitCode: 0, stdout: `${running.line}\n`, stderr: '' });
  });
});
