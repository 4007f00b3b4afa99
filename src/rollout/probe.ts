import type { Clock } from '../lib/clock.ts';

/** Whether Argo Rollouts runs where Argo CD deploys: without it a Rollout is an object nobody acts on. */
export interface RolloutProbe {
  isAvailable(): Promise<boolean>;
}

const FRESH_MS = 60_000;

/**
 * @param setting what the operator says; `auto` looks for a Rollout, or for the controller's own image, among the
 * Applications, and remembers the answer for a minute
 * @param listRunning `group/Kind` of every resource and every image that Argo CD shows
 */
export function createRolloutProbe(
  setting: 'auto' | 'installed' | 'absent',
  listRunning: () => Promise<string[]>,
  clock: Clock,
): RolloutProbe {
  let answer = false;
  let askedAt = Number.NEGATIVE_INFINITY;
  return {
    isAvailable: async () => {
      if (setting !== 'auto') return setting === 'installed';
      if (clock.now() - askedAt < FRESH_MS) return answer;
      const running = await listRunning();
      answer = running.some((one) => one === 'argoproj.io/Rollout' || /(^|\/)argo-rollouts[:@]/.test(one));
      askedAt = clock.now();
      return answer;
    },
  };
}
