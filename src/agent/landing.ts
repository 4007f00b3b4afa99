import { toIsoTime } from '../lib/clock.ts';
import { AppError, isAppError } from '../lib/errors.ts';
import { canonicalJson, isCommitSha, type CommitSha } from '../lib/ids.ts';
import type { PullRequest } from '../forge/forge.ts';
import { diffRendered } from '../manifest/diff.ts';
import { toRefKey, toRefLabel, type ObjectChange } from '../manifest/object.ts';
import { parseManifests } from '../manifest/parse.ts';
import { toServiceName, type RenderedFile } from '../manifest/rendered.ts';
import { CHANGE_TRAILER } from '../repo/commit.ts';
import type { InfraRepo } from '../repo/infra-repo.ts';
import { bookEffect, settleEffect } from '../ticket/effect-store.ts';
import { copySnapshots } from '../ticket/observation-store.ts';
import { nextRevision, savePlan } from '../ticket/plan-store.ts';
import { toDifferenceHash, type StoredPlan } from '../ticket/plan.ts';
import { updatePull, type TrackedPull } from '../ticket/pull-request-store.ts';
import type { AgentDeps, RunContext } from './deps.ts';
import { recordDeploys } from './deploys.ts';
import { readOutputDir, readRendered } from './facts.ts';
import { toPusherNote } from './prepare-applications.ts';
import type { ProposalInput } from './propose.ts';
import type { AgentStateValue, AgentUpdate, Pushed } from './state.ts';
import { reviewDraft } from './validator.ts';

// From a merged pull request to what is watched: which commits it came to, however it was merged, and whether they bring
// what was approved.

/** What to write down about a pull request that has ended on the host; undefined while it is open. */
export async function readEnd(
  repo: Pick<InfraRepo, 'fetch' | 'findByTrailer'>,
  pull: Pick<TrackedPull, 'changeKey'>,
  seen: PullRequest,
  signal?: AbortSignal,
): Promise<Pick<TrackedPull, 'state' | 'mergeCommit' | 'endedBy' | 'endedAt'> | undefined> {
  if (seen.state === 'open') return undefined;
  const end = {
    state: seen.state,
    mergeCommit: seen.mergeCommit,
    endedBy: seen.endedBy,
    endedAt: seen.endedAtMs === null ? null : toIsoTime(seen.endedAtMs),
  };
  if (seen.state === 'merged') return end;
  // Somebody may have pushed our commits to the base and closed the pull request.
  await repo.fetch(signal);
  const [newest] = await repo.findByTrailer(CHANGE_TRAILER, pull.changeKey);
  return newest === undefined ? end : { ...end, state: 'merged', mergeCommit: newest.sha };
}

/** How a ticket ends whose pull request nobody merged. */
export function toClosedSentence(pull: TrackedPull): string {
  const by = pull.endedBy === null ? '' : ` by ${pull.endedBy}`;
  return `Pull request ${pull.number} was closed${by} without being merged.`;
}

/** Takes a merged pull request for what a push would have been. Safe to call again. */
export async function landMerged(
  deps: AgentDeps,
  state: AgentStateValue,
  context: RunContext,
  input: ProposalInput & { pull: TrackedPull },
): Promise<AgentUpdate> {
  const { pull, key, isRevert } = input;
  const head = await findMergeCommit(deps, pull, context);
  const range = await readMergedRange(deps.repo, head, pull);
  const { strange, plan } = isRevert
    ? { strange: [], plan: input.plan }
    : await compare(deps, state, context, { approved: input.plan, range });
  const remark =
    strange.length === 0
      ? undefined
      : `Pull request ${pull.number} was merged with other content than was approved: ${strange.join('; ')}.`;
  const atMs = await book(deps, state, context, { key, range, isRevert, remark });
  await copySnapshots(deps.db.knex, {
    ticketId: state.ticketId,
    from: pull.head,
    to: range.head,
    pushedAt: toIsoTime(atMs),
  });
  const pushed: Pushed = { ...range, atMs, ...(remark === undefined ? {} : { remark }) };
  await recordDeploys(deps, { ticketId: state.ticketId, plan, pushed, isRevert });
  await updatePull(deps.db.knex, pull.id, { isWatched: false });
  const next = { observed: null, decision: null, feedback: [] };
  return isRevert ? { ...next, reverted: pushed } : { ...next, pushed, revision: plan.revision };
}

/** The commit the host names, if the base has it as we see it; else the newest with our trailer. */
async function findMergeCommit(deps: AgentDeps, pull: TrackedPull, context: RunContext): Promise<CommitSha> {
  const tip = await deps.repo.fetch(context.signal);
  const named = pull.mergeCommit;
  if (named !== null && isCommitSha(named) && (await deps.repo.isAncestor(named, tip))) return named;
  const [newest] = await deps.repo.findByTrailer(CHANGE_TRAILER, pull.changeKey);
  if (newest !== undefined) return newest.sha;
  throw new AppError(
    'git_unavailable',
    `pull request ${pull.number} is merged, but ${deps.repo.branch} does not have its commit yet`,
    { hint: 'Retry the ticket when the branch shows the merge.' },
  );
}

interface MergedRange {
  base: CommitSha;
  head: CommitSha;
  /** Oldest first: what a revert takes back. */
  commits: CommitSha[];
}

const MAX_MERGED = 200;

/**
 * Where a merge began. A merge commit has its first parent before it. Otherwise it is a line of commits: from the first with
 * our trailer after the base as it was last seen, all of them up to `head`; or `head` alone, as a squash leaves it.
 */
export async function readMergedRange(
  repo: Pick<InfraRepo, 'log' | 'isAncestor'>,
  head: CommitSha,
  pull: Pick<TrackedPull, 'changeKey' | 'baseSeen'>,
): Promise<MergedRange> {
  const line = await repo.log({ commit: head, limit: MAX_MERGED, firstParent: true });
  const newest = line[0];
  const before = newest?.parents[0];
  if (newest === undefined || before === undefined)
    throw new AppError('internal', `commit ${head} has nothing before it and cannot be a merge`);
  if (newest.parents.length > 1) return { base: before, head, commits: [head] };
  const known = line.findIndex(({ sha }) => sha === pull.baseSeen);
  const fresh = known < 0 ? line.slice(0, -1) : line.slice(0, known);
  const oldest = fresh.findLastIndex(({ trailers }) => trailers[CHANGE_TRAILER]?.includes(pull.changeKey) === true);
  const own = fresh.slice(0, Math.max(oldest, 0) + 1);
  const base = own.at(-1)?.parents[0] ?? before;
  return { base, head, commits: own.length === 0 ? [head] : own.map(({ sha }) => sha).reverse() };
}

/** What was merged against what was approved; where it is something else, that is the plan from here on. */
async function compare(
  deps: AgentDeps,
  state: AgentStateValue,
  context: RunContext,
  { approved, range }: { approved: StoredPlan; range: MergedRange },
): Promise<{ strange: string[]; plan: StoredPlan }> {
  const actual = await readDifference(deps, range, context, state.ticketId);
  // Argo CD will not make anything of them either, and says so while it is watched.
  if (actual === undefined) return { strange: ['its manifests cannot be read'], plan: approved };
  const strange = listStrange(actual, approved.draft?.changes ?? []);
  if (strange.length === 0) return { strange, plan: approved };
  return { strange, plan: await keepAsMerged(deps, state, context, approved, actual, range) };
}

interface Difference {
  changes: ObjectChange[];
  after: RenderedFile[];
}

/**
 * What a merge changed, by the rendered manifests in the repository; undefined where they are no manifests. Nothing of the
 * repository is run for it.
 */
async function readDifference(
  { repo }: AgentDeps,
  range: MergedRange,
  context: RunContext,
  ticketId: string,
): Promise<Difference | undefined> {
  const read = async (commit: CommitSha) =>
    await repo.withWorkTree(
      commit,
      `${ticketId}-merged`,
      async (tree) => await readRendered(tree, await readOutputDir(tree)),
      context.signal,
    );
  try {
    const before = await read(range.base);
    const after = await read(range.head);
    return { changes: diffRendered(before, after), after };
  } catch (error) {
    if (isAppError(error, 'invalid_input')) return undefined;
    throw error;
  }
}

const MAX_TOLD = 8;

/** How what was merged differs from what was approved, in words; empty where each object changes in the same fields. */
export function listStrange(actual: Pick<Difference, 'changes'>, approved: readonly ObjectChange[]): string[] {
  if (toDifferenceHash(actual.changes) === toDifferenceHash(approved)) return [];
  const keyOf = ({ service, ref }: ObjectChange) => `${service} ${toRefKey(ref)}`;
  const wanted = new Map(approved.map((change) => [keyOf(change), change]));
  const told: string[] = [];
  for (const change of actual.changes) {
    const planned = wanted.get(keyOf(change));
    wanted.delete(keyOf(change));
    if (planned === undefined) told.push(`${toRefLabel(change.ref)} is ${change.type} too`);
    else if (planned.type !== change.type)
      told.push(`${toRefLabel(change.ref)} is ${change.type}, not ${planned.type}`);
    else if (toEssence(planned) !== toEssence(change))
      told.push(`${toRefLabel(change.ref)} differs${toFields(change, planned)}`);
  }
  for (const planned of wanted.values()) told.push(`${toRefLabel(planned.ref)} is not ${planned.type}`);
  return told.length <= MAX_TOLD ? told : [...told.slice(0, MAX_TOLD), `and ${told.length - MAX_TOLD} more`];
}

/** What of an object counts: of one that changes its fields, since the rest is the base's. */
function toEssence({ type, fields, after }: ObjectChange): string {
  return canonicalJson([type, type === 'changed' ? fields : type === 'added' ? after : null]);
}

function toFields(actual: ObjectChange, planned: ObjectChange): string {
  const texts = new Set(planned.fields.map((field) => canonicalJson(field)));
  const paths = [
    ...actual.fields.filter((field) => !texts.delete(canonicalJson(field))).map(({ path }) => path),
    ...planned.fields.filter((field) => texts.has(canonicalJson(field))).map(({ path }) => path),
  ];
  const some = [...new Set(paths)].slice(0, 4);
  return some.length === 0 ? '' : ` in ${some.join(', ')}`;
}

/** Stores what was merged as a revision of the plan, checked like any other: from here on it is what is watched. */
async function keepAsMerged(
  deps: AgentDeps,
  state: AgentStateValue,
  context: RunContext,
  approved: StoredPlan,
  actual: Difference,
  range: MergedRange,
): Promise<StoredPlan> {
  const { changes, after } = actual;
  const draft = { changes, sourceFiles: [], differenceHash: toDifferenceHash(changes) };
  const revision = await nextRevision(deps.db.knex, state.ticketId, state.attempt);
  const at = toIsoTime(deps.clock.now());
  const plan: StoredPlan = { ...approved, revision, baseCommit: range.base, draft, review: null, createdAt: at };
  const services = new Set(changes.map(({ service }) => service));
  const objects = after
    .filter(({ path }) => services.has(toServiceName(path)))
    .flatMap(({ path, content }) => parseManifests(content, path));
  const review = await reviewDraft(deps, plan, draft, { objects, sourceFiles: [] });
  await context.emit(
    'pusher',
    review.findings.map((data) => ({ type: 'finding', data })),
  );
  const stored = { ...plan, review };
  await savePlan(deps.db.knex, stored);
  return stored;
}

/** The merge is booked as the push it stands for; told once. Gives the time from which it is watched. */
async function book(
  deps: AgentDeps,
  state: AgentStateValue,
  context: RunContext,
  merged: { key: string; range: MergedRange; isRevert: boolean; remark: string | undefined },
): Promise<number> {
  const { key, range, isRevert, remark } = merged;
  const { base, head, commits } = range;
  const nowMs = deps.clock.now();
  const booked = await bookEffect(deps.db.knex, {
    id: deps.ids.next('effect'),
    ticketId: state.ticketId,
    kind: 'push',
    naturalKey: key,
    intent: { base, head, branch: deps.repo.branch, by: 'merge' },
    at: toIsoTime(nowMs),
  });
  const before: unknown = booked.effect.outcome?.['atMs'];
  if (booked.effect.state === 'done' && typeof before === 'number') return before;
  await settleEffect(deps.db.knex, booked.effect.id, {
    state: 'done',
    outcome: { kind: 'merged', head, atMs: nowMs },
    at: toIsoTime(nowMs),
  });
  const purpose = isRevert ? ('revert' as const) : ('change' as const);
  await context.emit('pusher', [
    { type: 'push', data: { branch: deps.repo.branch, base, head, commits, outcome: 'merged', purpose } },
    ...(remark === undefined ? [] : [toPusherNote(remark)]),
  ]);
  return nowMs;
}
