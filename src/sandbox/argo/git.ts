import { existsSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { exec } from '../../lib/exec.ts';
import { isCommitSha } from '../../lib/ids.ts';
import type { CommitSha } from '../../lib/ids.ts';
import { createRecall } from '../../lib/recall.ts';
import { isSameRepository, toLocalPath } from './address.ts';
import { createGate } from './gate.ts';

/** Where the commits of a repository address are found: a bare repository on this machine. */
export interface SandboxRepository {
  /** As Applications write it in `repoURL`. */
  url: string;
  /** Folder of the bare repository; needed where the address is not itself a local path. */
  path?: string;
}

export interface GitFile {
  path: string;
  text: string;
}

export interface CommitFacts {
  author: string;
  date: string;
  message: string;
  tags: string[];
}

/** What was asked of a repository could not be had; the message reads as Argo CD's repository server words it. */
export class GitReadError extends Error {}

/** Reads commits of bare repositories. Nothing is ever written to them. */
export interface GitReader {
  /** The commit a branch, tag or abbreviation names now. A full commit id is taken as it is, without looking. */
  resolve(repoUrl: string, revision: string): Promise<CommitSha>;
  /** Files under a folder at a commit, oldest path first. Throws when commit or folder do not exist. */
  readFolder(repoUrl: string, commit: CommitSha, folder: string): Promise<{ treeId: string; files: GitFile[] }>;
  /** Names of the folders directly under `root`; none when there is no such folder. */
  listFolders(repoUrl: string, commit: CommitSha, root: string): Promise<string[]>;
  describe(repoUrl: string, commit: CommitSha): Promise<CommitFacts>;
  /** Whether the address is one this sandbox can read. */
  isKnown(repoUrl: string): boolean;
}

interface GitReaderOptions {
  repositories: readonly SandboxRepository[];
  /** When it gives a text, every read fails with it. */
  fault?: () => string | undefined;
}

interface TreeEntry {
  mode: string;
  id: string;
  path: string;
}

const MAX_TREES = 50;
const MAX_FOLDERS = 2000;
const MAX_PROCESSES = 4;
const MAX_TEXT_BYTES = 64 * 1024 * 1024;

export function createGitReader({ repositories, fault }: GitReaderOptions): GitReader {
  const gate = createGate(MAX_PROCESSES);
  const trees = createRecall<TreeEntry[]>(MAX_TREES);
  const folders = createRecall<GitFile[]>(MAX_FOLDERS);
  const resolving = new Map<string, Promise<CommitSha>>();
  const branches = new Map<string, { stamp: string; commit: CommitSha }>();

  const toFolder = (repoUrl: string) => {
    const listed = repositories.find((repository) => isSameRepository(repository.url, repoUrl));
    const folder = listed?.path ?? toLocalPath(listed?.url ?? repoUrl);
    if (folder === undefined || !existsSync(folder)) {
      throw new GitReadError(`rpc error: code = Unknown desc = failed to list refs: repository not found: ${repoUrl}`);
    }
    return folder;
  };

  const failIfToldTo = () => {
    const failure = fault?.();
    if (failure !== undefined) throw new GitReadError(`rpc error: code = Unknown desc = ${failure}`);
  };

  const git = async (repoUrl: string, args: readonly string[], input?: string) => {
    failIfToldTo();
    const folder = toFolder(repoUrl);
    const options = {
      env: GIT_ENVIRONMENT,
      timeoutMs: 60_000,
      maxBytes: MAX_TEXT_BYTES,
      ...(input === undefined ? {} : { input }),
    };
    const result = await gate(() => exec('git', ['--git-dir', folder, ...args], options));
    if (result.exitCode !== 0) {
      const cause = result.stderr.trim().split('\n')[0] ?? result.ended;
      throw new GitReadError(
        `rpc error: code = Unknown desc = \`git ${args[0] ?? ''}\` failed: ${cause || result.ended}`,
      );
    }
    return result.stdout;
  };

  const lookUp = async (repoUrl: string, revision: string) => {
    failIfToldTo();
    const ref = revision === '' ? 'HEAD' : revision;
    // Every Application asks again and again: while the file of the branch is the same, git need not be.
    const key = `${repoUrl} ${ref}`;
    const stamp = await readStamp(join(toFolder(repoUrl), 'refs', 'heads', ref));
    const known = branches.get(key);
    if (stamp !== undefined && known?.stamp === stamp) return known.commit;
    const commit = await ask(repoUrl, ref);
    if (stamp === undefined) branches.delete(key);
    else branches.set(key, { stamp, commit });
    return commit;
  };

  const ask = async (repoUrl: string, ref: string) => {
    const candidates = ref === 'HEAD' ? ['HEAD'] : [`refs/heads/${ref}`, `refs/tags/${ref}`, ref];
    for (const candidate of candidates) {
      const args = ['rev-parse', '--verify', '--quiet', '--end-of-options', `${candidate}^{commit}`];
      const found = await git(repoUrl, args).then(
        (text) => text.trim(),
        (error: unknown) => {
          // rev-parse is silent about a name it does not know; anything it says is a real failure.
          if (error instanceof GitReadError && error.message.endsWith('failed: exited')) return '';
          throw error;
        },
      );
      if (isCommitSha(found)) return found;
    }
    throw new GitReadError(`rpc error: code = Unknown desc = unable to resolve '${ref}' to a commit SHA`);
  };

  const listTree = (repoUrl: string, commit: CommitSha) =>
    trees.get(`${repoUrl} ${commit}`, async () => {
      const text = await git(repoUrl, ['ls-tree', '-r', '-t', '-z', '--full-tree', commit]);
      return text
        .split('\0')
        .filter((line) => line !== '')
        .map(toTreeEntry);
    });

  return {
    isKnown: (repoUrl) => {
      try {
        return toFolder(repoUrl) !== '';
      } catch {
        return false;
      }
    },
    resolve: async (repoUrl, revision) => {
      if (isCommitSha(revision)) return revision;
      const key = `${repoUrl} ${revision}`;
      // Many Applications ask for the same branch at the same time; one look answers them all.
      const running = resolving.get(key) ?? lookUp(repoUrl, revision).finally(() => resolving.delete(key));
      resolving.set(key, running);
      return await running;
    },
    readFolder: async (repoUrl, commit, folder) => {
      const path = folder.replace(/^\.?\/+|\/+$/g, '').replace(/^\.$/, '');
      const entries = await listTree(repoUrl, commit);
      const root = entries.find((entry) => entry.path === path && entry.mode === '040000');
      if (root === undefined && path !== '') {
        throw new GitReadError(`rpc error: code = Unknown desc = ${path}: app path does not exist`);
      }
      const treeId = root?.id ?? commit;
      const wanted = entries.filter(
        (entry) => entry.mode.startsWith('100') && (path === '' || entry.path.startsWith(`${path}/`)),
      );
      const files = await folders.get(`${repoUrl} ${treeId} ${path}`, async () => {
        const yaml = wanted.filter((entry) => /\.(ya?ml|json)$/.test(entry.path));
        if (yaml.length === 0) return [];
        const input = yaml.map((entry) => `${entry.id}\n`).join('');
        const texts = splitBatch(await git(repoUrl, ['cat-file', '--batch'], input));
        return yaml.map((entry, index) => ({
          path: path === '' ? entry.path : entry.path.slice(path.length + 1),
          text: texts[index] ?? '',
        }));
      });
      return { treeId, files };
    },
    listFolders: async (repoUrl, commit, root) => {
      const entries = await listTree(repoUrl, commit);
      const prefix = root === '' ? '' : `${root.replace(/\/+$/, '')}/`;
      return entries
        .filter((entry) => entry.mode === '040000' && entry.path.startsWith(prefix))
        .map((entry) => entry.path.slice(prefix.length))
        .filter((name) => name !== '' && !name.includes('/'));
    },
    describe: async (repoUrl, commit) => {
      const text = await git(repoUrl, [
        'show',
        '-s',
        '--format=%an <%ae>%x00%cI%x00%B',
        '--end-of-options',
        commit,
        '--',
      ]);
      const [author = '', date = '', message = ''] = text.split('\0');
      const tags = await git(repoUrl, ['tag', '--points-at', commit]);
      return { author, date, message: message.trim(), tags: tags.split('\n').filter((tag) => tag !== '') };
    },
  };
}

// Neither the system's nor the user's git settings may change what is read.
const GIT_ENVIRONMENT: Record<string, string> = {
  PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  GIT_CONFIG_NOSYSTEM: '1',
  GIT_CONFIG_GLOBAL: '/dev/null',
  GIT_TERMINAL_PROMPT: '0',
  GIT_OPTIONAL_LOCKS: '0',
  // The repository may belong to another user of this machine.
  GIT_CONFIG_COUNT: '1',
  GIT_CONFIG_KEY_0: 'safe.directory',
  GIT_CONFIG_VALUE_0: '*',
  LC_ALL: 'C',
};

/** Changes with every update of a loose reference: git writes a new file and renames it. Undefined where there is none. */
async function readStamp(path: string): Promise<string | undefined> {
  try {
    const found = await stat(path, { bigint: true });
    return found.isFile() ? `${found.ino} ${found.mtimeNs}` : undefined;
  } catch {
    return undefined;
  }
}

function toTreeEntry(line: string): TreeEntry {
  const tab = line.indexOf('\t');
  const [mode = '', , id = ''] = line.slice(0, tab).split(' ');
  return { mode, id, path: line.slice(tab + 1) };
}

/** Splits the answer of `cat-file --batch`: a line `<id> blob <bytes>`, the content, a newline; again and again. */
function splitBatch(text: string): string[] {
  const bytes = Buffer.from(text, 'utf8');
  const texts: string[] = [];
  for (let at = 0; at < bytes.length;) {
    const lineEnd = bytes.indexOf(10, at);
    const size = Number(bytes.subarray(at, lineEnd).toString('utf8').split(' ')[2]);
    if (lineEnd < 0 || !Number.isInteger(size))
      throw new GitReadError('rpc error: code = Unknown desc = unreadable answer of git cat-file');
    texts.push(bytes.subarray(lineEnd + 1, lineEnd + 1 + size).toString('utf8'));
    at = lineEnd + 1 + size + 1;
  }
  return texts;
}
