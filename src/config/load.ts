import convict from 'convict';
import { AppError, toErrorMessage } from '../lib/errors.ts';
import { listNamedVariables, readInstances, type ArgoInstanceSettings } from './instances.ts';
import { isSetting, listSettings, type SettingEntry } from './keys.ts';
import { listSecrets, maskValue } from './mask.ts';
import { checkRules } from './rules.ts';
import { SETTINGS, type Config, type SettingTree } from './schema.ts';
import { readConfigFile, readEnvironment, readTree, type Environment, type Source } from './sources.ts';

export interface LoadOptions {
  /** Folder with `default.json` and its like; it need not exist. */
  configDir: string;
  env: Environment;
  /** Chooses `config/{nodeEnv}.json`; NODE_ENV of the environment when left out, else `development`. */
  nodeEnv?: string;
  /** Nested values that win over everything else, such as command-line options. */
  overrides?: object;
}

/** Where one value came from. */
interface Provenance {
  key: string;
  variable: string;
  /** Masked where it is a secret. */
  value: unknown;
  /** `default`, `config/default.json`, `environment TIPHYS_X`, `command line`. */
  source: string;
}

export interface LoadedConfig {
  config: Config;
  provenance: Provenance[];
  /** Every secret value, for the redactor. */
  secrets: string[];
  /** The Argo CDs to work with; none where the embedded sandbox takes their place. */
  instances: ArgoInstanceSettings[];
}

/** One mistake in the configuration; the value is masked where it is a secret. */
export interface ConfigMistake {
  key: string;
  value: unknown;
  source: string;
  problem: string;
}

/**
 * Reads the configuration; sources in rising precedence: defaults, `default.json`, `{nodeEnv}.json`, `local.json`,
 * environment, overrides.
 *
 * @throws AppError `config_invalid` that names every mistake at once, also as `details.mistakes`.
 */
export function loadConfig(options: LoadOptions): LoadedConfig {
  const entries = listSettings();
  const sources = readSources(options);
  const sourceOf = (key: string) => sources.findLast((source) => source.values.has(key));
  // A place within a value, such as `argocd.instances[0].name`, comes from where the value comes from.
  const originOf = (place: string) => {
    const [key = place] = place.split('[');
    return sourceOf(key)?.nameOf(key) ?? 'default';
  };
  const named = listNamedVariables(sourceOf('argocd.instances')?.values.get('argocd.instances'));
  const mistakes: ConfigMistake[] = sources
    .flatMap((source) => source.unknown)
    .filter(({ what }) => !named.some((variable) => what === `environment ${variable}`))
    .map(({ what, problem }) => ({ key: what, value: undefined, source: '', problem }));

  const values = new Map<string, unknown>();
  for (const { key, setting } of entries) {
    const source = sourceOf(key);
    values.set(key, source === undefined ? setting.default : source.values.get(key));
  }
  for (const { key, setting } of entries) {
    const value = values.get(key);
    if (setting.isValid(value)) continue;
    const problem = `must be ${setting.allowed}${toServiceLinkHint(value)}`;
    mistakes.push({ key, value: maskValue(setting, value), source: originOf(key), problem });
  }
  if (mistakes.length > 0) throw toConfigError(mistakes);

  const config = toConfig(values);
  const { instances, violations, secrets: read } = readInstances(config, options.env);
  for (const { key, problem } of [...checkRules(config), ...violations])
    mistakes.push({ key, value: maskOf(entries, key, values.get(key)), source: originOf(key), problem });
  if (mistakes.length > 0) throw toConfigError(mistakes);
  const provenance = entries.map(({ key, variable, setting }) => ({
    key,
    variable,
    value: maskValue(setting, values.get(key)),
    source: originOf(key),
  }));
  const secrets = [...entries.flatMap(({ key, setting }) => listSecrets(setting, values.get(key))), ...read];
  return { config, provenance, secrets: [...new Set(secrets)], instances };
}

/**
 * The checked values as one frozen tree. Only checked values go in: convict reads text by the type of the default, so
 * that `3000abc` would become a number and `nope` true.
 */
function toConfig(values: ReadonlyMap<string, unknown>): Config {
  const store = convict(toConvictSchema(SETTINGS), { env: {}, args: [] });
  for (const [key, value] of values) store.set(key, value);
  store.validate({ allowed: 'strict' });
  return deepFreeze(store.getProperties()) as Config;
}

function readSources(options: LoadOptions): Source[] {
  const nodeEnv = options.nodeEnv ?? options.env['NODE_ENV'] ?? '';
  // Only a plain name is looked up: it becomes part of a path.
  const file = /^[\w-]+$/.test(nodeEnv) ? `${nodeEnv}.json` : 'development.json';
  const files = ['default.json', file, 'local.json'].map((name) => readConfigFile(options.configDir, name));
  const overrides = options.overrides === undefined ? undefined : readTree(options.overrides, 'command line');
  return [...files, readEnvironment(options.env), overrides].filter((source) => source !== undefined);
}

type ConvictNode = { [name: string]: ConvictNode } | convict.SchemaObj<unknown>;

function toConvictSchema(tree: SettingTree): convict.Schema<Record<string, unknown>> {
  const toNode = (node: SettingTree[string]): ConvictNode => {
    if (!isSetting(node)) return Object.fromEntries(Object.entries(node).map(([name, child]) => [name, toNode(child)]));
    const format = (value: unknown) => {
      if (!node.isValid(value)) throw new Error(`must be ${node.allowed}`);
    };
    return { doc: node.doc, default: node.default, format, nullable: true, sensitive: node.sensitive !== undefined };
  };
  return toNode(tree) as convict.Schema<Record<string, unknown>>;
}

function maskOf(entries: readonly SettingEntry[], key: string, value: unknown): unknown {
  return maskValue(entries.find((entry) => entry.key === key)?.setting, value);
}

function toServiceLinkHint(value: unknown): string {
  if (typeof value !== 'string' || !value.startsWith('tcp://')) return '';
  return ' (Kubernetes sets such values for a Service of that name; set enableServiceLinks: false in the pod)';
}

function toConfigError(mistakes: readonly ConfigMistake[]): AppError {
  const lines = mistakes.map(({ key, value, source, problem }) => {
    const given = value === undefined ? '' : ` = ${toShortJson(value)}`;
    return `- ${key}${given}${source === '' ? '' : ` (${source})`}: ${problem}`;
  });
  const count = mistakes.length === 1 ? 'a mistake' : `${mistakes.length} mistakes`;
  return new AppError('config_invalid', `the configuration has ${count}:\n${lines.join('\n')}`, {
    hint: 'Every setting is listed by `tiphys config check` and in spec/configuration.md.',
    details: { mistakes },
  });
}

function toShortJson(value: unknown): string {
  try {
    const text = JSON.stringify(value) ?? 'nothing';
    return text.length > 200 ? `${text.slice(0, 200)}...` : text;
  } catch (error) {
    return `(${toErrorMessage(error)})`;
  }
}

function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value;
  for (const child of Object.values(value)) deepFreeze(child);
  return Object.freeze(value);
}
