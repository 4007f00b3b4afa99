import { describe, expect, it, onTestFinished } from 'vitest';
import { makeTempDir } from '../support/open-repo.ts';
import { hasTmux, openTmux, type TmuxTerminal } from '../support/tmux.ts';

// The whole program in a real terminal. Where tmux is missing these are counted as skipped in the closing line.
const QUICK = {
  TIPHYS_SANDBOX_SPEED: '40',
  TIPHYS_OBSERVATION_SETTLE_SECONDS: '1',
  TIPHYS_OBSERVATION_POLL_SECONDS: '1',
};

const ESCAPE = String.fromCharCode(27);

async function open(env: Record<string, string> = {}, args: string[] = []): Promise<TmuxTerminal> {
  const cwd = await makeTempDir();
  const terminal = openTmux(['tui', '--standalone', '--data', `${cwd}/data`, ...args], {
    cwd,
    width: 80,
    height: 24,
    env: { ...QUICK, ...env },
  });
  onTestFinished(() => terminal.close());
  return terminal;
}

describe.skipIf(!hasTmux())('tiphys tui --standalone, in tmux', () => {
  it('takes a ticket from its words to resolved with keys alone', { timeout: 120_000 }, async () => {
    const terminal = await open();
    await terminal.until(/No tickets yet/);
    terminal.press('n');
    await terminal.until(/What should change\?/);
    // With all the letters that are commands elsewhere.
    terminal.type('Deploy redis 7.2 with 3 replicas');
    terminal.press('C-s');
    await terminal.until(/> p approve plan [0-9a-f]{12}/);
    terminal.press('p');
    const asked = await terminal.until(/Approve this plan\?/);
    expect(asked).toMatch(/risk +medium/);
    expect(asked).toMatch(/hash +[0-9a-f]{64}/);
    terminal.press('d');
    await terminal.until(/▾ added \S+ production\/redis/);
    terminal.press('p');
    await terminal.until(/Approve this plan\?/);
    terminal.press('y');
    await terminal.until(/^\+ resolved {2}redis/m, 60_000);
    terminal.press('1');
    await terminal.until(/verdict {3}.*live/);
    terminal.resize(160, 50);
    terminal.press('Escape');
    const board = await terminal.until(/PRIORITY/);
    expect(board).toMatch(/1 ticket {3}waiting for you 0 {3}resolved 1/);
    expect(board).toMatch(/Argo CD {2}reachable .*redis Synced Healthy/);
    terminal.press('m');
    await terminal.until(/^redis +production +\d+ %/m);
    terminal.press('q');
    await terminal.until(/Quit\?/);
    terminal.press('y');
    const ended = await terminal.until(/EXIT \d+/);
    expect(ended).toMatch(/EXIT 0/);
    expect(ended).toContain('Stopping; unfinished tickets go on at the next start.');
  });

  it('shows hostile words as words, and no colours where NO_COLOR is set', { timeout: 60_000 }, async () => {
    const terminal = await open({ NO_COLOR: '1' });
    await terminal.until(/No tickets yet/);
    terminal.press('n');
    terminal.type('{red-fg}部署{/} \u202ereplicas q');
    terminal.press('C-s');
    const shown = await terminal.until(/^\{red-fg\}部署\{\/\} replicas q +[0-9A-Z]{8} {2}\d+s old$/m);
    expect(shown.split('\n').every((line) => !line.includes('\u202e'))).toBe(true);
    expect(terminal.captureColours()).not.toMatch(new RegExp(`${ESCAPE}\\[[0-9;]*[34][0-7]`));
  });
});
