import type { InfoView, TicketView } from '../api/contract.ts';

// What every client calls things, and how a reader should take them. No terminal and no page is known here.

/** How something said is meant. */
export type Tone = 'plain' | 'dim' | 'bold' | 'good' | 'bad' | 'warn' | 'info';

// Glyphs are of one cell everywhere: no emoji.
const STATUS: Record<TicketView['status'], { glyph: string; word: string; tone: Tone }> = {
  draft: { glyph: '·', word: 'draft', tone: 'dim' },
  planning: { glyph: '~', word: 'planning', tone: 'info' },
  pending_plan_approval: { glyph: '?', word: 'approve plan?', tone: 'warn' },
  executing: { glyph: '~', word: 'executing', tone: 'info' },
  pending_approval: { glyph: '?', word: 'approve?', tone: 'warn' },
  pending_input: { glyph: '?', word: 'asks you', tone: 'warn' },
  pending_merge: { glyph: '?', word: 'merge?', tone: 'warn' },
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

/** The end of an id: its beginning is the time, which tickets of the same day share. */
export function toShortId(id: string): string {
  return id.slice(-8);
}

/** `1 object`, `2 objects`. */
export function toCount(count: number, word: string): string {
  return `${count} ${word}${count === 1 ? '' : 's'}`;
}

export function toShortHash(hash: string): string {
  return hash.slice(0, 12);
}

/** The Argo CD instances there are to choose from, the default one first; none where there is one only. */
export function toTargets(info: InfoView): string[] {
  const { instances } = info.argocd;
  if (instances.length < 2) return [];
  return instances.toSorted((a, b) => Number(b.default) - Number(a.default)).map(({ name }) => name);
}
