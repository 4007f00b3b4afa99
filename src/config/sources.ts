import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { toErrorMessage } from '../lib/errors.ts';
import { listSettings, type SettingEntry } from './keys.ts';
import { findNearest } from '../lib/nearest.ts';

/** What one place says, before it is checked. Values by key of the setting. */
export interface Source {
  /** `config/local.json`, or the name of a variable by key. */
  nameOf(key: string): string;
  values: ReadonlyMap<string, unknown>;
  /** What cannot be matched to a setting; without its value, which may be a secret in the wrong place. */
  unknown: { what: string; problem: string }[];
}

export type Environment = Readonly<Record<string, string | undefined>>;

// Variables with our prefix that are not settings: for tests against real systems, and where commands find their server.
const OTHER_VARIABLES = /^TIPHYS_(?:E2E_\w+|SKIP_PG|API_KEY|SERVER_URL)$/;
// Kubernetes sets these in every pod of a namespace that has a Service named tiphys or tiphys-something.
const SERVICE_LINKS =
  /^TIPHYS_(?:\w+_)?(?:SERVICE_HOST|SERVICE_PORT(?:_\w+)?|PORT(?:_\d+_(?:TCP|UDP|SCTP)(?:_(?:PROTO|PORT|ADDR))?)?)$/;

/** The variables that are set to something; one that is set to nothing counts as not set. */
export function readEnvironment(env: Environment): Source {
  const entries = listSettings();
  const byVariable = new Map(entries.map((entry) => [entry.variable, entry]));
  const values = new Map<string, unknown>();
  const unknown: Source['unknown'] = [];
  for (const [name, text] of Object.entries(env)) {
    if (!name.startsWith('TIPHYS_') || text === undefined || text.trim() === '') continue;
    const entry = byVariable.get(name);
    if (entry !== undefined) values.set(entry.key, entry.setting.parse(text));
    else if (!OTHER_VARIABLES.test(name) && !SERVICE_LINKS.test(name))
      unknown.push({ what: `environment ${name}`, problem: toUnknownVariable(name, entries) });
  }
  const variables = new Map(entries.map((entry) => [entry.key, entry.variable]));
  return { nameOf: (key) => `environment ${variables.get(key) ?? key}`, values, unknown };
}

function toUnknownVariable(name: string, entries: readonly SettingEntry[]): string {
  return `is not a setting${toSuggestion(
    name,
    entries.map((entry) => entry.variable),
  )}`;
}

function toSuggestion(word: string, candidates: readonly string[]): string {
  const near = findNearest(word, candidates);
  return near === undefined ? '; see `tiphys config check` for the names there are' : `; did you mean ${near}?`;
}

/** A file of the configuration folder; undefined where it does not exist. */
export function readConfigFile(configDir: string, file: string): Source | undefined {
  const place = path.join(configDir, file);
  const name = `config/${file}`;
  if (!existsSync(place)) return undefined;
  try {
    return readTree(JSON.parse(readFileSync(place, 'utf8')), name);
  } catch (error) {
    // The parser's message quotes the text around the mistake, which may be a secret; where it is, is enough.
    const where = /\(?line \d+ column \d+\)?|position \d+/.exec(toErrorMessage(error))?.[0];
    const problem = `cannot be read as JSON${where === undefined ? '' : `: ${where}`}`;
    return { nameOf: () => name, values: new Map(), unknown: [{ what: name, problem }] };
  }
}

/** Nested values, as a file has them. */
export function readTree(tree: unknown, name: string): Source {
  const settings = new Map(listSettings().map((entry) => [entry.key, entry]));
  const keys = [...settings.keys()];
  const values = new Map<string, unknown>();
  const unknown: Source['unknown'] = [];
  const walk = (node: unknown, above: string) => {
    if (above !== '' && settings.has(above)) {
      values.set(above, node);
      return;
    }
    const isGroup = above === '' || keys.some((key) => key.startsWith(`${above}.`));
    if (!isGroup) {
      unknown.push({ what: above, problem: `is not a setting${toSuggestion(above, keys)}` });
    } else if (typeof node !== 'object' || node === null || Array.isArray(node)) {
      unknown.push({ what: above, problem: 'must be an object with settings in it' });
    } else {
      for (const [key, child] of Object.entries(node)) walk(child, above === '' ? key : `${above}.${key}`);
    }
  };
  walk(tree, '');
  return {
    nameOf: () => name,
    values,
    unknown: unknown.map((one) => ({ ...one, what: one.what === '' ? name : `${one.what} in ${name}` })),
  };
}
