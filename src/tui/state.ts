import { createOpenTicket, EMPTY_FORM } from './initial.ts';
import { listFormFields, listTargets } from './select.ts';
import { type Action, type Notice, type Screen, type State } from './model.ts';
import { reduceData } from './state-data.ts';
import { reduceScroll } from './state-scroll.ts';
import { editText, type EditLine, type EditStep } from './text/edit-line.ts';

const NOTICE_MS = { good: 5_000, info: 6_000, bad: 12_000 } as const satisfies Record<Notice['tone'], number>;
const PRIORITIES = ['low', 'medium', 'high', 'critical'] as const;

/** The one place where the state changes. Pure: the same state and action give the same state. */
export function reduce(state: State, action: Action): State {
  switch (action.type) {
    case 'resized':
      return { ...state, size: { width: action.width, height: action.height } };
    case 'ticked':
      return {
        ...state,
        nowMs: action.nowMs,
        notice: state.notice !== undefined && state.notice.untilMs <= action.nowMs ? undefined : state.notice,
      };
    case 'connection_changed':
      return reduceConnection(state, action.connection);
    case 'told':
      return tell(state, action.text, action.tone);
    case 'scrolled':
    case 'fold_toggled':
    case 'folds_set':
    case 'match_sought':
    case 'tab_shown':
      return reduceScroll(state, action);
    case 'screen_shown':
      return showScreen(state, action.screen);
    case 'went_back':
      return { ...state, screen: state.back.at(-1) ?? 'dashboard', back: state.back.slice(0, -1), isFiltering: false };
    case 'ticket_opened':
      return { ...showScreen(state, 'ticket'), selectedId: action.id, open: createOpenTicket(action.id, action.tab) };
    case 'service_opened':
      return {
        ...showScreen(state, 'service'),
        openService: {
          ...{ service: action.service, context: undefined, history: [], top: 0 },
          around: { nodes: [], edges: [] },
        },
      };
    case 'filtering':
      return { ...state, isFiltering: action.isOn };
    case 'searching':
      return state.open === undefined
        ? state
        : {
            ...state,
            open: {
              ...state.open,
              isSearching: action.isOn,
              // A match in a folded object would not be found.
              folded: action.isOn ? new Set() : state.open.folded,
            },
          };
    case 'typed':
      return reduceTyping(state, action.step);
    case 'form_moved': {
      const fields = listFormFields(state);
      const next = fields.indexOf(state.form.focus) + action.by;
      const focus = fields[(next + fields.length) % fields.length] ?? 'title';
      return { ...state, form: { ...state.form, focus } };
    }
    case 'form_chosen':
      return reduceChoice(state, action.by);
    case 'form_sending':
      return { ...state, form: { ...state.form, isSending: action.isSending } };
    case 'form_cleared':
      return { ...state, form: EMPTY_FORM };
    case 'dialog_opened':
      return { ...state, dialog: action.dialog };
    case 'option_taken': {
      const { dialog } = state;
      if (dialog?.kind !== 'text' || dialog.options.length === 0) return state;
      const at = dialog.options.indexOf(dialog.input.text);
      const count = dialog.options.length;
      const text = dialog.options[at < 0 ? (action.by > 0 ? 0 : count - 1) : (at + action.by + count) % count] ?? '';
      return { ...state, dialog: { ...dialog, input: { text, at: text.length } } };
    }
    case 'dialog_closed':
      return { ...state, dialog: undefined };
    case 'info_loaded':
    case 'listing_began':
    case 'tickets_loaded':
    case 'ticket_changed':
    case 'risk_loaded':
    case 'event_came':
    case 'observations_loaded':
    case 'ticket_loaded':
    case 'plan_loaded':
    case 'memory_loaded':
    case 'service_risk_loaded':
    case 'service_loaded':
    case 'audit_loaded':
      return reduceVoidDialog(reduceData(state, action), action);
  }
}

function tell(state: State, text: string, tone: Notice['tone']): State {
  return { ...state, notice: { text, tone, untilMs: state.nowMs + NOTICE_MS[tone] } };
}

/** Coming back after a break is said: what was on the screen meanwhile was old. */
function reduceConnection(state: State, connection: State['connection']): State {
  const changed = { ...state, connection };
  return connection.kind === 'live' && state.connection.kind === 'lost'
    ? tell(changed, 'Reconnected: everything missed has been caught up.', 'good')
    : changed;
}

/** A screen that is already on the way back is returned to, so that the way back never grows without end. */
function showScreen(state: State, screen: Screen): State {
  if (state.screen === screen) return state;
  const place = state.back.indexOf(screen);
  const back = place >= 0 ? state.back.slice(0, place) : [...state.back, state.screen];
  return { ...state, screen, back, isFiltering: false };
}

/** A question about a plan that is no longer the plan must not stay on the screen. */
function reduceVoidDialog(state: State, action: Action): State {
  const { dialog } = state;
  if (dialog?.kind !== 'approve' || action.type !== 'event_came' || action.event.type !== 'plan') return state;
  const { event } = action;
  if (event.ticketId !== dialog.ticketId || event.data.changeHash === dialog.changeHash) return state;
  return tell({ ...state, dialog: undefined }, 'The plan has changed: look at it again.', 'bad');
}

/** Keys go to whatever is being typed into, innermost first. */
function reduceTyping(state: State, step: EditStep): State {
  const { dialog, open, form, screen } = state;
  const edit = (text: EditLine) => editText(text, toSingleLine(step));
  if (dialog !== undefined)
    return dialog.kind === 'text' ? { ...state, dialog: { ...dialog, input: edit(dialog.input) } } : state;
  if (screen === 'ticket' && open?.isSearching === true)
    return reduceScroll(
      { ...state, open: { ...open, search: edit(open.search) } },
      { type: 'match_sought', direction: 1 },
    );
  if (screen === 'create') {
    const { focus } = form;
    switch (focus) {
      case 'title':
      case 'application':
        return { ...state, form: { ...form, [focus]: edit(form[focus]) } };
      case 'description':
        return { ...state, form: { ...form, description: editText(form.description, step) } };
      case 'target':
      case 'priority':
      case 'start':
        return state;
    }
  }
  return state.isFiltering ? { ...state, filter: edit(state.filter) } : state;
}

function toSingleLine(step: EditStep): EditStep {
  return step.kind === 'insert' ? { kind: 'insert', text: step.text.replace(/\s*[\r\n]+\s*/g, ' ') } : step;
}

function reduceChoice(state: State, by: 1 | -1): State {
  const { form } = state;
  if (form.focus === 'start') return { ...state, form: { ...form, start: !form.start } };
  if (form.focus === 'target') {
    const targets = listTargets(state);
    const at = targets.indexOf(form.target ?? targets[0] ?? '') + by;
    return { ...state, form: { ...form, target: targets[(at + targets.length) % targets.length] } };
  }
  if (form.focus !== 'priority') return state;
  const at = PRIORITIES.indexOf(form.priority) + by;
  const priority = PRIORITIES[(at + PRIORITIES.length) % PRIORITIES.length] ?? 'medium';
  return { ...state, form: { ...form, priority } };
}
