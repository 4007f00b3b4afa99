import type { InfoView, PlanView, TicketView } from '../api/contract.ts';
import type { TicketEvent } from '../ticket/event.ts';
import { createState } from './initial.ts';
import { toMeaning } from './keys.ts';
import type { Action, Dialog, Effect, Key, State } from './model.ts';
import { reduce } from './state.ts';
import type { Line } from './text/lines.ts';
import { toAnsi } from './text/paint.ts';
import { viewFrame } from './views/frame.ts';

const NOW_MS = Date.UTC(2026, 0, 2, 12);

/** A state as it is after the first answers of a server. */
export function makeState(actions: readonly Action[] = [], size = { width: 80, height: 24 }): State {
  const state = createState({ size, nowMs: NOW_MS, place: 'http://tiphys.example', isStandalone: false });
  const first: Action[] = [{ type: 'connection_changed', connection: { kind: 'live' } }];
  return [...first, ...actions].reduce(reduce, state);
}

export function makeTicket(number: number, given: Partial<TicketView> = {}): TicketView {
  return {
    id: `tkt_${String(number).padStart(26, '0')}`,
    title: `Update api to 1.${number}.0`,
    description: '',
    priority: 'medium',
    status: 'resolved',
    pausedFrom: null,
    target: {},
    attempt: 1,
    hold: null,
    ending: null,
    reason: 'it is live and healthy',
    application: 'api',
    actor: 'local',
    actions: [],
    createdAt: new Date(NOW_MS - 300_000).toISOString(),
    updatedAt: new Date(NOW_MS - 200_000).toISOString(),
    startedAt: null,
    endedAt: null,
    ...given,
  };
}

/** What the server says of itself, with Argo CD instances of these names, the last one the default. */
export function makeInfo(...names: readonly string[]): Action {
  const instances = names.map((name, index) => {
    return { name, server: `http://${name}.example`, default: index === names.length - 1 };
  });
  const info: InfoView = {
    ...{ version: '1', node: '24', mode: 'configured', startedAt: new Date(NOW_MS).toISOString(), planner: 'offline' },
    ...{ repository: { url: 'file:///infra.git', branch: 'main' }, database: 'sqlite3', policyVersion: 'p1' },
    ...{ warnings: [], tickets: {}, events: null, argocd: { url: 'http://one.example', instances } },
  };
  return { type: 'info_loaded', info, checks: [] };
}

/** The question whether a plan is to be approved. */
export function makeApproval(given: Partial<Extract<Dialog, { kind: 'approve' }>> = {}): Action {
  const dialog: Dialog = {
    kind: 'approve',
    ticketId: makeTicket(1).id,
    title: 'Make api faster',
    changeHash: HASH,
    summary: 'Update api to 1.9.0',
    strategy: 'canary',
    risk: 'high',
    reasons: ['production serves real users'],
    objects: { added: 1, changed: 2, removed: 0 },
    warnings: 0,
    ...given,
  };
  return { type: 'dialog_opened', dialog };
}

export const HASH = 'ab'.repeat(32);

/** A ticket that waits for the approval of its plan. */
export function makeWaiting(number = 1): TicketView {
  return makeTicket(number, {
    status: 'pending_plan_approval',
    reason: 'the plan waits for approval',
    actions: ['approve_plan', 'reject_plan', 'grant', 'deny', 'pause', 'cancel'],
    hold: {
      kind: 'plan_approval',
      approvalId: `apr_${'0'.repeat(26)}`,
      changeHash: HASH,
      expiresAt: '2026-01-03T12:00:00.000Z',
    },
  });
}

const PATCH = [
  '===================================================================',
  '--- a/Deployment.api.k8s.yaml',
  '+++ b/Deployment.api.k8s.yaml',
  '@@ -10,3 +10,3 @@',
  '     - name: api',
  '-      image: registry.example/api:1.8.0',
  '+      image: registry.example/api:1.9.0',
  '',
].join('\n');

export function makePlan(given: Partial<PlanView> = {}): PlanView {
  const ref = (kind: string, name: string) => ({ group: 'apps', kind, namespace: 'production', name });
  return {
    ticketId: makeTicket(1).id,
    attempt: 1,
    revision: 1,
    baseCommit: 'c'.repeat(40),
    summary: 'Update api to 1.9.0',
    steps: [],
    assumptions: ['api is the only service of that name'],
    advice: {
      probability: 0.31,
      low: 0.12,
      high: 0.55,
      strategy: 'canary',
      remembered: ['1.8.0 crashed two days ago.'],
      careReasons: ['The last deploy failed.'],
      settleSeconds: 60,
    },
    changes: [
      { type: 'changed', ref: ref('Deployment', 'api'), service: 'api', fields: [], patch: PATCH },
      { type: 'changed', ref: ref('Deployment', 'worker'), service: 'worker', fields: [], patch: PATCH },
    ],
    findings: [],
    risk: {
      level: 'high',
      score: 7,
      reasons: [{ signal: 'production', weight: 3, detail: 'production serves real users' }],
      blastRadius: { objects: 2, services: ['api', 'worker'], namespaces: ['production'] },
    },
    policy: null,
    changeHash: HASH,
    createdAt: new Date(NOW_MS).toISOString(),
    ...given,
  };
}

export function makeEvent(
  id: number,
  body: Pick<TicketEvent, 'type' | 'data'>,
  ticketId = makeTicket(1).id,
): TicketEvent {
  return toEvent({ id, ticketId, at: '2026-01-02T11:58:07.123Z', ...body });
}

function toEvent(event: unknown): TicketEvent {
  return event as TicketEvent;
}

/** Everything on the screen as plain text, without blanks at the ends of lines. */
export function textOf(state: State): string {
  return viewFrame(state)
    .map((line) => paint(line, state.size.width).trimEnd())
    .join('\n')
    .trimEnd();
}

const ESCAPE = String.fromCharCode(27);
const CODES = new RegExp(`${ESCAPE}\\[[01;7]*m`, 'g');

/** As the terminal gets it, without the marks for bold and the line of the cursor. */
function paint(line: Line, width: number): string {
  return toAnsi(line, width, { hasColour: false }).replace(CODES, '');
}

/** Presses keys one after the other; gives the state after them and what they asked of the server. */
export function pressKeys(state: State, ...keys: readonly (string | Key)[]): { state: State; effects: Effect[] } {
  const effects: Effect[] = [];
  let now = state;
  for (const one of keys) {
    const key: Key =
      typeof one !== 'string' ? one : one.length === 1 ? { kind: 'char', char: one } : { kind: 'named', name: one };
    const meaning = toMeaning(now, key);
    now = meaning.actions.reduce(reduce, now);
    effects.push(...meaning.effects);
  }
  return { state: now, effects };
}
