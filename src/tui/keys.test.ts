import { describe, expect, it } from 'vitest';
import type { Effect } from './model.ts';
import { currentTicket } from './select.ts';
import { reduce } from './state.ts';
import {
  HASH,
  makeApproval,
  makeInfo,
  makePlan,
  makeState,
  makeTicket,
  makeWaiting,
  pressKeys,
  textOf,
} from './test-state.ts';

const listed = (...tickets: ReturnType<typeof makeTicket>[]) =>
  makeState([{ type: 'tickets_loaded', tickets, isLast: true }]);
const opened = (ticket = makeWaiting()) => [
  { type: 'ticket_opened', id: ticket.id, tab: 'timeline' } as const,
  { type: 'ticket_loaded', ticket, plan: makePlan(), events: [] } as const,
];
const onTicket = (ticket = makeWaiting()) => makeState(opened(ticket));
const { id } = makeWaiting();

describe('keys on the dashboard', () => {
  const HELD: [string, string, Effect[]][] = [
    ['Enter opens', 'enter', [{ type: 'open_ticket', id, tab: 'timeline' }]],
    ['p prepares the approval', 'p', [{ type: 'prepare_approval', id }]],
    ['y prepares the approval', 'y', [{ type: 'prepare_approval', id }]],
    ['d opens the difference', 'd', [{ type: 'open_ticket', id, tab: 'difference' }]],
    ['z pauses', 'z', [{ type: 'act', id, action: 'pause' }]],
    ['r refreshes', 'r', [{ type: 'refresh' }]],
    ['m opens the memory', 'm', [{ type: 'open_memory' }]],
    ['A opens the audit log', 'A', [{ type: 'open_audit' }]],
    ['q quits', 'q', [{ type: 'quit' }]],
    ['a does nothing without a question', 'a', []],
    ['unknown keys do nothing', 'ctrl+k', []],
  ];
  it.each(HELD)('%s', (_name, key, effects) => {
    expect(pressKeys(listed(makeWaiting()), key).effects).toEqual(effects);
  });

  it.each([
    ['draft', ['start'], 'start'],
    ['failed', ['retry'], 'retry'],
  ] as const)('s asks of a %s ticket what it can do: %j', (status, actions, action) => {
    const ticket = makeTicket(1, { status, actions: [...actions] });
    expect(pressKeys(listed(ticket), 's').effects).toEqual([{ type: 'act', id, action }]);
  });

  it('resumes a paused ticket with z, and says why a resolved one cannot be paused', () => {
    const paused = makeTicket(1, { status: 'paused', actions: ['resume', 'cancel'] });
    expect(pressKeys(listed(paused), 'z').effects).toEqual([{ type: 'act', id, action: 'resume' }]);
    const done = pressKeys(listed(makeTicket(1)), 'z');
    expect(done.effects).toEqual([]);
    expect(textOf(done.state)).toContain('It cannot be paused: it is resolved.');
  });

  it('moves with arrows, j and k, g and G, and pages', () => {
    const many = listed(...Array.from({ length: 100 }, (_, index) => makeTicket(index)));
    const at = (...keys: string[]) => currentTicket(pressKeys(many, ...keys).state)?.title;
    expect(at()).toBe('Update api to 1.99.0');
    expect(at('j', 'down', 'k')).toBe('Update api to 1.98.0');
    expect(at('k')).toBe('Update api to 1.99.0');
    expect(at('G')).toBe('Update api to 1.0.0');
    expect(at('G', 'j')).toBe('Update api to 1.0.0');
    expect(at('G', 'g')).toBe('Update api to 1.99.0');
    expect(at('pagedown', 'pagedown', 'pageup')).toBe('Update api to 1.82.0');
  });

  it('keeps the cursor on its ticket while new ones come in', () => {
    const state = pressKeys(listed(makeTicket(1), makeTicket(2)), 'j').state;
    const later = pressKeys(state).state;
    expect(currentTicket(later)?.id).toBe(makeTicket(1).id);
    const more = makeState([
      { type: 'tickets_loaded', tickets: [makeTicket(1), makeTicket(2)], isLast: true },
      { type: 'scrolled', by: 1 },
      { type: 'ticket_changed', ticket: makeTicket(3) },
    ]);
    expect(currentTicket(more)?.id).toBe(makeTicket(1).id);
  });
});

describe('typing', () => {
  it('takes every printable key as text in the filter, q and n included', () => {
    const { state, effects } = pressKeys(listed(makeTicket(1), makeTicket(2)), '/', 'q', 'n', 'p', '?');
    expect(effects).toEqual([]);
    expect(state).toMatchObject({ screen: 'dashboard', isFiltering: true, filter: { text: 'qnp?' } });
    expect(pressKeys(state, 'enter', 'q').effects).toEqual([{ type: 'quit' }]);
    expect(pressKeys(state, 'escape').state).toMatchObject({ isFiltering: false, filter: { text: '' } });
  });

  it('takes every printable key as text in the form, and sends with Ctrl+S', () => {
    const { state, effects } = pressKeys(listed(), 'n', 'q', '?', 'm', 'backspace', 'tab', 'b', 'ctrl+s');
    expect(effects).toEqual([{ type: 'create' }]);
    expect(state).toMatchObject({ screen: 'create', form: { title: { text: 'q?' }, description: { text: 'b' } } });
  });

  it('changes priority and start with the arrows and leaves with Esc', () => {
    const { state } = pressKeys(listed(), 'n', 'tab', 'tab', 'tab', 'right', 'tab', 'left', 'q');
    expect(state.form).toMatchObject({ priority: 'high', start: false, focus: 'start' });
    expect(pressKeys(state, 'escape').state.screen).toBe('dashboard');
  });

  it('chooses an Argo CD instance where there are several, the default one first', () => {
    const several = [makeInfo('west', 'main')].reduce(reduce, listed());
    const { state } = pressKeys(several, 'n', 'tab', 'tab', 'tab');
    expect(state.form).toMatchObject({ focus: 'target', target: undefined });
    expect(textOf(state)).toContain('◂ main ▸');
    expect(pressKeys(state, 'right').state.form.target).toBe('west');
    expect(pressKeys(state, 'right', 'right').state.form.target).toBe('main');
    const single = [makeInfo('main')].reduce(reduce, listed());
    expect(textOf(pressKeys(single, 'n').state)).not.toContain('Argo CD instance');
  });

  it('edits in the middle of a line, whole characters at a time', () => {
    const typed = pressKeys(listed(), 'n', { kind: 'paste', text: 'a🚀b' }).state;
    expect(pressKeys(typed, 'left', 'backspace', 'x').state.form.title).toEqual({ text: 'axb', at: 2 });
    expect(pressKeys(typed, 'home', 'delete', 'end', 'c').state.form.title.text).toBe('🚀bc');
    expect(pressKeys(typed, ' ', 'w', 'o', 'ctrl+w').state.form.title.text).toBe('a🚀b ');
    expect(pressKeys(typed, 'ctrl+u').state.form.title.text).toBe('');
  });

  it('takes pasted text as text: line breaks stay in the description and never send anything', () => {
    const paste = { kind: 'paste', text: 'one\ntwo' } as const;
    const { state, effects } = pressKeys(listed(), 'n', paste, 'tab', paste);
    expect(effects).toEqual([]);
    expect(state.form).toMatchObject({ title: { text: 'one two' }, description: { text: 'one\ntwo' } });
  });

  it('does not take pasted text for commands', () => {
    expect(pressKeys(listed(makeWaiting()), { kind: 'paste', text: 'pyq' }).effects).toEqual([]);
  });
});

describe('decisions', () => {
  const asked = makeState([...opened(), makeApproval({ ticketId: id })]);

  it('approves exactly the hash that was shown, and only with y', () => {
    expect(textOf(asked)).toContain(HASH);
    expect(textOf(asked)).toContain('risk     high');
    expect(pressKeys(asked, 'y').effects).toEqual([{ type: 'approve', id, changeHash: HASH }]);
    expect(pressKeys(asked, 'y').state.dialog).toBeUndefined();
    for (const key of ['enter', 'p', ' ', 'q', 'escape', 'n']) expect(pressKeys(asked, key).effects).toEqual([]);
    expect(pressKeys(asked, { kind: 'paste', text: 'y' }).effects).toEqual([]);
  });

  it('shows the difference from the question', () => {
    expect(pressKeys(asked, 'd').effects).toEqual([{ type: 'open_ticket', id, tab: 'difference' }]);
  });

  it('asks for a reason before it rejects a plan, and takes none that is empty', () => {
    const asking = pressKeys(onTicket(), 'n').state;
    expect(asking.dialog).toMatchObject({ kind: 'text', purpose: 'reject' });
    expect(pressKeys(asking, 'enter').effects).toEqual([]);
    expect(pressKeys(asking, 'n', 'o', 'enter').effects).toEqual([
      { type: 'send_text', id, purpose: 'reject', approvalId: '', text: 'no' },
    ]);
    expect(pressKeys(asking, 'q', 'escape').state.dialog).toBeUndefined();
  });

  it('grants and denies what waits for approval', () => {
    const approvalId = `apr_${'1'.repeat(26)}`;
    const ticket = makeTicket(1, {
      status: 'pending_approval',
      actions: ['grant', 'deny'],
      hold: {
        kind: 'approval',
        approvalId,
        purpose: 'revert',
        changeHash: HASH,
        expiresAt: '2026-01-03T12:00:00.000Z',
        sentence: 'Revert it?',
      },
    });
    expect(pressKeys(onTicket(ticket), 'y', 'y').effects).toEqual([{ type: 'grant', id, approvalId }]);
    expect(pressKeys(onTicket(ticket), 'y', 'escape').effects).toEqual([]);
    expect(pressKeys(onTicket(ticket), 'n', 'enter').effects).toEqual([
      { type: 'send_text', id, purpose: 'deny', approvalId, text: '' },
    ]);
  });

  it('answers a question in words or with one of its options', () => {
    const ticket = makeTicket(1, {
      status: 'pending_input',
      actions: ['answer'],
      hold: {
        kind: 'question',
        questionId: 'q',
        question: 'Which image?',
        options: ['api:1', 'api:2'],
        returnTo: 'planning',
      },
    });
    const asking = pressKeys(onTicket(ticket), 'a').state;
    expect(textOf(asking)).toContain('Which image?');
    const sent = (...keys: string[]) => pressKeys(asking, ...keys, 'enter').effects;
    expect(sent('x')).toMatchObject([{ purpose: 'answer', text: 'x' }]);
    expect(sent('tab', 'tab')).toMatchObject([{ text: 'api:2' }]);
    expect(sent('backtab')).toMatchObject([{ text: 'api:2' }]);
    expect(sent()).toEqual([]);
  });

  it('asks before it cancels a ticket', () => {
    expect(pressKeys(onTicket(), 'x').effects).toEqual([]);
    expect(pressKeys(onTicket(), 'x', 'enter').effects).toMatchObject([{ purpose: 'cancel', text: '' }]);
  });

  it('asks before it quits with a server of its own, and not twice after Ctrl+C', () => {
    const alone = { ...listed(makeTicket(1)), isStandalone: true };
    expect(pressKeys(alone, 'q').effects).toEqual([]);
    expect(pressKeys(alone, 'q', 'escape').state.dialog).toBeUndefined();
    expect(pressKeys(alone, 'q', 'y').effects).toEqual([{ type: 'quit' }]);
    expect(pressKeys(alone, 'ctrl+c', 'ctrl+c').effects).toEqual([{ type: 'quit' }]);
    expect(pressKeys(listed(), 'n', 'ctrl+c').effects).toEqual([{ type: 'quit' }]);
  });
});

describe('the way back', () => {
  it('leads from screen to screen with Esc and b, and ends at the dashboard', () => {
    const deep = pressKeys(onTicket(), '?').state;
    expect(deep.screen).toBe('help');
    expect(pressKeys(deep, 'escape').state.screen).toBe('ticket');
    expect(pressKeys(deep, 'b', 'escape', 'escape', 'b').state.screen).toBe('dashboard');
  });

  it('turns the pages of a ticket with Tab, back with Shift+Tab, and by number', () => {
    expect(pressKeys(onTicket(), 'tab').state.open?.tab).toBe('plan');
    expect(pressKeys(onTicket(), 'backtab').state.open?.tab).toBe('memory');
    expect(pressKeys(onTicket(), '3').state.open?.tab).toBe('difference');
    expect(pressKeys(onTicket(), 'm').effects).toEqual([{ type: 'open_service_of', application: 'api' }]);
  });
});
