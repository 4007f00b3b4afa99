import { toErrorMessage } from '../../lib/errors.ts';
import type { Logger } from '../../lib/logger.ts';
import type { CommitSha } from '../../lib/ids.ts';
import type { FaultKnobs } from '../faults.ts';
import type { Timeline } from '../timeline.ts';
import { CASCADE_FINALIZER } from './application.ts';
import type { ApplicationSpec } from './application.ts';
import type { GitReader } from './git.ts';
import type { Registry } from './registry.ts';

/** One Application for every folder under `root`, as an ApplicationSet with a git directory generator makes them. */
export interface AutoDiscover {
  repoUrl: string;
  branch: string;
  root: string;
  /** Where objects go that name no namespace themselves; `default` when left out. */
  namespace?: string;
  project?: string;
  syncPolicy?: ApplicationSpec['syncPolicy'];
}

export interface Discovery {
  /** Looks at the branch once. Failures are logged and tried again at the next turn. */
  look(): Promise<void>;
  stop(): void;
}

interface DiscoveryDeps {
  registry: Registry;
  git: GitReader;
  timeline: Timeline;
  faults: FaultKnobs;
  logger: Logger;
  controllerNamespace: string;
  intervalMs: number;
}

const DISCOVERED_LABEL = 'sandbox.tiphys.dev/discovered';

/** Applications appear with their folder and go, with everything they deployed, when it goes. */
export function startDiscovery(deps: DiscoveryDeps, rule: AutoDiscover): Discovery {
  const { registry, git, timeline, logger, controllerNamespace } = deps;
  let seen: CommitSha | undefined;
  let stopped = false;

  const look = async () => {
    if (stopped || deps.faults.get().controllerDown) return;
    try {
      const commit = await git.resolve(rule.repoUrl, rule.branch);
      if (commit === seen) return;
      const folders = await git.listFolders(rule.repoUrl, commit, rule.root);
      const mine = registry
        .snapshot()
        .filter((application) => application.metadata.labels?.[DISCOVERED_LABEL] === 'true');
      for (const folder of folders) {
        if (registry.find({ namespace: controllerNamespace, name: toName(folder) }) !== undefined) continue;
        registry.create(toDraft(folder));
      }
      for (const application of mine) {
        if (folders.some((folder) => toName(folder) === application.metadata.name)) continue;
        registry.update(application.metadata, (current) => ({
          ...current,
          metadata: { ...current.metadata, deletionTimestamp: current.metadata.deletionTimestamp ?? timeline.stamp() },
        }));
      }
      seen = commit;
    } catch (error) {
      logger.warn({ repoUrl: rule.repoUrl, error: toErrorMessage(error) }, 'folders could not be listed');
    }
  };

  const toDraft = (folder: string) => ({
    metadata: {
      name: toName(folder),
      namespace: controllerNamespace,
      labels: { [DISCOVERED_LABEL]: 'true' },
      finalizers: [CASCADE_FINALIZER],
    },
    spec: {
      project: rule.project ?? 'default',
      source: {
        repoURL: rule.repoUrl,
        path: `${rule.root}/${folder}`,
        targetRevision: rule.branch,
        directory: { recurse: true },
      },
      destination: { server: 'https://kubernetes.default.svc', namespace: rule.namespace ?? 'default' },
      syncPolicy: rule.syncPolicy ?? {
        automated: { prune: true, selfHeal: true },
        syncOptions: ['CreateNamespace=true'],
      },
    },
  });

  const turn = () => {
    if (stopped) return;
    void look().finally(() => timeline.after(deps.intervalMs, turn));
  };
  timeline.after(deps.intervalMs, turn);
  return {
    look,
    stop: () => {
      stopped = true;
    },
  };
}

/** Application names are DNS labels; folders need not be. */
function toName(folder: string): string {
  return folder
    .toLowerCase()
    .replace(/[^a-z0-9-]+/g, '-')
    .replace(/^-+|-+$/g, '')
    .slice(0, 63);
}
