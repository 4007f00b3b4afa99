import { execFile } from 'node:child_process';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { parseCommitSha, type CommitSha } from '../../../src/lib/ids.ts';
import type { GitAccess } from './settings.ts';

const run = promisify(execFile);

/** A folder of the suite's own in the repository, and the branches it makes. Others may push at any time. */
export interface Workspace {
  /** Writes files (null removes one) below the folder, commits and pushes. Gives the commit. */
  push(files: Record<string, string | null>): Promise<CommitSha>;
  /** The same on a branch of its own, made from the main one where it is new; `from` rewrites it to start there again. */
  pushTo(branch: string, files: Record<string, string | null>, options?: { from?: CommitSha }): Promise<CommitSha>;
  head(): Promise<CommitSha>;
  /** Whether `a` is `b` or comes before it. Fetches first what is not known. */
  isAncestor(a: string, b: string): Promise<boolean>;
  /** Removes the folder, the branches, and what earlier runs that died have left. Gives what was removed. */
  tidy(options: { olderThanMs: number; own: boolean }): Promise<string[]>;
}

const PREFIX = 'tiphys-contract-';
const PUSH_ATTEMPTS = 6;

export async function openWorkspace(dir: string, root: string, access: GitAccess): Promise<Workspace> {
  const tree = join(dir, 'tree');
  const { branch } = access;
  const git = async (...args: string[]) => {
    const { stdout } = await run('git', [...IDENTITY, ...args], { cwd: tree, env: toEnvironment(access) });
    return stdout.trim();
  };
  const branches = new Set<string>();
  await mkdir(tree, { recursive: true });
  await git('init', '--quiet', `--initial-branch=${branch}`);
  await git('remote', 'add', 'origin', access.pushUrl);
  const exists = (await git('ls-remote', '--heads', 'origin', `refs/heads/${branch}`)) !== '';
  if (exists)
    await git('fetch', '--quiet', '--no-tags', 'origin', `+refs/heads/${branch}:refs/remotes/origin/${branch}`);
  if (exists) await git('checkout', '--quiet', '-B', branch, `origin/${branch}`);

  const commit = async (files: Record<string, string | null>, message = 'contract test') => {
    for (const [path, text] of Object.entries(files)) {
      const file = join(tree, root, path);
      if (text === null) await rm(file);
      else {
        await mkdir(dirname(file), { recursive: true });
        await writeFile(file, text);
      }
    }
    await git('add', '--all');
    await git('commit', '--quiet', '--allow-empty', '--message', message);
  };

  /** Somebody else may have been faster: what we have goes on top of theirs. */
  const send = async () => {
    for (let attempt = 1; ; attempt += 1) {
      try {
        await git('push', '--quiet', 'origin', `HEAD:refs/heads/${branch}`);
        return;
      } catch (error) {
        if (attempt >= PUSH_ATTEMPTS) throw error;
        await git('pull', '--quiet', '--rebase', '--no-tags', 'origin', branch);
      }
    }
  };

  const fetchAll = () =>
    git('fetch', '--quiet', '--no-tags', '--force', 'origin', '+refs/heads/*:refs/remotes/origin/*');
  const has = (sha: string) =>
    git('cat-file', '-e', `${sha}^{commit}`).then(
      () => true,
      () => false,
    );
  const head = async () => parseCommitSha(await git('rev-parse', 'HEAD'));

  return {
    head,
    push: async (files) => {
      await commit(files);
      await send();
      return await head();
    },
    pushTo: async (name, files, { from } = {}) => {
      const start = from ?? (branches.has(name) ? `origin/${name}` : `origin/${branch}`);
      await fetchAll();
      await git('checkout', '--quiet', '--detach', start);
      try {
        await commit(files);
        await git('push', '--quiet', '--force', 'origin', `HEAD:refs/heads/${name}`);
        branches.add(name);
        await fetchAll();
        return await head();
      } finally {
        await git('checkout', '--quiet', branch);
      }
    },
    isAncestor: async (a, b) => {
      if (!(await has(a)) || !(await has(b))) await fetchAll();
      return await git('merge-base', '--is-ancestor', a, b).then(
        () => true,
        (error: unknown) => {
          if (typeof error === 'object' && error !== null && 'code' in error && error.code === 1) return false;
          throw error;
        },
      );
    },
    tidy: async ({ olderThanMs, own }) => {
      await fetchAll();
      const before = Date.now() - olderThanMs;
      const listed = await git(
        'for-each-ref',
        '--format=%(refname:lstrip=3) %(committerdate:unix)',
        'refs/remotes/origin',
      );
      const old = listed.split('\n').flatMap((line) => {
        const [name = '', seconds] = line.split(' ');
        return name.startsWith(PREFIX) && Number(seconds) * 1000 < before && !branches.has(name) ? [name] : [];
      });
      const gone = [...old, ...(own ? branches : [])];
      for (const name of gone) await git('push', '--quiet', 'origin', '--delete', `refs/heads/${name}`);
      const folders = (await git('ls-tree', '-d', '--name-only', 'HEAD'))
        .split('\n')
        .filter((name) => name.startsWith(PREFIX));
      const stale: string[] = [];
      for (const folder of folders) {
        const changedMs = Number(await git('log', '-1', '--format=%ct', '--', folder)) * 1000;
        if ((folder === root && own) || (folder !== root && changedMs < before)) stale.push(folder);
      }
      if (stale.length === 0) return gone;
      for (const folder of stale) await rm(join(tree, folder), { recursive: true, force: true });
      await commit({}, `remove ${stale.join(', ')}`);
      await send();
      return [...gone, ...stale];
    },
  };
}

const IDENTITY = ['-c', 'user.name=Contract', '-c', 'user.email=contract@example.com', '-c', 'commit.gpgsign=false'];

/** Credentials go by the environment, where no list of processes shows them. */
export function toEnvironment({ username, token, sshKeyFile, caFile }: GitAccess): NodeJS.ProcessEnv {
  const basic = Buffer.from(`${username ?? 'git'}:${token ?? ''}`).toString('base64');
  return {
    PATH: process.env['PATH'],
    HOME: process.env['HOME'],
    LC_ALL: 'C',
    GIT_TERMINAL_PROMPT: '0',
    ...(token === undefined
      ? {}
      : {
          GIT_CONFIG_COUNT: '1',
          GIT_CONFIG_KEY_0: 'http.extraHeader',
          GIT_CONFIG_VALUE_0: `Authorization: Basic ${basic}`,
        }),
    ...(caFile === undefined ? {} : { GIT_SSL_CAINFO: caFile }),
    ...(sshKeyFile === undefined
      ? {}
      : { GIT_SSH_COMMAND: `ssh -i '${sshKeyFile.replaceAll("'", "'\\''")}' -o IdentitiesOnly=yes -o BatchMode=yes` }),
  };
}
