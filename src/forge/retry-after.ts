const MINUTE_MS = 60_000;
const MAX_WAIT_MS = 60 * MINUTE_MS;

/**
 * How long the host wants us to wait, where its answer says that we asked too often: `Retry-After` in seconds or as a date,
 * or the moment at which a used-up budget is renewed (GitHub, GitLab). Undefined for every other answer.
 */
export function readRetryAfter(
  answer: { status: number; headers: Readonly<Record<string, string | string[] | undefined>>; text: string },
  nowMs: number,
): number | undefined {
  const { status, headers } = answer;
  if (![403, 429, 503].includes(status)) return undefined;
  const header = (name: string) => {
    const value = headers[name];
    return typeof value === 'string' && value !== '' ? value : undefined;
  };
  const bounded = (ms: number) => Math.min(MAX_WAIT_MS, Math.max(1_000, ms));
  const after = header('retry-after');
  if (after !== undefined) {
    if (/^\d+$/.test(after)) return bounded(Number(after) * 1_000);
    if (!Number.isNaN(Date.parse(after))) return bounded(Date.parse(after) - nowMs);
  }
  const isUsedUp = [header('x-ratelimit-remaining'), header('ratelimit-remaining')].includes('0');
  const reset = header('x-ratelimit-reset') ?? header('ratelimit-reset');
  if (isUsedUp && status !== 503)
    return bounded(reset !== undefined && /^\d+$/.test(reset) ? Number(reset) * 1_000 - nowMs : MINUTE_MS);
  // GitHub's limit on bursts comes as a 403 that says so in words.
  if (status === 429 || (status === 403 && /secondary rate limit|abuse detection/i.test(answer.text))) return MINUTE_MS;
  return undefined;
}
