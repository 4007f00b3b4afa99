import { toAbortError, type Clock } from '../lib/clock.ts';
import type { Redactor } from '../lib/redact.ts';
import { isFollowingRepository } from './affected.ts';
import type { ArgoInstance } from './instances.ts';
import { toAccount, toClean, toClusters, toEmptyReport, toRepository, toSettings } from './preflight-facts.ts';
import {
  tellAccount,
  tellApplications,
  tellConnections,
  tellError,
  tellRefusal,
  tellSettings,
  tellWarning,
  toHint,
  toShort,
} from './preflight-findings.ts';
import { askRights, toRightProblems, type Needs } from './preflight-rights.ts';
import type { AccountReport, InstanceReport } from './preflight-report.ts';
import type { Application } from './schema.ts';

export interface PreflightDeps {
  repository: { url: string; branch: string };
  /** Whether the agent asks for syncs or ends operations. */
  mayAct: boolean;
  /** For everything that is asked of one instance. */
  timeoutMs: number;
  clock: Clock;
  redactor: Redactor;
}

// For what is asked to say itself how far it came; what does not give up then is left behind.
const GRACE_MS = 500;

/**
 * Asks one Argo CD everything that a ticket will need of it. Changes nothing there, takes no longer than the time limit, and
 * does not throw: what cannot be found out is a problem in the report.
 */
export async function checkInstance(
  instance: ArgoInstance,
  deps: PreflightDeps,
  signal: AbortSignal,
): Promise<InstanceReport> {
  const { clock, redactor, timeoutMs } = deps;
  const late = new AbortController();
  const done = new AbortController();
  const limit = AbortSignal.any([signal, late.signal]);
  const report = toEmptyReport(instance, clock);
  const expire = async () => {
    const wanted = AbortSignal.any([signal, done.signal]);
    await clock.sleep(timeoutMs, wanted);
    late.abort(new Error(`no answer within ${timeoutMs / 1000} s`));
    await clock.sleep(GRACE_MS, wanted);
    throw toAbortError(limit);
  };
  try {
    await Promise.race([fill(report, instance, deps, limit), expire()]);
  } catch (error) {
    tellError(report, 'server', `${report.server} could not be checked: ${toShort(error)}.`, toHint(error));
  } finally {
    done.abort();
  }
  return toClean(report, redactor);
}

async function fill(
  report: InstanceReport,
  instance: ArgoInstance,
  deps: PreflightDeps,
  signal: AbortSignal,
): Promise<void> {
  const { argo } = instance;
  const version = await attempt(argo.version({ signal }));
  if (!version.ok) {
    const { error } = version;
    tellError(report, 'server', `${report.server} does not answer: ${toShort(error)}.`, toHint(error));
    return;
  }
  report.reachable = true;
  report.version = version.value.Version;
  // First what needs us to be known: a token that was rotated is read anew when it is refused, and by no other answer.
  const applications = await attempt(argo.listApplications({ signal }));
  if (!applications.ok) {
    tellRefusal(report, applications.error);
    return;
  }
  const [user, settings] = await Promise.all([attempt(argo.userInfo({ signal })), attempt(argo.settings({ signal }))]);
  if (!user.ok) tellWarning(report, 'account', `It does not say who we are: ${toShort(user.error)}.`);
  if (!settings.ok) tellWarning(report, 'server', `Its settings cannot be read: ${toShort(settings.error)}.`);
  const account = toAccount(user.ok ? user.value : undefined, argo.tokenExpiry());
  report.account = account;
  report.settings = settings.ok ? toSettings(settings.value) : null;
  tellAccount(report, account);
  tellSettings(report);
  await checkApplications(report, { account, instance, deps, signal, applications: applications.value });
}

interface Seen {
  account: AccountReport;
  instance: ArgoInstance;
  deps: PreflightDeps;
  signal: AbortSignal;
  applications: readonly Application[];
}

async function checkApplications(report: InstanceReport, seen: Seen): Promise<void> {
  const { account, instance, deps, signal, applications } = seen;
  const { argo } = instance;
  const { url, branch } = deps.repository;
  const following = applications.filter((one) => isFollowingRepository(one, { repoUrl: url, branch }));
  report.applications = { visible: applications.length, following: following.length };
  const rollouts = await attempt(instance.rollouts.isAvailable());
  const needs: Needs = { sync: deps.mayAct, rollouts: !rollouts.ok || rollouts.value };
  tellApplications(report, account, needs, deps.repository);
  const controllerNamespace = report.settings?.controllerNamespace ?? '';
  const version = report.version ?? '';
  const [rights, repositories, clusters] = await Promise.all([
    attempt(askRights({ argo, needs, signal, applications: following, controllerNamespace, version })),
    attempt(argo.repositories({ signal })),
    attempt(argo.clusters({ signal })),
  ]);
  if (rights.ok) report.rights = rights.value;
  else tellError(report, 'rights', `Its answers about our rights did not come: ${toShort(rights.error)}.`);
  report.problems.push(...toRightProblems(report.rights, account));
  report.repository = toRepository(repositories.ok ? repositories.value : [], url);
  report.clusters = toClusters(clusters.ok ? clusters.value : [], following);
  tellConnections(report);
}

type Attempt<T> = { ok: true; value: T } | { ok: false; error: unknown };

async function attempt<T>(work: Promise<T>): Promise<Attempt<T>> {
  try {
    return { ok: true, value: await work };
  } catch (error) {
    return { ok: false, error };
  }
}
