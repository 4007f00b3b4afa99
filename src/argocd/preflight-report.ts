// What the preflight finds out about one Argo CD instance, in words for people and in fields for programs. Nothing in it is
// secret: sentences are redacted, and what belongs to others in the same Argo CD is left out.

/** `unknown`: Argo CD did not tell, or there was nothing to ask about. `not_needed`: our settings never use it. */
export type RightState = 'granted' | 'missing' | 'unknown' | 'not_needed';

export interface RightReport {
  /** As policy.csv writes it: `applications, sync`. */
  right: string;
  /** What it is needed for. */
  use: string;
  state: RightState;
  /** `project/application` on which it is missing; a few of them where there are many. */
  missingOn: string[];
}

/** How Argo CD reaches something: its own word, or `not_visible` where this account may not see it. */
export interface ConnectionReport {
  /** Address or name. */
  name: string;
  state: 'Successful' | 'Failed' | 'Unknown' | 'not_visible';
  message: string;
}

/** `error`: tickets for this instance will not come to a good end. `warning`: some will, or it will not last. */
export interface PreflightProblem {
  about: 'server' | 'account' | 'rights' | 'repository' | 'cluster';
  severity: 'error' | 'warning';
  sentence: string;
  /** What to do; null where the lines say it all. */
  fix: string | null;
  /** Lines to add to policy.csv of argocd-rbac-cm, or to the policies of the project's role where the sentence says so. */
  rbac: string[];
}

export interface AccountReport {
  name: string;
  kind: 'local' | 'project_role' | 'sso' | 'anonymous';
  /** `never` ends: a token without an end, or one that does not tell. */
  expiry: 'none' | 'never' | 'valid' | 'expiring' | 'expired';
  expiresAt: string | null;
}

export interface InstanceReport {
  name: string;
  server: string;
  default: boolean;
  cluster: string;
  reachable: boolean;
  version: string | null;
  /** Null where Argo CD does not know who we are. */
  account: AccountReport | null;
  settings: {
    controllerNamespace: string;
    appsInAnyNamespace: boolean;
    impersonation: boolean;
    trackingMethod: string;
  } | null;
  /** How many Applications the account sees, and how many of them follow our branch of our repository. */
  applications: { visible: number; following: number } | null;
  rights: RightReport[];
  repository: ConnectionReport | null;
  /** Those that Applications following our branch deploy to. */
  clusters: ConnectionReport[];
  problems: PreflightProblem[];
  checkedAt: string;
}

/** One line for a log or a list of warnings. */
export function toProblemLine(instance: string, { sentence, fix, rbac }: PreflightProblem): string {
  const lines = rbac.length === 0 ? '' : ` Add to policy.csv: ${rbac.join(' | ')}`;
  return `Argo CD ${instance}: ${sentence}${fix === null ? '' : ` ${fix}`}${lines}`;
}
