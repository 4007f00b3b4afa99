import { toErrorMessage } from '../lib/errors.ts';
import { cutText, toPlain } from '../lib/plain-text.ts';
import { isArgoError } from './error.ts';
import { toAllLines, toPlace, type Needs } from './preflight-rights.ts';
import type { AccountReport, InstanceReport, PreflightProblem } from './preflight-report.ts';

// What the preflight concludes, as problems in the report.

type About = PreflightProblem['about'];

/** Adds a problem after which tickets for this instance cannot come to a good end. */
export function tellError(report: InstanceReport, about: About, sentence: string, fix: string | null = null): void {
  report.problems.push({ severity: 'error', about, sentence, fix, rbac: [] });
}

export function tellWarning(report: InstanceReport, about: About, sentence: string, fix: string | null = null): void {
  report.problems.push({ severity: 'warning', about, sentence, fix, rbac: [] });
}

/** The first call that needs us to be known was refused. */
export function tellRefusal(report: InstanceReport, error: unknown): void {
  const { server } = report;
  if (isArgoError(error, 'unauthenticated'))
    tellError(report, 'account', `${server} does not accept our token or login.`, toHint(error));
  else tellError(report, 'server', `${server} does not list Applications: ${toShort(error)}.`, toHint(error));
}

export function tellAccount(report: InstanceReport, { name, kind, expiry, expiresAt }: AccountReport): void {
  const at = expiresAt ?? '';
  if (kind === 'anonymous')
    tellWarning(
      report,
      'account',
      'We are not signed in: Argo CD lets everybody in.',
      'Give this instance a token of an account.',
    );
  if (expiry === 'expiring')
    tellWarning(report, 'account', `The token of ${name} ends at ${at}.`, 'Make a new one; it is not renewed.');
  if (expiry === 'expired') tellError(report, 'account', `The token of ${name} ended at ${at}.`, 'Make a new one.');
}

/** Nothing follows our branch: the Applications are missing, or the account may not see them. */
export function tellApplications(
  report: InstanceReport,
  account: AccountReport,
  needs: Needs,
  { url, branch }: { url: string; branch: string },
): void {
  const { visible, following } = report.applications ?? { visible: 0, following: 0 };
  if (following > 0) return;
  const sentence =
    visible === 0
      ? `Account ${account.name} sees no Application.`
      : `None of the ${visible} Applications that account ${account.name} sees follows ${branch} of ${url}.`;
  const place = toPlace(account);
  const fix =
    'Make Applications for the folders of the repository; where there are some, the account may not get them.';
  report.problems.push({
    ...{ severity: 'error', about: 'rights', sentence },
    fix: place === null ? fix : `${fix} ${place}`,
    rbac: toAllLines(account, needs),
  });
}

export function tellConnections(report: InstanceReport): void {
  const { repository, clusters } = report;
  const why = (message: string) => message || 'it does not say why';
  if (repository?.state === 'Failed')
    tellError(report, 'repository', `Argo CD cannot read the repository: ${why(repository.message)}.`);
  for (const { name, state, message } of clusters)
    if (state === 'Failed') tellError(report, 'cluster', `Argo CD cannot reach the cluster ${name}: ${why(message)}.`);
}

export function tellSettings(report: InstanceReport): void {
  if (report.settings?.impersonation === true)
    tellWarning(
      report,
      'cluster',
      'Impersonation is on: logs, events and actions also need the rights of the service account of the project.',
      'See destinationServiceAccounts of the AppProject.',
    );
}

export function toHint(error: unknown): string | null {
  return isArgoError(error) ? (error.hint ?? null) : null;
}

const MAX_CHARS = 300;

/** One line of what went wrong. */
export function toShort(error: unknown): string {
  const text = isArgoError(error) ? error.upstreamMessage : toErrorMessage(error);
  const [line = ''] = toPlain(text).split('\n');
  return cutText(line, MAX_CHARS);
}
