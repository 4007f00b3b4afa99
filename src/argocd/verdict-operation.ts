import type { CommitSha } from '../lib/ids.ts';
import type { ObjectRef } from '../manifest/object.ts';
import { toRefLabel } from '../manifest/object.ts';
import { toResourceRef } from './application.ts';
import {
  conclude,
  type Context,
  evidence,
  fail,
  hasBaseline,
  read,
  short,
  type Step,
  toList,
  toSeconds,
  wait,
} from './context.ts';
import { isRollout } from './live-state.ts';
import { judgePause } from './promotion.ts';
import type { OperationState, TreeNode } from './schema.ts';
import { toOperationRevision } from './source.ts';
import { sortResults } from './sync-results.ts';
import { isBadPod, listCurrentPods } from './tree.ts';
import { judgePods } from './verdict-pods.ts';

/** Name of the information entry that carries our ticket's id through an operation. */
export const SYNC_MARK = 'tiphys-ticket';

/** The last operation has ended and either is not about our commit (`none`) or has applied it. */
export type OperationStep = { kind: 'none' } | { kind: 'succeeded'; key: string; state: OperationState } | Step;

/** Step 3: the operation, before any health is looked at. `revision` contains our commit when it is given. */
export function judgeOperation(context: Context, revision: CommitSha | undefined): OperationStep {
  const state = context.app.status.operationState;
  const phase = state?.phase ?? '';
  // A requested operation reopens everything: what is shown may be the state of the one before.
  if (context.app.operation !== undefined || phase === 'Running' || phase === 'Terminating')
    return judgeRunning(context, state, revision);
  if (state === undefined || revision === undefined || !isAboutUs(context, state)) return { kind: 'none' };
  if (phase === 'Succeeded') return { kind: 'succeeded', key: toOperationKey(state), state };
  if (phase !== 'Failed' && phase !== 'Error') return wait('operation', `the operation is in phase ${phase}`);
  const applied = toOperationRevision(state, context.input.snapshot.sourceIndex);
  // A failure at an earlier revision than the one now compared: the later one gets its own attempt.
  if (applied !== '' && applied !== revision) return { kind: 'none' };
  return judgeFailed(context, state, revision);
}

/**
 * Whether an operation applies our commit. Its revision must contain the commit, which alone rules out what ran before the push;
 * a dry run applies nothing; and an operation already there at the snapshot is not this deploy's. Its start is compared with
 * the snapshot's by the controller's own clock, with ours only as an alternative, since the two clocks may differ.
 */
export function isAboutUs(context: Context, state: OperationState): boolean {
  const { input, facts } = context;
  if (state.operation?.sync?.dryRun === true) return false;
  const revision = toOperationRevision(state, input.snapshot.sourceIndex);
  if (facts.ancestry[revision]?.containsCommit !== true) return false;
  const known = hasBaseline(context) ? input.snapshot.operation : undefined;
  return (
    known === undefined || state.startedAt > known.startedAt || isMarked(context, state) || isRecent(context, state)
  );
}

function isMarked({ input }: Context, state: OperationState): boolean {
  const { ticketId } = input;
  const marks = state.operation?.info ?? [];
  return ticketId !== undefined && marks.some(({ name, value }) => name === SYNC_MARK && value === ticketId);
}

function isRecent({ input }: Context, state: OperationState): boolean {
  const startedAtMs = Date.parse(state.startedAt);
  // Their times are cut to whole seconds.
  return !Number.isNaN(startedAtMs) && startedAtMs >= input.pushedAtMs - 1_000;
}

export function toOperationKey(state: OperationState): string {
  return `${state.startedAt}..${state.finishedAt}`;
}

function judgeRunning(context: Context, state: OperationState | undefined, revision: CommitSha | undefined): Step {
  const { app, budgets, nowMs, since, label } = context;
  const current =
    state !== undefined && (state.phase === 'Running' || state.phase === 'Terminating') ? state : undefined;
  const sinceMs = since(`operation:${current?.startedAt ?? 'requested'}`);
  const message = current?.message ?? '';
  const older = current !== undefined && isOlder(context, current);
  if (/blocked by (a )?sync window/i.test(message))
    return conclude({
      kind: 'blocked',
      by: 'sync_window',
      sentence: `A closed sync window holds the running operation of ${app.metadata.name}; it goes on when the window opens.`,
      evidence: [evidence(label, 'status.operationState.message', message)],
    });
  if (nowMs - sinceMs >= budgets.operationMs) return judgeOverdue(context, current, older);
  if (current === undefined) return wait('operation', 'Argo CD has been asked to sync and has not begun');
  if (current.phase === 'Terminating') return wait('operation', 'the operation is being terminated');
  // Running with a finish time is the pause between two attempts, not the end.
  if (current.finishedAt !== '') {
    const limit = current.operation?.retry?.limit ?? app.operation?.retry?.limit;
    const of = limit === undefined || limit < 0 ? '' : ` of ${limit}`;
    return wait('operation', `attempt failed, Argo CD retries (${current.retryCount}${of} so far): ${message}`);
  }
  const waited = parseWaiting(message);
  if (waited === undefined) return wait('operation', message === '' ? 'the operation is running' : message);
  if (message.includes('pruning confirmation')) return judgeConfirmation(context, message, waited);
  return judgeWaiting(context, current, waited, older, revision);
}

/** Objects marked to be pruned only with a person's word: no time brings that. */
function judgeConfirmation({ app, label }: Context, message: string, { kind, name }: WaitedFor): Step {
  return conclude({
    kind: 'blocked',
    by: 'operation',
    sentence:
      `The operation of ${app.metadata.name} waits until somebody confirms in Argo CD that ${kind} ${name} may be deleted; ` +
      'until then nothing else is applied.',
    evidence: [evidence(label, 'status.operationState.message', message)],
  });
}

/** The operation has told which revision it applies, and that one is known not to contain our commit. */
function isOlder({ input, facts }: Context, state: OperationState): boolean {
  return facts.ancestry[toOperationRevision(state, input.snapshot.sourceIndex)]?.containsCommit === false;
}

interface WaitedFor {
  group: string;
  kind: string;
  name: string;
}

/** `waiting for healthy state of apps/Deployment/web and 2 more resources`. */
function parseWaiting(message: string): WaitedFor | undefined {
  const target =
    /waiting for (?:healthy state of|completion of hook|deletion of(?: hook)?|pruning confirmation of) (\S+)/.exec(
      message,
    )?.[1];
  if (target === undefined) return undefined;
  const parts = target.split('/');
  const name = parts.pop() ?? '';
  const kind = parts.pop() ?? '';
  return { group: parts.join('/'), kind, name };
}

function judgeWaiting(
  context: Context,
  state: OperationState,
  waited: WaitedFor,
  older: boolean,
  revision: CommitSha | undefined,
): Step {
  const { facts, nowMs, since, budgets } = context;
  if (facts.tree === undefined) return read(context, 'tree', 'operation');
  const node = facts.tree.nodes.find(
    (other) => other.kind === waited.kind && other.name === waited.name && other.group === waited.group,
  );
  const health = node?.health?.status ?? '';
  if (older) {
    // An operation of an earlier commit that waits for what will not come blocks every later one, reverts included.
    const hopeless = node !== undefined && isHopeless(context, node);
    if (!hopeless || nowMs - since(`hopeless:${state.startedAt}`) < budgets.declinedMs)
      return wait('operation', `an operation of an earlier commit is running: ${state.message}`);
    return judgeOverdue(context, state, older);
  }
  if (node !== undefined && isRollout(node) && health === 'Suspended')
    return judgePause(context, toResourceRef(node), node.health?.message ?? '', 'operation');
  const pods = revision === undefined ? undefined : judgePods(context, facts.tree, revision);
  return pods ?? wait('operation', state.message);
}

function isHopeless({ facts }: Context, node: TreeNode): boolean {
  const health = node.health?.status ?? '';
  if (health === 'Degraded' || (health === 'Suspended' && isRollout(node))) return true;
  return facts.tree !== undefined && listCurrentPods(facts.tree, toResourceRef(node)).some(isBadPod);
}

function judgeOverdue(context: Context, state: OperationState | undefined, older: boolean): Step {
  const { input, trace, label, budgets } = context;
  const message = state?.message ?? '';
  const waited = parseWaiting(message);
  const object = waited === undefined ? '' : `${waited.kind} ${waited.name}`;
  const read = [
    evidence(label, 'status.operationState.phase', state?.phase ?? ''),
    evidence(label, 'status.operationState.message', message),
    evidence(label, 'status.operationState.startedAt', state?.startedAt ?? ''),
  ];
  const running = state?.phase === 'Running';
  const ended = trace.terminated?.startedAt === state?.startedAt ? trace.terminated : undefined;
  // Ending takes a moment, in which it still blocks whatever comes next.
  if (ended !== undefined && context.nowMs - ended.atMs < budgets.declinedMs)
    return wait('operation', 'the operation has been asked to end');
  if (running && input.policy.mayTerminate && (older || ended === undefined))
    return {
      kind: 'act',
      phase: 'operation',
      action: { type: 'terminate', object, message, startedAt: state.startedAt },
      reason: older
        ? 'an operation of an earlier commit is stuck and blocks ours'
        : `the operation is stuck${object === '' ? '' : ` on ${object}`}`,
    };
  if (older)
    return conclude({
      kind: 'blocked',
      by: 'operation',
      sentence: `An operation that does not belong to our commit is stuck and nothing new can be applied: ${message}`,
      evidence: read,
    });
  return fail(context, undefined, {
    reason: 'stuck',
    sentence:
      state === undefined
        ? `Argo CD was asked to sync and did not begin within ${toSeconds(budgets.operationMs)}.`
        : `The operation did not end within ${toSeconds(budgets.operationMs)}${message === '' ? '' : `: ${message}`}.`,
    message,
    evidence: read,
  });
}

function judgeFailed(context: Context, state: OperationState, revision: CommitSha): Step {
  const { label, trace } = context;
  const { reason, results: broken } = sortResults(state);
  const field = reason === 'sync' ? 'status' : 'hookPhase';
  const read = [
    evidence(label, 'status.operationState.phase', state.phase),
    evidence(label, 'status.operationState.message', state.message),
    ...broken.map((result) => evidence(toRefLabel(toResourceRef(result)), field, result.message)),
  ];
  if (trace.terminated?.startedAt === state.startedAt)
    return fail(context, revision, {
      reason: 'stuck',
      sentence: `The operation was stuck and we ended it: ${trace.terminated.message || state.message}`,
      message: trace.terminated.message,
      evidence: read,
    });
  const first: ObjectRef | undefined = broken[0] === undefined ? undefined : toResourceRef(broken[0]);
  const names = toList(broken.map((result) => toRefLabel(toResourceRef(result))));
  const said = broken[0]?.message || state.message;
  const sentences = {
    hook: `The ${broken[0]?.hookType ?? ''} hook ${names} failed: ${said}`,
    degraded: `${names} became degraded while Argo CD was applying commit ${short(revision)}, so it stopped there: ${said}`,
    sync: `Argo CD could not apply commit ${short(revision)}${names === '' ? '' : `: ${names}`}: ${said}`,
  };
  return fail(context, revision, {
    reason,
    ...(first === undefined ? {} : { object: first }),
    sentence: sentences[reason],
    message: said,
    evidence: read,
  });
}
