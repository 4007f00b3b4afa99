import type { Config } from '../../config/schema.ts';
import { createConfiguredForge } from '../../forge/configured.ts';
import { createSystemClock } from '../../lib/clock.ts';
import { ok, toBroken, type Check } from './check.ts';

/** The git host's API, where changes are proposed: reachable, the token accepted, the repository fit for pull requests. */
export async function* checkPullRequests(config: Config): AsyncGenerator<Check> {
  try {
    const forge = createConfiguredForge(config, createSystemClock());
    if (forge === undefined) return;
    const seconds = config.git.pullRequestPollSeconds;
    const news =
      config.git.webhookSecret === null
        ? `news is seen by looking, within ${seconds} to ${seconds * 10} seconds, since git.webhookSecret is not set`
        : `webhooks go to /api/webhooks/${forge.kind}`;
    yield ok('pull requests', `${await forge.describe()}; ${news}`);
  } catch (error) {
    yield toBroken('pull requests', error);
  }
}
