import { createArgoInstances } from '../../argocd/instances.ts';
import { createPreflightDesk } from '../../argocd/preflight-desk.ts';
import type { InstanceReport, PreflightProblem } from '../../argocd/preflight-report.ts';
import type { LoadedConfig } from '../../config/load.ts';
import { createSystemClock } from '../../lib/clock.ts';
import { silentLogger } from '../../lib/logger.ts';
import type { LearningRedactor } from '../../lib/redact.ts';
import { broken, ok, SANDBOX, skipped, toBroken, warning, withSetting, type Check } from './check.ts';

const TIMEOUT_MS = 15_000;

/** Every Argo CD: reachable, signed in, and with the rights that watching and syncing need, as a server finds it at its start. */
export async function* checkArgo(loaded: LoadedConfig, redactor: LearningRedactor): AsyncGenerator<Check> {
  if (loaded.instances.length === 0) {
    yield skipped('Argo CD', SANDBOX);
    return;
  }
  try {
    const reports = await readReports(loaded, redactor);
    for (const report of reports) yield* toChecks(report, reports.length > 1 ? ` ${report.name}` : '');
  } catch (error) {
    yield toBroken('Argo CD', error);
  }
}

async function readReports({ config, instances: settings }: LoadedConfig, redactor: LearningRedactor) {
  const { argocd, git, rollouts } = config;
  const basics = { clock: createSystemClock(), logger: silentLogger, redactor };
  const instances = createArgoInstances(settings, {
    requestTimeoutMs: argocd.requestTimeoutMs,
    rollouts: rollouts.controller,
    ...basics,
  });
  const desk = createPreflightDesk({
    instances,
    repository: { url: git.repoUrl ?? '', branch: git.branch },
    mayAct: argocd.mayRequestSync || argocd.mayTerminate,
    ...{ timeoutMs: TIMEOUT_MS, freshMs: 0 },
    ...basics,
  });
  try {
    return await desk.check();
  } finally {
    await desk.close();
    await instances.close();
  }
}

/** What was found as checks; of an Argo CD that does not let us in there is nothing more to say. */
function* toChecks(report: InstanceReport, suffix: string): Generator<Check> {
  const { reachable, version, account, applications, rights, repository, clusters } = report;
  const about = (...topics: PreflightProblem['about'][]) => report.problems.filter((one) => topics.includes(one.about));
  // Where there are several, they are set together.
  const setting = (name: string) => (suffix === '' ? name : 'TIPHYS_ARGOCD_INSTANCES');
  const server = toCheck(`Argo CD${suffix}`, about('server'), `${report.server} is Argo CD ${version ?? ''}`);
  yield withSetting(server, setting('TIPHYS_ARGOCD_SERVER'));
  if (!reachable) return;
  const signedIn = toCheck(`account${suffix}`, about('account'), account?.name ?? '');
  yield withSetting(signedIn, setting('TIPHYS_ARGOCD_TOKEN'));
  if (applications === null) return;
  const granted = rights.flatMap(({ right, state }) => (state === 'granted' ? [right] : []));
  const seen = `${applications.visible} Applications visible, ${applications.following} follow the branch`;
  yield toCheck(`rights${suffix}`, about('rights'), `${seen}; may do: ${granted.join('; ')}`);
  const links = [...(repository === null ? [] : [repository]), ...clusters];
  const states = links.map(({ name, state }) => `${name}: ${state}`);
  yield toCheck(`connections${suffix}`, about('repository', 'cluster'), states.join(', '));
}

function toCheck(name: string, problems: readonly PreflightProblem[], detail: string): Check {
  if (problems.length === 0) return ok(name, detail);
  const sentences = problems.map(({ sentence }) => sentence).join(' ');
  const lines = problems.flatMap(({ rbac }) => rbac);
  const fixes = [...new Set(problems.flatMap(({ fix }) => fix ?? []))];
  const fix = [...fixes, ...(lines.length === 0 ? [] : [`Add to policy.csv: ${lines.join(' | ')}`])].join(' ');
  const isBroken = problems.some(({ severity }) => severity === 'error');
  return isBroken ? broken(name, sentences, fix === '' ? null : fix) : warning(name, sentences, fix);
}
