import type { Catalog } from './catalog.ts';
import { COMMON, VERB_FORMS } from './lexicon.ts';
import type { Act } from './lexicon.ts';
import { nextIndex, wordAt } from './value.ts';
import type { Value } from './value.ts';
import type { Word } from './words.ts';

const ENV_CUE = /^(?:env|envs|envvar|envvars|environment-variable|variable|variables|var|vars)$/u;
const CONFIG_CUE =
  /^(?:config|configs|configmap|configmaps|configuration|setting|settings|key|property|parameter|flag|option|entry)$/u;
const LINK = /^(?:to|=|->|as|be|:|is|equals|equal)$/u;
const PREPOSITION = /^(?:on|of|for|in|from|at|with|by|using|via|and|then|plus)$/u;
const RESERVED =
  /^(?:replicas?|image|version|tag|cpu|memory|mem|ram|port|host|hostname|path|namespace|storage|strategy|limit|limits|request|requests|count|service|name)$/u;
// Capitals that name a thing, not a variable.
const ACRONYM =
  /^(?:CPU|RAM|URL|API|HTTP|HTTPS|TLS|SSL|DNS|OK|ASAP|PVC|GB|MB|FYI|YAML|JSON|HPA|QA|UAT|CI|CD|OOM|DB|SQL|IP|TCP|UI|ID|EOD|LGTM)$/u;
const KEY = /^[-._A-Za-z0-9]{1,253}$/u;

/** Environment variables and ConfigMap keys with their values. Must run before every other reader: a value may look like anything. */
export function readSettings(words: readonly Word[], acts: ReadonlySet<Act>, catalog: Catalog): Value[] {
  const config = words.some(
    (word) => word.verb === undefined && word.kind === 'word' && CONFIG_CUE.test(word.lower) && word.lower !== 'flag',
  );
  const env = words.some((word, at) => word.kind === 'word' && ENV_CUE.test(word.lower) && isCue(words, at));
  const home = config && !env ? 'config' : env ? 'env' : 'unknown';
  const removes = acts.has('remove') && !acts.has('set');
  joinSpokenNames(words, catalog);
  const values: Value[] = [];
  for (const [at, word] of words.entries()) {
    if (word.assign !== undefined) values.push(...readAssign(word, at, home));
    else if (!word.used) values.push(...readNamed(words, at, { home, removes, catalog, acts }));
  }
  return values;
}

// "the log level of api": the words of a variable that is there, said as words.
function joinSpokenNames(words: readonly Word[], catalog: Catalog): void {
  for (const [at, word] of words.entries())
    for (const count of [4, 3, 2]) {
      const span = words.slice(at, at + count);
      if (span.length < count || !span.every((one) => one.kind === 'word' && one.mention === undefined)) continue;
      const name = span.map((one) => one.text.toUpperCase()).join('_');
      if (!/^[A-Z][A-Z0-9_]*$/u.test(name) || !isKnownKey(words, name, catalog)) continue;
      for (const one of span) one.used = true;
      Object.assign(word, { text: name, lower: name.toLowerCase(), used: false });
      delete word.verb;
      break;
    }
}

const isCue = (words: readonly Word[], at: number): boolean =>
  words[at]?.mention === undefined && wordAt(words, at) !== '';

function readAssign(word: Word, at: number, home: 'env' | 'config' | 'unknown'): Value[] {
  const { name, value } = word.assign ?? { name: '', value: '' };
  // "replicas=3" is no variable; the other readers have no `=` in their words, so it is read here.
  if (RESERVED.test(name)) return readReserved(word, at, name, value);
  word.used = true;
  return [{ at, kind: 'setting', key: name, value, home: home === 'unknown' ? guessHome(name) : home }];
}

function readReserved(word: Word, at: number, name: string, value: string): Value[] {
  const found: Value | undefined =
    /^(?:replicas?|count)$/u.test(name) && /^\d{1,4}$/u.test(value)
      ? { at, kind: 'replicas', change: { how: 'to', value: Number(value) } }
      : name === 'image'
        ? { at, kind: 'image', image: value }
        : /^(?:version|tag)$/u.test(name)
          ? { at, kind: 'version', version: value }
          : name === 'port' && /^\d{1,5}$/u.test(value)
            ? { at, kind: 'port', port: Number(value) }
            : /^(?:host|hostname)$/u.test(name)
              ? { at, kind: 'host', host: value }
              : undefined;
  if (found === undefined) return [];
  word.used = true;
  return [found];
}

/** Upper-case names are variables, dotted and dashed ones keys; the rest is asked or looked up. */
function guessHome(name: string): 'env' | 'config' | 'unknown' {
  if (/^[A-Z_][A-Z0-9_]*$/u.test(name)) return 'env';
  if (/[-.]/u.test(name)) return 'config';
  return 'unknown';
}

interface Reading {
  home: 'env' | 'config' | 'unknown';
  removes: boolean;
  catalog: Catalog;
  acts: ReadonlySet<Act>;
}

// "LOG_LEVEL to debug", "environment variable mode of api from a to b", "key app.mode with value fast"
function readNamed(words: readonly Word[], at: number, reading: Reading): Value[] {
  const key = words[at];
  if (key === undefined || !isKey(words, at, reading)) return [];
  const home =
    reading.home === 'unknown' || (isVariableName(key.text) && reading.home !== 'config')
      ? homeOf(words, at, reading)
      : reading.home;
  if (reading.removes) {
    key.used = true;
    return [{ at, kind: 'setting', key: key.text, value: null, home }];
  }
  const link = findLink(words, at);
  if (link === undefined) {
    key.used = true;
    return [{ at, kind: 'setting', key: key.text, value: undefined, home }];
  }
  const value = words[link];
  if (value === undefined) return [];
  for (const word of words.slice(at, link + 1)) if (word.mention === undefined) word.used = true;
  // A value may look like the name of a service.
  delete value.mention;
  const rest = findUnclear(words, link);
  return [
    {
      at,
      kind: 'setting',
      key: key.text,
      value: value.text,
      home,
      ...(rest === undefined ? {} : { unclear: rest }),
    },
  ];
}

function homeOf(words: readonly Word[], at: number, reading: Reading): 'env' | 'config' | 'unknown' {
  if (ENV_CUE.test(wordAt(words, at - 1)) || ENV_CUE.test(wordAt(words, at + 1))) return 'env';
  if (CONFIG_CUE.test(wordAt(words, at - 1))) return reading.home === 'unknown' ? 'config' : reading.home;
  return guessHome(words[at]?.text ?? '');
}

const isVariableName = (text: string): boolean => /^[A-Z][A-Z0-9_]+$/u.test(text) && !ACRONYM.test(text);

function isKey(words: readonly Word[], at: number, reading: Reading): boolean {
  const word = words[at];
  if (word === undefined || word.mention !== undefined || word.verb !== undefined || !KEY.test(word.text)) return false;
  if (word.kind !== 'word' && word.kind !== 'quoted') return false;
  const cue = previousCue(words, at);
  if (word.kind === 'word') {
    const isVariable =
      isVariableName(word.text) &&
      (word.text.includes('_') || cue || (words[at - 1]?.verb !== undefined && !isCapitals(words)));
    if (isVariable) return true;
    if (RESERVED.test(word.lower) || COMMON.has(word.lower) || VERB_FORMS.has(word.lower))
      return cue && !COMMON.has(word.lower) && !VERB_FORMS.has(word.lower);
  }
  if (/^\d/u.test(word.text)) return false;
  if (isKnownKey(words, word.text, reading.catalog) && findLink(words, at) !== undefined) return true;
  if (cue) return reading.home !== 'unknown' || /[_.]/u.test(word.text) || findLink(words, at) !== undefined;
  // A word with an underscore or a dot in it that is followed by "to": "max_connections to 200".
  const linked = LINK.test(wordAt(words, at + 1)) || findLink(words, at) !== undefined;
  const changes =
    reading.acts.has('set') ||
    reading.acts.has('update') ||
    reading.acts.has('remove') ||
    reading.acts.has('more') ||
    reading.acts.has('less');
  // "set theme to dark": any word directly between the verb and "to" names something that is set.
  const setVerb = words[at - 1]?.verb?.base;
  const toService = /^(?:of|on|in|for)$/u.test(wordAt(words, at + 1)) && words[at + 2]?.mention !== undefined;
  if (
    /^(?:set|change|define|assign)$/u.test(setVerb ?? '') &&
    (wordAt(words, at + 1) === 'to' || (toService && linked))
  )
    return true;
  if (reading.home !== 'unknown' && linked && changes && LINK.test(wordAt(words, at + 1))) return true;
  return (
    changes &&
    (linked || reading.removes) &&
    /^[a-z][a-z0-9]*(?:[_.][a-z0-9]+)+$/iu.test(word.text) &&
    !/^\S+\.\S+\.\S+$/u.test(word.text)
  );
}

// A word that is a variable or key of the services spoken of, or of any when none is.
function isKnownKey(words: readonly Word[], text: string, catalog: Catalog): boolean {
  const mentioned = words.flatMap((word) => word.mention?.map(({ service }) => service) ?? []);
  return (mentioned.length > 0 ? mentioned : catalog.services).some(
    ({ workloads, configMaps }) =>
      configMaps.some(({ data }) => Object.hasOwn(data, text)) ||
      workloads.some(({ containers }) => containers.some(({ env }) => env.some(({ name }) => name === text))),
  );
}

// A ticket in capitals throughout says nothing by them.
const isCapitals = (words: readonly Word[]): boolean =>
  words.filter((word) => word.kind === 'word' && /^[A-Z]+$/u.test(word.text)).length > 2;

function previousCue(words: readonly Word[], at: number): boolean {
  let index = at - 1;
  while (/^(?:called|named|the|a|new|:)$/u.test(wordAt(words, index))) index -= 1;
  const word = wordAt(words, index);
  return (
    (ENV_CUE.test(word) || /^(?:key|setting|property|parameter|option|flag|entry|configmap)$/u.test(word)) &&
    words[index]?.mention === undefined
  );
}

/** Index of the value that belongs to the key at `at`. */
function findLink(words: readonly Word[], at: number): number | undefined {
  for (let index = at + 1; index <= at + 9 && index < words.length; index += 1) {
    const word = words[index];
    const lower = wordAt(words, index);
    if (word === undefined) return undefined;
    // "add LOG_LEVEL to web" says where, not what.
    const isPlace = lower === 'to' && words[index + 1]?.mention !== undefined;
    if (isPlace && words.filter((other) => other.mention !== undefined).length === 1) return undefined;
    if (LINK.test(lower) || (word.kind === 'punct' && word.text === ':')) return valueIndex(words, index + 1);
    if (
      lower === 'with' &&
      /^(?:value|the|a)$/u.test(wordAt(words, index + 1)) &&
      words.slice(index + 1, index + 4).some((other) => other.lower === 'value')
    )
      return valueIndex(words, index + 1);
    if (lower === 'value') return valueIndex(words, index + 1);
    if (lower === 'from') {
      index += 1;
      continue;
    }
    // Directly after the name: "set LOG_LEVEL debug on api".
    if (
      index === at + 1 &&
      word.mention === undefined &&
      (word.kind === 'quoted' ||
        (word.kind === 'word' &&
          isVariableName(words[at]?.text ?? '') &&
          !PREPOSITION.test(lower) &&
          !COMMON.has(lower)))
    )
      return index;
    const passable =
      word.mention !== undefined ||
      word.used ||
      /^(?:on|of|for|in|the|service|should|must|variable|env|environment|config|configmap|configuration|deployment|it|currently|its|key)$/u.test(
        lower,
      );
    if (!passable) return undefined;
  }
  return undefined;
}

function valueIndex(words: readonly Word[], from: number): number | undefined {
  const index = nextIndex(words, from, /^(?:value|the|of|be|to|=)$/u);
  const word = words[index];
  return word === undefined || word.kind === 'punct' ? undefined : index;
}

// Words after an unquoted value that are not the rest of the sentence may be part of it: "GREETING to hello world".
function findUnclear(words: readonly Word[], at: number): string | undefined {
  if (words[at]?.kind === 'quoted') return undefined;
  const rest: string[] = [];
  for (const word of words.slice(at + 1)) {
    if (
      word.kind !== 'word' ||
      word.mention !== undefined ||
      word.used ||
      PREPOSITION.test(word.lower) ||
      COMMON.has(word.lower) ||
      word.verb !== undefined
    )
      break;
    rest.push(word.text);
  }
  return rest.length === 0 ? undefined : rest.join(' ');
}
