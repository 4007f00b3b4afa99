import { findAffectedApplications } from '../argocd/affected.ts';
import { toApplicationKey, type ApplicationRef } from '../argocd/application.ts';
import type { ObservationProgress } from '../argocd/observation.ts';
import { observeCommit } from '../argocd/observe.ts';
import { takeSnapshot, type ApplicationSnapshot } from '../argocd/snapshot.ts';
import type { Outcome } from '../argocd/outcome.ts';
import { toIsoTime } from '../lib/clock.ts';
import { AppError } from '../lib/errors.ts';
import type { CommitSha } from '../lib/ids.ts';
import type { ObjectRef } from '../manifest/object.ts';
import { bookEffect, settleEffect } from '../ticket/effect-store.ts';
import type { TicketEventBody } from '../ticket/event.ts';
import {
  listObservations,
  saveObservationOutcome,
  saveSnapshot,
  type Observation,
} from '../ticket/observation-store.ts';
import type { StoredPlan } from '../ticket/plan.ts';
import { toChangedImages } from './deploy-facts.ts';
import type { AgentDeps, RunContext } from './deps.ts';
import { changedServices } from './deploys.ts';
import { getPlan } from './executor.ts';
import { checkWanted } from './run-context.ts';
import type { AgentStateValue, AgentUpdate, Observed, Pushed } from './state.ts';

/**
 * Watches every affected Application until something can be said about exactly the pushed commit. Takes as long as it
 * takes; after a restart it starts again from the stored snapshots and the time of the push.
 */
export async function runObserver(deps: AgentDeps, state: AgentStateValue, context: RunContext): Promise<AgentUpdate> {
  const pushed = state.purpose === 'revert' ? state.reverted : state.pushed;
  if (pushed === null) throw new AppError('internal', 'nothing was pushed that could be observed');
  const plan = await getPlan(deps, state);
  await findMissing(deps, state, context, { plan, pushed });
  const observations = await listObservations(deps.db.knex, state.ticketId, pushed.head);
  if (observations.length === 0) {
    const observed: Observed = {
      kind: 'failed',
      reason: 'not_seen',
      application: '',
      sentence: `No Application of Argo CD${toName(deps)} deploys the changed paths from branch ${deps.repo.branch}; nobody will apply commit ${pushed.head.slice(0, 9)}.`,
    };
    return { observed, decision: null };
  }
  const outcomes = await Promise.all(
    observations.map(async (one) => ({
      application: one.application,
      outcome: await observeOne(deps, state, context, { plan, pushed, observation: one }),
    })),
  );
  return { observed: toObserved(outcomes), decision: null };
}

/** Which instance, where there are several. */
function toName({ instances, instance }: AgentDeps): string {
  return instances.all.length > 1 ? ` ${instance}` : '';
}

interface Watched {
  plan: StoredPlan;
  pushed: Pushed;
}

/** A new service's Application appears only once its folder is on the branch: waits for it, as long as a revision may take. */
async function findMissing(
  deps: AgentDeps,
  state: AgentStateValue,
  context: RunContext,
  watched: Watched,
): Promise<void> {
  const { plan, pushed } = watched;
  const { url: repoUrl, branch } = deps.repo;
  const changedPaths = await deps.repo.changedPaths(pushed.base as CommitSha, pushed.head as CommitSha);
  const added = state.purpose === 'change' ? servicesAdded(plan) : [];
  const deadline = pushed.atMs + deps.settings.budgets.revisionMs;
  for (;;) {
    checkWanted(context);
    const known = new Set(
      (await listObservations(deps.db.knex, state.ticketId, pushed.head)).map((one) => one.application),
    );
    const found = await findAffectedApplications(deps.argo, { repoUrl, branch, changedPaths });
    const missing = found.filter((ref) => !known.has(toApplicationKey(ref)));
    for (const ref of missing) {
      await saveSnapshot(deps.db.knex, {
        ticketId: state.ticketId,
        application: toApplicationKey(ref),
        commit: pushed.head,
        snapshot: await takeSnapshot(deps.argo, ref, { source: { repoUrl, branch, changedPaths } }),
        pushedAt: toIsoTime(pushed.atMs),
      });
    }
    const names = [...known, ...missing.map(toApplicationKey)].join(' ');
    const awaited = added.filter((service) => !names.includes(service));
    if ((awaited.length === 0 && names !== '') || deps.clock.now() >= deadline) return;
    await deps.clock.sleep(deps.settings.budgets.tickMs, context.signal);
  }
}

/** Services that did not exist before: every object of theirs is new. */
function servicesAdded(plan: StoredPlan): string[] {
  const changes = plan.draft?.changes ?? [];
  return changedServices(changes).filter((service) =>
    changes.every((change) => change.service !== service || change.type === 'added'),
  );
}

async function observeOne(
  deps: AgentDeps,
  state: AgentStateValue,
  context: RunContext,
  input: Watched & { observation: Observation },
): Promise<Outcome> {
  const { observation, plan, pushed } = input;
  // Concluded before a restart.
  if (observation.outcome !== null) return observation.outcome as Outcome;
  const snapshot = observation.snapshot as ApplicationSnapshot;
  const isRevert = state.purpose === 'revert';
  const budgets = { ...deps.settings.budgets, settleMs: plan.intent.advice.settleSeconds * 1000 };
  const outcome = await observeCommit(
    {
      argo: deps.argo,
      clock: deps.clock,
      logger: deps.logger,
      isAncestor: async (a, b) => await deps.repo.isAncestor(a, b),
      hints: deps.watch.hints(),
    },
    {
      application: snapshot.application,
      snapshot,
      commit: pushed.head as CommitSha,
      pushedAtMs: pushed.atMs,
      changed: changedRefs(plan, snapshot.application),
      ...(isRevert ? {} : { expectedImages: expectedImages(plan, snapshot.application) }),
      budgets: isRevert ? deps.settings.budgets : budgets,
      policy: { mayRequestSync: deps.settings.mayRequestSync, mayTerminate: deps.settings.mayTerminate },
      ticketId: state.ticketId,
    },
    async (progress) => {
      if (progress.type === 'note' && progress.action !== undefined) {
        const naturalKey = `${observation.application}@${pushed.head}/${progress.action.name}`;
        await bookAction(deps, state, context, { ...progress.action, naturalKey, text: progress.text });
      }
      await context.emit('observer', [toProgressEvent(observation.application, progress)]);
    },
    context.signal,
  );
  const key = { ticketId: state.ticketId, application: observation.application, commit: pushed.head };
  if (isFinal(outcome)) await saveObservationOutcome(deps.db.knex, key, outcome);
  await context.emit('observer', [toVerdictEvent(observation.application, pushed.head, outcome)]);
  return outcome;
}

/** Whether watching on could not come to another end. What waits for a person is looked at again after they spoke. */
function isFinal(outcome: Outcome): boolean {
  switch (outcome.kind) {
    case 'live':
    case 'live_noop':
    case 'superseded':
    case 'lost':
      return true;
    case 'failed':
      return outcome.reason !== 'unknown';
    case 'blocked':
    case 'promotion':
    case 'inconclusive':
    case 'unreachable':
      return false;
  }
}

/** What of the change lives in this Application; where names do not tell, all of it. */
function changedRefs(plan: StoredPlan, application: ApplicationRef): ObjectRef[] {
  const changes = plan.draft?.changes ?? [];
  const own = changes.filter((change) => change.service === application.name);
  return (own.length === 0 ? changes : own).map((change) => change.ref);
}

function expectedImages(plan: StoredPlan, application: ApplicationRef): string[] {
  return toChangedImages(plan.draft?.changes ?? [], application.name);
}

/** A sync or a termination is an effect: the intent is booked before it is sent, the answer after. */
async function bookAction(
  deps: AgentDeps,
  state: AgentStateValue,
  context: RunContext,
  action: { name: string; stage: 'before' | 'done' | 'refused'; revision: string; naturalKey: string; text: string },
): Promise<void> {
  const at = toIsoTime(deps.clock.now());
  if (action.stage === 'before') await context.fence();
  const { effect } = await bookEffect(deps.db.knex, {
    id: deps.ids.next('effect'),
    ticketId: state.ticketId,
    kind: 'sync',
    naturalKey: action.naturalKey,
    intent: { action: action.name, revision: action.revision },
    at,
  });
  if (action.stage === 'before') return;
  const outcome = { answer: action.stage, text: action.text };
  await settleEffect(deps.db.knex, effect.id, { state: action.stage === 'done' ? 'done' : 'failed', outcome, at });
}

function toProgressEvent(application: string, progress: ObservationProgress): TicketEventBody {
  switch (progress.type) {
    case 'sync': {
      const { type, ...data } = progress;
      return { type, data: { application, ...data } };
    }
    case 'health': {
      const { type, ...data } = progress;
      return { type, data: { application, ...data } };
    }
    case 'note':
      return { type: 'note', data: { node: 'observer', text: `${application}: ${progress.text}` } };
  }
}

function toVerdictEvent(application: string, commit: string, outcome: Outcome): TicketEventBody {
  return {
    type: 'verdict',
    data: {
      application,
      commit,
      outcome: outcome.kind,
      ...(outcome.kind === 'failed' ? { reason: outcome.reason } : {}),
      sentence: outcome.sentence,
      evidence: outcome.evidence,
    },
  };
}

// Worst first: one Application that failed decides for all of them.
const SEVERITY = [
  'failed',
  'unreachable',
  'lost',
  'blocked',
  'inconclusive',
  'promotion',
  'superseded',
  'live',
  'live_noop',
] as const;

function toObserved(outcomes: readonly { application: string; outcome: Outcome }[]): Observed {
  const worst = [...outcomes].sort((a, b) => SEVERITY.indexOf(a.outcome.kind) - SEVERITY.indexOf(b.outcome.kind))[0];
  if (worst === undefined) throw new AppError('internal', 'nothing was observed');
  const { application, outcome } = worst;
  // Nothing is concluded about the change: the runner tries again later, from the same snapshots.
  if (outcome.kind === 'unreachable') throw new AppError('argocd_unavailable', outcome.sentence);
  const isLive = outcome.kind === 'live' || outcome.kind === 'live_noop';
  return {
    kind: outcome.kind,
    reason: outcome.kind === 'failed' ? outcome.reason : outcome.kind === 'inconclusive' ? outcome.state : '',
    application,
    sentence: isLive ? outcomes.map((one) => one.outcome.sentence).join(' ') : outcome.sentence,
    ...(outcome.kind === 'inconclusive' ? { rollout: outcome.rollout } : {}),
    ...(outcome.kind === 'promotion'
      ? {
          rollout: outcome.rollout,
          pause: outcome.pause,
          pauseSince: outcome.since,
          ...(outcome.stepIndex === undefined ? {} : { stepIndex: outcome.stepIndex }),
        }
      : {}),
  };
}
