import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { findNearest } from '../lib/nearest.ts';
import type { Config } from './schema.ts';
import type { RuleViolation } from './rules.ts';
import { isDnsLabel, isHttpUrl } from './text-kinds.ts';
import type { Environment } from './sources.ts';

/** One Argo CD, with everything that is needed to talk to it. */
export interface ArgoInstanceSettings {
  name: string;
  server: string;
  /** Where tickets go that name no instance. Exactly one is. */
  isDefault: boolean;
  /** The name under which memory keeps what happens there. */
  cluster: string;
  /** Null where it stands in a file, or where name and password are used. */
  token: string | null;
  /** Read again when Argo CD refuses what was read before. */
  tokenFile: string | null;
  session: { username: string; password: string } | null;
  caFile: string | null;
  /** By which its cluster may be read; null where nothing is. */
  kubeconfig: string | null;
  /** Null for the context the file calls current. */
  kubeContext: string | null;
}

const setting = z.string().trim().min(1, 'must be a text that is not empty').optional();

/** What may stand in one entry of `argocd.instances`. */
const instanceSchema = z.strictObject({
  name: z.string('must be set').refine(isDnsLabel, 'must be lower case letters, digits and dashes, 63 at most'),
  server: z.string('must be set').refine(isHttpUrl, 'must be an http:// or https:// URL without a user in it'),
  default: z.boolean('must be true or false').default(false),
  cluster: setting,
  tokenEnv: setting,
  tokenFile: setting,
  username: setting,
  passwordEnv: setting,
  passwordFile: setting,
  caFile: setting,
  kubeconfig: setting,
  kubeContext: setting,
});
type GivenInstance = z.infer<typeof instanceSchema>;

const FIELDS = Object.keys(instanceSchema.shape);
const INLINE: Readonly<Record<string, string>> = {
  token: 'does not stand here: put it into a file (tokenFile) or into an environment variable (tokenEnv names it)',
  password: 'does not stand here: put it into a file (passwordFile) or into a variable (passwordEnv names it)',
};

/** The variables whose names the instances give; they are no settings, whatever they are called. */
export function listNamedVariables(instances: unknown): string[] {
  if (!Array.isArray(instances)) return [];
  return instances.flatMap((one: unknown) =>
    typeof one === 'object' && one !== null
      ? ['tokenEnv', 'passwordEnv'].flatMap((key) => {
          const name: unknown = Reflect.get(one, key);
          return typeof name === 'string' ? [name] : [];
        })
      : [],
  );
}

/**
 * Every Argo CD that is configured: the one of `argocd.server` and those of `argocd.instances`. None means the embedded
 * sandbox. Reads the files and variables that tokens and passwords stand in.
 */
export function readInstances(
  { argocd, kubernetes }: Pick<Config, 'argocd' | 'kubernetes'>,
  env: Environment,
): { instances: ArgoInstanceSettings[]; secrets: string[]; violations: RuleViolation[] } {
  const violations: RuleViolation[] = [];
  const secrets: string[] = [];
  const desk = { env, secrets, tell: (key: string, problem: string) => void violations.push({ key, problem }) };
  const parsed = argocd.instances.map((one, index) => parseInstance(one, `argocd.instances[${index}]`, desk));
  const several = parsed.flatMap((given, index) =>
    given === undefined ? [] : [toInstance(given, `argocd.instances[${index}]`, desk)],
  );
  const isBroken = several.length < parsed.length;
  const single = toSingle({ argocd, kubernetes }, desk);
  const instances = single === undefined ? several : [{ ...single, isDefault: !several.some(isDefault) }, ...several];
  const paths = [
    ...(single === undefined ? [] : ['argocd.name']),
    ...parsed.flatMap((given, index) => (given === undefined ? [] : [`argocd.instances[${index}]`])),
  ];
  if (!isBroken) checkTogether(instances, paths, desk.tell);
  return { instances: withDefault(instances), secrets, violations };
}

interface Desk {
  env: Environment;
  secrets: string[];
  tell(key: string, problem: string): void;
}

const isDefault = (one: ArgoInstanceSettings) => one.isDefault;

/** The only one is the default without being called so. */
function withDefault(instances: ArgoInstanceSettings[]): ArgoInstanceSettings[] {
  return instances.length === 1 ? instances.map((one) => ({ ...one, isDefault: true })) : instances;
}

function parseInstance(given: unknown, path: string, { tell }: Desk): GivenInstance | undefined {
  const parsed = instanceSchema.safeParse(given);
  if (parsed.success) return parsed.data;
  for (const issue of parsed.error.issues) {
    if (issue.code === 'unrecognized_keys') for (const key of issue.keys) tell(`${path}.${key}`, toUnknown(key));
    else tell([path, ...issue.path].join('.'), issue.message);
  }
  return undefined;
}

function toUnknown(key: string): string {
  const near = findNearest(key, FIELDS);
  return INLINE[key] ?? `is not a setting${near === undefined ? '' : `; did you mean ${near}?`}`;
}

function toInstance(given: GivenInstance, path: string, desk: Desk): ArgoInstanceSettings {
  const { name, server, username } = given;
  const token = readVariable(given.tokenEnv, `${path}.tokenEnv`, desk);
  if (given.tokenFile !== undefined) readSecretFile(given.tokenFile, `${path}.tokenFile`, desk);
  const password =
    readVariable(given.passwordEnv, `${path}.passwordEnv`, desk) ??
    (given.passwordFile === undefined ? null : readSecretFile(given.passwordFile, `${path}.passwordFile`, desk));
  checkSources(given, path, desk);
  return {
    name,
    server,
    isDefault: given.default,
    cluster: given.cluster ?? new URL(server).host,
    token,
    tokenFile: given.tokenFile ?? null,
    session: username === undefined || password === null ? null : { username, password },
    caFile: given.caFile ?? null,
    kubeconfig: given.kubeconfig ?? null,
    kubeContext: given.kubeContext ?? null,
  };
}

/** One way in, and all of it. */
function checkSources(given: GivenInstance, path: string, { tell }: Desk): void {
  const { tokenEnv, tokenFile, username, passwordEnv, passwordFile } = given;
  const hasPassword = passwordEnv !== undefined || passwordFile !== undefined;
  if (tokenEnv !== undefined && tokenFile !== undefined) tell(`${path}.tokenFile`, 'cannot be set beside tokenEnv');
  if (passwordEnv !== undefined && passwordFile !== undefined)
    tell(`${path}.passwordFile`, 'cannot be set beside passwordEnv');
  if (hasPassword && username === undefined) tell(`${path}.username`, 'must be set where there is a password');
  if (username !== undefined && !hasPassword)
    tell(`${path}.passwordEnv`, 'or passwordFile must be set where username is');
  if (given.kubeContext !== undefined && given.kubeconfig === undefined)
    tell(`${path}.kubeconfig`, 'must be set where kubeContext is');
  if (tokenEnv === undefined && tokenFile === undefined && username === undefined && !hasPassword)
    tell(`${path}.tokenEnv`, 'or tokenFile must be set: without a token Argo CD shows nothing');
}

/** What `argocd.server` and its like name. */
function toSingle(
  { argocd, kubernetes }: Pick<Config, 'argocd' | 'kubernetes'>,
  desk: Desk,
): ArgoInstanceSettings | undefined {
  const { server, name, token, tokenFile, username, password, caFile } = argocd;
  if (tokenFile !== null) {
    if (token !== null) desk.tell('argocd.tokenFile', 'cannot be set beside argocd.token');
    readSecretFile(tokenFile, 'argocd.tokenFile', desk);
  }
  if (server === null) return undefined;
  const session = username === null || password === null ? null : { username, password };
  const cluster = argocd.cluster ?? new URL(server).host;
  const { kubeconfig, context: kubeContext } = kubernetes;
  return { name, server, isDefault: true, cluster, token, tokenFile, session, caFile, kubeconfig, kubeContext };
}

function checkTogether(instances: readonly ArgoInstanceSettings[], paths: readonly string[], tell: Desk['tell']): void {
  for (const [index, { name, cluster }] of instances.entries()) {
    const path = paths[index] ?? 'argocd.instances';
    if (instances.findIndex((other) => other.name === name) < index)
      tell(`${path}.name`, `"${name}" is the name of another instance too; every name stands for one`);
    if (instances.findIndex((other) => other.cluster === cluster) < index)
      tell(`${path}.cluster`, `"${cluster}" is what memory calls another instance too; give each a name of its own`);
  }
  const defaults = instances.flatMap((one, index) => (one.isDefault ? [paths[index] ?? ''] : []));
  for (const path of defaults.slice(1))
    tell(`${path}.default`, 'is true for more than one instance; one is the default');
  if (instances.length > 1 && defaults.length === 0)
    tell('argocd.instances', 'must have "default": true in one of them: tickets that name none go there');
}

function readVariable(name: string | undefined, path: string, { env, secrets, tell }: Desk): string | null {
  if (name === undefined) return null;
  const value = env[name]?.trim() ?? '';
  if (value === '') {
    tell(path, `names the environment variable ${name}, which is not set`);
    return null;
  }
  secrets.push(value);
  return value;
}

function readSecretFile(file: string, path: string, { secrets, tell }: Desk): string | null {
  try {
    const value = readFileSync(file, 'utf8').trim();
    if (value === '') tell(path, `names the file ${file}, which is empty`);
    else secrets.push(value);
    return value === '' ? null : value;
  } catch {
    tell(path, `names the file ${file}, which cannot be read`);
    return null;
  }
}
