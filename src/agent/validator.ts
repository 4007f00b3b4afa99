import { toIsoTime } from '../lib/clock.ts';
import type { ChangeHash, CommitSha } from '../lib/ids.ts';
import type { ManifestObject } from '../manifest/object.ts';
import { evaluatePolicy } from '../policy/evaluate.ts';
import type { ApprovalKind } from '../ticket/approval-store.ts';
import { inTransaction } from '../database/transaction.ts';
import { requestApproval } from '../ticket/approval-store.ts';
import { savePlan } from '../ticket/plan-store.ts';
import { toChangeHash, type PlanDraft, type PlanReview, type StoredPlan } from '../ticket/plan.ts';
import { toApprovalEvent } from '../ticket/service.ts';
import type { Hold } from '../ticket/ticket.ts';
import { sortFindings, validateChange } from '../validation/validate.ts';
import type { Finding } from '../validation/finding.ts';
import { assessRisk } from '../validation/risk.ts';
import type { SourceFile } from '../validation/change.ts';
import type { AgentDeps, RunContext } from './deps.ts';
import { getPlan, refuseOrReplan } from './executor.ts';
import { toEnvironment } from './facts.ts';
import type { AgentStateValue, AgentUpdate } from './state.ts';
import { applyPlan, toDraftDeps, type AppliedPlan } from './draft.ts';
import { askForRendering } from './render-gate.ts';
import { findTakeBack } from './take-back.ts';
import { parseManifests } from '../manifest/parse.ts';
import { toServiceName } from '../manifest/rendered.ts';
import { AppError } from '../lib/errors.ts';

/** Checks the rendered difference, weighs its risk, asks the policy, and asks a person where one is needed. */
export async function runValidator(deps: AgentDeps, state: AgentStateValue, context: RunContext): Promise<AgentUpdate> {
  const plan = await getPlan(deps, state);
  const draft = plan.draft;
  if (draft === null) throw new AppError('internal', `plan ${state.attempt}.${state.revision} has no draft to check`);
  const rendered = await renderAgain(deps, plan, context);
  const review = await reviewWithArgo(deps, context, plan, draft, rendered);
  await savePlan(deps.db.knex, { ...plan, review });
  await context.emit('validator', toEvents(plan, draft, review));

  const errors = listBlocking(plan, review.findings);
  if (errors.length > 0 || review.policy.decision === 'deny') {
    const reasons = errors.length > 0 ? errors.map(toSentence) : review.policy.reasons;
    return refuseOrReplan(deps, state, `The change is refused: ${reasons.join(' ')}`, 'validation');
  }
  // What memory holds back moves forward; taking a change back does not.
  const isHeld = plan.intent.advice.strategy === 'hold' && findTakeBack(plan) === undefined;
  if (review.policy.decision === 'allow' && !isHeld) return { feedback: [], hold: null };
  return { feedback: [], hold: await requestHold(deps, context, { plan, review, kind: 'plan' }) };
}

/** Checks, risk and policy; and, where nothing speaks against the change so far, what Argo CD would render of it. */
export async function reviewWithArgo(
  deps: AgentDeps,
  context: RunContext,
  plan: StoredPlan,
  draft: PlanDraft,
  rendered: Rendered,
): Promise<PlanReview> {
  const review = await reviewDraft(deps, plan, draft, rendered);
  const gate = deps.settings.renderGate;
  if (gate === null || review.policy.decision === 'deny' || listBlocking(plan, review.findings).length > 0)
    return review;
  const remarks = await askForRendering(deps, gate, context, plan);
  return remarks.length === 0 ? review : await reviewDraft(deps, plan, draft, rendered, remarks);
}

/** Findings that end a plan. With a change that is taken back they are what was there before it, and a person decides. */
export function listBlocking(plan: StoredPlan, findings: readonly Finding[]): Finding[] {
  return findTakeBack(plan) === undefined ? findings.filter(({ severity }) => severity === 'error') : [];
}

function toSentence(finding: Finding): string {
  const object = finding.object === undefined ? '' : `${finding.object.kind} ${finding.object.name}: `;
  return `${object}${finding.message} ${finding.fix}`;
}

interface Rendered {
  /** Everything the touched services render to, unmasked. */
  objects: ManifestObject[];
  sourceFiles: SourceFile[];
}

/** The checks read whole objects, Secrets included, which are never stored: so they are rendered once more. */
async function renderAgain(deps: AgentDeps, plan: StoredPlan, context: RunContext): Promise<Rendered> {
  const draft = deps.drafts.find(plan.baseCommit, plan.intent.steps);
  if (draft !== undefined) return toRendered(draft);
  return await deps.repo.withWorkTree(
    plan.baseCommit as CommitSha,
    `${plan.ticketId}-check`,
    async (workTree) => {
      const outcome = await applyPlan(toDraftDeps(deps), workTree, plan.intent.steps, context.signal);
      if (outcome.kind !== 'applied')
        throw new AppError('internal', 'the plan that was drafted can no longer be applied');
      deps.drafts.keep(plan.baseCommit, plan.intent.steps, outcome);
      return toRendered(outcome);
    },
    context.signal,
  );
}

/** Everything the services of a change render to now, Secrets unmasked, for the checks alone. */
export function toRendered(outcome: AppliedPlan): Rendered {
  const services = new Set(outcome.changes.map((change) => change.service));
  const objects = outcome.after
    .filter((file) => services.has(toServiceName(file.path)))
    .flatMap((file) => parseManifests(file.content, file.path));
  return { objects, sourceFiles: outcome.sourceFiles };
}

/** @param remarks findings from elsewhere that count like those of the checks */
export async function reviewDraft(
  deps: AgentDeps,
  plan: StoredPlan,
  draft: PlanDraft,
  rendered: Rendered,
  remarks: readonly Finding[] = [],
): Promise<PlanReview> {
  const found = await validateChange({
    changes: draft.changes,
    after: rendered.objects,
    sourceFiles: rendered.sourceFiles,
  });
  const findings = sortFindings([...found, ...remarks]);
  const touched = draft.changes.flatMap((change) => change.after ?? change.before ?? []);
  const environment = toEnvironment(touched);
  const risk = assessRisk({ changes: draft.changes, findings, environment, rendered: rendered.objects });
  const { advice } = plan.intent;
  const takeBack = findTakeBack(plan);
  const { policy } = deps;
  const settings =
    takeBack?.needsPerson === true ? { ...policy.settings, revertApproval: 'always' as const } : policy.settings;
  const decision = evaluatePolicy({
    ...policy,
    settings,
    risk,
    changes: draft.changes,
    environment,
    findings,
    at: deps.clock.now(),
    purpose: takeBack === undefined ? 'plan' : 'revert',
    ...(advice.probability === null
      ? {}
      : { memory: { probability: advice.probability, hold: advice.strategy === 'hold' } }),
  });
  const changeHash = toChangeHash({
    ticketId: plan.ticketId,
    steps: plan.intent.steps,
    baseCommit: plan.baseCommit,
    differenceHash: draft.differenceHash,
    policyVersion: decision.policyVersion,
  });
  const { rule, reasons, policyVersion: version } = decision;
  return { findings, risk, policy: { decision: decision.decision, rule, reasons, version }, changeHash };
}

function toEvents(plan: StoredPlan, draft: PlanDraft, review: PlanReview) {
  const { intent } = plan;
  return [
    ...review.findings.map((data) => ({ type: 'finding' as const, data })),
    {
      type: 'plan' as const,
      data: {
        attempt: plan.attempt,
        revision: plan.revision,
        summary: intent.summary,
        steps: intent.steps.map(({ kind, title }) => ({ kind, title })),
        strategy: intent.advice.strategy,
        careReasons: intent.advice.careReasons,
        changedObjects: draft.changes.length,
        risk: review.risk.level,
        changeHash: review.changeHash,
      },
    },
  ];
}

/** Asks a person to decide about exactly this change; asking again for the same asks once. */
export async function requestHold(
  deps: AgentDeps,
  context: RunContext,
  input: { plan: StoredPlan; review: PlanReview; kind: ApprovalKind; sentence?: string },
): Promise<Hold> {
  const now = deps.clock.now();
  const { plan, review, kind } = input;
  const requested = await inTransaction(
    deps.db,
    async (trx) =>
      await requestApproval(trx, {
        id: deps.ids.approvalId(),
        ticketId: plan.ticketId,
        kind,
        changeHash: review.changeHash as ChangeHash,
        baseCommit: plan.baseCommit,
        policyVersion: review.policy.version,
        requestedAt: toIsoTime(now),
        expiresAt: toIsoTime(now + deps.settings.approvalTtlMs),
      }),
  );
  const { approval, isNew, superseded } = requested;
  await context.emit('validator', [
    ...superseded.map((one) => toApprovalEvent({ ...one, state: 'superseded' })),
    ...(isNew ? [toApprovalEvent(approval)] : []),
  ]);
  const { id: approvalId, changeHash, expiresAt } = approval;
  if (kind === 'plan') return { kind: 'plan_approval', approvalId, changeHash, expiresAt };
  return { kind: 'approval', approvalId, purpose: kind, changeHash, expiresAt, sentence: input.sentence ?? '' };
}
