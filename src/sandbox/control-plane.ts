import { toErrorMessage } from '../lib/errors.ts';
import type { Logger } from '../lib/logger.ts';
import { createActions } from './argo/actions.ts';
import { createApiServer } from './argo/apply.ts';
import { listSources, toApplicationId } from './argo/application.ts';
import type { Application } from './argo/application.ts';
import { followChildApplications } from './argo/child-applications.ts';
import { startDiscovery } from './argo/discover.ts';
import { createGitReader } from './argo/git.ts';
import type { SandboxRepository } from './argo/git.ts';
import { createLive } from './argo/live.ts';
import { createOperations } from './argo/operations.ts';
import type { Project } from './argo/project.ts';
import { createReconciler } from './argo/reconcile.ts';
import { createRegistry } from './argo/registry.ts';
import { createTargetLoader } from './argo/targets.ts';
import { createTreeCache } from './argo/tree.ts';
import { createCluster } from './cluster/cluster.ts';
import { createRandom } from './cluster/naming.ts';
import { createFaults } from './faults.ts';
import { createAccess } from './http/access.ts';
import type { SandboxAccount } from './http/access.ts';
import type { Backend } from './http/backend.ts';
import type { ApplicationSummary, SandboxOptions } from './options.ts';
import { loadState, saveState } from './saved-state.ts';
import { createTimeline } from './timeline.ts';
import type { Behaviour } from './workloads/behaviour.ts';
import { startControllers } from './workloads/controllers.ts';
import { createPodLogs } from './workloads/pod-logs.ts';

const CONTROLLER_NAMESPACE = 'argocd';
const NODES = ['node-1', 'node-2', 'node-3'];
const POLL_MS = 120_000;
const DISCOVER_MS = 30_000;
const SAVE_MS = 2000;

type PlaneOptions = Omit<SandboxOptions, 'projects' | 'accounts'> & {
  logger: Logger;
  accounts: SandboxAccount[];
  projects: Project[];
  speed: number;
};

export interface ControlPlane {
  backend: Backend;
  /** Brings back what was saved, makes the Applications and begins to reconcile. */
  start(): Promise<void>;
  stop(): Promise<void>;
  summarise(): ApplicationSummary[];
  disturb(workload: { kind: string; namespace: string; name: string }, behaviour: Behaviour): number;
}

/** Puts the parts together: the simulated cluster, the controller over it, and what the API needs of both. */
export async function createControlPlane(options: PlaneOptions): Promise<ControlPlane> {
  const { clock, speed, logger, projects } = options;
  const saved = options.statePath === undefined ? undefined : await loadState(options.statePath);
  const faults = createFaults();
  // After a restart other names have to come than those that are taken.
  const random = createRandom(`${options.seed ?? 'sandbox'} ${saved?.cluster.version ?? 0}`);
  const timeline = createTimeline({ clock, speed, logger, skewMs: () => faults.get().clockSkewMs });
  const cluster = createCluster({ timeline, random });
  const logs = createPodLogs(timeline);
  const progressDeadlineSeconds = options.progressDeadlineSeconds ?? 600;
  const live = createLive(cluster, CONTROLLER_NAMESPACE);
  const controllers = startControllers({
    cluster,
    timeline,
    random,
    logs,
    settings: { progressDeadlineSeconds, nodes: NODES },
    measurements: () => faults.get().measurements ?? undefined,
    controllerLagMs: () => faults.get().controllerLagMs,
  });
  const repositories = listRepositories(options);
  const git = createGitReader({ repositories, fault: () => faults.get().gitError ?? undefined });
  const loader = createTargetLoader({
    ...{ git, controllerNamespace: CONTROLLER_NAMESPACE },
    patches: () => faults.get().renderPatches,
  });
  const registry = createRegistry({
    timeline,
    random,
    controllerNamespace: CONTROLLER_NAMESPACE,
    lagMs: () => faults.get().listerLagMs,
  });
  const api = createApiServer({
    cluster,
    customGroups: options.customGroups ?? ['argoproj.io'],
    namespaces: options.namespaces,
    progressDeadlineSeconds,
    takeFault: (ref) => faults.takeApplyError(ref),
  });
  const findProject = (name: string) => projects.find((project) => project.name === name);
  const operations = createOperations({
    registry,
    cluster,
    timeline,
    api,
    loader,
    live,
    logger,
    findProject,
    // A person's operation is followed by a look at git, the controller's own by a comparison.
    onFinished: (id, operation) => {
      const level = operation.initiatedBy?.automated === true ? 2 : 3;
      const lagMs = faults.get().compareLagMs;
      if (lagMs > 0) timeline.after(lagMs, () => reconciler.request(id, level));
      else reconciler.request(id, level);
    },
  });
  followChildApplications(cluster, registry, timeline);
  const access = createAccess({
    accounts: options.accounts,
    clock,
    registry,
    controllerNamespace: CONTROLLER_NAMESPACE,
    applicationNamespaces: options.applicationNamespaces ?? [],
  });
  const reconciler = createReconciler({
    registry,
    cluster,
    timeline,
    live,
    loader,
    operations,
    faults,
    logger,
    random,
    findProject,
    controllerNamespace: CONTROLLER_NAMESPACE,
    isHeeded: access.isEnabled,
    pollIntervalMs: options.pollIntervalMs ?? POLL_MS,
    missingRule: options.argoVersion === '3.2' ? 'any' : 'all',
  });
  const trees = createTreeCache({
    cluster,
    timeline,
    live,
    nodes: NODES,
    lagMs: () => faults.get().treeLagMs,
    onWrite: registry.onWrite,
    findByOwner: (owner) => {
      const [name = '', namespace = CONTROLLER_NAMESPACE] = owner.split('_').reverse();
      return registry.find({ namespace, name });
    },
  });
  const rule = 'autoDiscover' in options.applications ? options.applications.autoDiscover : undefined;
  const intervalMs = options.discoverIntervalMs ?? DISCOVER_MS;
  const discovery =
    rule === undefined
      ? undefined
      : startDiscovery(
          { registry, git, timeline, faults, logger, controllerNamespace: CONTROLLER_NAMESPACE, intervalMs },
          rule,
        );
  const actions = createActions(cluster, timeline);
  const save = async () => {
    if (options.statePath === undefined) return;
    await saveState(options.statePath, { format: 1, applications: registry.snapshot(), cluster: cluster.snapshot() });
  };
  let saving = Promise.resolve();
  let isSaveDue = false;
  const saveLater = () => {
    if (options.statePath === undefined || isSaveDue) return;
    isSaveDue = true;
    timeline.after(SAVE_MS * speed, () => {
      isSaveDue = false;
      saving = saving
        .then(save)
        .catch((error: unknown) => logger.warn({ error: toErrorMessage(error) }, 'the state could not be saved'));
    });
  };

  const listPodUids = (uid: string): string[] =>
    cluster
      .childrenOf(uid)
      .flatMap((child) => (child.kind === 'Pod' ? [child.metadata.uid] : listPodUids(child.metadata.uid)));

  return {
    backend: {
      registry,
      cluster,
      timeline,
      clock,
      access,
      loader,
      git,
      live,
      trees,
      logs,
      faults,
      logger,
      projects,
      repositories,
      controllerNamespace: CONTROLLER_NAMESPACE,
      argoVersion: options.argoVersion ?? '3.4',
      webhookSecrets: options.webhookSecrets ?? {},
      requestCompare: (application, level) => reconciler.request(toApplicationId(application), level),
      discover: async () => await discovery?.look(),
      disturb: controllers.pods.disturb,
      runAction: (_application, uid, action, parameters) =>
        faults.take('lostActions') ? { kind: 'done' } : actions.run(uid, action, parameters),
      listActions: actions.list,
    },
    start: async () => {
      if (saved !== undefined) {
        registry.restore(saved.applications);
        cluster.restore(saved.cluster);
      }
      cluster.onChange(saveLater);
      registry.onWrite(saveLater);
      await discovery?.look();
      if (!Array.isArray(options.applications)) return;
      for (const { name, namespace = CONTROLLER_NAMESPACE, spec, labels, annotations } of options.applications) {
        if (registry.find({ namespace, name }) !== undefined) continue;
        registry.create({
          metadata: {
            name,
            namespace,
            ...(labels === undefined ? {} : { labels }),
            ...(annotations === undefined ? {} : { annotations }),
          },
          spec: { ...spec, project: spec.project ?? 'default' },
        });
      }
    },
    stop: async () => {
      discovery?.stop();
      reconciler.stop();
      controllers.stop();
      trees.stop();
      timeline.stop();
      await saving;
      await save();
    },
    summarise: () => registry.snapshot().map(toSummary),
    disturb: (workload, behaviour) => {
      const objects = cluster
        .list(workload.kind, workload.namespace)
        .filter((object) => object.metadata.name === workload.name);
      return objects
        .flatMap((object) => listPodUids(object.metadata.uid))
        .filter((uid) => controllers.pods.disturb(uid, behaviour)).length;
    },
  };
}

/** The repositories given, and those that Applications name by a local path. */
function listRepositories(options: PlaneOptions): SandboxRepository[] {
  const given = options.repositories ?? [];
  const named = Array.isArray(options.applications)
    ? options.applications.flatMap((application) =>
        listSources({ project: '', ...application.spec }).map((source) => source.repoURL),
      )
    : [options.applications.autoDiscover.repoUrl];
  const urls = new Set(given.map((repository) => repository.url));
  return [...given, ...[...new Set(named)].filter((url) => !urls.has(url)).map((url) => ({ url }))];
}

function toSummary(application: Application): ApplicationSummary {
  const { sync, health, summary } = application.status;
  return {
    name: application.metadata.name,
    namespace: application.metadata.namespace,
    sync: sync.status,
    health: health.status,
    revision: sync.revision ?? sync.revisions?.[0] ?? '',
    images: summary?.images ?? [],
  };
}
