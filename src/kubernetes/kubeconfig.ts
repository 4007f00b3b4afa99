import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { z } from 'zod';
import { AppError } from '../lib/errors.ts';
import { isLoopback } from '../lib/loopback.ts';
import { readYaml } from '../manifest/yaml-document.ts';

// A kubeconfig as far as it says where a cluster is and how to sign in. What would start programs, or trust anybody, is refused.

export interface ClusterAccess {
  /** Origin and path prefix. */
  server: URL;
  /** PEM; undefined for the authorities Node trusts. */
  ca: string | undefined;
  /** The name on the certificate, where it is not that of the address. */
  serverName: string | undefined;
  credentials: ClusterCredentials;
  /** Of the context; where nothing else says. */
  namespace: string;
}

export type ClusterCredentials =
  | { kind: 'none' }
  | { kind: 'token'; token: string }
  /** Read for every request, so that a rotated one works. */
  | { kind: 'token_file'; file: string }
  | { kind: 'certificate'; cert: string; key: string };

const text = z.string().min(1).optional();
const clusterSchema = z.looseObject({
  server: z.string().min(1),
  'certificate-authority': text,
  'certificate-authority-data': text,
  'insecure-skip-tls-verify': z.boolean().optional(),
  'tls-server-name': text,
  'proxy-url': text,
});
const userSchema = z.looseObject({
  token: text,
  tokenFile: text,
  'client-certificate': text,
  'client-certificate-data': text,
  'client-key': text,
  'client-key-data': text,
  username: text,
  as: text,
  exec: z.looseObject({ command: z.string() }).optional(),
  'auth-provider': z.looseObject({ name: z.string() }).optional(),
});
const kubeconfigSchema = z.looseObject({
  'current-context': z.string().optional(),
  clusters: z.array(z.looseObject({ name: z.string(), cluster: clusterSchema })).default([]),
  users: z.array(z.looseObject({ name: z.string(), user: userSchema.nullish() })).default([]),
  contexts: z
    .array(
      z.looseObject({
        name: z.string(),
        context: z.looseObject({ cluster: z.string(), user: z.string().optional(), namespace: text }),
      }),
    )
    .default([]),
});
type Kubeconfig = z.output<typeof kubeconfigSchema>;
type Cluster = z.output<typeof clusterSchema>;
type User = z.output<typeof userSchema>;

const MAX_FILE_BYTES = 4 * 1024 * 1024;

/** Reads the file, and those it names. Throws `config_invalid` with the file and what to do; never with what stands in it. */
export async function loadClusterAccess(file: string, contextName: string | null): Promise<ClusterAccess> {
  const config = parseKubeconfig(await read(file, 'the kubeconfig'), file);
  const name = contextName ?? config['current-context'] ?? '';
  const names = config.contexts.map((one) => one.name).join(', ');
  const context = config.contexts.find((one) => one.name === name)?.context;
  if (context === undefined) {
    const what = name === '' ? 'no current-context' : `no context ${JSON.stringify(name)}`;
    throw refuse(file, `has ${what}`, `Set kubernetes.context to one it has: ${names === '' ? 'it has none' : names}.`);
  }
  const cluster = config.clusters.find((one) => one.name === context.cluster)?.cluster;
  if (cluster === undefined)
    throw refuse(file, `has no cluster ${JSON.stringify(context.cluster)}`, 'Correct the context.');
  const found = config.users.find((one) => one.name === context.user);
  if (found === undefined && context.user !== undefined)
    throw refuse(file, `has no user ${JSON.stringify(context.user)}`, 'Correct the context.');
  const user = found?.user ?? {};
  const folder = dirname(resolve(file));
  checkCluster(cluster, file);
  checkUser(user, context.user ?? '', file);
  const credentials = await toCredentials(user, { file, folder });
  const access = {
    server: toServer(cluster.server, credentials, file),
    ca: await toPem(cluster['certificate-authority-data'], cluster['certificate-authority'], { file, folder }),
    serverName: cluster['tls-server-name'],
    ...{ credentials, namespace: context.namespace ?? 'default' },
  };
  if (access.ca !== undefined && !access.ca.includes('-----BEGIN CERTIFICATE-----'))
    throw refuse(file, 'has a certificate authority that is no certificate in PEM form', 'Correct it.');
  return access;
}

function parseKubeconfig(content: string, file: string): Kubeconfig {
  let value: unknown;
  try {
    [{ value } = { value: undefined }] = readYaml(content, file);
  } catch (error) {
    // What the reader quotes may be a key.
    throw refuse(file, 'is no YAML that can be read', 'kubectl config view shows whether kubectl can.', error);
  }
  const parsed = kubeconfigSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  const places = parsed.error.issues.map(({ path }) => path.join('.')).join(', ');
  throw refuse(
    file,
    `is no kubeconfig: wrong at ${places === '' ? 'its top' : places}`,
    'kubectl config view shows it.',
  );
}

function checkCluster(cluster: Cluster, file: string): void {
  if (cluster['insecure-skip-tls-verify'] === true)
    throw refuse(
      file,
      'has insecure-skip-tls-verify: anybody in between could read the credentials',
      'Give certificate-authority, or certificate-authority-data, instead.',
    );
  if (cluster['proxy-url'] !== undefined)
    throw refuse(file, 'has a proxy-url, which is not supported', 'Give an address that is reached directly.');
}

const INSTEAD =
  'Make a service account that may only read, and put its token into a user of its own (token or tokenFile).';

function checkUser(user: User, name: string, file: string): void {
  const who = `user ${JSON.stringify(name)}`;
  if (user.exec !== undefined)
    throw refuse(file, `lets ${who} sign in through a program (${user.exec.command}), which is not started`, INSTEAD);
  if (user['auth-provider'] !== undefined)
    throw refuse(file, `lets ${who} sign in through ${user['auth-provider'].name}, which is not supported`, INSTEAD);
  if (user.username !== undefined)
    throw refuse(file, `gives ${who} a user name and password, which Kubernetes no longer takes`, INSTEAD);
  if (user.as !== undefined) throw refuse(file, `lets ${who} act as somebody else`, INSTEAD);
}

interface Place {
  file: string;
  folder: string;
}

async function toCredentials(user: User, place: Place): Promise<ClusterCredentials> {
  // In kubectl the file wins where there are both.
  if (user.tokenFile !== undefined) return { kind: 'token_file', file: resolve(place.folder, user.tokenFile) };
  if (user.token !== undefined) return { kind: 'token', token: user.token };
  const cert = await toPem(user['client-certificate-data'], user['client-certificate'], place);
  const key = await toPem(user['client-key-data'], user['client-key'], place);
  if (cert === undefined && key === undefined) return { kind: 'none' };
  if (cert === undefined || key === undefined)
    throw refuse(place.file, 'has a client certificate without a key, or a key without one', 'Give both.');
  return { kind: 'certificate', cert, key };
}

/** The data wins over the file, as in kubectl. */
async function toPem(data: string | undefined, file: string | undefined, place: Place): Promise<string | undefined> {
  if (data !== undefined) return Buffer.from(data, 'base64').toString('utf8');
  return file === undefined ? undefined : await read(resolve(place.folder, file), 'a file the kubeconfig names');
}

/** Credentials go over https, or to this machine itself. */
function toServer(address: string, credentials: ClusterCredentials, file: string): URL {
  const url = URL.canParse(address) ? new URL(address) : undefined;
  if (url === undefined || !['http:', 'https:'].includes(url.protocol) || url.username !== '' || url.password !== '')
    throw refuse(file, 'has a server that is no https address', 'Write it like https://10.0.0.1:6443.');
  if (url.protocol === 'http:' && (!isLoopback(url.hostname) || credentials.kind === 'certificate'))
    throw refuse(file, 'has a server without https', 'Give its https address; http is for a loopback address only.');
  return url;
}

async function read(file: string, what: string): Promise<string> {
  try {
    const content = await readFile(file, 'utf8');
    if (content.length <= MAX_FILE_BYTES) return content;
  } catch (error) {
    const hint = 'Give the path of a file this process may read.';
    throw new AppError('config_invalid', `${what} cannot be read: ${file}`, { cause: error, hint });
  }
  throw new AppError('config_invalid', `${what} is too large: ${file}`, { hint: 'Give another file.' });
}

function refuse(file: string, problem: string, hint: string, cause?: unknown): AppError {
  return new AppError('config_invalid', `the kubeconfig ${file} ${problem}`, { cause, hint });
}
