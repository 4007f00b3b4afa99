import type { ArgoClient } from '../../../src/argocd/http.ts';
import { createBudgets, type ObservationBudgets, type ObservationInput } from '../../../src/argocd/observation.ts';
import { observeCommit } from '../../../src/argocd/observe.ts';
import type { Outcome } from '../../../src/argocd/outcome.ts';
import { takeSnapshot, type ApplicationSnapshot } from '../../../src/argocd/snapshot.ts';
import type { HintSource } from '../../../src/argocd/watch.ts';
import { createSystemClock } from '../../../src/lib/clock.ts';
import type { CommitSha } from '../../../src/lib/ids.ts';
import { silentLogger } from '../../../src/lib/logger.ts';
import type { ObjectRef } from '../../../src/manifest/object.ts';
import type { Backend } from './backend.ts';

/** One Application as it was before a push, and the way to watch what becomes of the push. */
export interface Observer {
  snapshot: ApplicationSnapshot;
  /** What was told while waiting. */
  told: string[];
  observe(commit: CommitSha, more?: Partial<ObservationInput>): Promise<Outcome>;
}

// A simulated cluster is fifty times as fast; a real one is given what the product gives it, shortened where only a
// confirmation is waited for.
const BUDGETS: Record<Backend['kind'], Partial<ObservationBudgets>> = {
  sandbox: {
    tickMs: 250,
    refreshTimeoutMs: 20_000,
    refreshEveryMs: 1_500,
    refreshRetryMs: 250,
    revisionMs: 30_000,
    renderConfirmMs: 500,
    declinedMs: 900,
    operationMs: 30_000,
    unknownMs: 10_000,
    confirmMs: 500,
    earlyMs: 1_000,
    healthMarginMs: 20_000,
    settleMs: 300,
    settleCustomMs: 300,
  },
  server: { tickMs: 5_000, refreshEveryMs: 20_000, renderConfirmMs: 10_000, confirmMs: 15_000, settleMs: 5_000 },
};

export function toBudgets(backend: Backend, more: Partial<ObservationBudgets> = {}): ObservationBudgets {
  return createBudgets({ ...BUDGETS[backend.kind], ...more });
}

export async function startObserver(
  backend: Backend,
  folder: string,
  { argo = backend.client(), hints, tell }: { argo?: ArgoClient; hints?: HintSource; tell?(text: string): void } = {},
): Promise<Observer> {
  const clock = createSystemClock();
  const application = backend.ref(folder);
  const snapshot = await takeSnapshot(argo, application);
  const told: string[] = [];
  return {
    snapshot,
    told,
    observe: (commit, more = {}) =>
      observeCommit(
        {
          argo,
          clock,
          logger: silentLogger,
          isAncestor: (a, b) => backend.isAncestor(a, b),
          ...(hints === undefined ? {} : { hints }),
        },
        {
          application,
          snapshot,
          commit,
          pushedAtMs: clock.now(),
          changed: [],
          budgets: toBudgets(backend),
          policy: { mayRequestSync: false, mayTerminate: false },
          ticketId: 'tkt_contract',
          ...more,
        },
        ({ type, ...progress }) => {
          if (type !== 'note' || !('text' in progress)) return;
          told.push(progress.text);
          tell?.(progress.text);
        },
        AbortSignal.timeout(backend.patienceMs * 2),
      ),
  };
}

export function toRef(backend: Backend, kind: string, name: string): ObjectRef {
  const group = { Deployment: 'apps', Job: 'batch', Unheard: 'tiphys.example.com' }[kind] ?? '';
  return { group, kind, namespace: backend.namespace, name };
}
