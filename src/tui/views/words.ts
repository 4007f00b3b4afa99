import type { Tone } from '../text/lines.ts';

// Words and tones that more than one view uses.

export function toHealthTone(word: string): Tone {
  if (word === 'Healthy' || word === 'Synced') return 'good';
  if (word === 'Degraded' || word === 'Missing') return 'bad';
  return word === 'Progressing' || word === 'OutOfSync' || word === 'Suspended' ? 'warn' : 'dim';
}

/** `40s`, `5m`, `3h`, `12d`: at most four cells for a year and more. */
export function toAge(iso: string, nowMs: number): string {
  const seconds = Math.max(0, Math.floor((nowMs - Date.parse(iso)) / 1000));
  if (Number.isNaN(seconds)) return '?';
  if (seconds < 60) return `${seconds}s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)}m`;
  return seconds < 86_400 ? `${Math.floor(seconds / 3600)}h` : `${Math.floor(seconds / 86_400)}d`;
}

/** How long until a moment; `0s` once it has passed. */
export function toWait(iso: string, nowMs: number): string {
  return toAge(new Date(nowMs).toISOString(), Date.parse(iso));
}

/** The time of day in UTC, as everything on the screens is. */
export function toTime(iso: string): string {
  return iso.slice(11, 19);
}

export function toPercent(probability: number): string {
  const percent = probability * 100;
  return percent > 0 && percent < 1 ? '<1 %' : `${percent.toFixed(0)} %`;
}
