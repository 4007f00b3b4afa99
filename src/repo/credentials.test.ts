import { chmod, mkdir, readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createBareRepo } from '../../test/support/git-fixture.ts';
import { startGitHttpServer } from '../../test/support/git-http-server.ts';
import { makeTempDir, openTestRepo } from '../../test/support/open-repo.ts';
import { exec } from '../lib/exec.ts';
import type { CommitSha } from '../lib/ids.ts';
import type { Logger } from '../lib/logger.ts';

const TOKEN = 'an-unguessable-token-0123456789';
const BASIC = Buffer.from(`x-access-token:${TOKEN}`).toString('base64');

/** A `git` that writes down how it was called before it is git; `notes` are one call per line. */
async function makeSpyGit(program = 'git') {
  const dir = await makeTempDir();
  const found = await exec('sh', ['-c', 'command -v git'], {
    env: { PATH: process.env['PATH'] ?? '' },
    timeoutMs: 5000,
    maxBytes: 1000,
  });
  const bin = join(dir, 'bin');
  await mkdir(bin);
  const script = `#!/bin/sh\nprintf '%s\\n' "$*" >> ${dir}/argv\nenv | tr '\\n' ' ' >> ${dir}/env\necho >> ${dir}/env\n`;
  const tail = program === 'git' ? `exec ${found.stdout.trim()} "$@"\n` : 'exit 255\n';
  await writeFile(join(bin, program), script + tail);
  await chmod(join(bin, program), 0o755);
  const lines = async (name: string) =>
    (await readFile(join(dir, name), 'utf8')).split('\n').filter((line) => line !== '');
  return {
    path: `${bin}:${process.env['PATH'] ?? ''}`,
    argv: () => lines('argv'),
    env: () => lines('env'),
  };
}

function createNotingLogger() {
  const notes: string[] = [];
  const note = (data: object, message: string) => void notes.push(`${message} ${JSON.stringify(data)}`);
  const logger: Logger = { debug: note, info: note, warn: note, error: note, child: () => logger };
  return { logger, notes };
}

async function listFiles(dir: string): Promise<string[]> {
  const entries = await readdir(dir, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
}

async function serve() {
  const root = await makeTempDir();
  const bare = await createBareRepo(join(root, 'infra.git'), { a: 'a\n' });
  const server = await startGitHttpServer(root, { authorization: `Basic ${BASIC}` });
  return { bare, server, url: `${server.url}/infra.git` };
}

describe('a token', () => {
  it('opens the door and is found nowhere else: not in arguments, files, logs or other environments', async () => {
    const { bare, server, url } = await serve();
    const [spy, { logger, notes }, dir] = [await makeSpyGit(), createNotingLogger(), await makeTempDir()];
    const repo = await openTestRepo(url, {
      dir,
      logger,
      credentials: { kind: 'token', token: TOKEN },
      environment: { PATH: spy.path, GIT_DIR: '/nowhere', TIPHYS_GIT_TOKEN: TOKEN, GIT_TRACE: '1' },
    });
    const base = await repo.fetch();
    const head = await repo.withWorkTree(base, 'x', async (tree) => {
      await tree.write('a', 'b\n');
      return (await tree.commit({ message: 'x', trailers: {} })) as CommitSha;
    });
    expect(await repo.push({ base, head })).toEqual({ kind: 'pushed', head });
    expect(await bare.head()).toBe(head);
    expect(server.requests.every((request) => request.authorization === `Basic ${BASIC}`)).toBe(true);

    const holds = (text: string) => text.includes(TOKEN) || text.includes(BASIC);
    const [argv, env] = [await spy.argv(), await spy.env()];
    expect(argv.length).toBeGreaterThan(8);
    expect(argv.filter(holds)).toEqual([]);
    // Only the commands that talk to the remote get it.
    const commands = env.map((line, index) => (holds(line) ? argv[index]?.split(' ')[0] : undefined));
    expect(new Set(commands)).toEqual(new Set([undefined, 'fetch', 'push']));
    expect(env.filter((line) => line.includes('TIPHYS_GIT_TOKEN') || line.includes('GIT_TRACE'))).toEqual([]);
    for (const file of await listFiles(dir)) expect(holds(await readFile(file, 'latin1')), file).toBe(false);
    expect(notes.length).toBeGreaterThan(8);
    expect(notes.filter(holds)).toEqual([]);
    await server.close();
  });

  it('that is wrong is refused without being repeated', async () => {
    const { server, url } = await serve();
    const wrong = 'some-other-unguessable-token-42';
    const opening = openTestRepo(url, { credentials: { kind: 'token', username: 'bot', token: wrong } });
    const error: unknown = await opening.catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: 'git_rejected', hint: expect.stringContaining('token') as string });
    const text = JSON.stringify(error, Object.getOwnPropertyNames(error as object));
    expect(text).not.toContain(wrong);
    expect(text).not.toContain(Buffer.from(`bot:${wrong}`).toString('base64'));
    await expect(openTestRepo(url)).rejects.toThrow(expect.objectContaining({ code: 'git_rejected' }) as Error);
    await server.close();
  });

  it('that the server says back is masked', async () => {
    const { bare, server, url } = await serve();
    const repo = await openTestRepo(url, { credentials: { kind: 'token', token: TOKEN } });
    const base = await repo.fetch();
    await mkdir(join(bare.dir, 'hooks'), { recursive: true });
    const hook = join(bare.dir, 'hooks', 'pre-receive');
    await writeFile(hook, `#!/bin/sh\necho "you sent ${TOKEN} as ${BASIC}" >&2\nexit 1\n`);
    await chmod(hook, 0o755);
    const outcome = await repo.withWorkTree(base, 'x', async (tree) => {
      await tree.write('a', 'b\n');
      return await repo.push({ base, head: (await tree.commit({ message: 'x', trailers: {} })) as CommitSha });
    });
    expect(outcome).toMatchObject({
      kind: 'rejected',
      reason: expect.stringContaining('you sent [redacted] as') as string,
    });
    expect(JSON.stringify(outcome)).not.toContain(TOKEN);
    await server.close();
  });

  it.each(['*', 'simple-git', 'express:*, simple-git:task:*'])(
    'is not used with DEBUG=%s, which prints it',
    async (debug) => {
      const { server, url } = await serve();
      const environment = { PATH: process.env['PATH'], DEBUG: debug };
      await expect(openTestRepo(url, { environment, credentials: { kind: 'token', token: TOKEN } })).rejects.toThrow(
        expect.objectContaining({
          code: 'config_invalid',
          message: expect.stringContaining('DEBUG') as string,
        }) as Error,
      );
      const other = { ...environment, DEBUG: 'knex:*' };
      await openTestRepo(url, { environment: other, credentials: { kind: 'token', token: TOKEN } });
      await server.close();
    },
  );

  it('does not follow a redirect to another host', async () => {
    const { server, url } = await serve();
    const other = await startGitHttpServer(await makeTempDir());
    server.fault = () => ({ redirect: other.url });
    await expect(openTestRepo(url, { credentials: { kind: 'token', token: TOKEN } })).rejects.toThrow(
      expect.objectContaining({
        code: 'config_invalid',
        hint: expect.stringContaining('redirects') as string,
      }) as Error,
    );
    expect(other.requests).toEqual([]);
    await Promise.all([server.close(), other.close()]);
  });
});

describe('ssh', () => {
  it('is called with our key, our known hosts, and no questions', async () => {
    const spy = await makeSpyGit('ssh');
    const opening = openTestRepo('ssh://git@git.example.com:2222/acme/infra.git', {
      environment: { PATH: spy.path },
      credentials: { kind: 'ssh', privateKeyFile: '/keys/id', knownHostsFile: '/keys/known_hosts' },
    });
    await expect(opening).rejects.toThrow(expect.objectContaining({ code: 'git_unavailable' }) as Error);
    const [call = ''] = await spy.argv();
    for (const option of ['-oBatchMode=yes', '-oStrictHostKeyChecking=yes', '-F/dev/null', '-i/keys/id', '-p 2222'])
      expect(call).toContain(option);
    expect(call).toContain('-oUserKnownHostsFile=/keys/known_hosts');
    expect(call).toMatch(/git@git\.example\.com git-upload-pack '\/acme\/infra\.git'$/);
  });

  it('takes the short form of address', async () => {
    const spy = await makeSpyGit('ssh');
    await expect(
      openTestRepo('git@git.example.com:acme/infra.git', { environment: { PATH: spy.path } }),
    ).rejects.toThrow();
    expect((await spy.argv())[0]).toMatch(/git@git\.example\.com git-upload-pack 'acme\/infra\.git'$/);
  });
});
