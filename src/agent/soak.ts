import { watchSoak } from '../argocd/soak.ts';
import type { ApplicationSnapshot } from '../argocd/snapshot.ts';
import type { Outcome } from '../argocd/outcome.ts';
import type { SoakInput, SoakOutcome } from '../argocd/verdict-soak.ts';
import { inTransaction } from '../database/transaction.ts';
import { toIsoTime } from '../lib/clock.ts';
import { AppError } from '../lib/errors.ts';
import type { CommitSha } from '../lib/ids.ts';
import { isManifestPath, toServiceName } from '../manifest/rendered.ts';
import { listObservations } from '../ticket/observation-store.ts';
import { beginSoak, endSoak, type LeasedSoak, type SoakSubject } from '../ticket/soak-store.ts';
import type { StoredPlan } from '../ticket/plan.ts';
import { changedServices, toDeployId } from './deploys.ts';
import type { AgentDeps, GraphDeps } from './deps.ts';
import { toEnvironment } from './facts.ts';
import { concludeRegression } from './regression.ts';
import type { Pushed } from './state.ts';
import { toTicketDeps } from './ticket-deps.ts';

/**
 * Begins to watch on wherever the commit was found live and had something applied. Safe to call again: what was begun goes on.
 */
export async function beginSoaks(
  deps: AgentDeps,
  ticketId: string,
  { plan, pushed }: { plan: StoredPlan; pushed: Pushed },
): Promise<void> {
  const now = deps.clock.now();
  for (const observation of await listObservations(deps.db.knex, ticketId, pushed.head)) {
    const outcome = observation.outcome as Outcome | null;
    if (outcome?.kind !== 'live') continue;
    const { application } = observation.snapshot as ApplicationSnapshot;
    const { subject, environment } = toSubject(plan, pushed, application.name);
    const minutes = deps.settings.soak.environments[environment] ?? deps.settings.soak.minutes;
    if (minutes <= 0 || subject.changed.length === 0) continue;
    const until = toIsoTime(now + minutes * 60_000);
    const key = { ticketId, application: observation.application, commit: pushed.head };
    await inTransaction(deps.db, async (trx) => {
      if (!(await beginSoak(trx, { ...key, startedAt: toIsoTime(now), until, subject }))) return;
      const sentence = `${application.name} is watched on for ${toMinutes(minutes)}, whether it stays so.`;
      const { application: name, commit } = key;
      await deps.journal.append(trx, ticketId, 'agent:resolver', [
        { type: 'soak', data: { application: name, commit, state: 'watching', until, sentence } },
      ]);
    });
  }
  deps.journal.published();
}

function toMinutes(minutes: number): string {
  if (minutes >= 1) return `${Number(minutes.toFixed(1))} minute${minutes === 1 ? '' : 's'}`;
  return `${Math.round(minutes * 60)} seconds`;
}

/** What of the change lives in this Application; where names do not tell, all of it. */
function toSubject(
  plan: StoredPlan,
  pushed: Pushed,
  application: string,
): { subject: SoakSubject; environment: string } {
  const changes = plan.draft?.changes ?? [];
  const own = changes.filter((change) => change.service === application);
  const here = own.length === 0 ? changes : own;
  const services = changedServices(here);
  return {
    subject: {
      // What was removed cannot go bad.
      changed: here.filter(({ type }) => type !== 'removed').map(({ ref }) => ref),
      services,
      deployIds: services.map((service) => toDeployId(pushed.head, service)),
      commits: pushed.commits,
    },
    environment: toEnvironment(here.flatMap((change) => change.after ?? change.before ?? [])),
  };
}

/**
 * Watches one soak until something can be said, and writes that down, with its consequences, exactly once: nothing is written
 * where another process has taken it over meanwhile. Safe to call again after a crash at any point.
 * @throws AppError `lease_lost`; an aborted signal's reason
 */
export async function runSoak(shared: GraphDeps, soak: LeasedSoak, signal: AbortSignal): Promise<void> {
  const deps = await toTicketDeps(shared, soak.ticketId);
  const input = await toInput(deps, soak);
  const outcome = await watchSoak(
    {
      argo: deps.argo,
      clock: deps.clock,
      logger: deps.logger,
      isAncestor: async (a, b) => await deps.repo.isAncestor(a, b),
      isTouched: async (later) => await isTouched(deps, soak, input.snapshot, later),
      hints: deps.watch.hints(),
    },
    input,
    signal,
  );
  deps.logger.info({ ticket: soak.ticketId, application: soak.application, outcome: outcome.kind }, 'a soak ended');
  if (outcome.kind === 'regressed') await concludeRegression(deps, soak, { input, outcome }, signal);
  else await conclude(deps, soak, outcome);
}

async function toInput(deps: AgentDeps, soak: LeasedSoak): Promise<SoakInput> {
  const observations = await listObservations(deps.db.knex, soak.ticketId, soak.commit);
  const observation = observations.find((one) => one.application === soak.application);
  if (observation === undefined) throw new AppError('internal', `the snapshot of ${soak.application} is missing`);
  const snapshot = observation.snapshot as ApplicationSnapshot;
  return {
    application: snapshot.application,
    snapshot,
    commit: soak.commit as CommitSha,
    pushedAtMs: Date.parse(observation.pushedAt ?? soak.startedAt),
    changed: soak.subject.changed,
    untilMs: Date.parse(soak.until),
    budgets: deps.settings.budgets,
  };
}

/** Whether anything rendered for the same services changed since; in the Application's own folder, if it has one. */
async function isTouched(
  deps: AgentDeps,
  soak: LeasedSoak,
  snapshot: ApplicationSnapshot,
  later: CommitSha,
): Promise<boolean> {
  const path = snapshot.sources[snapshot.sourceIndex ?? 0]?.path.replace(/^\.?\/?|\/+$/g, '') ?? '';
  const folder = path === '' ? '' : `${path}/`;
  const changed = await deps.repo.changedPaths(soak.commit as CommitSha, later);
  return changed.some(
    (one) => one.startsWith(folder) && isManifestPath(one) && soak.subject.services.includes(toServiceName(one)),
  );
}

async function conclude(
  deps: AgentDeps,
  soak: LeasedSoak,
  outcome: Exclude<SoakOutcome, { kind: 'regressed' }>,
): Promise<void> {
  const { application, commit, until } = soak;
  const sentence = deps.journal.redact(outcome.sentence);
  await inTransaction(deps.db, async (trx) => {
    const end = { state: outcome.kind, at: toIsoTime(deps.clock.now()), sentence };
    if (!(await endSoak(trx, soak, end))) throw new AppError('lease_lost', `${application} is watched elsewhere`);
    await deps.journal.append(trx, soak.ticketId, 'agent:observer', [
      { type: 'soak', data: { application, commit, state: outcome.kind, until, sentence } },
    ]);
  });
  deps.journal.published();
}
