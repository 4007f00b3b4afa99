import { toIsoTime, type Clock } from '../lib/clock.ts';
import { toPlain } from '../lib/plain-text.ts';
import type { Redactor } from '../lib/redact.ts';
import type { ArgoInstance } from './instances.ts';
import type { AccountReport, ConnectionReport, InstanceReport } from './preflight-report.ts';
import type { Application, ArgoSettings, Connection, UserInfo } from './schema.ts';
import { toRepoKey } from './source.ts';
import type { TokenExpiry } from './token.ts';

// Argo CD's answers as fields of the report.

export function toEmptyReport({ name, isDefault, cluster, argo }: ArgoInstance, clock: Clock): InstanceReport {
  return {
    ...{ name, server: argo.baseUrl, default: isDefault, cluster },
    ...{ reachable: false, version: null, account: null, settings: null, applications: null },
    ...{ rights: [], repository: null, clusters: [], problems: [] },
    checkedAt: toIsoTime(clock.now()),
  };
}

export function toAccount(user: UserInfo | undefined, expiry: TokenExpiry): AccountReport {
  const expiresAt = 'expiresAtMs' in expiry ? toIsoTime(expiry.expiresAtMs) : null;
  const token = { expiry: expiry.state, expiresAt };
  if (user === undefined || !user.loggedIn) return { name: 'anonymous', kind: 'anonymous', ...token };
  const { username: name, iss } = user;
  if (name.startsWith('proj:')) return { name, kind: 'project_role', ...token };
  return { name, kind: iss === '' || iss === 'argocd' ? 'local' : 'sso', ...token };
}

export function toSettings(settings: ArgoSettings): NonNullable<InstanceReport['settings']> {
  const { controllerNamespace, appsInAnyNamespaceEnabled, impersonationEnabled, trackingMethod } = settings;
  return {
    controllerNamespace,
    appsInAnyNamespace: appsInAnyNamespaceEnabled,
    impersonation: impersonationEnabled,
    trackingMethod,
  };
}

/** How Argo CD reaches our repository, out of all it knows. */
export function toRepository(found: readonly Connection[], url: string): ConnectionReport {
  const own = found.find(({ repo }) => toRepoKey(repo) === toRepoKey(url));
  return toConnection(url, own);
}

/** The clusters our Applications deploy to; others are not ours to tell of. */
export function toClusters(found: readonly Connection[], following: readonly Application[]): ConnectionReport[] {
  const wanted = new Map(
    following.map(({ spec }) => {
      const { name = '', server = '' } = spec.destination ?? {};
      return [`${name} ${server}`, { name, server }];
    }),
  );
  return [...wanted.values()]
    .filter(({ name, server }) => name !== '' || server !== '')
    .map(({ name, server }) => {
      const own = found.find((one) => (server !== '' ? one.server === server : one.name === name));
      return toConnection(name === '' ? server : name, own);
    });
}

function toConnection(name: string, found: Connection | undefined): ConnectionReport {
  if (found === undefined) return { name, state: 'not_visible', message: '' };
  const { status, message } = found.connectionState;
  return { name, state: status === 'Successful' || status === 'Failed' ? status : 'Unknown', message };
}

/** Every text of others without secrets and without what a terminal would act on. */
export function toClean(report: InstanceReport, redactor: Redactor): InstanceReport {
  const clean = (text: string) => redactor.text(toPlain(text));
  const connection = (one: ConnectionReport) => ({ ...one, name: clean(one.name), message: clean(one.message) });
  return {
    ...report,
    server: clean(report.server),
    repository: report.repository === null ? null : connection(report.repository),
    clusters: report.clusters.map(connection),
    account: report.account === null ? null : { ...report.account, name: clean(report.account.name) },
    problems: report.problems.map((one) => ({
      ...one,
      sentence: clean(one.sentence),
      fix: one.fix === null ? null : clean(one.fix),
      rbac: one.rbac.map(clean),
    })),
  };
}
