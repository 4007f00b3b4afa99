import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isAppError } from '../lib/errors.ts';
import { describeConfig } from './describe.ts';
import { loadConfig } from './load.ts';

let dir = '';
let tokenFile = '';
let emptyFile = '';
beforeAll(async () => {
  dir = await mkdtemp(path.join(os.tmpdir(), 'tiphys-instances-'));
  tokenFile = path.join(dir, 'token');
  emptyFile = path.join(dir, 'empty');
  await writeFile(tokenFile, 'the-token-in-the-file\n');
  await writeFile(emptyFile, '\n');
});
afterAll(async () => await rm(dir, { recursive: true, force: true }));

const REPO = { TIPHYS_GIT_REPO_URL: '/srv/infra.git' };
const load = (instances: unknown, env: Record<string, string> = {}) =>
  loadConfig({
    configDir: path.join(dir, 'config'),
    env: { ...REPO, TIPHYS_ARGOCD_INSTANCES: JSON.stringify(instances), ...env },
  });

const east = () => ({ name: 'east', server: 'https://east.example.org', tokenFile, default: true });
const west = { name: 'west', server: 'https://west.example.org', tokenEnv: 'WEST_TOKEN' };
const WEST = { WEST_TOKEN: 'the-token-of-the-west' };

/** Where the mistakes are and what they say, or the error that came instead. */
function complain(instances: unknown, env: Record<string, string> = {}): { text: string; keys: string[] } {
  try {
    load(instances, env);
  } catch (error) {
    if (!isAppError(error, 'config_invalid')) throw error;
    return { text: error.message, keys: (error.details['mistakes'] as { key: string }[]).map(({ key }) => key) };
  }
  throw new Error('the configuration was accepted');
}

describe('Argo CD instances', () => {
  it('are none where nothing is configured: then there is a sandbox', () => {
    expect(loadConfig({ configDir: path.join(dir, 'config'), env: {} }).instances).toEqual([]);
  });

  it('are the one of the plain settings, remembered by the host of its server', () => {
    const env = {
      ...REPO,
      TIPHYS_ARGOCD_SERVER: 'https://argocd.example.org:8443/root',
      TIPHYS_ARGOCD_TOKEN: 'a-token',
    };
    const { instances } = loadConfig({ configDir: path.join(dir, 'config'), env });
    expect(instances).toEqual([
      {
        name: 'default',
        server: 'https://argocd.example.org:8443/root',
        isDefault: true,
        cluster: 'argocd.example.org:8443',
        token: 'a-token',
        tokenFile: null,
        session: null,
        caFile: null,
        kubeconfig: null,
        kubeContext: null,
      },
    ]);
  });

  it('may each name a kubeconfig for their cluster', () => {
    const env = {
      ...REPO,
      TIPHYS_ARGOCD_SERVER: 'https://argocd.example.org',
      TIPHYS_ARGOCD_TOKEN: 'a-token',
      TIPHYS_KUBERNETES_KUBECONFIG: '/etc/tiphys/kubeconfig',
      TIPHYS_KUBERNETES_CONTEXT: 'reader',
      TIPHYS_ARGOCD_INSTANCES: JSON.stringify([{ ...east(), kubeconfig: '/etc/tiphys/east', kubeContext: 'east' }]),
    };
    const { instances } = loadConfig({ configDir: path.join(dir, 'config'), env });
    expect(instances.map(({ kubeconfig, kubeContext }) => [kubeconfig, kubeContext])).toEqual([
      ['/etc/tiphys/kubeconfig', 'reader'],
      ['/etc/tiphys/east', 'east'],
    ]);
  });

  it('may be several, with secrets from variables and files that the redactor is told of', () => {
    const login = {
      name: 'lab',
      server: 'http://lab',
      cluster: 'lab',
      username: 'tiphys',
      passwordEnv: 'TIPHYS_LAB_PASSWORD',
    };
    const loaded = load([east(), west, login], { ...WEST, TIPHYS_LAB_PASSWORD: 'the-password' });
    expect(loaded.instances.map(({ name, isDefault, cluster }) => [name, isDefault, cluster])).toEqual([
      ['east', true, 'east.example.org'],
      ['west', false, 'west.example.org'],
      ['lab', false, 'lab'],
    ]);
    expect(loaded.instances[0]).toMatchObject({ token: null, tokenFile });
    expect(loaded.instances[1]).toMatchObject({ token: 'the-token-of-the-west', tokenFile: null });
    expect(loaded.instances[2]?.session).toEqual({ username: 'tiphys', password: 'the-password' });
    const secrets = ['the-password', 'the-token-in-the-file', 'the-token-of-the-west'];
    expect(loaded.secrets.toSorted()).toEqual(secrets);
    const { text, json } = describeConfig(loaded);
    for (const secret of secrets) expect(`${text}${JSON.stringify(json)}`).not.toContain(secret);
    expect(text).toContain('WEST_TOKEN');
  });

  it('go together with the plain settings, which are the default unless another one says so', () => {
    const plain = { TIPHYS_ARGOCD_SERVER: 'https://main.example.org', TIPHYS_ARGOCD_NAME: 'main', ...WEST };
    const names = (instances: object[]) => load(instances, plain).instances.map((one) => [one.name, one.isDefault]);
    expect(names([west])).toEqual([
      ['main', true],
      ['west', false],
    ]);
    expect(names([east()])).toEqual([
      ['main', false],
      ['east', true],
    ]);
  });

  it('need no default where there is one only', () => {
    expect(load([west], WEST).instances[0]?.isDefault).toBe(true);
  });

  it.each([
    ['a name that is none', [{ ...west, name: 'West_1' }], 'argocd.instances[0].name', 'lower case letters'],
    ['no name', [{ ...west, name: undefined }], 'argocd.instances[0].name', 'must be set'],
    ['a bad address', [{ ...west, server: 'argocd.example.org' }], 'argocd.instances[0].server', 'http:// or https://'],
    ['a misspelt field', [{ ...west, caFiel: 'x' }], 'argocd.instances[0].caFiel', 'did you mean caFile?'],
    ['two of a name', [west, { ...west, cluster: 'x', default: true }], 'argocd.instances[1].name', 'another instance'],
    ['two of a cluster', [west, { ...west, name: 'x', default: true }], 'argocd.instances[1].cluster', 'memory'],
    ['no default', [west, { ...west, name: 'x', cluster: 'x' }], 'argocd.instances', '"default": true'],
    [
      'a context of no kubeconfig',
      [{ ...west, kubeContext: 'x' }],
      'argocd.instances[0].kubeconfig',
      'must be set where kubeContext is',
    ],
    ['no token', [{ ...west, tokenEnv: undefined }], 'argocd.instances[0].tokenEnv', 'or tokenFile must be set'],
    ['a variable that is not set', [{ ...west, tokenEnv: 'NOPE' }], 'argocd.instances[0].tokenEnv', 'NOPE'],
    [
      'a file that is not there',
      [{ ...west, tokenEnv: undefined, tokenFile: '/nowhere/t' }],
      'argocd.instances[0].tokenFile',
      '/nowhere/t',
    ],
    ['a user without password', [{ ...west, username: 'a' }], 'argocd.instances[0].passwordEnv', 'must be set'],
    ['something else than an instance', ['west'], 'argocd.instances', 'a list of instances'],
  ])('are refused with %s, by path', (_what, instances, key, problem) => {
    const said = complain(instances, WEST);
    expect(said.keys).toEqual([key]);
    expect(said.text).toContain(problem);
    expect(said.text).toContain('environment TIPHYS_ARGOCD_INSTANCES');
  });

  it('are refused with two defaults, an empty file and two sources of a token, all told at once', () => {
    const twice = { ...west, name: 'north', cluster: 'north', default: true, tokenFile: emptyFile };
    const said = complain([east(), twice], WEST);
    expect(said.keys.toSorted()).toEqual([
      'argocd.instances[1].default',
      'argocd.instances[1].tokenFile',
      'argocd.instances[1].tokenFile',
    ]);
    expect(said.text).toContain('which is empty');
    expect(said.text).toContain('cannot be set beside tokenEnv');
  });

  it.each([
    ['in an entry', [{ ...west, token: 'hunter22-inline' }]],
    ['beside another mistake', { west: { ...west, token: 'hunter22-inline' } }],
    ['in an address', [{ ...west, server: 'https://admin:hunter22-inline@west.example.org' }]],
    ['in a text that is not JSON', 'token=hunter22-inline'],
  ])('never show a secret that stands %s', (_where, instances) => {
    const { text } = complain(instances, WEST);
    expect(text).not.toContain('hunter22');
  });

  it('say where a token belongs instead', () => {
    expect(complain([{ ...west, token: 'x' }], WEST).text).toContain('tokenEnv names it');
  });
});
