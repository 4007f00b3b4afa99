import { applyEdit, type EditOutcome } from '../cdk8s/edit.ts';
import { AppError } from '../lib/errors.ts';
import { canonicalJson, type CommitSha } from '../lib/ids.ts';
import { diffRendered } from '../manifest/diff.ts';
import type { ObjectChange } from '../manifest/object.ts';
import type { RenderedFile } from '../manifest/rendered.ts';
import type { PlannedStep } from '../model/planning.ts';
import { TICKET_TRAILER } from '../repo/commit.ts';
import type { InfraRepo } from '../repo/infra-repo.ts';
import type { WorkTree } from '../repo/work-tree.ts';
import { checkWritePath } from '../repo/write-path.ts';
import type { Synth } from '../cdk8s/synth.ts';
import type { SourceFile } from '../validation/change.ts';
import { readOutputDir, readRendered } from './facts.ts';

// One function makes the change, for the draft that a person reads and for the commits that are pushed: the same steps on
// the same base give the same files.

interface DraftDeps {
  repo: InfraRepo;
  synth: Synth;
  /** Files that free-form steps may write. */
  allowedGlobs: readonly string[];
}

/** The part of the agent's collaborators a draft needs. */
export function toDraftDeps(
  deps: Pick<DraftDeps, 'repo' | 'synth'> & { settings: Pick<DraftDeps, 'allowedGlobs'> },
): DraftDeps {
  const { repo, synth, settings } = deps;
  return { repo, synth, allowedGlobs: settings.allowedGlobs };
}

export interface AppliedPlan {
  kind: 'applied';
  before: RenderedFile[];
  after: RenderedFile[];
  changes: ObjectChange[];
  sourceFiles: SourceFile[];
  /** One line for each step: what was done, or that it was so already. */
  summaries: string[];
  /** Whether any file differs from the base. */
  isEmpty: boolean;
  /** The files each step that changed something wrote, in order; null where a step was not made of files we know. */
  written: WrittenStep[] | null;
}

interface WrittenStep {
  index: number;
  summary: string;
  /** Null removes the file. */
  files: ReadonlyMap<string, string | null>;
}

export type DraftOutcome =
  | AppliedPlan
  | { kind: 'step_failed'; step: number; outcome: Exclude<EditOutcome, { kind: 'edited' } | { kind: 'unchanged' }> }
  | { kind: 'synth_failed'; step: number; message: string };

/** Told after each step that changed something, with the work tree as the step left it. */
export type AfterStep = (index: number, step: PlannedStep, summary: string) => Promise<void>;

/**
 * Drafts of the last tickets, by base commit and steps. The same steps on the same base give the same files, so checks and
 * push need not render what the draft rendered; where a draft is no longer here they do.
 */
export interface DraftCache {
  find(base: string, steps: readonly PlannedStep[]): AppliedPlan | undefined;
  keep(base: string, steps: readonly PlannedStep[], applied: AppliedPlan): void;
}

export function createDraftCache(maxDrafts: number): DraftCache {
  const drafts = new Map<string, AppliedPlan>();
  const toKey = (base: string, steps: readonly PlannedStep[]) => `${base} ${canonicalJson(steps)}`;
  return {
    find: (base, steps) => drafts.get(toKey(base, steps)),
    keep: (base, steps, applied) => {
      drafts.set(toKey(base, steps), applied);
      for (const key of drafts.keys()) {
        if (drafts.size <= maxDrafts) break;
        drafts.delete(key);
      }
    },
  };
}

/** Writes a draft's files step by step into a work tree of the same base, as `applyPlan` did. */
export async function replayPlan(
  workTree: WorkTree,
  steps: readonly PlannedStep[],
  written: readonly WrittenStep[],
  afterStep: AfterStep = async () => undefined,
): Promise<void> {
  for (const { index, summary, files } of written) {
    for (const [path, content] of files) {
      if (content === null) await workTree.remove(path);
      else await workTree.write(path, content);
    }
    const step = steps[index];
    if (step !== undefined) await afterStep(index, step, summary);
  }
}

/** The draft's own files where the base is still the draft's; the steps applied anew where it is not. */
export async function makeAgain(
  deps: Pick<DraftDeps, 'repo' | 'synth'> & { settings: Pick<DraftDeps, 'allowedGlobs'>; drafts: DraftCache },
  workTree: WorkTree,
  plan: { base: CommitSha; steps: readonly PlannedStep[] },
  signal: AbortSignal,
  afterStep?: AfterStep,
): Promise<DraftOutcome> {
  const draft = deps.drafts.find(plan.base, plan.steps);
  if (draft === undefined || draft.written === null)
    return await applyPlan(toDraftDeps(deps), workTree, plan.steps, signal, afterStep);
  await replayPlan(workTree, plan.steps, draft.written, afterStep);
  return draft;
}

/**
 * Applies the steps to the work tree, source and rendered files both. Touches nothing outside it. Steps that
 * investigate change nothing and are passed over.
 */
export async function applyPlan(
  deps: DraftDeps,
  workTree: WorkTree,
  steps: readonly PlannedStep[],
  signal: AbortSignal,
  afterStep: AfterStep = async () => undefined,
): Promise<DraftOutcome> {
  const outputDir = await readOutputDir(workTree);
  const before = await readRendered(workTree, outputDir);
  const touched = new Map<string, string | undefined>();
  const summaries: string[] = [];
  let written: WrittenStep[] | null = [];
  for (const [index, step] of steps.entries()) {
    const files = new Map<string, string | null>();
    const result = await applyStep(deps, workTree, step, { touched, outputDir, files });
    if (result.kind === 'failed') return { kind: 'step_failed', step: index, outcome: result.outcome };
    summaries.push(result.summary);
    if (result.kind === 'unchanged') continue;
    if (result.render) {
      const rendered = await deps.synth.render(workTree.dir, signal);
      if (rendered.kind === 'failed') {
        if (signal.aborted) throw new AppError('aborted', 'rendering was stopped');
        const where = rendered.location === undefined ? '' : ` (${rendered.location.file}:${rendered.location.line})`;
        return { kind: 'synth_failed', step: index, message: `${rendered.message}${where}` };
      }
      await writeRendered(workTree, outputDir, rendered.files, files);
    }
    written =
      step.kind === 'rollback' || step.kind === 'take_back'
        ? null
        : (written?.concat({ index, summary: result.summary, files }) ?? null);
    await afterStep(index, step, result.summary);
  }
  const after = await readRendered(workTree, outputDir);
  const sourceFiles: SourceFile[] = [];
  let isSourceSame = true;
  for (const [path, original] of [...touched].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const content = await workTree.read(path);
    // A free-form step may write a file just as it is.
    if (content === original) continue;
    isSourceSame = false;
    if (content !== undefined)
      sourceFiles.push({ path, content, ...(original === undefined ? {} : { before: original }) });
  }
  const changes = diffRendered(before, after);
  return {
    kind: 'applied',
    before,
    after,
    changes,
    sourceFiles,
    summaries,
    isEmpty: isSame(before, after) && isSourceSame,
    written,
  };
}

interface StepRecord {
  /** Source files any step touched, with their text before the first. */
  touched: Map<string, string | undefined>;
  /** What this step wrote. */
  files: Map<string, string | null>;
}

type StepResult =
  | { kind: 'changed'; summary: string; render: boolean }
  | { kind: 'unchanged'; summary: string }
  | { kind: 'failed'; outcome: Extract<DraftOutcome, { kind: 'step_failed' }>['outcome'] };

async function applyStep(
  deps: DraftDeps,
  workTree: WorkTree,
  step: PlannedStep,
  { touched, outputDir, files }: StepRecord & { outputDir: string },
): Promise<StepResult> {
  switch (step.kind) {
    case 'edit': {
      const outcome = await applyEdit(workTree.dir, step.edit);
      if (outcome.kind === 'unchanged') return { kind: 'unchanged', summary: outcome.reason };
      if (outcome.kind !== 'edited') return { kind: 'failed', outcome };
      await writeFiles(workTree, outcome.files, { touched, files });
      return { kind: 'changed', summary: outcome.summary, render: true };
    }
    case 'edit_source': {
      for (const file of step.files) {
        const verdict = checkWritePath(file.path, { allowed: deps.allowedGlobs });
        if (verdict.kind === 'refused') {
          return { kind: 'failed', outcome: { kind: 'unsupported', reason: verdict.reason, hint: verdict.hint } };
        }
      }
      await writeFiles(workTree, step.files, { touched, files });
      return { kind: 'changed', summary: `${step.files.length} files written`, render: true };
    }
    case 'rollback':
      return await applyRollback(deps, workTree, `${outputDir}/${step.service}`, step.service);
    case 'take_back':
      return await applyTakeBack(deps, workTree, step.commits as CommitSha[]);
    case 'investigate':
      return { kind: 'unchanged', summary: 'looked into, nothing to change' };
  }
}

/** Undoes the newest change of the service that has not been undone yet, all commits of its ticket together. */
async function applyRollback(
  deps: DraftDeps,
  workTree: WorkTree,
  folder: string,
  service: string,
): Promise<StepResult> {
  const commits = await findLastChange(deps, workTree.base, folder);
  if (commits.length === 0) {
    return {
      kind: 'failed',
      outcome: { kind: 'not_found', what: `a change of ${service} that could be rolled back`, candidates: [] },
    };
  }
  return await revertCommits(workTree, commits);
}

/** Undoes exactly these commits. They may be gone, where the branch was rewritten since. */
async function applyTakeBack(deps: DraftDeps, workTree: WorkTree, commits: CommitSha[]): Promise<StepResult> {
  for (const sha of commits) {
    if (await deps.repo.isAncestor(sha, workTree.base)) continue;
    const what = `commit ${sha.slice(0, 9)} on the branch`;
    return { kind: 'failed', outcome: { kind: 'not_found', what, candidates: [] } };
  }
  return await revertCommits(workTree, commits);
}

async function revertCommits(workTree: WorkTree, commits: CommitSha[]): Promise<StepResult> {
  const reverted = await workTree.revert(commits);
  switch (reverted.kind) {
    case 'reverted':
      return {
        kind: 'changed',
        summary: `takes back ${commits.map((sha) => sha.slice(0, 9)).join(', ')}`,
        render: true,
      };
    case 'empty':
      return { kind: 'unchanged', summary: 'already taken back' };
    case 'conflict':
      return {
        kind: 'failed',
        outcome: {
          kind: 'unsupported',
          reason: `taking back ${commits.map((sha) => sha.slice(0, 9)).join(', ')} conflicts with later changes in ${reverted.paths.join(', ')}`,
          hint: 'Say what the service should run instead, such as its image or version.',
        },
      };
  }
}

const REVERTED = /^This reverts commit ([0-9a-f]{40})/gm;

/** Newest first. A change that a later commit took back is passed over, and so is the commit that did it. */
async function findLastChange(deps: DraftDeps, base: CommitSha, folder: string): Promise<CommitSha[]> {
  const log = await deps.repo.log({ commit: base, path: folder, limit: 60 });
  const undone = new Set(log.flatMap((commit) => [...commit.body.matchAll(REVERTED)].map((match) => match[1])));
  const isUndoing = (body: string) => body.search(REVERTED) >= 0;
  // The oldest commit created the service; taking it back would remove it, which is a different wish.
  const candidates = log.filter(
    (commit, index) => index < log.length - 1 && !undone.has(commit.sha) && !isUndoing(commit.body),
  );
  const newest = candidates[0];
  if (newest === undefined) return [];
  const ticket = newest.trailers[TICKET_TRAILER]?.[0];
  if (ticket === undefined) return [newest.sha];
  return candidates.filter((commit) => commit.trailers[TICKET_TRAILER]?.[0] === ticket).map((commit) => commit.sha);
}

async function writeFiles(
  workTree: WorkTree,
  changes: readonly { path: string; content: string | null }[],
  { touched, files }: StepRecord,
): Promise<void> {
  for (const file of changes) {
    files.set(file.path, file.content);
    if (!touched.has(file.path)) touched.set(file.path, await workTree.read(file.path));
    if (file.content === null) await workTree.remove(file.path);
    else await workTree.write(file.path, file.content);
  }
}

/** Makes the rendered folder what synth wrote, nothing more: a file of a removed object must not stay behind. */
async function writeRendered(
  workTree: WorkTree,
  outputDir: string,
  rendered: readonly RenderedFile[],
  files: Map<string, string | null>,
): Promise<void> {
  const wanted = new Map(rendered.map((file) => [file.path, file.content]));
  for (const old of await readRendered(workTree, outputDir)) {
    const content = wanted.get(old.path);
    if (content === undefined) {
      files.set(old.path, null);
      await workTree.remove(old.path);
    } else if (content === old.content) wanted.delete(old.path);
  }
  for (const [path, content] of wanted) {
    files.set(path, content);
    await workTree.write(path, content);
  }
}

function isSame(before: readonly RenderedFile[], after: readonly RenderedFile[]): boolean {
  return (
    before.length === after.length &&
    before.every((file, index) => file.path === after[index]?.path && file.content === after[index].content)
  );
}
