import type { ArgoClient } from '../argocd/http.ts';
import type { ArgoInstances } from '../argocd/instances.ts';
import type { ClusterDoor } from '../kubernetes/configured.ts';
import type { RolloutProbe } from '../rollout/probe.ts';
import type { Synth } from '../cdk8s/synth.ts';
import type { Database } from '../database/open.ts';
import type { Clock } from '../lib/clock.ts';
import type { IdSource } from '../lib/ids.ts';
import type { Logger } from '../lib/logger.ts';
import type { Redactor } from '../lib/redact.ts';
import type { MemoryKeeper } from '../memory/memory-store.ts';
import type { Planner } from '../model/planning.ts';
import type { FreezeWindow } from '../policy/freeze-window.ts';
import type { PolicySettings } from '../policy/settings.ts';
import type { Forge } from '../forge/forge.ts';
import type { InfraRepo } from '../repo/infra-repo.ts';
import type { Journal } from '../ticket/event-store.ts';
import type { DraftCache } from './draft.ts';
import type { TicketEventBody } from '../ticket/event.ts';
import type { ObservationBudgets } from '../argocd/observation.ts';
import type { Watch } from '../argocd/watch.ts';

/** What the nodes of one ticket work with: what all tickets share, and the Argo CD instance of this one. */
export interface AgentDeps extends Omit<GraphDeps, 'settings'> {
  /** Name of the instance that `argo`, `watch`, `rollouts` and `planner` belong to. */
  instance: string;
  argo: ArgoClient;
  watch: Pick<Watch, 'hints'>;
  rollouts: RolloutProbe;
  /** The way to read its cluster; null where no kubeconfig is given. */
  kubernetes: ClusterDoor | null;
  planner: Planner;
  settings: AgentSettings;
}

/** What all tickets share; chosen in `app/`. */
export interface GraphDeps {
  db: Database;
  journal: Journal;
  clock: Clock;
  ids: IdSource;
  logger: Logger;
  redactor: Redactor;
  repo: InfraRepo;
  synth: Synth;
  drafts: DraftCache;
  instances: ArgoInstances;
  /** One for each instance, by its name. */
  planners: ReadonlyMap<string, Planner>;
  memory: MemoryKeeper;
  policy: { settings: PolicySettings; freezeWindows: readonly FreezeWindow[] };
  /** How changes are proposed on the git host; null where they are pushed. */
  proposals: Proposals | null;
  settings: Omit<AgentSettings, 'cluster'>;
}

export interface Proposals {
  forge: Forge;
  /** What the names of branches begin with. */
  branchPrefix: string;
  /** Whether a revert is proposed too; otherwise it is pushed. */
  proposesReverts: boolean;
  /** How soon a new pull request is looked at. */
  pollMs: number;
}

export interface AgentSettings {
  /** Files that free-form steps of a model may write. */
  allowedGlobs: readonly string[];
  /** The name under which the instance's cluster is remembered. */
  cluster: string;
  /** Folder of the files that tell of ended deploys. */
  occurrencesDir: string;
  approvalTtlMs: number;
  /** How often one attempt may plan anew after findings or failed edits. */
  plannerAttempts: number;
  /** Whether the planner can do something with being told what was wrong; one that follows rules cannot. */
  plannerCanRevise: boolean;
  /** How often a push may find that the branch has moved on. */
  pushAttempts: number;
  budgets: ObservationBudgets;
  /** Watching on after a change was found live. */
  soak: SoakSettings;
  mayRequestSync: boolean;
  mayTerminate: boolean;
  /** Asks Argo CD what it would render before a plan is approved; null where it is not asked. */
  renderGate: RenderGateSettings | null;
}

export interface RenderGateSettings {
  mode: 'warn' | 'block';
  /** What the names of the branches begin with that are pushed for it. */
  branchPrefix: string;
}

/** How long a change is watched on after it was found live, and what follows when it goes bad then. */
interface SoakSettings {
  minutes: number;
  /** Other times, by environment. */
  environments: Readonly<Record<string, number>>;
  onRegression: 'report' | 'revert' | 'ask';
}

/** What one run of a ticket brings to its nodes, passed through the graph's configuration. */
export interface RunContext {
  /** Aborted when the work is no longer wanted; nodes look at it where stopping is safe. */
  signal: AbortSignal;
  /** Throws `lease_lost` unless this runner may still act for the ticket. Called before every effect. */
  fence(): Promise<void>;
  /** Writes events for the ticket, at once. */
  emit(node: string, events: readonly TicketEventBody[]): Promise<void>;
}
