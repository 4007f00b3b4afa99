import type { Act } from './lexicon.ts';
import { freeWord, markUsed, nextIndex, wordAt } from './value.ts';
import type { Value } from './value.ts';
import type { Word } from './words.ts';

const HOST = /^(?:\*\.)?(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]*[a-z0-9]$/u;
const URL_SHAPE = /^https?:\/\/([^/:\s]+)(?::\d+)?(\/\S*)?$/u;
const HOST_PATH = /^([^/\s]+)(\/[\w./~-]*)$/u;
const FILE = /\.(?:ya?ml|json|properties|conf|cfg|ini|toml|txt|xml|ts|js|env|md|log)$/u;
const LABEL = /^[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?$/u;

/** Host names, paths, ports and certificates, and what else says where a service is reached or lives. */
export function readRoutes(words: readonly Word[], acts: ReadonlySet<Act>): Value[] {
  const values: Value[] = [];
  for (const [at, word] of words.entries()) {
    if (word.kind === 'punct' || word.kind === 'assign' || (word.used && word.kind !== 'quoted')) continue;
    const value =
      readHost(word, at) ?? readPath(words, at) ?? readPort(words, at) ?? readTls(words, at) ?? readPlace(words, at);
    if (value === undefined) continue;
    word.used = true;
    values.push(value);
  }
  if (
    words.some((word) => word.kind === 'word' && /^(?:stateful|statefulset)$/u.test(word.lower)) &&
    acts.has('deploy')
  )
    values.push({ at: 0, kind: 'stateful' });
  return values;
}

function readHost(word: Word, at: number): Value | undefined {
  const text = word.lower;
  const url = URL_SHAPE.exec(text);
  const split = HOST_PATH.exec(text);
  const host = url?.[1] ?? split?.[1] ?? text;
  if (!HOST.test(host) || FILE.test(host) || host.length > 253) return undefined;
  const path = url?.[2] ?? (url === null ? split?.[2] : undefined);
  return { at, kind: 'host', host, ...(path === undefined || path === '/' ? {} : { path }) };
}

function readPath(words: readonly Word[], at: number): Value | undefined {
  const word = words[at];
  if (word === undefined || !/^\/[\w./~-]{0,255}$/u.test(word.text)) return undefined;
  return { at, kind: 'path', path: word.text };
}

function readPort(words: readonly Word[], at: number): Value | undefined {
  if (!/^ports?$/u.test(freeWord(words, at))) return undefined;
  const index = nextIndex(words, at + 1, /^(?:to|=|:|number|is|of)$/u);
  const text = freeWord(words, index);
  const port = /^\d{1,5}$/u.test(text) ? Number(text) : Number.NaN;
  if (!(port >= 1 && port <= 65_535)) return undefined;
  markUsed(words, index);
  return { at, kind: 'port', port };
}

// "with tls secret shop-tls", "certificate from secret shop-cert"
function readTls(words: readonly Word[], at: number): Value | undefined {
  if (freeWord(words, at) !== 'secret') return undefined;
  const index = nextIndex(words, at + 1, /^(?:called|named|the)$/u);
  const secret = words[index]?.lower ?? '';
  const around = words
    .slice(Math.max(0, at - 4), at)
    .some((word) => /^(?:tls|https|ssl|certificate|cert)$/u.test(word.lower));
  if (!around || !LABEL.test(secret) || words[index]?.kind === 'punct') return undefined;
  markUsed(words, at, index);
  return { at, kind: 'tls', secret };
}

// "in namespace cache", "in the cache namespace", and the ways of rolling out
function readPlace(words: readonly Word[], at: number): Value | undefined {
  const word = freeWord(words, at);
  if (word === 'namespace' || word === 'ns') {
    const next = nextIndex(words, at + 1, /^(?:called|named|the|=|:)$/u);
    const before = freeWord(words, at - 1);
    const index =
      LABEL.test(freeWord(words, next)) && !/^(?:with|and|on|for|to|in)$/u.test(wordAt(words, next))
        ? next
        : LABEL.test(before) && before !== 'the'
          ? at - 1
          : undefined;
    if (index === undefined) return undefined;
    markUsed(words, index);
    return { at, kind: 'namespace', namespace: words[index]?.lower ?? '' };
  }
  const next = wordAt(words, at + 1);
  if (word === 'canary' || word === 'canaries') return { at, kind: 'strategy', strategy: 'canary' };
  if (/^blue[-/]?green$/u.test(word)) return { at, kind: 'strategy', strategy: 'blue_green' };
  if (word === 'blue' && (next === 'green' || (next === 'and' && wordAt(words, at + 2) === 'green'))) {
    markUsed(words, at, next === 'green' ? at + 1 : at + 2);
    return { at, kind: 'strategy', strategy: 'blue_green' };
  }
  const strategic = words.some(
    (other) =>
      /^(?:strategy|strategies|rollout|rollouts|deployments?)$/u.test(other.lower) ||
      other.verb?.base === 'use' ||
      other.verb?.base === 'switch',
  );
  if (
    /^rolling(?:-?updates?)?$/u.test(word) &&
    (/^(?:updates?|upgrades?|deployments?|rollouts?|strategy)$/u.test(next) || word !== 'rolling')
  ) {
    markUsed(words, at, word === 'rolling' ? at + 1 : at);
    return { at, kind: 'strategy', strategy: 'rolling_update' };
  }
  if (word === 'rollingupdate') return { at, kind: 'strategy', strategy: 'rolling_update' };
  return word === 'recreate' && strategic ? { at, kind: 'strategy', strategy: 'recreate' } : undefined;
}
