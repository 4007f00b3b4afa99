import type { Logger } from '../lib/logger.ts';
import type { ArgoInstance, ArgoInstances } from './instances.ts';
import { checkInstance, type PreflightDeps } from './preflight.ts';
import { toProblemLine, type InstanceReport } from './preflight-report.ts';

/** The preflight of every instance, kept for a few seconds so that whoever asks often does not ask Argo CD often. */
export interface PreflightDesk {
  /** All instances side by side; each takes no longer than its time limit. */
  check(): Promise<InstanceReport[]>;
  /** What was wrong when it was last looked; nothing before the first look. */
  problems(): string[];
  /** Gives up what is being asked, and resolves when it has ended. */
  close(): Promise<void>;
}

interface DeskDeps extends PreflightDeps {
  instances: Pick<ArgoInstances, 'all'>;
  logger: Logger;
  /** How long a report counts. */
  freshMs: number;
}

export function createPreflightDesk(deps: DeskDeps): PreflightDesk {
  const { clock, logger } = deps;
  const kept = new Map<string, { atMs: number; report: InstanceReport }>();
  const running = new Map<string, Promise<InstanceReport>>();
  const stop = new AbortController();

  const look = async (instance: ArgoInstance): Promise<InstanceReport> => {
    try {
      const report = await checkInstance(instance, deps, stop.signal);
      if (stop.signal.aborted) return report;
      const before = new Set(kept.get(instance.name)?.report.problems.map((one) => toProblemLine(instance.name, one)));
      for (const problem of report.problems) {
        // Said when it is new; a problem that stays is not said with every look.
        if (before.has(toProblemLine(instance.name, problem))) continue;
        logger.warn({ instance: instance.name, ...problem }, 'argocd preflight found a problem');
      }
      kept.set(instance.name, { atMs: clock.now(), report });
      return report;
    } finally {
      running.delete(instance.name);
    }
  };

  const find = async (instance: ArgoInstance): Promise<InstanceReport> => {
    const last = kept.get(instance.name);
    if (last !== undefined && clock.now() - last.atMs < deps.freshMs) return last.report;
    const pending = running.get(instance.name) ?? look(instance);
    running.set(instance.name, pending);
    return await pending;
  };

  return {
    check: async () => await Promise.all(deps.instances.all.map(find)),
    problems: () =>
      deps.instances.all.flatMap(({ name }) =>
        (kept.get(name)?.report.problems ?? []).map((one) => toProblemLine(name, one)),
      ),
    close: async () => {
      stop.abort();
      await Promise.all(running.values());
    },
  };
}
