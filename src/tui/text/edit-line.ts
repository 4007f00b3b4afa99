/** Text somebody is typing; `at` is the place of the cursor in UTF-16 units, never inside a character. */
export interface EditLine {
  text: string;
  at: number;
}

export const EMPTY_EDIT: EditLine = { text: '', at: 0 };

export type EditStep =
  | { kind: 'insert'; text: string }
  | { kind: 'backspace' | 'delete' | 'left' | 'right' | 'home' | 'end' | 'clear' | 'word' };

const MAX_LENGTH = 20_000;

/** The text after one key. */
export function editText({ text, at }: EditLine, step: EditStep): EditLine {
  const before = text.slice(0, at);
  const after = text.slice(at);
  const last = Array.from(before).at(-1)?.length ?? 0;
  const first = Array.from(after)[0]?.length ?? 0;
  switch (step.kind) {
    case 'insert': {
      const added = step.text.slice(0, Math.max(0, MAX_LENGTH - text.length));
      return { text: before + added + after, at: at + added.length };
    }
    case 'backspace':
      return { text: before.slice(0, before.length - last) + after, at: at - last };
    case 'delete':
      return { text: before + after.slice(first), at };
    case 'left':
      return { text, at: at - last };
    case 'right':
      return { text, at: at + first };
    case 'home':
      return { text, at: 0 };
    case 'end':
      return { text, at: text.length };
    case 'clear':
      return { text: after, at: 0 };
    case 'word': {
      const kept = before.replace(/\S*\s*$/u, '');
      return { text: kept + after, at: kept.length };
    }
  }
}
