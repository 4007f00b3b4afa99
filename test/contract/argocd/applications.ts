import type { Caller, Json } from './http-call.ts';
import { toNamespace } from './manifests.ts';
import type { ServerSettings } from './settings.ts';
import type { Workspace } from './workspace.ts';

const LABEL = 'tiphys.dev/suite';
const HOUR_MS = 60 * 60 * 1000;

interface ApplicationOptions {
  /** Left out: a person has to press sync. */
  automated?: { prune?: boolean; selfHeal?: boolean };
  syncOptions?: string[];
  /** Left out: one attempt, so that a failure is final at once. */
  retry?: object;
  branch?: string;
  /** Another folder than that of its name. */
  path?: string;
}

export interface Applications {
  /** Where everything is deployed. */
  namespace: string;
  nameOf(folder: string): string;
  createApplication(folder: string, options?: ApplicationOptions): Promise<string>;
  /** Makes an Application follow something else. */
  changeApplication(folder: string, options: ApplicationOptions): Promise<void>;
  /** Asks for an operation and gives the answer; fails when it is refused. */
  sync(name: string, body?: object): Promise<Json>;
  get(name: string, query?: string): Promise<Json>;
  /** Asks again until the answer is as wanted; fails with the last one when it never is. */
  until(name: string, what: string, isWanted: (application: Json) => boolean): Promise<Json>;
  /** Changes a live ConfigMap past git, as a person does in Argo CD's screens; false where the account may not. */
  changeLive(name: string, configMap: string, patch: object): Promise<boolean>;
  /** Deletes it with everything it deployed and waits until it is gone. */
  deleteApplication(name: string): Promise<void>;
}

interface Deps {
  caller: Caller;
  settings: ServerSettings;
  root: string;
  push: Workspace['push'];
  find<T>(what: string, look: () => Promise<T | undefined>): Promise<T>;
  note(text: string): void;
}

/** Applications of one test file, all marked as the suite's. */
export function createApplications(
  deps: Deps,
): Applications & { makeNamespace(): Promise<void>; removeAll(): Promise<void> } {
  const { caller, settings, root, find, note } = deps;
  const { project } = settings;
  const namespace = settings.namespace ?? root;
  const created = new Set<string>();
  const nameOf = (folder: string) => `${root}-${folder}`;
  const toPath = (name: string) => `/api/v1/applications/${name}`;

  const toBody = (folder: string, options: ApplicationOptions) => ({
    metadata: { name: nameOf(folder), labels: { [LABEL]: 'contract' } },
    spec: {
      project,
      source: {
        repoURL: settings.repoUrl,
        path: `${root}/${options.path ?? folder}`,
        targetRevision: options.branch ?? settings.git.branch,
      },
      destination: { server: settings.destination, namespace },
      syncPolicy: {
        ...(options.automated === undefined ? {} : { automated: options.automated }),
        ...(options.syncOptions === undefined ? {} : { syncOptions: options.syncOptions }),
        retry: options.retry ?? { limit: 0 },
      },
    },
  });

  const post = async (query: string, folder: string, options: ApplicationOptions) => {
    const answer = await caller.call('POST', `/api/v1/applications${query}`, { body: toBody(folder, options) });
    if (answer.status !== 200)
      throw new Error(`create ${nameOf(folder)}: ${answer.status} ${answer.text}${toSetUpHint(answer.text)}`);
  };

  const get: Applications['get'] = async (name, query = '') => {
    const answer = await caller.call('GET', `${toPath(name)}?project=${project}${query === '' ? '' : `&${query}`}`);
    if (answer.status !== 200) throw new Error(`GET ${name}: ${answer.status} ${answer.text}`);
    return answer.json;
  };

  const until: Applications['until'] = async (name, what, isWanted) => {
    let last: Json;
    try {
      return await find(`${name}: ${what}`, async () => {
        last = await get(name);
        return isWanted(last) ? (last as Json) : undefined;
      });
    } catch (error) {
      throw new Error(`${name}: ${JSON.stringify(last?.operation)} ${JSON.stringify(last?.status)}`, { cause: error });
    }
  };

  const remove = async (name: string) => {
    // An operation that hangs would go on while its objects are taken away.
    await caller.call('DELETE', `${toPath(name)}/operation?project=${project}`);
    const answer = await caller.call('DELETE', `${toPath(name)}?project=${project}&cascade=true`);
    if (answer.status !== 200 && answer.status !== 404)
      throw new Error(`Application ${name} could not be deleted: ${answer.status} ${answer.text}`);
  };

  const untilGone = async (name: string) => {
    await find(`${name} deleted`, async () => {
      const { status } = await caller.call('GET', `${toPath(name)}?project=${project}`);
      return status === 404 ? true : undefined;
    });
    created.delete(name);
    note(`deleted Application ${name}`);
  };

  const sync: Applications['sync'] = async (name, body = {}) => {
    const answer = await caller.call('POST', `${toPath(name)}/sync`, { body: { project, ...body } });
    if (answer.status !== 200 || answer.json?.operation === undefined)
      throw new Error(`sync ${name}: ${answer.status} ${answer.text}`);
    return answer.json;
  };

  const createApplication: Applications['createApplication'] = async (folder, options = {}) => {
    await post('', folder, options);
    created.add(nameOf(folder));
    note(`created Application ${nameOf(folder)}`);
    return nameOf(folder);
  };

  const HOLDER = 'namespace';

  return {
    namespace,
    nameOf,
    createApplication,
    sync,
    get,
    until,
    changeApplication: (folder, options) => post('?upsert=true', folder, options),
    changeLive: async (name, configMap, patch) => {
      const query = new URLSearchParams({
        ...{ project, namespace, resourceName: configMap, version: 'v1', group: '', kind: 'ConfigMap' },
        patchType: 'application/merge-patch+json',
      });
      // The body is a text that holds the patch.
      const body = JSON.stringify(JSON.stringify(patch));
      const answer = await caller.call('POST', `${toPath(name)}/resource?${query.toString()}`, { body });
      if (answer.status === 403) return false;
      if (answer.status !== 200) throw new Error(`change ${configMap}: ${answer.status} ${answer.text}`);
      return true;
    },
    deleteApplication: async (name) => {
      await remove(name);
      await untilGone(name);
    },
    /** The namespace belongs to an Application of its own, which takes it away when it goes itself. */
    makeNamespace: async () => {
      if (settings.namespace !== undefined) return;
      await deps.push({ [`${HOLDER}/namespace.json`]: toNamespace(namespace) });
      const name = await createApplication(HOLDER);
      await get(name, 'refresh=normal');
      await sync(name);
      const done = await until(name, 'synced', ({ status }) => status.operationState?.finishedAt !== undefined);
      const { phase, message, syncResult } = done.status.operationState;
      if (phase === 'Succeeded') return;
      const said = [message, ...(syncResult?.resources ?? []).map((one: Json) => one.message)].join('; ');
      throw new Error(`namespace ${namespace} could not be made: ${said}${toSetUpHint(said)}`);
    },
    removeAll: async () => {
      const holder = nameOf(HOLDER);
      const names = [...created].filter((name) => name !== holder);
      for (const name of names) await remove(name).catch((error: unknown) => note(`LEFT BEHIND: ${String(error)}`));
      for (const name of names) await untilGone(name).catch((error: unknown) => note(`LEFT BEHIND: ${String(error)}`));
      if (!created.has(holder)) return;
      await remove(holder);
      await untilGone(holder);
    },
  };
}

/** Asks for the end of Applications that runs which died more than an hour ago have left. Gives their names. */
export async function removeLeftovers(caller: Caller, { project }: ServerSettings): Promise<string[]> {
  const query = `selector=${encodeURIComponent(`${LABEL}=contract`)}&projects=${project}`;
  const list = await caller.call('GET', `/api/v1/applications?${query}`);
  if (list.status !== 200) throw new Error(`the list of Applications: ${list.status} ${list.text}`);
  const items: { metadata: { name: string; namespace: string; creationTimestamp: string } }[] = list.json.items ?? [];
  // By the server's own clock, which need not be ours.
  const nowMs = Date.parse(list.headers.date ?? '') || Date.now();
  const old = items.filter(({ metadata }) => nowMs - Date.parse(metadata.creationTimestamp) > HOUR_MS);
  for (const { metadata } of old) {
    const where = `project=${project}&appNamespace=${metadata.namespace}`;
    await caller.call('DELETE', `/api/v1/applications/${metadata.name}/operation?${where}`);
    await caller.call('DELETE', `/api/v1/applications/${metadata.name}?${where}&cascade=true`);
  }
  return old.map(({ metadata }) => `Application ${metadata.name}`);
}

const SET_UP: readonly [pattern: RegExp, hint: string][] = [
  [/resource \S*Namespace is not permitted/i, 'name a namespace that exists in TIPHYS_E2E_NAMESPACE'],
  [
    /repository not accessible|authentication required|authorization failed|could not read from remote/i,
    'register the repository in Argo CD, with credentials where it needs them',
  ],
  [
    /repo\S* .*is not permitted in project/i,
    'let the project use the repository, or name another in TIPHYS_E2E_ARGOCD_PROJECT',
  ],
  [
    /destination .*(?:do not match|is not permitted|not found)|there are no clusters|cluster .*not found/i,
    'name a cluster in TIPHYS_E2E_DESTINATION_SERVER to which the project may deploy',
  ],
];

/** What a person has to set up where Argo CD refuses for a reason that is no fault of the commit. */
export function toSetUpHint(said: string): string {
  const found = SET_UP.find(([pattern]) => pattern.test(said));
  return found === undefined ? '' : `\nWhat to do: ${found[1]}.`;
}
