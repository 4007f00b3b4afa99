import type { TicketView } from '../../api/contract.ts';
import type { Tone } from '../text/lines.ts';

// Words and tones that more than one view uses. Glyphs are of one cell everywhere: no emoji.

const STATUS: Record<TicketView['status'], { glyph: string; word: string; tone: Tone }> = {
  draft: { glyph: '·', word: 'draft', tone: 'dim' },
  planning: { glyph: '~', word: 'planning', tone: 'info' },
  pending_plan_approval: { glyph: '?', word: 'approve plan?', tone: 'warn' },
  executing: { glyph: '~', word: 'executing', tone: 'info' },
  pending_approval: { glyph: '?', word: 'approve?', tone: 'warn' },
  pending_input: { glyph: '?', word: 'asks you', tone: 'warn' },
  observing: { glyph: '~', word: 'observing', tone: 'info' },
  paused: { glyph: '=', word: 'paused', tone: 'dim' },
  resolved: { glyph: '+', word: 'resolved', tone: 'good' },
  failed: { glyph: 'x', word: 'failed', tone: 'bad' },
  errored: { glyph: '!', word: 'errored', tone: 'bad' },
  cancelled: { glyph: '-', word: 'cancelled', tone: 'dim' },
};

/** A status as a person reads it; the glyph says the same without colour. */
export function toStatusWord(status: TicketView['status']): { text: string; tone: Tone } {
  const { glyph, word, tone } = STATUS[status];
  return { text: `${glyph} ${word}`, tone };
}

export function toRiskTone(risk: string): Tone {
  if (risk === 'critical' || risk === 'high') return 'bad';
  if (risk === 'medium') return 'warn';
  return risk === 'low' ? 'good' : 'dim';
}

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

/** The time of day in UTC, as everything on the screens is. */
export function toTime(iso: string): string {
  return iso.slice(11, 19);
}

export function toPercent(probability: number): string {
  const percent = probability * 100;
  return percent > 0 && percent < 1 ? '<1%' : `${percent.toFixed(0)}%`;
}

export function toShortHash(hash: string): string {
  return hash.slice(0, 12);
}
