import { Command } from '@langchain/langgraph';
import type { AgentGraph } from '../agent/graph.ts';
import { toConfigurable } from '../agent/run-context.ts';
import type { RunContext } from '../agent/deps.ts';
import { toClosedSentence } from '../agent/landing.ts';
import { GRAPH_VERSION, type AgentStateValue, type AgentUpdate, type Decision } from '../agent/state.ts';
import { inTransaction } from '../database/transaction.ts';
import type { Database } from '../database/open.ts';
import { toIsoTime, type Clock } from '../lib/clock.ts';
import { AppError } from '../lib/errors.ts';
import { findApproval } from '../ticket/approval-store.ts';
import type { Journal } from '../ticket/event-store.ts';
import { moveTicket, type Move } from '../ticket/move.ts';
import { findPull } from '../ticket/pull-request-store.ts';
import { findQuestion } from '../ticket/question-store.ts';
import { isLegalMove, isRunnable, type TicketStatus } from '../ticket/status.ts';
import { lockTicket } from '../ticket/ticket-store.ts';
import { holdSchema, type Hold, type Ticket } from '../ticket/ticket.ts';
import { markProgress, mayAct, type Lease } from './lease-store.ts';
import { isNodeName, reasonForHold, statusAfter, statusForHold, statusWhile } from './project.ts';

export interface RunDeps {
  db: Database;
  journal: Journal;
  clock: Clock;
  graph: AgentGraph;
  recursionLimit: number;
}

/** One thread of the graph for each attempt at a ticket. */
export function toThreadId(ticket: Pick<Ticket, 'id' | 'attempt'>): string {
  return `${ticket.id}:${ticket.attempt}`;
}

/**
 * Carries one leased ticket on until it waits, ends, or is taken away. The graph's progress becomes status moves here and
 * nowhere else. Safe to call again after a crash at any point.
 */
export async function runTicket(deps: RunDeps, ticket: Ticket, lease: Lease, signal: AbortSignal): Promise<void> {
  const context = createRunContext(deps, lease, signal);
  const config = {
    configurable: { thread_id: toThreadId(ticket), ...toConfigurable(context) },
    recursionLimit: deps.recursionLimit,
    durability: 'sync' as const,
  };
  const before = await deps.graph.getState(config);
  checkGraphVersion(before);
  const pending = toPending(before.tasks);
  let input: Parameters<AgentGraph['stream']>[0];
  if (before.createdAt === undefined) {
    input = { ticketId: ticket.id, attempt: ticket.attempt, graphVersion: GRAPH_VERSION };
  } else if (pending !== undefined) {
    const decision = await findDecision(deps, pending.hold);
    if (decision === undefined) return await waitFor(deps, lease, pending.hold);
    input = new Command({ resume: { [pending.id]: decision } });
  } else {
    const [next] = before.next;
    // A crash between the last checkpoint and the status: the graph has gone further than the ticket says.
    const status = next !== undefined && isNodeName(next) ? statusWhile(next) : null;
    if (status !== null)
      await advance(deps, lease, { to: status, code: 'continued', reason: `continued at the ${next}` });
    input = null;
  }
  if (input !== null || before.next.length > 0 || before.tasks.length > 0) {
    await follow(deps, lease, { input, state: before.values as AgentStateValue }, config);
  }
  await settle(deps, lease, config);
}

/** Nodes may have been renamed since: a thread of another graph would be resumed into nowhere and look finished. */
function checkGraphVersion(snapshot: { createdAt?: string; values: unknown }): void {
  if (snapshot.createdAt === undefined) return;
  const { graphVersion } = snapshot.values as Partial<AgentStateValue>;
  if (graphVersion === undefined || graphVersion === GRAPH_VERSION) return;
  throw new AppError('internal', 'the ticket was begun by another version of the agent and cannot be carried on', {
    hint: 'Open a new ticket; what was pushed is in the repository.',
  });
}

type GraphConfig = { configurable: Record<string, unknown>; recursionLimit: number; durability: 'sync' };

/** Runs the graph until it stops, moving the ticket along after every node. */
async function follow(
  deps: RunDeps,
  lease: Lease,
  from: { input: Parameters<AgentGraph['stream']>[0]; state: AgentStateValue },
  config: GraphConfig,
): Promise<void> {
  const stream = await deps.graph.stream(from.input, { ...config, streamMode: ['updates', 'values'] });
  let { state } = from;
  for await (const [mode, chunk] of stream) {
    if (mode === 'values') {
      state = chunk as AgentStateValue;
      continue;
    }
    // The values that follow are not waited for: there are none after a node that changed nothing. Every channel is
    // replaced by what a node writes, so the update on top of the state is the new state.
    const node = Object.keys(chunk).find(isNodeName);
    if (node === undefined) continue;
    state = { ...state, ...(chunk as Partial<Record<string, AgentUpdate>>)[node] };
    const status = statusAfter(node, state);
    await markProgress(deps.db.knex, lease);
    if (status !== null) await advance(deps, lease, { to: status, code: `after_${node}`, reason: REASONS[status] });
  }
}

const REASONS = {
  planning: 'planning and drafting in a private work tree',
  executing: 'writing the approved change to git',
  observing: 'watching Argo CD until exactly this commit is live',
} as const satisfies Partial<Record<TicketStatus, string>>;

/** After the graph has stopped: it waits for somebody, or it has ended. */
async function settle(deps: RunDeps, lease: Lease, config: GraphConfig): Promise<void> {
  const after = await deps.graph.getState(config);
  const pending = toPending(after.tasks);
  if (pending !== undefined) return await waitFor(deps, lease, pending.hold);
  const state = after.values as AgentStateValue;
  if (state.ending === null || state.ending === undefined) {
    throw new AppError('internal', 'the graph stopped without an ending', { details: { next: after.next } });
  }
  const { status, ...ending } = state.ending;
  await advance(deps, lease, { to: status, code: ending.code, reason: ending.sentence, ending });
}

interface PendingInterrupt {
  id: string;
  hold: Hold;
}

function toPending(
  tasks: readonly { interrupts: readonly { id?: string; value?: unknown }[] }[],
): PendingInterrupt | undefined {
  for (const task of tasks) {
    for (const { id, value } of task.interrupts) if (id !== undefined) return { id, hold: holdSchema.parse(value) };
  }
  return undefined;
}

async function waitFor(deps: RunDeps, lease: Lease, hold: Hold): Promise<void> {
  const to = statusForHold(hold);
  await advance(deps, lease, { to, code: `waits_for_${hold.kind}`, reason: reasonForHold(hold), hold });
}

/** What was decided about a hold, read from the rows that record decisions; undefined while nobody has. */
async function findDecision(deps: RunDeps, hold: Hold): Promise<Decision | undefined> {
  if (hold.kind === 'question') {
    const question = await findQuestion(deps.db.knex, hold.questionId);
    if (question?.answer === null || question === undefined) return undefined;
    return { kind: 'answered', questionId: question.id, answer: question.answer };
  }
  if (hold.kind === 'merge') return await findMergeDecision(deps, hold.pullRequestId);
  const approval = await findApproval(deps.db.knex, hold.approvalId);
  if (approval === undefined) throw new AppError('internal', `approval ${hold.approvalId} is missing`);
  const approvalId = approval.id;
  switch (approval.state) {
    case 'pending':
      return undefined;
    case 'granted':
      return { kind: 'granted', approvalId };
    case 'denied':
      // A denied plan only comes back to life when it was sent back for revision.
      return {
        kind: 'denied',
        approvalId,
        reason: approval.reason ?? '',
        revise: approval.kind === 'plan' || approval.kind === 'changed_difference',
      };
    case 'expired':
      return { kind: 'expired', approvalId };
    case 'superseded':
      return { kind: 'superseded', approvalId };
  }
}

/** What was decided about a pull request on the git host, as far as it has been seen. */
async function findMergeDecision(deps: RunDeps, pullRequestId: string): Promise<Decision | undefined> {
  const pull = await findPull(deps.db.knex, pullRequestId);
  if (pull === undefined) throw new AppError('internal', `pull request ${pullRequestId} is missing`);
  switch (pull.state) {
    case 'open':
      return undefined;
    case 'merged':
    case 'conflict':
      return { kind: pull.state, pullRequestId };
    case 'closed':
      return { kind: 'closed', pullRequestId, sentence: toClosedSentence(pull) };
  }
}

/** Moves the ticket under the lease; does nothing where it stands there already, stops where a person took it away. */
async function advance(deps: RunDeps, lease: Lease, move: Move): Promise<void> {
  const at = toIsoTime(deps.clock.now());
  await inTransaction(deps.db, async (trx) => {
    const ticket = await lockTicket(trx, lease.ticketId);
    if (ticket.status === move.to) return;
    if (!isRunnable(ticket.status)) throw new AppError('aborted', `the ticket is ${ticket.status} now`);
    const by = { actor: 'agent', at, leaseToken: lease.token };
    const between = toBetween(ticket.status, move.to);
    const from =
      between === undefined
        ? ticket
        : await moveTicket(trx, deps.journal, ticket, { to: between, code: 'caught_up', reason: REASONS[between] }, by);
    await moveTicket(trx, deps.journal, from, move, by);
  });
  deps.journal.published();
}

/**
 * The graph runs ahead of the status, which follows node by node, so after a crash the ticket may be two moves behind,
 * as from `planning` to `observing`. The status that was not written is made up for.
 */
function toBetween(from: TicketStatus, to: TicketStatus): 'executing' | undefined {
  if (isLegalMove(from, to)) return undefined;
  return isLegalMove(from, 'executing') && isLegalMove('executing', to) ? 'executing' : undefined;
}

function createRunContext(deps: RunDeps, lease: Lease, signal: AbortSignal): RunContext {
  return {
    signal,
    fence: async () => {
      if (!(await mayAct(deps.db.knex, lease, toIsoTime(deps.clock.now())))) {
        throw new AppError('lease_lost', `ticket ${lease.ticketId} was taken over, paused or ended meanwhile`);
      }
    },
    emit: async (node, events) => {
      if (events.length === 0) return;
      await inTransaction(deps.db, async (trx) => {
        await deps.journal.append(trx, lease.ticketId, `agent:${node}`, events);
      });
      deps.journal.published();
    },
  };
}
