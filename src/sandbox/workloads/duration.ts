const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** Seconds as a number, or a duration such as `30s`, `1m30s` or `10`; undefined where there is none. */
export function toPauseMs(duration: unknown): number | undefined {
  if (typeof duration === 'number') return duration * 1000;
  if (typeof duration !== 'string' || duration === '') return undefined;
  if (/^\d+$/.test(duration)) return Number(duration) * 1000;
  const parts = [...duration.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h)/g)];
  if (parts.map(([whole]) => whole).join('') !== duration) return undefined;
  return parts.reduce((sum, [, count, unit]) => sum + Number(count) * (UNITS[unit ?? ''] ?? 0), 0);
}
