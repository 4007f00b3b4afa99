import type { ComponentChildren } from 'preact';
import type { Tone } from '../../client/words.ts';

// Words of others: control characters and signs that turn the writing direction are shown as their code.
const UNSAFE = /[^\P{Cc}\t\n]|[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu;

/** Text of others, as a reader can trust it. */
export function toShown(text: string): string {
  return text.replace(UNSAFE, (sign) => `\\u${sign.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

export function Said({ text, tone }: { text: string; tone?: Tone | undefined }) {
  return <span class={tone ?? 'plain-text'}>{toShown(text)}</span>;
}

export function Badge({ text, tone }: { text: string; tone: Tone }) {
  return <span class={`badge ${tone}`}>{toShown(text)}</span>;
}

/** A moment, as the reader's own clock says it; the exact one is behind it. */
export function Moment({ at }: { at: string | null }) {
  if (at === null) return <span class="dim">-</span>;
  return (
    <time dateTime={at} title={at}>
      {new Date(at).toLocaleString()}
    </time>
  );
}

export function Problem({ error }: { error: unknown }) {
  const hint = error instanceof Error && 'hint' in error && typeof error.hint === 'string' ? error.hint : undefined;
  return (
    <p class="problem" role="alert">
      {toShown(error instanceof Error ? error.message : String(error))}
      {hint === undefined ? null : <> {toShown(hint)}</>}
    </p>
  );
}

export function Panel({
  title,
  class: extra,
  children,
}: {
  title?: string;
  class?: string;
  children: ComponentChildren;
}) {
  return (
    <section class={extra === undefined ? 'panel' : `panel ${extra}`}>
      {title === undefined ? null : <h2>{title}</h2>}
      {children}
    </section>
  );
}

export function toPercent(probability: number): string {
  const percent = probability * 100;
  return percent > 0 && percent < 1 ? '<1 %' : `${percent.toFixed(0)} %`;
}
