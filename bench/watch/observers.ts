import { createArgoClient, type ArgoClient } from '../../src/argocd/http.ts';
import { createBudgets } from '../../src/argocd/observation.ts';
import { observeCommit } from '../../src/argocd/observe.ts';
import { takeSnapshot } from '../../src/argocd/snapshot.ts';
import { openWatch, type Watch } from '../../src/argocd/watch.ts';
import { createSystemClock } from '../../src/lib/clock.ts';
import type { CommitSha } from '../../src/lib/ids.ts';
import { silentLogger } from '../../src/lib/logger.ts';
import { MARK, type Change } from './protocol.ts';
import type { World } from './world.ts';

const NEVER_MS = 1_000_000_000;
/** A commit Argo CD has not seen: the product's own loop waits for it and never comes to an end. */
const AWAITED = 'c'.repeat(40) as CommitSha;

export interface Observers {
  /** Calls made of Argo CD so far, the stream being one. */
  calls(): number;
  /** From each change of an Application that is observed to the end of the read that shows it; those never shown are Infinity. */
  reactions(changes: readonly Change[]): number[];
  isConnected(): boolean;
  /** Ends the stream; the observers go on by time alone. */
  close(): Promise<void>;
}

/** Tickets in the middle of waiting, each with its own observer, all with one client and one stream, as in the product. */
export async function startObservers(
  world: World,
  names: readonly string[],
  { hints, tickMs }: { hints: boolean; tickMs: number },
): Promise<Observers> {
  const clock = createSystemClock();
  let calls = 0;
  const base = { baseUrl: world.url, token: world.token, requestTimeoutMs: 30_000, clock, logger: silentLogger };
  const argo = countCalls(createArgoClient(base), () => (calls += 1));
  const watch: Watch | undefined = hints ? openWatch({ argo, clock, logger: silentLogger }) : undefined;
  const stop = new AbortController();
  const seen: { name: string; reads: { seq: number; atMs: number }[] }[] = [];
  const running: Promise<unknown>[] = [];
  for (const name of names) {
    const reads: { seq: number; atMs: number }[] = [];
    seen.push({ name, reads });
    const application = { name, namespace: 'argocd', project: 'default' };
    const noting: ArgoClient = {
      ...argo,
      getApplication: async (ref, options) => {
        const read = await argo.getApplication(ref, options);
        reads.push({ seq: Number(read.metadata.annotations[MARK] ?? '0'), atMs: Date.now() });
        return read;
      },
    };
    const input = {
      application,
      snapshot: await takeSnapshot(argo, application),
      commit: AWAITED,
      pushedAtMs: clock.now(),
      changed: [],
      budgets: createBudgets({ tickMs, refreshEveryMs: NEVER_MS, revisionMs: NEVER_MS, overallMs: NEVER_MS }),
      policy: { mayRequestSync: false, mayTerminate: false },
    };
    // What Argo CD shows comes before what is waited for, whatever it is.
    const isAncestor = (a: CommitSha) => Promise.resolve(a !== AWAITED);
    const deps = { argo: noting, clock, logger: silentLogger, isAncestor };
    const observing = observeCommit(
      watch === undefined ? deps : { ...deps, hints: watch.hints() },
      input,
      () => undefined,
      stop.signal,
    );
    running.push(observing.catch(() => undefined));
  }
  return {
    calls: () => calls,
    isConnected: () => watch?.isConnected() === true,
    reactions: (changes) =>
      seen.flatMap(({ name, reads }) =>
        changes
          .filter((change) => change.name === name)
          .map(({ seq, atMs }) => (reads.find((read) => read.seq >= seq)?.atMs ?? Infinity) - atMs),
      ),
    close: async () => {
      stop.abort();
      await Promise.all([...running, watch?.close()]);
      argo.close();
    },
  };
}

function countCalls(argo: ArgoClient, count: () => void): ArgoClient {
  return new Proxy(argo, {
    get: (target, key) => {
      const value: unknown = Reflect.get(target, key);
      if (typeof value !== 'function' || key === 'close' || key === 'tokenExpiry') return value;
      return (...args: unknown[]) => {
        count();
        return (value as (...all: unknown[]) => unknown)(...args);
      };
    },
  });
}
