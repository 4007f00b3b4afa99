import type { Readable, Writable } from 'node:stream';
import blessed from 'blessed';
import type { Key } from './model.ts';

// The only file that knows the terminal library. It gives raw mode, keys and sizes; lines are written by us, whole and
// only where they changed. Its own widgets read tags out of text and count wide characters differently from terminals.

export interface Screen {
  size(): { width: number; height: number };
  /** Shows these lines, from the top; they hold nothing but printable text and colours. */
  draw(lines: readonly string[]): void;
  /** Gives the terminal back as it was. Safe to call twice. */
  close(): void;
}

export interface Terminal {
  input: Readable;
  output: Writable & { columns?: number; rows?: number };
}

const ENTER = '\x1b[?1049h\x1b[?7l\x1b[?25l\x1b[?2004h\x1b[2J';
const LEAVE = '\x1b[?2004l\x1b[?25h\x1b[?7h\x1b[0m\x1b[?1049l';
const PASTE_BEGINS = '\x1b[200~';
const PASTE_ENDS = '\x1b[201~';

/** Takes over the terminal until `close`. */
export function openScreen(terminal: Terminal, handlers: { onKey: (key: Key) => void; onResize: () => void }): Screen {
  const { input, output } = terminal;
  const program = blessed.program(toProgramOptions(terminal));
  let drawn: readonly string[] = [];
  let pasted: string | undefined;
  let isOpen = true;
  const onKeypress = (char: string | undefined, key: RawKey | undefined) => {
    const sequence = key?.sequence ?? char ?? '';
    if (sequence === PASTE_BEGINS) pasted = '';
    else if (sequence === PASTE_ENDS) {
      if (pasted !== undefined && pasted !== '') handlers.onKey({ kind: 'paste', text: pasted });
      pasted = undefined;
    } else if (pasted !== undefined) {
      // Return is reported twice, the second time as `enter`.
      if (!isEcho(key)) pasted += key?.name === 'return' ? '\n' : (char ?? '');
    } else {
      const known = toKey(char, key);
      if (known !== undefined) handlers.onKey(known);
      // Pressed twice, it comes in one piece.
      if (sequence === '\x1b\x1b') handlers.onKey({ kind: 'named', name: 'escape' });
    }
  };
  const onResize = () => {
    drawn = [];
    handlers.onResize();
  };
  // The library passes over keys it has no name for, and the ends of a paste are among them: so this listens below it.
  program.on('keypress', () => undefined);
  input.on('keypress', onKeypress);
  program.on('resize', onResize);
  output.write(ENTER);
  return {
    size: () => ({ width: output.columns ?? 80, height: output.rows ?? 24 }),
    draw: (lines) => {
      if (!isOpen) return;
      const changed = lines.flatMap((text, row) =>
        text === drawn[row] ? [] : [`\x1b[${row + 1};1H\x1b[0m\x1b[2K${text}\x1b[0m`],
      );
      drawn = [...lines];
      if (changed.length > 0) output.write(changed.join(''));
    },
    close: () => {
      if (!isOpen) return;
      isOpen = false;
      input.off('keypress', onKeypress);
      output.write(LEAVE);
      program.destroy();
    },
  };
}

/**
 * Without `tput` the library does not read terminfo, which fails for terminals it has never heard of. Its type
 * declarations have input and output the wrong way round.
 */
function toProgramOptions({ input, output }: Terminal): Parameters<typeof blessed.program>[0] {
  const options: unknown = { input, output, tput: false };
  return options as Parameters<typeof blessed.program>[0];
}

interface RawKey {
  name?: string;
  sequence?: string;
  ctrl?: boolean;
  shift?: boolean;
}

function isEcho(key: RawKey | undefined): boolean {
  return key?.name === 'enter' && key.sequence === '\r';
}

const NAMES: Readonly<Record<string, string>> = {
  return: 'enter',
  linefeed: 'enter',
  enter: 'enter',
  escape: 'escape',
  up: 'up',
  down: 'down',
  left: 'left',
  right: 'right',
  home: 'home',
  end: 'end',
  pageup: 'pageup',
  pagedown: 'pagedown',
  backspace: 'backspace',
  delete: 'delete',
  tab: 'tab',
};

/** A key in our own words; undefined for those that mean nothing to us. */
function toKey(char: string | undefined, key: RawKey | undefined): Key | undefined {
  if (isEcho(key)) return undefined;
  const name = key?.name ?? '';
  if (key?.ctrl === true && /^[a-z]$/.test(name)) return { kind: 'named', name: `ctrl+${name}` };
  if (name === 'tab' && key?.shift === true) return { kind: 'named', name: 'backtab' };
  const known = Object.hasOwn(NAMES, name) ? NAMES[name] : undefined;
  if (known !== undefined) return { kind: 'named', name: known };
  // One UTF-16 unit at a time: the two halves of a character outside the first plane come one after the other.
  return char !== undefined && char.length === 1 && char >= ' ' && char !== '\x7f' ? { kind: 'char', char } : undefined;
}
