import type { TicketView } from '../api/contract.ts';
import { TICKET_TABS, type Action, type Effect, type Key, type Meaning, type State } from './model.ts';
import { currentTicket } from './select.ts';
import { EMPTY_EDIT } from './text/edit-line.ts';
import { toTypingKey } from './keys-typing.ts';

const NOTHING: Meaning = { actions: [], effects: [] };

/** The meaning of a key. While something is typed every printable key is text: `q` does not quit then. */
export function toMeaning(state: State, key: Key): Meaning {
  if (key.kind === 'named' && key.name === 'ctrl+c') return askToQuit(state, true);
  if (state.dialog !== undefined && state.dialog.kind !== 'text') return inDialog(state, key);
  const typing = toTypingKey(state, key);
  if (typing !== undefined) return typing;
  // Pasted text outside a text field is not a row of commands.
  if (key.kind === 'paste') return NOTHING;
  const name = key.kind === 'char' ? key.char : key.name;
  return moving(name) ?? onScreen(state, name) ?? onTicket(state, name) ?? anywhere(state, name);
}

function act(...actions: Action[]): Meaning {
  return { actions, effects: [] };
}

function ask(...effects: Effect[]): Meaning {
  return { actions: [], effects };
}

function tell(text: string): Meaning {
  return act({ type: 'told', text, tone: 'info' });
}

function askToQuit(state: State, isUrgent: boolean): Meaning {
  // A second Ctrl+C, and a server that goes on without us, need no question.
  if (!state.isStandalone || (isUrgent && state.dialog?.kind === 'quit')) return ask({ type: 'quit' });
  return act({ type: 'dialog_opened', dialog: { kind: 'quit' } });
}

function inDialog({ dialog }: State, key: Key): Meaning {
  const name = key.kind === 'char' ? key.char : key.kind === 'named' ? key.name : '';
  if (name === 'escape' || name === 'n' || name === 'b') return act({ type: 'dialog_closed' });
  if (dialog === undefined) return NOTHING;
  if (dialog.kind === 'approve' && name === 'd')
    return {
      actions: [{ type: 'dialog_closed' }],
      effects: [{ type: 'open_ticket', id: dialog.ticketId, tab: 'difference' }],
    };
  if (name !== 'y') return NOTHING;
  const actions: Action[] = [{ type: 'dialog_closed' }];
  switch (dialog.kind) {
    case 'approve':
      return { actions, effects: [{ type: 'approve', id: dialog.ticketId, changeHash: dialog.changeHash }] };
    case 'grant':
      return { actions, effects: [{ type: 'grant', id: dialog.ticketId, approvalId: dialog.approvalId }] };
    case 'quit':
      return ask({ type: 'quit' });
    case 'text':
      return NOTHING;
  }
}

const MOVES: Readonly<Record<string, Extract<Action, { type: 'scrolled' }>['by']>> = {
  up: -1,
  k: -1,
  down: 1,
  j: 1,
  pageup: 'page_up',
  'ctrl+b': 'page_up',
  pagedown: 'page_down',
  'ctrl+f': 'page_down',
  home: 'start',
  g: 'start',
  end: 'end',
  G: 'end',
};

function moving(name: string): Meaning | undefined {
  const by = Object.hasOwn(MOVES, name) ? MOVES[name] : undefined;
  return by === undefined ? undefined : act({ type: 'scrolled', by });
}

/** Keys of one screen alone. */
function onScreen(state: State, name: string): Meaning | undefined {
  const ticket = currentTicket(state);
  if (state.screen === 'dashboard') {
    if (name === 'enter' && ticket !== undefined) return ask({ type: 'open_ticket', id: ticket.id, tab: 'timeline' });
    if (name === '/') return act({ type: 'filtering', isOn: true });
    if (name === 'escape' && state.filter.text !== '')
      return act(
        { type: 'filtering', isOn: true },
        { type: 'typed', step: { kind: 'end' } },
        { type: 'typed', step: { kind: 'clear' } },
        { type: 'filtering', isOn: false },
      );
    return undefined;
  }
  const row = state.services[state.serviceCursor];
  if (state.screen === 'memory' && name === 'enter' && row !== undefined)
    return ask({ type: 'open_service', service: row.service });
  if (state.screen !== 'ticket' || state.open === undefined) return undefined;
  const { tab } = state.open;
  const at = TICKET_TABS.indexOf(tab);
  const count = TICKET_TABS.length;
  const wanted =
    name === 'tab' ? at + 1 : name === 'backtab' ? at - 1 + count : /^[1-5]$/.test(name) ? Number(name) - 1 : undefined;
  const next = wanted === undefined ? undefined : TICKET_TABS[wanted % count];
  if (next !== undefined) return act({ type: 'tab_shown', tab: next });
  if (name === '/') return act({ type: 'tab_shown', tab: 'difference' }, { type: 'searching', isOn: true });
  if (tab !== 'difference') return undefined;
  switch (name) {
    case ' ':
    case 'enter':
      return act({ type: 'fold_toggled' });
    case '-':
      return act({ type: 'folds_set', isFolded: true });
    case '+':
      return act({ type: 'folds_set', isFolded: false });
    case ']':
      return act({ type: 'match_sought', direction: 1 });
    case '[':
      return act({ type: 'match_sought', direction: -1 });
    default:
      return undefined;
  }
}

/** Keys that ask something of the ticket in hand; what is not possible now is said, not sent. */
function onTicket(state: State, name: string): Meaning | undefined {
  const ticket = currentTicket(state);
  if (ticket === undefined) return undefined;
  const { id, actions, hold } = ticket;
  const can = (action: TicketView['actions'][number]) => actions.includes(action);
  switch (name) {
    case 'p':
      return can('approve_plan') ? ask({ type: 'prepare_approval', id }) : tell('No plan waits for approval here.');
    case 'y':
      if (hold?.kind === 'plan_approval') return ask({ type: 'prepare_approval', id });
      return hold?.kind === 'approval' && can('grant')
        ? act({
            type: 'dialog_opened',
            dialog: {
              kind: 'grant',
              ticketId: id,
              approvalId: hold.approvalId,
              purpose: hold.purpose,
              sentence: hold.sentence,
              changeHash: hold.changeHash,
            },
          })
        : tell(hold?.kind === 'merge' ? `It is merged on the git host: ${hold.url}` : 'Nothing waits for a yes here.');
    case 'n':
      // In the list `n` is always a new ticket; on a ticket that waits for a decision it is the no.
      return state.screen === 'ticket' ? askForNo(ticket) : undefined;
    case 'a':
      return hold?.kind === 'question' && can('answer')
        ? askForText(ticket, 'answer', { question: hold.question, options: hold.options })
        : tell('No question is open here.');
    case 's':
      if (can('start')) return ask({ type: 'act', id, action: 'start' });
      return can('retry') ? ask({ type: 'act', id, action: 'retry' }) : tell('It has been started already.');
    case 'z':
      if (can('resume')) return ask({ type: 'act', id, action: 'resume' });
      return can('pause')
        ? ask({ type: 'act', id, action: 'pause' })
        : tell(`It cannot be paused: it is ${ticket.status}.`);
    case 'x':
      return can('cancel')
        ? askForText(ticket, 'cancel', { question: `"${ticket.title}" ends here. What was pushed stays.`, options: [] })
        : tell(`It cannot be cancelled: it is ${ticket.status}.`);
    case 'd':
      return state.screen === 'ticket'
        ? act({ type: 'tab_shown', tab: 'difference' })
        : ask({ type: 'open_ticket', id, tab: 'difference' });
    case 'm':
      return state.screen === 'ticket' && ticket.application !== null
        ? ask({ type: 'open_service_of', application: ticket.application })
        : undefined;
    default:
      return undefined;
  }
}

function askForNo(ticket: TicketView): Meaning | undefined {
  const { hold } = ticket;
  if (hold?.kind === 'plan_approval') return askForText(ticket, 'reject', { question: '', options: [] });
  if (hold?.kind === 'approval')
    return askForText(ticket, 'deny', { question: hold.sentence, options: [], approvalId: hold.approvalId });
  return undefined;
}

function askForText(
  ticket: TicketView,
  purpose: 'answer' | 'reject' | 'deny' | 'cancel',
  about: { question: string; options: string[]; approvalId?: string },
): Meaning {
  const { question, options, approvalId = '' } = about;
  const dialog = {
    kind: 'text',
    purpose,
    ticketId: ticket.id,
    approvalId,
    question,
    options,
    input: EMPTY_EDIT,
  } as const;
  return act({ type: 'dialog_opened', dialog });
}

function anywhere(state: State, name: string): Meaning {
  switch (name) {
    case 'q':
      return askToQuit(state, false);
    case 'escape':
    case 'b':
    case 'left':
      return state.screen === 'dashboard' ? NOTHING : act({ type: 'went_back' });
    case 'n':
      return act({ type: 'screen_shown', screen: 'create' });
    case 'm':
      return ask({ type: 'open_memory' });
    case 'A':
      return ask({ type: 'open_audit' });
    case 'r':
      return ask({ type: 'refresh' });
    case '?':
      return act({ type: 'screen_shown', screen: 'help' });
    default:
      return NOTHING;
  }
}
