import { describe, expect, it } from 'vitest';
import { readPushReport, toGitError } from './git-error.ts';

const fetchFailed = (stderr: string) => toGitError('fetch', { exitCode: 128, stdout: '', stderr });

describe('a failed fetch', () => {
  it.each([
    ['fatal: unable to access "https://x/": Could not resolve host: x', 'git_unavailable'],
    [
      'fatal: unable to access: Failed to connect to 127.0.0.1 port 1 after 0 ms: Connection refused',
      'git_unavailable',
    ],
    ['error: RPC failed; curl 56 GnuTLS recv error (-110)\nfatal: early EOF', 'git_unavailable'],
    ['fatal: unable to access: The requested URL returned error: 503', 'git_unavailable'],
    [
      'ssh: Could not resolve hostname x: Name or service not known\nfatal: Could not read from remote repository.',
      'git_unavailable',
    ],
    [
      'kex_exchange_identification: Connection closed by remote host\nfatal: Could not read from remote',
      'git_unavailable',
    ],
    ['git@x: Permission denied (publickey).\nfatal: Could not read from remote repository.', 'git_rejected'],
    ["fatal: could not read Username for 'https://x': terminal prompts disabled", 'git_rejected'],
    ["remote: HTTP Basic: Access denied\nfatal: Authentication failed for 'https://x/'", 'git_rejected'],
    ['remote: Permission to a/b.git denied to bot.\nfatal: The requested URL returned error: 403', 'git_rejected'],
    ['ERROR: Repository not found.\nfatal: Could not read from remote repository.', 'not_found'],
    [
      "fatal: '/srv/x' does not appear to be a git repository\nfatal: Could not read from remote repository.",
      'not_found',
    ],
    ["fatal: couldn't find remote ref refs/heads/archived", 'not_found'],
    ['Host key verification failed.\nfatal: Could not read from remote repository.', 'config_invalid'],
    ['fatal: unable to access: SSL certificate problem: self-signed certificate', 'config_invalid'],
    [
      "fatal: detected dubious ownership in repository at '/srv/x'\nfatal: Could not read from remote",
      'config_invalid',
    ],
    ['fatal: write error: No space left on device\nfatal: early EOF', 'git_failed'],
    ['fatal: something new', 'git_failed'],
  ])('%j is %s', (stderr, code) => {
    const error = fetchFailed(stderr);
    expect(error.code).toBe(code);
    expect(error.retryable).toBe(code === 'git_unavailable');
  });

  it('says what was done, why, and what to do', () => {
    const error = fetchFailed("warning: noise\nfatal: \u001b[31mcouldn't find remote ref refs/heads/x\u001b[0m\n");
    expect(error.message).toBe("could not fetch: fatal: couldn't find remote ref refs/heads/x");
    expect(error.hint).toMatch(/branch/);
    expect(fetchFailed('').message).toBe('could not fetch: git ended with code 128');
    expect(fetchFailed(`fatal: ${'x'.repeat(5000)}`).message.length).toBeLessThan(600);
  });
});

describe('a push report', () => {
  const line = (flag: string, summary: string) =>
    `To https://x/y.git\n${flag}\tabc:refs/heads/main\t${summary}\nDone\n`;
  const read = (stdout: string, stderr = '', exitCode = 1) => readPushReport({ exitCode, stdout, stderr });

  it('knows success and repetition', () => {
    expect(read(line(' ', 'abc..def'), '', 0)).toEqual({ kind: 'done' });
    expect(read(line('=', '[up to date]'), '', 0)).toEqual({ kind: 'up_to_date' });
  });

  it.each([
    '[rejected] (stale info)',
    '[rejected] (fetch first)',
    '[rejected] (non-fast-forward)',
    "[remote rejected] (cannot lock ref 'refs/heads/main': is at abc but expected def)",
    '[remote rejected] (incorrect old value provided)',
    '[remote rejected] (failed to update ref)',
  ])('knows that the branch moved: %s', (summary) => {
    expect(read(line('!', summary))).toMatchObject({ kind: 'moved' });
  });

  it.each([
    [
      '[remote rejected] (protected branch hook declined)',
      'remote: error: GH006: Protected branch update failed.',
      /protected/,
    ],
    [
      '[remote rejected] (pre-receive hook declined)',
      'remote: GitLab: You are not allowed to push code to protected branches on this project.',
      /protected/,
    ],
    ['[remote rejected] (pre-receive hook declined)', 'remote: no', /pre-receive/],
    ['[remote rejected] (unpacker error)', 'remote: fatal: write error: No space left on device', /disk/],
    ['[remote rejected] (branch is currently checked out)', '', /bare/],
    ['[remote rejected] (something else)', '', /refused/],
  ])('knows a refusal: %s %s', (summary, stderr, hint) => {
    expect(read(line('!', summary), stderr)).toMatchObject({
      kind: 'refused',
      hint: expect.stringMatching(hint) as string,
    });
  });

  it.each([
    [
      'ERROR: This deploy key does not have write access to this project.\nfatal: Could not read from remote repository.',
      /right/,
    ],
    [
      'ERROR: This repository was archived so it is read-only.\nfatal: Could not read from remote repository.',
      /read-only/,
    ],
    [
      'error: RPC failed; HTTP 413 curl 22 The requested URL returned error: 413\nfatal: the remote end hung up unexpectedly',
      /size/,
    ],
  ])('knows a refusal before any reference was looked at: %j', (stderr, hint) => {
    expect(read('', stderr, 128)).toMatchObject({ kind: 'refused', hint: expect.stringMatching(hint) as string });
  });

  it.each([
    [line('!', '[remote failure] (remote failed to report status)'), ''],
    ['', 'error: RPC failed; curl 52 Empty reply from server\nfatal: the remote end hung up unexpectedly'],
    ['', 'fatal: something new'],
  ])('claims nothing where nothing is known', (stdout, stderr) => {
    expect(read(stdout, stderr, 128)).toMatchObject({ kind: 'unknown' });
  });

  it('keeps the words of the remote short and free of terminal codes', () => {
    const report = read(
      line('!', '[remote rejected] (pre-receive hook declined)'),
      `remote: \u001b]0;title\u0007\u001b[2Jno\u0000\nremote: ${'x'.repeat(5000)}`,
    );
    expect(report).toMatchObject({
      reason: expect.stringMatching(/^pre-receive hook declined: no x{100,800}$/) as string,
    });
  });
});
