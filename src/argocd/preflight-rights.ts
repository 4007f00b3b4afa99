import { type ApplicationRef, toApplicationRef } from './application.ts';
import { isArgoError } from './error.ts';
import type { ArgoClient } from './http.ts';
import type { AccountReport, PreflightProblem, RightReport, RightState } from './preflight-report.ts';
import type { Application } from './schema.ts';

/** What of its rights the agent's settings make it use. */
export interface Needs {
  /** Asks for syncs, or ends operations. */
  sync: boolean;
  /** Moves Rollouts on, or aborts them. */
  rollouts: boolean;
}

interface Question {
  argo: Pick<ArgoClient, 'canI' | 'runResourceAction'>;
  /** Those that follow our branch; rights on others are nobody's business. */
  applications: readonly Application[];
  controllerNamespace: string;
  version: string;
  needs: Needs;
  signal: AbortSignal;
}

const MAX_ASKED = 10;
const MAX_PROBED = 5;
const ROLLOUT = { group: 'argoproj.io', kind: 'Rollout', version: 'v1alpha1' };
// Kubernetes gives no object such a name, so there is nothing an action could be done to.
const NOBODY = 'Tiphys_asks_for_the_right';

interface Wanted {
  resource: string;
  action: string;
  use: string;
  isNeeded: (needs: Needs) => boolean;
}

const WANTED: readonly Wanted[] = [
  { resource: 'applications', action: 'get', use: 'to read and watch Applications', isNeeded: () => true },
  { resource: 'logs', action: 'get', use: 'to say why pods fail', isNeeded: () => true },
  {
    resource: 'applications',
    action: 'sync',
    use: 'to ask for a sync, or to end a stuck operation',
    isNeeded: ({ sync }) => sync,
  },
  {
    resource: 'applications',
    action: `action/${ROLLOUT.group}/${ROLLOUT.kind}/resume`,
    use: 'to move a paused Rollout on',
    isNeeded: ({ rollouts }) => rollouts,
  },
  {
    resource: 'applications',
    action: `action/${ROLLOUT.group}/${ROLLOUT.kind}/abort`,
    use: 'to stop a Rollout that goes wrong',
    isNeeded: ({ rollouts }) => rollouts,
  },
];

/** Whether the account may do what it will have to, asked for every right on a few Applications of ours. */
export async function askRights(question: Question): Promise<RightReport[]> {
  return await Promise.all(
    WANTED.map(async ({ resource, action, use, isNeeded }): Promise<RightReport> => {
      const right = `${resource}, ${action}`;
      if (!isNeeded(question.needs)) return { right, use, state: 'not_needed', missingOn: [] };
      const answers = await ask(question, resource, action);
      const missingOn = answers.flatMap(({ object, answer }) => (answer === false ? [object] : []));
      return { right, use, state: toState(answers, missingOn), missingOn };
    }),
  );
}

interface Answer {
  object: string;
  /** Undefined where Argo CD did not tell. */
  answer: boolean | undefined;
}

function toState(answers: readonly Answer[], missingOn: readonly string[]): RightState {
  if (missingOn.length > 0) return 'missing';
  return answers.length > 0 && answers.every(({ answer }) => answer === true) ? 'granted' : 'unknown';
}

async function ask(question: Question, resource: string, action: string): Promise<Answer[]> {
  const isAction = action.startsWith('action/');
  const asked = isAction ? pickProjects(question.applications) : question.applications.slice(0, MAX_ASKED);
  const answers: Answer[] = [];
  // One after the other: a check-up is no reason for a burst of requests.
  for (const application of asked) {
    const ref = toApplicationRef(application);
    const object = toObject(ref, question.controllerNamespace);
    const answer = isAction
      ? await probeAction(question, ref, action.split('/').at(-1) ?? '')
      : await askOne(question, resource, action, object);
    answers.push({ object, answer });
  }
  return answers;
}

/** One Application of each project: rights are given to projects. */
function pickProjects(applications: readonly Application[]): Application[] {
  const first = new Map<string, Application>();
  for (const one of applications) if (!first.has(one.spec.project)) first.set(one.spec.project, one);
  return [...first.values()].slice(0, MAX_PROBED);
}

function toObject({ name, namespace = '', project = 'default' }: ApplicationRef, controllerNamespace: string): string {
  const isElsewhere = namespace !== '' && controllerNamespace !== '' && namespace !== controllerNamespace;
  return [project, ...(isElsewhere ? [namespace] : []), name].join('/');
}

async function askOne(
  { argo, version, signal }: Question,
  resource: string,
  action: string,
  object: string,
): Promise<boolean | undefined> {
  try {
    const answer = await argo.canI(resource, action, object, { signal });
    // Before version 3 logs were readable to whoever could get the Application, whatever the policy says of logs.
    return !answer && resource === 'logs' && /^v?2\./.test(version) ? undefined : answer;
  } catch (error) {
    if (signal.aborted || isArgoError(error, 'unauthenticated')) throw error;
    return undefined;
  }
}

/**
 * Argo CD answers no question about actions, so an action is asked for on a Rollout that cannot exist. The right is looked
 * at before the object is: refused means missing, "not found" means granted. Nothing can come of it.
 */
async function probeAction(
  { argo, signal }: Question,
  ref: ApplicationRef,
  action: string,
): Promise<boolean | undefined> {
  try {
    await argo.runResourceAction(ref, { ...ROLLOUT, namespace: 'default', name: NOBODY }, action, { signal });
    return undefined;
  } catch (error) {
    if (signal.aborted || isArgoError(error, 'unauthenticated')) throw error;
    if (isArgoError(error, 'denied', 'missing_or_denied')) return false;
    return isArgoError(error, 'rejected', 'not_found') && /not found as part of/i.test(error.message)
      ? true
      : undefined;
  }
}

/** What is missing as problems, with the lines that mend it. */
export function toRightProblems(rights: readonly RightReport[], account: AccountReport): PreflightProblem[] {
  const subject = toSubject(account);
  return rights
    .filter(({ state }) => state === 'missing')
    .map(({ right, use, missingOn }) => ({
      about: 'rights' as const,
      // Watching works without logs and actions, only less is said and done.
      severity:
        right === 'applications, get' || right === 'applications, sync' ? ('error' as const) : ('warning' as const),
      sentence: `Account ${account.name} lacks the right "${right}", ${use}, on ${missingOn.join(', ')}.`,
      fix: toPlace(account),
      rbac: toLines(subject, right, missingOn),
    }));
}

/** The lines that give all rights on everything, for an account that sees nothing to ask about. */
export function toAllLines(account: AccountReport, needs: Needs): string[] {
  const subject = toSubject(account);
  const wanted = WANTED.filter(({ isNeeded }) => isNeeded(needs));
  const lines = wanted.map(({ resource, action }) =>
    toLine(subject.name, `${resource}, ${action}`, `${subject.scope}/*`),
  );
  return [...lines, ...subject.groups];
}

interface Subject {
  name: string;
  /** The only project it can have rights in, or all. */
  scope: string;
  /** Lines that make the name stand for the account. */
  groups: string[];
}

function toSubject({ name, kind }: AccountReport): Subject {
  switch (kind) {
    case 'local':
      return { name: toField(name), scope: '*', groups: [] };
    case 'project_role':
      return { name: toField(name), scope: name.split(':')[1] ?? '*', groups: [] };
    case 'sso':
      return { name: 'role:tiphys', scope: '*', groups: [`g, ${toField(name)}, role:tiphys`] };
    case 'anonymous':
      // Whoever is not signed in has the default role; the remedy is an account, and this is what it needs.
      return { name: 'tiphys', scope: '*', groups: [] };
  }
}

export function toPlace({ name, kind }: AccountReport): string | null {
  if (kind !== 'project_role') return null;
  const [, project = '', role = ''] = name.split(':');
  return `The lines belong to the policies of role ${role} in AppProject ${project}, not to argocd-rbac-cm.`;
}

function toLines(subject: Subject, right: string, missingOn: readonly string[]): string[] {
  const projects = [...new Set(missingOn.map((object) => object.split('/')[0] ?? '*'))];
  return [...projects.map((project) => toLine(subject.name, right, `${project}/*`)), ...subject.groups];
}

function toLine(subject: string, right: string, object: string): string {
  return `p, ${subject}, ${right}, ${toField(object)}, allow`;
}

/** As the policy's comma-separated form wants it. */
function toField(text: string): string {
  return /[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
