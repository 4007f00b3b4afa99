import { createHash } from 'node:crypto';
import { canonicalJson } from '../../lib/ids.ts';

// Kubernetes spells random suffixes and template hashes without vowels, 0, 1 and 3, so that no word can appear.
const SAFE = 'bcdfghjklmnpqrstvwxz2456789';

/** Numbers in [0, 1) that are the same for the same seed: a run can be repeated, names and all. */
export function createRandom(seed: string): () => number {
  let state = createHash('sha256').update(seed).digest().readUInt32LE(0);
  return () => {
    // mulberry32: small, and good enough for names and jitter.
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

export function toSuffix(random: () => number, length = 5): string {
  return Array.from({ length }, () => SAFE[Math.floor(random() * SAFE.length)]).join('');
}

/** The hash in a ReplicaSet's name. Equal templates give equal hashes, so a revert finds its old ReplicaSet again. */
export function toTemplateHash(template: unknown): string {
  const digest = createHash('sha256').update(canonicalJson(template)).digest();
  return Array.from(digest.subarray(0, 10), (byte) => SAFE[byte % SAFE.length]).join('');
}

export function toUuid(random: () => number): string {
  const hex = Array.from({ length: 32 }, () => Math.floor(random() * 16).toString(16));
  hex[12] = '4';
  hex[16] = '89ab'[Math.floor(random() * 4)] ?? '8';
  const text = hex.join('');
  return [text.slice(0, 8), text.slice(8, 12), text.slice(12, 16), text.slice(16, 20), text.slice(20)].join('-');
}
