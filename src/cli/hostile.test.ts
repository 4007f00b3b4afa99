import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { runCommand } from './test-terminal.ts';

// A title that clears the screen, moves the cursor, sets the window's title, turns the writing direction, and breaks the line.
const EVIL = 'up\u001b[2J\u001b[1;1H\u001b]0;owned\u0007\u009b31m\u202edate\r\n web';
const ID = 'tkt_01M7YYBZGRK25AKHA2XB60ARR4';
const AT = '2026-01-01T00:00:00.000Z';

const ticket = {
  id: ID,
  title: EVIL,
  description: EVIL,
  priority: 'medium',
  status: 'pending_input',
  pausedFrom: null,
  target: { environment: EVIL },
  attempt: 1,
  hold: { kind: 'question', questionId: 'q', question: EVIL, options: [EVIL], returnTo: 'planning' },
  ending: { code: 'x', sentence: EVIL, commits: [EVIL], reverted: false, revertCommits: [], answer: EVIL },
  reason: EVIL,
  application: EVIL,
  actor: EVIL,
  actions: [],
  createdAt: AT,
  updatedAt: AT,
  startedAt: AT,
  endedAt: null,
};
const plan = {
  ticketId: ID,
  attempt: 1,
  revision: 1,
  baseCommit: EVIL,
  summary: EVIL,
  steps: [],
  assumptions: [EVIL],
  advice: {
    probability: null,
    low: null,
    high: null,
    strategy: EVIL,
    remembered: [EVIL],
    careReasons: [EVIL],
    settleSeconds: 1,
  },
  changes: [
    {
      type: 'changed',
      ref: { group: 'apps', kind: EVIL, namespace: EVIL, name: EVIL },
      service: EVIL,
      fields: [],
      patch: `@@ -1 +1 @@\n-a\n+${EVIL}\n`,
    },
  ],
  findings: [{ check: EVIL, severity: 'error', message: EVIL, fix: EVIL }],
  risk: {
    level: 'high',
    score: 1,
    reasons: [{ signal: EVIL, weight: 1, detail: EVIL }],
    blastRadius: { objects: 1, services: [EVIL], namespaces: [EVIL] },
  },
  policy: { decision: EVIL, rule: EVIL, reasons: [EVIL], version: EVIL },
  changeHash: EVIL,
  createdAt: AT,
};
const place = { cluster: 'c', environment: EVIL, namespace: EVIL, service: 'web' };
const deploy = {
  ...place,
  id: 'd',
  application: EVIL,
  image: EVIL,
  version: EVIL,
  digest: null,
  changeKind: EVIL,
  commit: null,
  ticket: null,
  actor: null,
  startedAt: AT,
  strategy: 'direct',
  size: null,
  origin: null,
  concurrent: [],
  outcome: { outcome: 'failed', at: AT, verdict: null, fingerprint: null, durationMs: null },
};
const event = (type: string, data: object) => ({ id: 1, ticketId: ID, at: AT, type, data });
const entry = {
  seq: 1,
  at: AT,
  ticketId: ID,
  actor: EVIL,
  action: EVIL,
  detail: { a: EVIL },
  prevHash: EVIL,
  hash: EVIL,
};

const ANSWERS: Readonly<Record<string, unknown>> = {
  '/api/tickets': { items: [ticket], nextCursor: null },
  [`/api/tickets/${ID}`]: ticket,
  [`/api/tickets/${ID}/plan`]: plan,
  [`/api/tickets/${ID}/events`]: {
    items: [
      event('note', { node: EVIL, text: EVIL }),
      event('sync', { application: EVIL, status: EVIL, revision: EVIL, operationPhase: EVIL }),
      event('health', {
        application: EVIL,
        status: EVIL,
        resources: [{ resource: EVIL, health: EVIL, message: EVIL }],
      }),
      event('error', { node: EVIL, code: EVIL, message: EVIL }),
      event('status', { from: null, to: 'pending_input', code: EVIL, reason: EVIL }),
    ],
    lastId: 1,
  },
  '/api/audit': { items: [entry], lastSeq: 1 },
  '/api/audit/verify': { kind: 'broken', entries: null, head: null, seq: 1, problem: EVIL },
  '/api/memory/services': { items: [{ ...place, deploys: 1, failures: 1, lastDeployAt: AT }] },
  '/api/memory/history/web': { scope: place, items: [deploy], nextCursor: null },
};

async function startHostile(): Promise<string> {
  const server = createServer((request, response) => {
    const answer = ANSWERS[request.url?.split('?')[0] ?? ''];
    const refusal = { type: EVIL, title: EVIL, status: 404, detail: EVIL, code: EVIL, hint: EVIL };
    response.writeHead(answer === undefined ? 404 : 200).end(JSON.stringify(answer ?? refusal));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const UNSAFE = new RegExp(
  `[${['\\u0000-\\u0008', '\\u000b-\\u001f', '\\u007f-\\u009f', '\\u202a-\\u202e', '\\u2066-\\u2069'].join('')}]`,
);

describe('what a hostile server says', () => {
  it.each([
    [['ticket', 'list'], 0, 'mdate'],
    [['ticket', 'show', ID], 0, 'mdate'],
    [['ticket', 'plan', ID], 0, 'mdate'],
    [['ticket', 'watch', ID], 3, 'mdate'],
    [['ticket', 'answer', ID], 2, 'mdate'],
    [['ticket', 'cancel', ID], 1, 'mdate'],
    [['status', 'web'], 1, 'mdate'],
    [['audit', 'list'], 0, 'mdate'],
    [['audit', 'verify'], 1, 'mdate'],
    [['status'], 1, 'mdate'],
  ] as const)('reaches the terminal of %j without what a terminal would act on', async (args, exitCode, word) => {
    const server = await startHostile();
    const said = await runCommand(args, { server });
    expect(said.exitCode, said.stderr).toBe(exitCode);
    expect(`${said.stdout}${said.stderr}`).toContain(word);
    expect(said.stdout).not.toMatch(UNSAFE);
    expect(said.stderr).not.toMatch(UNSAFE);
  });

  it('stays what it is in JSON, escaped', async () => {
    const server = await startHostile();
    for (const args of [
      ['ticket', 'show', ID],
      ['ticket', 'list'],
      ['audit', 'list'],
      ['ticket', 'watch', ID],
    ]) {
      const { stdout } = await runCommand([...args, '--json'], { server });
      expect(stdout).not.toMatch(UNSAFE);
      expect(stdout).toContain('\\u202e');
    }
    const { stdout } = await runCommand(['ticket', 'show', ID, '--json'], { server });
    expect(JSON.parse(stdout)).toEqual(ticket);
  });

  it('cannot begin a line where we speak: not in a table, not in a plan that is about to be approved', async () => {
    const server = await startHostile();
    const list = await runCommand(['ticket', 'list'], { server });
    expect(list.stdout.trimEnd().split('\n')).toHaveLength(2);
    for (const name of ['plan', 'show'])
      expect((await runCommand(['ticket', name, ID], { server })).stdout).not.toMatch(/^ ?web/m);
  });
});
