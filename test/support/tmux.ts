import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { randomHex } from '../../src/lib/ids.ts';
import { packageDir } from '../../src/lib/package.ts';

/** A program in a terminal that nobody sees: what it shows can be read, and keys can be pressed. */
export interface TmuxTerminal {
  /** What is on the screen, without blanks at the ends of lines. */
  capture(): string;
  /** The same with the terminal's codes for colours and bold. */
  captureColours(): string;
  /** Keys by tmux's names, such as `Enter`, `C-s`, `p`. */
  press(...keys: string[]): void;
  type(text: string): void;
  resize(width: number, height: number): void;
  /** Waits until the screen shows this; throws with the screen where it does not in time. */
  until(pattern: RegExp, timeoutMs?: number): Promise<string>;
  close(): void;
}

export function hasTmux(): boolean {
  return spawnSync('tmux', ['-V']).status === 0;
}

/** Starts `tiphys ARGS` in a terminal of this size; after it the screen shows `EXIT` and its code. */
export function openTmux(
  args: readonly string[],
  options: { cwd: string; width: number; height: number; env: Record<string, string> },
): TmuxTerminal {
  const socket = `tiphys-${randomHex(6)}`;
  const env = {
    PATH: process.env['PATH'] ?? '',
    LANG: 'C.UTF-8',
    HOME: options.cwd,
    TERM: 'xterm-256color',
    ...options.env,
  };
  const tmux = (...given: string[]): string => {
    const done = spawnSync('tmux', ['-u', '-f', '/dev/null', '-L', socket, ...given], {
      env,
      cwd: options.cwd,
      encoding: 'utf8',
    });
    if (done.status !== 0) throw new Error(`tmux ${given[0] ?? ''}: ${done.stderr}`);
    return done.stdout;
  };
  const command = [process.execPath, join(packageDir, 'bin/tiphys.js'), ...args].map((part) => `'${part}'`).join(' ');
  const size = ['-x', String(options.width), '-y', String(options.height)];
  tmux('new-session', '-d', '-s', 'main', ...size, `${command}; echo EXIT $?; exec sleep 600`);
  const capture = () => tmux('capture-pane', '-p', '-t', 'main').replace(/ +$/gm, '');
  return {
    capture,
    captureColours: () => tmux('capture-pane', '-e', '-p', '-t', 'main'),
    press: (...keys) => void tmux('send-keys', '-t', 'main', ...keys),
    type: (text) => void tmux('send-keys', '-t', 'main', '-l', text),
    resize: (width, height) => void tmux('resize-window', '-t', 'main', '-x', String(width), '-y', String(height)),
    until: async (pattern, timeoutMs = 30_000) => {
      const deadline = performance.now() + timeoutMs;
      for (;;) {
        const shown = capture();
        if (pattern.test(shown)) return shown;
        if (performance.now() > deadline)
          throw new Error(`${String(pattern)} did not come; the screen shows\n${shown}`);
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    },
    close: () => void tmux('kill-server'),
  };
}
