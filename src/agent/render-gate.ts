import { listAffectedApplications } from '../argocd/affected.ts';
import { toApplicationRef } from '../argocd/application.ts';
import { ArgoError, isArgoError } from '../argocd/error.ts';
import { compareRenderings, listStanding, toRenderingMarks, type RenderingMarks } from '../argocd/rendering.ts';
import type { Application } from '../argocd/schema.ts';
import { isMultiSource } from '../argocd/source.ts';
import { toAbortError } from '../lib/clock.ts';
import { AppError, isAppError } from '../lib/errors.ts';
import type { CommitSha } from '../lib/ids.ts';
import { cutText, toPlain } from '../lib/plain-text.ts';
import { listRenderedObjects } from '../manifest/diff.ts';
import { toRefKey, type ManifestObject } from '../manifest/object.ts';
import type { RenderedFile } from '../manifest/rendered.ts';
import { TICKET_TRAILER } from '../repo/commit.ts';
import type { StoredPlan } from '../ticket/plan.ts';
import type { Finding } from '../validation/finding.ts';
import type { AgentDeps, RenderGateSettings, RunContext } from './deps.ts';
import { makeAgain, type AppliedPlan } from './draft.ts';
import { toFindings, toRemark, toUnaskedFinding, type RenderAnswer } from './render-findings.ts';
import { withReviewBranch, type Shown } from './review-branch.ts';

// Before a plan is approved: whether Argo CD would make of its commit what the plan shows.

const AT_ONCE = 4;

interface Question {
  base: CommitSha;
  head: CommitSha;
  applied: AppliedPlan;
}

/**
 * Asks Argo CD what it would render of the plan's commit, and says how that differs. Pushes a branch for it where there is
 * something to ask, and removes it. What could not be asked is a finding, never silence.
 */
export async function askForRendering(
  deps: AgentDeps,
  gate: RenderGateSettings,
  context: RunContext,
  plan: StoredPlan,
): Promise<Finding[]> {
  const question = await makeReviewCommit(deps, context, plan);
  if (question === undefined) return [];
  const listed = await orReason(context, async () => await listApplications(deps, context, question));
  if (listed.kind === 'failed') return [toUnaskedFinding('this change', listed.error.message, gate.mode)];
  if (listed.value.length === 0)
    return [
      toRemark('No Application follows the changed paths yet, so Argo CD could not be asked what it would render.'),
    ];
  const sorted = listed.value.map((application) => ({ application, why: toHindrance(application, question.applied) }));
  const remarks = sorted.flatMap(({ why }) => (why === undefined ? [] : [toRemark(why)]));
  const asked = sorted.flatMap(({ application, why }) => (why === undefined ? [application] : []));
  if (asked.length === 0) return remarks;
  const commit = { ticketId: plan.ticketId, branchPrefix: gate.branchPrefix, base: question.base, head: question.head };
  const shown = await orReason(context, async () => {
    return await withReviewBranch(deps, context, commit, async () => await askAll(deps, context, question, asked));
  });
  const touched = new Set((plan.draft?.changes ?? []).map(({ ref }) => toRefKey(ref)));
  const findings = asked.flatMap((application, index) => {
    const answer = toAnswer(shown, index);
    return toFindings(application.metadata.name, answer, { mode: gate.mode, touched });
  });
  // Words of Argo CD may quote what it read; a finding is stored and shown.
  return [...findings, ...remarks].map((one) => ({ ...one, message: deps.redactor.text(one.message) }));
}

type Tried<T> = { kind: 'ok'; value: T } | { kind: 'failed'; error: AppError };

/** What went wrong outside becomes a reason; what ends the work, or is wrong with ourselves, is thrown. */
async function orReason<T>(context: RunContext, work: () => Promise<T>): Promise<Tried<T>> {
  try {
    return { kind: 'ok', value: await work() };
  } catch (error) {
    if (context.signal.aborted) throw toAbortError(context.signal);
    if (!isAppError(error) || ['internal', 'aborted', 'lease_lost'].includes(error.code)) throw error;
    return { kind: 'failed', error };
  }
}

function toAnswer(shown: Tried<Shown<RenderAnswer[]>>, index: number): RenderAnswer {
  if (shown.kind === 'failed') return { kind: 'unasked', message: shown.error.message };
  if (shown.value.kind === 'refused') return { kind: 'unasked', message: shown.value.sentence };
  const answer = shown.value.value[index];
  if (answer === undefined) throw new AppError('internal', 'an Application was not asked about');
  return answer;
}

/** The plan as one commit on its base, in the mirror and nowhere else. Undefined where it changes nothing. */
async function makeReviewCommit(deps: AgentDeps, context: RunContext, plan: StoredPlan): Promise<Question | undefined> {
  const base = plan.baseCommit as CommitSha;
  return await deps.repo.withWorkTree(
    base,
    `${plan.ticketId}-review`,
    async (workTree) => {
      const applied = await makeAgain(deps, workTree, { base, steps: plan.intent.steps }, context.signal);
      if (applied.kind !== 'applied')
        throw new AppError('internal', 'the plan that was drafted can no longer be applied');
      const head = await workTree.commit({
        message: `review: ${plan.intent.summary.replace(/\s+/g, ' ').slice(0, 60)}\n\nNot approved. Made to ask Argo CD what it would render.`,
        trailers: { [TICKET_TRAILER]: plan.ticketId },
      });
      return head === undefined ? undefined : { base, head, applied };
    },
    context.signal,
  );
}

async function listApplications(deps: AgentDeps, context: RunContext, { base, head }: Question) {
  const changedPaths = await deps.repo.changedPaths(base, head);
  const { url: repoUrl, branch } = deps.repo;
  return await listAffectedApplications(deps.argo, { repoUrl, branch, changedPaths, signal: context.signal });
}

/** Why there is nothing to compare for this Application; undefined where there is. */
function toHindrance(application: Application, { before, after }: AppliedPlan): string | undefined {
  const { name } = application.metadata;
  if (isMultiSource(application))
    return `Application ${name} has several sources. What Argo CD would render of them together was not compared with the plan.`;
  const path = application.spec.source?.path ?? '';
  if (listUnder(path, after).length > 0) return undefined;
  return listUnder(path, before).length > 0
    ? `The plan leaves no manifests under ${path}, so Argo CD was not asked what it would render for Application ${name}.`
    : `Application ${name} follows ${path === '' ? 'the whole repository' : path}, where no rendered manifests stand. What Argo CD would render there was not compared with the plan.`;
}

function listUnder(path: string, files: readonly RenderedFile[]): ManifestObject[] {
  const folder = path.replace(/^\.?\/+|\/+$/g, '').replace(/^\.$/, '');
  const under = files.filter((file) => folder === '' || file.path.startsWith(`${folder}/`));
  return listRenderedObjects(under).map(({ object }) => object);
}

async function askAll(
  deps: AgentDeps,
  context: RunContext,
  question: Question,
  applications: readonly Application[],
): Promise<RenderAnswer[]> {
  const settings = await deps.argo.settings({ signal: context.signal });
  const answers: RenderAnswer[] = [];
  for (let from = 0; from < applications.length; from += AT_ONCE) {
    const some = applications.slice(from, from + AT_ONCE);
    const asked = some.map(async (application) => {
      const marks = toRenderingMarks(application, settings);
      return await askOne(deps, context, question, { application, marks });
    });
    answers.push(...(await Promise.all(asked)));
  }
  return answers;
}

interface Asked {
  application: Application;
  marks: RenderingMarks;
}

async function askOne(deps: AgentDeps, context: RunContext, question: Question, one: Asked): Promise<RenderAnswer> {
  const started = deps.clock.now();
  const { name } = one.application.metadata;
  const answer = await compare(deps, context, question, one);
  await context.emit('validator', [
    {
      type: 'tool_call',
      data: {
        tool: 'argocd.manifests',
        input: `what ${name} would render at ${question.head.slice(0, 9)}`,
        output: toSummary(answer),
        durationMs: Math.round(deps.clock.now() - started),
        ok: answer.kind === 'compared',
      },
    },
  ]);
  return answer;
}

function toSummary(answer: RenderAnswer): string {
  if (answer.kind !== 'compared') return answer.message;
  const { differences, standing } = answer;
  if (differences.length === 0) return 'the same as the plan';
  const before = standing.size === 0 ? '' : `, ${standing.size} of them as before the change`;
  return `${differences.length} differences from the plan${before}`;
}

async function compare(
  deps: AgentDeps,
  context: RunContext,
  { base, head, applied }: Question,
  { application, marks }: Asked,
): Promise<RenderAnswer> {
  const path = application.spec.source?.path ?? '';
  const render = async (commit: CommitSha, files: readonly RenderedFile[]) => {
    const ref = toApplicationRef(application);
    const { manifests, revision, sourceType } = await deps.argo.manifests(
      ref,
      { revision: commit },
      { signal: context.signal },
    );
    if (revision !== commit)
      throw new ArgoError('unreadable', `render ${ref.name} at ${commit}`, `it rendered ${revision} instead`);
    return { sourceType, differences: compareRenderings(listUnder(path, files), manifests, marks) };
  };
  const now = await orReason(context, async () => await render(head, applied.after));
  if (now.kind === 'ok' && now.value.differences.length === 0)
    return { kind: 'compared', ...now.value, standing: new Set() };
  if (now.kind === 'failed' && !isAboutCommit(now.error)) return { kind: 'unasked', message: now.error.message };
  // Only a rendering that is not the plan's raises the question what it was before.
  const was = await orReason(context, async () => await render(base, applied.before));
  if (now.kind === 'failed') {
    const isStanding = was.kind === 'failed' && isAboutCommit(was.error);
    return { kind: 'unrenderable', message: toUpstream(now.error), isStanding };
  }
  const { differences } = now.value;
  const standing = listStanding(was.kind === 'ok' ? was.value.differences : [], differences);
  return { kind: 'compared', ...now.value, standing };
}

/** Whether Argo CD looked at the commit and could not render it, in contrast to all that keeps it from looking. */
function isAboutCommit(error: AppError): boolean {
  return isArgoError(error, 'failed', 'rejected', 'unsupported', 'conflict');
}

const MAX_WORDS_CHARS = 600;

/** Its own words on one line, cut: a template's whole output may stand in them. */
function toUpstream(error: AppError): string {
  const text = toPlain(error instanceof ArgoError ? error.upstreamMessage : error.message)
    .replace(/\s+/g, ' ')
    .trim();
  return cutText(text, MAX_WORDS_CHARS);
}
