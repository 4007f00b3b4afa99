import type { RolloutStrategy } from '../../cdk8s/edit-kinds.ts';
import type { Amount } from './quantity.ts';
import type { Word } from './words.ts';

/** A number said outright, or relative to what is there now. */
export type Change<T> =
  { how: 'to'; value: T } | { how: 'by'; value: T; sign: 1 | -1 } | { how: 'times'; factor: number };

/** Something a clause says about a service. `at` is the index of its word in the clause. */
export type Value = { at: number } & (
  | { kind: 'replicas'; change: Change<number> }
  | { kind: 'image'; image: string }
  | { kind: 'version'; version: string }
  /** A bare number that may be a version or a count; the sentence does not tell. */
  | { kind: 'number'; value: number }
  /** What the ticket believes to be there now. */
  | { kind: 'from'; text: string }
  /** `value` null removes; undefined was not said. `unclear` holds words after the value that may belong to it. */
  | {
      kind: 'setting';
      key: string;
      value: string | null | undefined;
      home: 'env' | 'config' | 'unknown';
      unclear?: string;
    }
  | { kind: 'resource'; resource: 'cpu' | 'memory'; side: 'requests' | 'limits' | 'both'; change: Change<Amount> }
  | { kind: 'host'; host: string; path?: string }
  | { kind: 'path'; path: string }
  | { kind: 'port'; port: number }
  | { kind: 'tls'; secret: string }
  | { kind: 'strategy'; strategy: RolloutStrategy }
  | { kind: 'storage'; size: string }
  | { kind: 'namespace'; namespace: string }
  | { kind: 'stateful' }
);

/** The next word that may be read, skipping words such as "the" and what readers pass as `skip`. */
export function nextIndex(words: readonly Word[], from: number, skip: RegExp): number {
  let at = from;
  while (at < words.length && words[at]?.kind === 'word' && skip.test(words[at]?.lower ?? '')) at += 1;
  return at;
}

export function markUsed(words: readonly Word[], from: number, to = from): void {
  for (const word of words.slice(from, to + 1)) word.used = true;
}

/** The word as lower-case text when it is still free to be read; otherwise empty. */
export function freeWord(words: readonly Word[], at: number): string {
  const word = words[at];
  return word !== undefined && word.kind === 'word' && !word.used ? word.lower : '';
}

/** The word as lower-case text whether read before or not; empty past the ends and for punctuation. */
export function wordAt(words: readonly Word[], at: number): string {
  const word = words[at];
  return word !== undefined && word.kind === 'word' ? word.lower : '';
}
