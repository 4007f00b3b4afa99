import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { exec } from '../../../src/lib/exec.ts';
import { toPlainGitEnvironment } from '../git-fixture.ts';

// Pull requests over a real bare repository: what a git host knows, whatever its API looks like. Merging really merges.

export type MergeMethod = 'merge' | 'squash' | 'rebase' | 'fast_forward';

export interface HostComment {
  id: number;
  author: string;
  text: string;
  at: string;
  path?: string;
  line?: number;
  /** The review it belongs to. */
  reviewId?: number;
}

export interface HostReview {
  id: number;
  author: string;
  text: string;
  verdict: 'approved' | 'changes_requested' | 'comment' | 'pending';
  dismissed: boolean;
  at: string;
}

export interface HostPull {
  number: number;
  title: string;
  body: string;
  head: string;
  base: string;
  headSha: string;
  state: 'open' | 'closed' | 'merged';
  mergeSha: string | null;
  squashSha: string | null;
  endedBy: string | null;
  endedAt: string | null;
  createdAt: string;
  updatedAt: string;
  comments: HostComment[];
  reviews: HostReview[];
}

export interface HostPulls {
  readonly all: HostPull[];
  branchSha(branch: string): Promise<string | undefined>;
  /** Undefined where there is an open one already, or nothing to merge. */
  open(input: Pick<HostPull, 'title' | 'body' | 'head' | 'base'>): Promise<HostPull | 'exists' | 'empty'>;
  /** With the head where the branch is now. */
  find(number: number): Promise<HostPull | undefined>;
  isConflicting(pull: HostPull): Promise<boolean>;
  comment(number: number, author: string, text: string, place?: { path: string; line: number }): HostComment;
  review(number: number, author: string, verdict: HostReview['verdict'], text: string): HostReview;
  merge(number: number, by: string, method: MergeMethod): Promise<string>;
  close(number: number, by: string): void;
}

/** @param now the host's clock. */
export function createHostPulls(repository: string, now: () => Date): HostPulls {
  const all: HostPull[] = [];
  let lastId = 1000;
  const at = () =>
    now()
      .toISOString()
      .replace(/\.\d+Z$/, 'Z');
  const run = async (cwd: string, ...args: string[]) =>
    await exec('git', args, { cwd, env: toPlainGitEnvironment(cwd), timeoutMs: 60_000, maxBytes: 64 * 1024 * 1024 });
  const git = async (cwd: string, ...args: string[]) => {
    const result = await run(cwd, ...args);
    if (result.exitCode !== 0) throw new Error(`git ${args.join(' ')}: ${result.stderr}`);
    return result.stdout.trim();
  };
  const branchSha = async (branch: string) => {
    const result = await run(repository, 'rev-parse', '--verify', '--quiet', `refs/heads/${branch}`);
    return result.exitCode === 0 ? result.stdout.trim() : undefined;
  };
  const known = (number: number): HostPull => {
    const pull = all.find((one) => one.number === number);
    if (pull === undefined) throw new Error(`the host has no pull request ${number}`);
    return pull;
  };
  const touch = (pull: HostPull) => void (pull.updatedAt = at());
  const find = async (number: number) => {
    const pull = all.find((one) => one.number === number);
    if (pull?.state === 'open') pull.headSha = (await branchSha(pull.head)) ?? pull.headSha;
    return pull;
  };
  return {
    all,
    branchSha,
    find,
    open: async (input) => {
      const [headSha, baseSha] = [await branchSha(input.head), await branchSha(input.base)];
      if (headSha === undefined || headSha === baseSha) return 'empty';
      if (all.some((one) => one.state === 'open' && one.head === input.head && one.base === input.base))
        return 'exists';
      const pull: HostPull = {
        ...input,
        number: all.length + 1,
        headSha,
        state: 'open',
        mergeSha: null,
        squashSha: null,
        endedBy: null,
        endedAt: null,
        createdAt: at(),
        updatedAt: at(),
        comments: [],
        reviews: [],
      };
      all.push(pull);
      return pull;
    },
    isConflicting: async (pull) => {
      const result = await run(repository, 'merge-tree', '--write-tree', `refs/heads/${pull.base}`, pull.headSha);
      return result.exitCode === 1;
    },
    comment: (number, author, text, place) => {
      const pull = known(number);
      const comment = { id: (lastId += 1), author, text, at: at(), ...place };
      pull.comments.push(comment);
      touch(pull);
      return comment;
    },
    review: (number, author, verdict, text) => {
      const pull = known(number);
      const review = { id: (lastId += 1), author, verdict, text, dismissed: false, at: at() };
      pull.reviews.push(review);
      touch(pull);
      return review;
    },
    merge: async (number, by, method) => {
      const pull = await find(number);
      if (pull?.state !== 'open') throw new Error(`pull request ${number} is not open`);
      const work = await mkdtemp(join(tmpdir(), 'tiphys-host-merge-'));
      try {
        await git(work, 'clone', '--quiet', repository, '.');
        await git(work, 'checkout', '--quiet', '-B', pull.base, `origin/${pull.base}`);
        await mergeInto(async (...args) => await git(work, ...args), pull, method);
        await git(work, 'push', '--quiet', 'origin', `HEAD:refs/heads/${pull.base}`);
        const head = await git(work, 'rev-parse', 'HEAD');
        if (method === 'squash') pull.squashSha = head;
        if (method !== 'fast_forward') pull.mergeSha = head;
        Object.assign(pull, { state: 'merged', endedBy: by, endedAt: at() });
        touch(pull);
        return head;
      } finally {
        await rm(work, { recursive: true, force: true });
      }
    },
    close: (number, by) => {
      const pull = known(number);
      if (pull.state !== 'open') return;
      Object.assign(pull, { state: 'closed', endedBy: by, endedAt: at() });
      touch(pull);
    },
  };
}

async function mergeInto(
  git: (...args: string[]) => Promise<string>,
  pull: HostPull,
  method: MergeMethod,
): Promise<void> {
  switch (method) {
    case 'merge':
      await git('merge', '--no-ff', '-m', `Merge pull request #${pull.number} from ${pull.head}`, pull.headSha);
      return;
    case 'squash': {
      // As GitHub does by default: the commit's own message where there is one, else a list of the messages.
      const shas = (await git('rev-list', '--reverse', `HEAD..${pull.headSha}`)).split('\n');
      const messages = await Promise.all(shas.map(async (sha) => await git('log', '-1', '--format=%B', sha)));
      const [first = ''] = messages;
      const text = messages.length === 1 ? first : `${pull.title}\n\n* ${messages.join('\n\n* ')}`;
      const [subject = '', ...rest] = text.split('\n');
      await git('merge', '--squash', pull.headSha);
      await git('commit', '--quiet', '-m', [`${subject} (#${pull.number})`, ...rest].join('\n'));
      return;
    }
    case 'rebase': {
      const shas = (await git('rev-list', '--reverse', `HEAD..${pull.headSha}`)).split('\n');
      // Every commit is made anew, as hosts do, even where it could stay as it is.
      for (const sha of shas)
        await git('cherry-pick', '--no-commit', sha).then(() => git('commit', '--quiet', '-C', sha));
      return;
    }
    case 'fast_forward':
      await git('merge', '--ff-only', pull.headSha);
  }
}
