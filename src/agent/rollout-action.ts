import { isArgoError } from '../argocd/error.ts';
import { parseStanding, type RolloutPause, type RolloutStanding } from '../argocd/live-state.ts';
import type { ApplicationSnapshot } from '../argocd/snapshot.ts';
import { toIsoTime } from '../lib/clock.ts';
import { AppError } from '../lib/errors.ts';
import { bookEffect, settleEffect } from '../ticket/effect-store.ts';
import { listObservations } from '../ticket/observation-store.ts';
import type { AgentDeps, RunContext } from './deps.ts';
import type { AgentStateValue, Observed } from './state.ts';

/** What shall become of a rollout that stands still or was aborted. */
export type RolloutWish = 'go_on' | 'finish' | 'abort' | 'retry';

/** How long the controller may take to do what it was told, and how often it is told. */
const EFFECT_MS = 30_000;
const ATTEMPTS = 3;
const LOOK_MS = 2_000;

/**
 * Tells the rollout, and sees that it happens: read live, told again while it stands where it stood. A rollout that has
 * moved on by itself, or by somebody else, or by us before a crash, is left alone, so that no pause is passed over that
 * nobody decided about. False when it did not do what it was told.
 */
export async function actOnRollout(
  deps: AgentDeps,
  state: AgentStateValue,
  context: RunContext,
  observed: Observed,
  wish: RolloutWish,
): Promise<boolean> {
  const acting = await toActing(deps, state, context, observed);
  let standing = await acting.look();
  for (let attempt = 1; attempt <= ATTEMPTS; attempt += 1) {
    if (!isCalledFor(wish, standing, observed)) return true;
    const before = standing;
    await tell(acting, await toAction(acting, wish, before.pause), before, attempt);
    const deadline = deps.clock.now() + EFFECT_MS;
    do {
      standing = await acting.look();
      if (hasMoved(wish, before, standing)) return true;
      await deps.clock.sleep(Math.min(LOOK_MS, deps.settings.budgets.tickMs), context.signal);
    } while (deps.clock.now() < deadline);
  }
  return false;
}

/** Whether the rollout still stands where the observer saw it: what Argo CD shows may lag behind. */
export async function isStillPaused(
  deps: AgentDeps,
  state: AgentStateValue,
  context: RunContext,
  observed: Observed,
): Promise<boolean> {
  const { look } = await toActing(deps, state, context, observed);
  return isCalledFor('go_on', await look(), observed);
}

interface Acting {
  deps: AgentDeps;
  state: AgentStateValue;
  context: RunContext;
  observed: Observed;
  rollout: NonNullable<Observed['rollout']>;
  application: ApplicationSnapshot['application'];
  head: string;
  look(): Promise<RolloutStanding>;
}

async function toActing(
  deps: AgentDeps,
  state: AgentStateValue,
  context: RunContext,
  observed: Observed,
): Promise<Acting> {
  const { rollout } = observed;
  const head = (state.reverted ?? state.pushed)?.head;
  if (rollout === undefined || head === undefined) throw new AppError('internal', 'a decision without a rollout');
  const observations = await listObservations(deps.db.knex, state.ticketId, head);
  const snapshot = observations.find((one) => one.application === observed.application)?.snapshot;
  const { application } = snapshot as ApplicationSnapshot;
  const look = async () => {
    const target = { ...rollout, version: 'v1alpha1' };
    const standing = parseStanding(await deps.argo.resource(application, target, { signal: context.signal }));
    if (standing !== undefined) return standing;
    throw new AppError('argocd_failed', `Argo CD shows no status of Rollout ${rollout.name}`);
  };
  return { deps, state, context, observed, rollout, application, head, look };
}

function isCalledFor(wish: RolloutWish, standing: RolloutStanding, observed: Observed): boolean {
  const { pause } = standing;
  switch (wish) {
    case 'go_on':
      return (
        pause !== undefined &&
        (observed.pause ?? '') === pause.reason &&
        (observed.pauseSince ?? '') === pause.since &&
        (observed.stepIndex ?? standing.stepIndex) === standing.stepIndex
      );
    case 'finish':
      return pause !== undefined && !standing.isPromoted;
    case 'abort':
      return !standing.isAborted && !standing.isPromoted;
    case 'retry':
      return standing.isAborted && !standing.isPromoted;
  }
}

/**
 * A pause is resumed; an inconclusive analysis would only be measured again by that, so its step is left, or the switch
 * made without it. An Argo CD that does not know how yet resumes.
 */
async function toAction(
  { deps, context, rollout, application }: Acting,
  wish: RolloutWish,
  pause: RolloutPause | undefined,
) {
  if (wish === 'abort' || wish === 'retry') return wish;
  const wanted =
    wish === 'finish' || pause?.analysis === 'blue_green'
      ? 'promote-full'
      : pause?.analysis === 'step'
        ? 'skip-current-step'
        : 'resume';
  if (wanted === 'resume') return wanted;
  const target = { ...rollout, version: 'v1alpha1' };
  const offered = await deps.argo.listResourceActions(application, target, { signal: context.signal });
  return offered.some(({ name, disabled }) => name === wanted && !disabled) ? wanted : 'resume';
}

function hasMoved(wish: RolloutWish, before: RolloutStanding, now: RolloutStanding): boolean {
  if (now.isPromoted && !before.isPromoted) return true;
  switch (wish) {
    case 'go_on': {
      const isSame = now.pause?.reason === before.pause?.reason && now.pause?.since === before.pause?.since;
      if (now.isUnpausing || (isSame && now.stepIndex === before.stepIndex)) return false;
      // A step that was only unpaused may be paused again; what counts is the next one.
      return before.pause?.reason !== 'CanaryPauseStep' || now.stepIndex > before.stepIndex || now.isAborted;
    }
    case 'finish':
      return now.pause === undefined && !now.isUnpausing;
    case 'abort':
      return now.isAborted && now.phase === 'Degraded';
    case 'retry':
      return !now.isAborted;
  }
}

/** An action is an effect: booked before and after, and known again by rollout, commit and the pause it was for. */
async function tell(acting: Acting, action: string, standing: RolloutStanding, attempt: number): Promise<void> {
  const { deps, state, context, observed, rollout, application, head } = acting;
  const at = () => toIsoTime(deps.clock.now());
  const place = `${standing.stepIndex}/${standing.pause?.since ?? ''}`;
  await context.fence();
  const { effect } = await bookEffect(deps.db.knex, {
    id: deps.ids.next('effect'),
    ticketId: state.ticketId,
    kind: 'rollout_action',
    naturalKey: `${observed.application}@${head}/${action}/${place}`,
    intent: { rollout, action },
    at: at(),
  });
  const again = attempt === 1 ? '' : ` again, for the rollout stood where it had stood for ${EFFECT_MS / 1000} s`;
  try {
    await deps.argo.runResourceAction(application, { ...rollout, version: 'v1alpha1' }, action, {
      signal: context.signal,
    });
    await settleEffect(deps.db.knex, effect.id, { state: 'done', outcome: { action, attempt }, at: at() });
    const text = `${action} of ${rollout.kind} ${rollout.name} was sent${again}`;
    await context.emit('resolver', [{ type: 'note', data: { node: 'resolver', text } }]);
  } catch (error) {
    // Somebody else wrote to it at the same moment: the next look tells whether there is still something to do.
    if (!isArgoError(error, 'conflict')) throw error;
    await settleEffect(deps.db.knex, effect.id, { state: 'failed', outcome: { action, attempt }, at: at() });
  }
}
