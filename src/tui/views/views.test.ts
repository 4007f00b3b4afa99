import { describe, expect, it } from 'vitest';
import type { TicketView } from '../../api/contract.ts';
import type { Action } from '../model.ts';
import {
  makeApproval,
  makeEvent,
  makeInfo,
  makePlan,
  makeState,
  makeTicket,
  makeWaiting,
  pressKeys,
  textOf,
} from '../test-state.ts';
import { cellWidth } from '../text/cells.ts';
import { viewFrame } from './frame.ts';

const loaded = (...tickets: ReturnType<typeof makeTicket>[]): Action => ({
  type: 'tickets_loaded',
  tickets,
  isLast: true,
});
const opened = (plan = makePlan(), ticket = makeWaiting()): Action[] => [
  { type: 'ticket_opened', id: ticket.id, tab: 'timeline' },
  {
    type: 'ticket_loaded',
    ticket,
    plan,
    events: [
      makeEvent(1, {
        type: 'status',
        data: { from: null, to: 'planning', code: 'created', reason: 'asked for by local' },
      }),
      makeEvent(3, { type: 'error', data: { node: 'planner', code: 'x', message: 'The model did not answer.' } }),
    ],
  },
  { type: 'plan_loaded', id: ticket.id, plan },
];
const body = (text: string, from: number) => text.split('\n').slice(from);

describe('the dashboard', () => {
  const actions: Action[] = [
    loaded(makeWaiting(3), makeTicket(2, { status: 'failed' }), makeTicket(1, { title: '部署'.repeat(40) })),
    { type: 'risk_loaded', id: makeTicket(3).id, risk: 'high' },
    {
      type: 'event_came',
      event: makeEvent(9, { type: 'health', data: { application: 'api', status: 'Degraded', resources: [] } }),
    },
  ];

  it('shows what is going on and the tickets, newest first', () => {
    expect(textOf(makeState(actions, { width: 80, height: 14 }))).toBe(
      [
        'Tiphys http://tiphys.example                                                live',
        '3 tickets   waiting for you 1   resolved 1   failed 1',
        'Agent    idle   last: health api Degraded (1m ago)',
        'Argo CD  api Degraded',
        '',
        'STATUS          RISK     AGE  APPLICATION   TITLE',
        '? approve plan? high     5m   api           Update api to 1.3.0',
        'x failed                 5m   api           Update api to 1.2.0',
        '+ resolved               5m   api           部署部署部署部署部署部署部署部署部…',
        '',
        '',
        '',
        '',
        'Enter open  n new  p approve  / filter  m memory  ? help  q quit          1 of 3',
      ].join('\n'),
    );
  });

  it('shows which Argo CD instance a ticket is for where there are several', () => {
    const east = makeTicket(1, { target: { instance: 'east' } });
    const show = (...names: string[]) => textOf(makeState([loaded(east), makeInfo(...names)]));
    expect(show('east', 'west')).toContain('api @east');
    expect(show('east')).not.toContain('@');
    const open: Action[] = [
      makeInfo('east', 'west'),
      { type: 'ticket_opened', id: east.id, tab: 'timeline' },
      { type: 'ticket_loaded', ticket: east, plan: undefined, events: [] },
    ];
    expect(textOf(makeState(open))).toContain('api @east  medium priority');
  });

  it('shows priority, why, and the end of the id where there is room', () => {
    const text = textOf(makeState(actions, { width: 160, height: 50 }));
    expect(text).toContain('STATUS          RISK     PRIORITY AGE  APPLICATION           TITLE');
    expect(text).toMatch(/Update api to 1\.2\.0 +it is live and healthy +00000002$/m);
  });

  it('puts what is not well first in the strip, and counts what does not fit', () => {
    const health = (application: string, status: string): Action => ({
      type: 'event_came',
      event: makeEvent(9, { type: 'health', data: { application, status, resources: [] } }),
    });
    const healthy = Array.from({ length: 8 }, (_, index) => health(`argocd/service-${index}`, 'Healthy'));
    const state = makeState([loaded(makeTicket(1)), ...healthy, health('argocd/late', 'Degraded')]);
    expect(body(textOf(state), 2).slice(0, 2)).toEqual([
      'Agent    idle   last: health argocd/late Degraded (1m ago)',
      'Argo CD  argocd/late Degraded  argocd/service-0 Healthy  +7 more',
    ]);
  });

  it('shows what the filter leaves, and says so where that is nothing', () => {
    const filtered = pressKeys(makeState(actions), '/', ...'failed').state;
    expect(body(textOf(filtered), 4).slice(0, 4)).toEqual([
      'Filter   failed   1 match',
      'STATUS          RISK     AGE  APPLICATION   TITLE',
      'x failed                 5m   api           Update api to 1.2.0',
      '',
    ]);
    expect(textOf(pressKeys(filtered, 'z').state)).toContain('No ticket matches "failedz". Esc shows all.');
    const mixed = [...actions, loaded(makeTicket(4, { status: 'draft' }), makeTicket(5, { status: 'paused' }))];
    const waiting = textOf(pressKeys(makeState(mixed), '/', ...'waiting').state);
    expect(waiting).toMatch(/waiting {3}1 match[^]*\? approve plan/);
  });

  it('makes only the lines that fit, from the middle of five thousand tickets too', () => {
    const many = Array.from({ length: 5_000 }, (_, index) => makeTicket(index));
    const state = makeState([loaded(...many), { type: 'scrolled', by: 'end' }, { type: 'scrolled', by: -2_500 }]);
    expect(viewFrame(state)).toHaveLength(24);
    const shown = textOf(state);
    expect(shown).toContain('5000 tickets');
    expect(shown).toContain('Update api to 1.2500.0');
    expect(shown.match(/Update api to/g)).toHaveLength(16);
  });
});

describe('a ticket', () => {
  const size = { width: 80, height: 14 };

  it('shows what it waits for over its timeline', () => {
    expect(textOf(makeState(opened(), size))).toBe(
      [
        'Tiphys http://tiphys.example                                                live',
        'Update api to 1.1.0                                             00000001  5m old',
        '? approve plan?  api  medium priority  risk high',
        'the plan waits for approval',
        '> p approve plan abababababab   n reject   d difference   1d left to decide',
        ' 1 timeline │ 2 plan │ 3 difference │ 4 observed │ 5 memory │───────────────────',
        '11:58:07  status    planning: asked for by local',
        '11:58:07  error     The model did not answer.',
        '',
        '',
        '',
        '',
        '',
        'Tab page  p approve  n reject  z pause  x cancel  d difference  Esc  ? help',
      ].join('\n'),
    );
  });

  it('puts live events into their place, each once, and follows the end until somebody scrolls', () => {
    const note = (id: number) => makeEvent(id, { type: 'note', data: { node: 'observer', text: `note ${id}` } });
    const live = [note(2), note(2), ...Array.from({ length: 20 }, (_, index) => note(index + 4))];
    const state = makeState([...opened(), ...live.map((event): Action => ({ type: 'event_came', event }))], size);
    expect(state.open?.events.map(({ id }) => id)).toEqual(Array.from({ length: 23 }, (_, index) => index + 1));
    expect(body(textOf(state), 6)[5]).toBe('11:58:07  note      note 23');
    const up = pressKeys(state, 'k').state;
    expect(body(textOf(up), 6)[5]).toBe('11:58:07  note      note 22');
    const later = pressKeys(up, 'G').state;
    expect(later.open?.isFollowing).toBe(true);
  });

  it('shows the rendered difference, folds it by object, and finds words in it', () => {
    const state = pressKeys(makeState(opened(), size), 'd').state;
    expect(body(textOf(state), 6)).toEqual([
      '▾ changed Deployment production/api  +1 -1',
      '  @@ -10,3 +10,3 @@',
      '       - name: api',
      '  -      image: registry.example/api:1.8.0',
      '  +      image: registry.example/api:1.9.0',
      '▾ changed Deployment production/worker  +1 -1',
      '',
      'p approve  n reject  space fold  - + all  / search  Esc  ? help        1-6 of 10',
    ]);
    expect(body(textOf(pressKeys(state, ' ').state), 6).slice(0, 3)).toEqual([
      '▸ changed Deployment production/api  +1 -1',
      '▾ changed Deployment production/worker  +1 -1',
      '  @@ -10,3 +10,3 @@',
    ]);
    // Every object can come to the top, though all would fit.
    const down = pressKeys(state, ...'jjjjj').state;
    expect(body(textOf(down), 6)[0]).toBe('▾ changed Deployment production/worker  +1 -1');
    expect(body(textOf(pressKeys(down, ' ').state), 6).slice(0, 2)).toEqual([
      '▸ changed Deployment production/worker  +1 -1',
      '',
    ]);
    expect(body(textOf(pressKeys(state, '-').state), 6).slice(0, 3)).toEqual([
      '▸ changed Deployment production/api  +1 -1',
      '▸ changed Deployment production/worker  +1 -1',
      '',
    ]);
    const found = pressKeys(state, '-', '/', ...'1.9.0', 'enter').state;
    expect(found.open?.tops.difference).toBe(4);
    expect(pressKeys(found, ']').state.open?.tops.difference).toBe(9);
    expect(pressKeys(found, ']', ']').state.open?.tops.difference).toBe(4);
    expect(pressKeys(found, '[').state.open?.tops.difference).toBe(9);
    const marked = viewFrame(found)
      .flat()
      .filter(({ tone }) => tone === 'match');
    expect(marked.map(({ text }) => text)).toEqual(['1.9.0', '1.9.0']);
  });

  it('shows added lines and removed ones in different tones', () => {
    const spans = viewFrame(pressKeys(makeState(opened()), 'd').state).flat();
    expect(spans.find(({ text }) => text.startsWith('-   '))?.tone).toBe('removed');
    expect(spans.find(({ text }) => text.startsWith('+   '))?.tone).toBe('added');
  });

  it('shows the plan with risk and hash, and what memory advised', () => {
    const plan = textOf(pressKeys(makeState(opened()), '2').state);
    expect(plan).toContain('assumed    api is the only service of that name');
    expect(plan).toContain('risk       high (score 7)\n           production serves real users');
    expect(plan).toContain(`hash       ${'ab'.repeat(32)}`);
    const memory = textOf(pressKeys(makeState(opened()), '5').state);
    expect(memory).toContain('failure    31 % (12 % to 55 %)');
    expect(memory).toContain('careful    The last deploy failed.');
  });

  it('shows what was observed as a tree', () => {
    const resources = [{ resource: 'Pod api-1', health: 'Degraded', message: 'CrashLoopBackOff' }];
    const state = makeState([
      ...opened(),
      {
        type: 'event_came',
        event: makeEvent(5, { type: 'sync', data: { application: 'api', status: 'Synced', revision: 'd'.repeat(40) } }),
      },
      {
        type: 'event_came',
        event: makeEvent(6, { type: 'health', data: { application: 'api', status: 'Degraded', resources } }),
      },
    ]);
    expect(body(textOf(pressKeys(state, '4').state), 6).slice(0, 6)).toEqual([
      'api',
      '├ sync     11:58:07 Synced at ddddddddd',
      '├ health   11:58:07 Degraded',
      '│  ├ Pod api-1 Degraded',
      '│  │   CrashLoopBackOff',
      '└ still watched: no verdict yet',
    ]);
  });

  it('keeps what was seen of the change apart from what was seen of its revert, the newest first', () => {
    const push = (id: number, head: string, purpose: 'change' | 'revert') =>
      makeEvent(id, {
        type: 'push',
        data: { branch: 'main', base: 'b'.repeat(40), head, commits: [head], outcome: 'pushed', purpose },
      });
    const verdict = (id: number, commit: string, outcome: string, sentence: string) =>
      makeEvent(id, { type: 'verdict', data: { application: 'api', commit, outcome, sentence, evidence: [] } });
    const [bad, back] = ['d'.repeat(40), 'e'.repeat(40)];
    const events = [
      push(5, bad, 'change'),
      verdict(6, bad, 'failed', 'It crashes.'),
      push(7, back, 'revert'),
      verdict(8, back, 'live', 'It is live.'),
    ];
    const state = makeState([...opened(), ...events.map((event): Action => ({ type: 'event_came', event }))]);
    expect(body(textOf(pressKeys(state, '4').state), 6).slice(0, 5)).toEqual([
      'api  commit eeeeeeeee, which takes the change back',
      '└ verdict  11:58:07 It is live.',
      '',
      'api  commit ddddddddd',
      '└ verdict  11:58:07 It crashes.',
    ]);
  });

  it('says before anything else what became of a change that failed', () => {
    const sentence = `${'The pod of api restarts again and again. '.repeat(9)}It was taken back.`;
    const ending = (given: Partial<NonNullable<TicketView['ending']>>) => {
      const ticket = makeTicket(1, {
        status: 'failed',
        ending: { code: 'failed', sentence, commits: ['d'.repeat(40)], reverted: false, revertCommits: [], ...given },
      });
      return body(textOf(makeState(opened(makePlan(), ticket))), 2);
    };
    const [status, outcome, first, second, third] = ending({ code: 'reverted', reverted: true });
    expect([status, outcome]).toEqual([
      'x failed  api  medium priority  risk high',
      'Taken back in git: the state before is live again.',
    ]);
    expect(first).toMatch(/^The pod of api/);
    // Cut, and it says so.
    expect([second?.endsWith('…'), third?.endsWith(' …')]).toEqual([false, true]);
    expect(ending({ code: 'revert_unhealthy', reverted: true })[1]).toBe(
      'Taken back in git, but that is not healthy: a person has to look.',
    );
    expect(ending({ code: 'left' })[1]).toBe('What it pushed was not taken back: 1 commit.');
    expect(ending({ code: 'refused', commits: [] })[1]).toMatch(/^The pod of api/);
  });

  it('says until when a live change is watched on, and where a pull request is merged', () => {
    const until = '2026-01-02T12:07:00.000Z';
    const soak = makeEvent(5, {
      type: 'soak',
      data: { application: 'api', commit: 'd'.repeat(40), state: 'watching', until, sentence: 'Watched on.' },
    });
    const resolved = makeState([...opened(makePlan(), makeTicket(1)), { type: 'event_came', event: soak }]);
    expect(textOf(resolved)).toContain(
      'Live, and watched on until 12:07 UTC, 7m more: if it goes bad, it is told here.',
    );
    const hold = {
      kind: 'merge',
      pullRequestId: '',
      number: 17,
      url: 'https://git.example/infra/pulls/17',
      branch: 'tiphys/abc',
      purpose: 'change',
    } as const;
    const merge = textOf(makeState(opened(makePlan(), makeTicket(1, { status: 'pending_merge', hold }))));
    expect(merge).toContain(
      '> Merge pull request 17 on the git host, or close it there:\n  https://git.example/infra/pulls/17\n',
    );
    expect(merge).toContain('  branch tiphys/abc; what is merged is watched from there');
  });

  it('names the days of a story that did not happen today', () => {
    const note = (id: number, at: string) => ({
      ...makeEvent(id, { type: 'note', data: { node: 'x', text: 'n' } }),
      at,
    });
    const events = [note(1, '2025-12-31T23:59:59.000Z'), note(2, '2026-01-02T00:00:01.000Z')];
    const ticket = makeWaiting();
    const state = makeState([
      { type: 'ticket_opened', id: ticket.id, tab: 'timeline' },
      { type: 'ticket_loaded', ticket, plan: undefined, events },
    ]);
    expect(body(textOf(state), 6).slice(0, 4)).toEqual([
      '2025-12-31',
      '23:59:59  note      n',
      '2026-01-02',
      '00:00:01  note      n',
    ]);
  });

  it('shows the whole answer of a question', () => {
    const answer = Array.from({ length: 9 }, (_, index) => `line ${index}`).join('\n');
    const ending = { code: 'answered', sentence: 'x', commits: [], reverted: false, revertCommits: [], answer };
    const text = textOf(makeState(opened(makePlan(), makeTicket(1, { ending }))));
    expect(text).toContain('Answer\nline 0\n');
    expect(text).toContain('\nline 8\n');
  });

  it('asks for approval with what would be done, how, and what would be removed', () => {
    const text = textOf(
      makeState([...opened(), makeApproval({ objects: { added: 0, changed: 1, removed: 2 }, warnings: 1 })]),
    );
    expect(text).toMatch(/ticket +Make api faster +│\n│ plan +Update api to 1\.9\.0 +│\n│ rollout +canary +│/);
    expect(text).toMatch(/objects +1 changed +2 REMOVED/);
    expect(text).toMatch(/checks +1 remark: page 2 says which/);
  });

  it('offers only the keys that do something', () => {
    const keys = (ticket: TicketView) =>
      textOf(makeState(opened(makePlan(), ticket)))
        .split('\n')
        .at(-1);
    expect(keys(makeTicket(1))).toBe('Tab page  d difference  m memory  Esc  ? help');
    const hold = {
      kind: 'question',
      questionId: '',
      question: 'Which?',
      options: [],
      returnTo: 'planning',
    } satisfies TicketView['hold'];
    const asking = makeTicket(1, { status: 'pending_input', hold, actions: ['answer', 'cancel'] });
    expect(keys(asking)).toBe('Tab page  a answer  x cancel  d difference  m memory  Esc  ? help');
    expect(keys(makeTicket(1, { status: 'errored', actions: ['retry'] }))).toMatch(/^Tab page {2}s try again {2}d /);
  });
});

describe('the memory', () => {
  const service = (name: string) => ({
    cluster: 'sandbox',
    environment: 'production',
    namespace: 'production',
    service: name,
    deploys: 4,
    failures: 1,
    lastDeployAt: '2026-01-02T10:00:00.000Z',
  });

  it('shows the riskiest service first as the risks come in', () => {
    const state = makeState([
      { type: 'screen_shown', screen: 'memory' },
      { type: 'memory_loaded', services: [service('web'), service('api')] },
      { type: 'service_risk_loaded', service: service('api'), risk: { probability: 0.52, low: 0.3, high: 0.7 } },
      { type: 'service_risk_loaded', service: service('web'), risk: { probability: 0.05, low: 0.01, high: 0.1 } },
    ]);
    expect(body(textOf(state), 1).slice(0, 4)).toEqual([
      'What is remembered: services by the risk that their next deploy fails',
      'SERVICE             ENVIRONMENT   RISK                       DEPLOYS FAILED LAST',
      'api                 production    52 %  ██████████░░░░░░░░░░ 4       1      2h',
      'web                 production    5 %   █░░░░░░░░░░░░░░░░░░░ 4       1      2h',
    ]);
    expect(pressKeys(state, 'enter').effects).toEqual([{ type: 'open_service', service: service('api') }]);
  });
});

describe('the audit log', () => {
  it('says what each entry is about, in as much room as there is', () => {
    const entry = (seq: number, action: string, detail: Record<string, unknown>) => ({
      ...{ seq, action, detail, at: '2026-01-02T11:58:07.123Z', actor: 'agent:observer', ticketId: makeTicket(1).id },
      ...{ prevHash: '', hash: '' },
    });
    const sync = { application: 'argocd/api', status: 'Synced', revision: 'd'.repeat(40) };
    const page = { items: [entry(1, 'key_added', {}), entry(2, 'sync', sync)], lastSeq: 2 };
    const verdict = { kind: 'intact', entries: 2, head: '', seq: null, problem: null } as const;
    const audit: Action = { type: 'audit_loaded', page, verdict };
    const state = makeState([{ type: 'screen_shown', screen: 'audit' }, audit]);
    expect(body(textOf(state), 1).slice(0, 4)).toEqual([
      'Audit log  intact  2 entries checked',
      '#      AT (UTC)        WHO             TICKET    WHAT',
      '2      01-02 11:58:07  agent:observer  00000001  sync: argocd/api Synced at ddd…',
      '1      01-02 11:58:07  agent:observer  00000001  key_added',
    ]);
  });
});

describe('every screen', () => {
  const HOSTILE = '\x1b[2J\x1b]0;x\x07{red-fg}部署\u202e\u0301\u200b🚀';
  const ticket = makeTicket(1, { title: HOSTILE.repeat(20), reason: HOSTILE, application: HOSTILE.repeat(5) });
  const plan = makePlan({ summary: HOSTILE.repeat(30), assumptions: [HOSTILE.repeat(30)] });
  const full = opened(plan, ticket);
  const screens = (size: { width: number; height: number }) => {
    const state = makeState(full, size);
    return [
      ...['1', '2', '3', '4', '5', '?', 'n', 'x'].map((key) => pressKeys(state, key).state),
      pressKeys(state, 'escape').state,
      { ...state, screen: 'memory' as const },
      { ...state, screen: 'service' as const },
      { ...state, screen: 'audit' as const },
    ];
  };

  it.each([
    [40, 12],
    [80, 24],
    [160, 50],
    [500, 12],
    [20, 3],
    [1, 1],
  ])('has exactly the lines of the terminal, none wider than it, at %i x %i', (width, height) => {
    for (const state of screens({ width, height })) {
      expect(viewFrame(state)).toHaveLength(height);
      for (const line of textOf(state).split('\n')) {
        expect(cellWidth(line)).toBeLessThanOrEqual(width);
        expect(line).not.toMatch(/[\p{Cc}\p{Cf}]/u);
      }
    }
  });

  it('says that a window is too small, and what would do', () => {
    expect(textOf(makeState([], { width: 39, height: 24 }))).toBe(
      'The window is too small (39x24).\nTiphys needs 40x12.',
    );
  });

  it('keeps hash and keys of an approval in sight in the lowest window', () => {
    const reasons = Array.from({ length: 9 }, (_, index) => `reason ${index} `.repeat(9));
    const text = textOf(makeState([makeApproval({ reasons })], { width: 80, height: 12 }));
    expect(text).toContain('ab'.repeat(32));
    expect(text).toContain('y approve exactly this');
  });
});

describe('a notice', () => {
  it('is shown whole, over the end of the page', () => {
    const text = `${'Some words. '.repeat(9)}Start one with "tiphys serve".`;
    const state = makeState([...opened(), { type: 'told', text, tone: 'bad' }], { width: 80, height: 14 });
    const lines = textOf(state).split('\n');
    expect(lines).toHaveLength(14);
    expect(lines.slice(-3, -1).join(' ')).toBe(text);
  });
});

describe('the connection', () => {
  it('is said to be lost and to be back', () => {
    const lost: Action = { type: 'connection_changed', connection: { kind: 'lost', reason: 'it does not answer' } };
    expect(textOf(makeState([lost]))).toMatch(/no connection, trying again\n[\s\S]*\nit does not answer\n/);
    const back = makeState([lost, { type: 'connection_changed', connection: { kind: 'live' } }]);
    expect(textOf(back)).toContain('Reconnected: everything missed has been caught up.');
    // Where the line is short, it is the place that is cut, not the warning.
    const short = textOf(makeState([lost], { width: 50, height: 14 })).split('\n')[0];
    expect(short).toBe('Tiphys http://tiphys.e no connection, trying again');
    const later = makeState([
      lost,
      { type: 'connection_changed', connection: { kind: 'live' } },
      { type: 'ticked', nowMs: back.nowMs + 60_000 },
    ]);
    expect(textOf(later)).not.toContain('Reconnected');
  });
});
