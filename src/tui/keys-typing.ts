import type { Action, Key, Meaning, State } from './model.ts';
import type { EditStep } from './text/edit-line.ts';

const STEPS: Readonly<Record<string, EditStep>> = {
  backspace: { kind: 'backspace' },
  delete: { kind: 'delete' },
  left: { kind: 'left' },
  right: { kind: 'right' },
  home: { kind: 'home' },
  'ctrl+a': { kind: 'home' },
  end: { kind: 'end' },
  'ctrl+e': { kind: 'end' },
  'ctrl+u': { kind: 'clear' },
  'ctrl+w': { kind: 'word' },
};

/** The meaning of a key for whatever is being typed into; undefined where nothing is. */
export function toTypingKey(state: State, key: Key): Meaning | undefined {
  const isText = state.dialog?.kind === 'text';
  const isSearch = state.screen === 'ticket' && state.open?.isSearching === true;
  const isForm = state.screen === 'create';
  const isFilter = state.screen === 'dashboard' && state.isFiltering;
  if (!isText && !isSearch && !isForm && !isFilter) return undefined;
  if (key.kind === 'paste') return typed({ kind: 'insert', text: key.text });
  if (key.kind === 'char' && !(isForm && !isText && isChoice(state))) return typed({ kind: 'insert', text: key.char });
  const name = key.kind === 'char' ? key.char : key.name;
  if (isText) return inTextDialog(state, name);
  if (isForm) return inForm(state, name);
  // A filter and a search stay when the typing ends with Enter, and go with Esc.
  const end: Action = isSearch ? { type: 'searching', isOn: false } : { type: 'filtering', isOn: false };
  if (name === 'escape')
    return act({ type: 'typed', step: { kind: 'end' } }, { type: 'typed', step: { kind: 'clear' } }, end);
  if (name === 'enter') return act(end);
  if (isFilter && (name === 'down' || name === 'up')) return act({ type: 'scrolled', by: name === 'down' ? 1 : -1 });
  return stepOf(name);
}

function inTextDialog({ dialog }: State, name: string): Meaning {
  if (dialog?.kind !== 'text' || name === 'escape') return act({ type: 'dialog_closed' });
  if (name === 'tab' || name === 'down') return act({ type: 'option_taken', by: 1 });
  if (name === 'backtab' || name === 'up') return act({ type: 'option_taken', by: -1 });
  if (name !== 'enter' && name !== 'ctrl+s') return stepOf(name);
  const { ticketId: id, purpose, approvalId } = dialog;
  const text = dialog.input.text.trim();
  // The server wants words for these two, and so does whoever reads the ticket later.
  if (text === '' && (purpose === 'answer' || purpose === 'reject'))
    return act({ type: 'told', text: 'Type something first, or press Esc.', tone: 'info' });
  return { actions: [{ type: 'dialog_closed' }], effects: [{ type: 'send_text', id, purpose, approvalId, text }] };
}

function inForm(state: State, name: string): Meaning {
  switch (name) {
    case 'escape':
      return act({ type: 'went_back' });
    case 'ctrl+s':
      return { actions: [], effects: [{ type: 'create' }] };
    case 'tab':
    case 'down':
    case 'enter':
      return act({ type: 'form_moved', by: 1 });
    case 'backtab':
    case 'up':
      return act({ type: 'form_moved', by: -1 });
    case 'left':
    case 'right':
    case ' ':
      if (isChoice(state)) return act({ type: 'form_chosen', by: name === 'left' ? -1 : 1 });
      return stepOf(name);
    default:
      return stepOf(name);
  }
}

function isChoice({ form }: State): boolean {
  return form.focus === 'priority' || form.focus === 'start' || form.focus === 'target';
}

function stepOf(name: string): Meaning {
  const step = Object.hasOwn(STEPS, name) ? STEPS[name] : undefined;
  return step === undefined ? act() : typed(step);
}

function typed(step: EditStep): Meaning {
  return act({ type: 'typed', step });
}

function act(...actions: Action[]): Meaning {
  return { actions, effects: [] };
}
