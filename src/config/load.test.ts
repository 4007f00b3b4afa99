import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { isAppError } from '../lib/errors.ts';
import { describeConfig } from './describe.ts';
import { loadConfig, type ConfigMistake, type LoadOptions } from './load.ts';

let configDir = '';
beforeEach(async () => {
  configDir = path.join(await mkdtemp(path.join(os.tmpdir(), 'tiphys-config-')), 'config');
  await mkdir(configDir);
});
afterEach(async () => {
  await rm(path.dirname(configDir), { recursive: true, force: true });
});

const writeConfig = (name: string, content: unknown) =>
  writeFile(path.join(configDir, name), typeof content === 'string' ? content : JSON.stringify(content));
const load = (env: LoadOptions['env'] = {}, more: Partial<LoadOptions> = {}) => loadConfig({ configDir, env, ...more });

function mistakesOf(env: LoadOptions['env'], more: Partial<LoadOptions> = {}): ConfigMistake[] & { text: string } {
  try {
    load(env, more);
  } catch (error) {
    if (!isAppError(error, 'config_invalid')) throw error;
    return Object.assign(error.details['mistakes'] as ConfigMistake[], { text: error.message });
  }
  throw new Error('the configuration was accepted');
}

describe('pull requests', () => {
  const proposing = {
    TIPHYS_GIT_DELIVERY: 'pull_request',
    TIPHYS_GIT_REPO_URL: 'https://git.example.com/acme/infra.git',
    TIPHYS_ARGOCD_SERVER: 'https://argo.example.com',
  };

  it.each([
    [{ TIPHYS_GIT_DELIVERY: 'pull_request' }, 'git.repoUrl'],
    [{ ...proposing, TIPHYS_GIT_TOKEN: 'x' }, 'git.forge'],
    [{ ...proposing, TIPHYS_GIT_FORGE: 'gitea' }, 'git.apiToken'],
    [
      {
        ...{ ...proposing, TIPHYS_GIT_FORGE: 'gitlab', TIPHYS_GIT_TOKEN: 'x' },
        TIPHYS_GIT_API_URL: 'https://elsewhere.example.com/api/v4',
      },
      'git.apiToken',
    ],
    [{ TIPHYS_GIT_WEBHOOK_SECRET: 'too short' }, 'git.webhookSecret'],
    [{ TIPHYS_GIT_API_TOKEN: 'two words' }, 'git.apiToken'],
    [{ TIPHYS_GIT_BRANCH_PREFIX: '--x/' }, 'git.branchPrefix'],
  ])('need what goes with them: %j', (env, key) => {
    expect(mistakesOf(env).map((one) => one.key)).toContain(key);
  });

  it('are right with a known host, or with a host that is named, and a token that belongs there', () => {
    const token = { TIPHYS_GIT_TOKEN: 'x' };
    load({ ...proposing, ...token, TIPHYS_GIT_FORGE: 'forgejo' });
    load({ ...proposing, ...token, TIPHYS_GIT_REPO_URL: 'https://github.com/acme/infra' });
    load({ ...proposing, TIPHYS_GIT_REPO_URL: 'git@gitlab.com:acme/infra.git', TIPHYS_GIT_API_TOKEN: 'x' });
  });
});

describe('where a value comes from', () => {
  it('is the default when nothing else says anything, even without a folder', () => {
    const { config, provenance } = load({}, { configDir: path.join(configDir, 'missing') });
    expect(config.server.host).toBe('127.0.0.1');
    expect(config.git.repoUrl).toBeNull();
    expect(provenance.every((one) => one.source === 'default')).toBe(true);
  });

  it('rises from default.json over the file of the environment, local.json and the environment to the overrides', async () => {
    const seen: unknown[] = [];
    const note = (env: LoadOptions['env'] = {}, more: Partial<LoadOptions> = {}) => {
      const { config, provenance } = load(env, { nodeEnv: 'staging', ...more });
      seen.push([config.server.port, provenance.find((one) => one.key === 'server.port')?.source]);
    };
    note();
    await writeConfig('default.json', { server: { port: 1 }, log: { level: 'warn' } });
    note();
    await writeConfig('staging.json', { server: { port: 2 } });
    note();
    await writeConfig('local.json', { server: { port: 3 } });
    note();
    note({ TIPHYS_SERVER_PORT: '4' });
    note({ TIPHYS_SERVER_PORT: '4' }, { overrides: { server: { port: 5 } } });
    expect(seen).toEqual([
      [3000, 'default'],
      [1, 'config/default.json'],
      [2, 'config/staging.json'],
      [3, 'config/local.json'],
      [4, 'environment TIPHYS_SERVER_PORT'],
      [5, 'command line'],
    ]);
    expect(load({}, { nodeEnv: 'staging' }).config.log.level).toBe('warn');
  });

  it('is the file named by NODE_ENV, but never a path', async () => {
    await writeConfig('production.json', { log: { level: 'error' } });
    await writeFile(path.join(path.dirname(configDir), 'outside.json'), JSON.stringify({ log: { level: 'silent' } }));
    expect(load({ NODE_ENV: 'production' }).config.log.level).toBe('error');
    expect(load({ NODE_ENV: '../outside' }).config.log.level).toBe('info');
  });

  it('treats an empty variable as one that is not set', () => {
    const { config, provenance } = load({ TIPHYS_SERVER_PORT: '', TIPHYS_GIT_TOKEN: '  ' });
    expect(config.server.port).toBe(3000);
    expect(config.git.token).toBeNull();
    expect(provenance.find((one) => one.key === 'server.port')?.source).toBe('default');
  });
});

describe('variables', () => {
  it('are read by the kind of the setting', () => {
    const { config } = load({
      TIPHYS_SERVER_API_KEYS: ' one-key , two-key ,',
      TIPHYS_CDK8S_ALLOWED_GLOBS: '["charts/{a,b}/*.ts"]',
      TIPHYS_ARGOCD_MAY_TERMINATE: 'true',
      TIPHYS_ARGOCD_MAY_REQUEST_SYNC: '0',
      TIPHYS_AGENT_APPROVAL_TTL_HOURS: '1.5',
      TIPHYS_AGENT_AUTO_APPROVE: 'low,medium',
      TIPHYS_MEMORY_COSTS: '{"production":{"attention":0.5}}',
      TIPHYS_LLM_INPUT_PRICE_PER_MILLION: '0.15',
      TIPHYS_GIT_AUTHOR_NAME: '42',
    });
    expect(config.server.apiKeys).toEqual(['one-key', 'two-key']);
    expect(config.cdk8s.allowedGlobs).toEqual(['charts/{a,b}/*.ts']);
    expect(config.argocd.mayTerminate).toBe(true);
    expect(config.argocd.mayRequestSync).toBe(false);
    expect(config.agent.approvalTtlHours).toBe(1.5);
    expect(config.agent.autoApprove).toEqual(['low', 'medium']);
    expect(config.memory.costs).toEqual({ production: { attention: 0.5 } });
    expect(config.llm.inputPricePerMillion).toBe(0.15);
    expect(config.git.authorName).toBe('42');
  });

  it.each([
    ['TIPHYS_SERVER_PORT', '3000abc'],
    ['TIPHYS_SERVER_PORT', '80.5'],
    ['TIPHYS_SERVER_PORT', '65536'],
    ['TIPHYS_SERVER_PORT', '-1'],
    ['TIPHYS_SERVER_PORT', '0x50'],
    ['TIPHYS_ARGOCD_MAY_TERMINATE', 'maybe'],
    ['TIPHYS_LOG_LEVEL', 'INFO'],
    ['TIPHYS_AGENT_AUTO_APPROVE', 'low,critical'],
    ['TIPHYS_MEMORY_COSTS', '{"production":{"atention":1}}'],
    ['TIPHYS_MEMORY_COSTS', '{not json'],
    ['TIPHYS_POLICY_FREEZE_WINDOWS', '["monday"]'],
    ['TIPHYS_POLICY_PROTECTED_NAMESPACES', 'Not_A_Name'],
    ['TIPHYS_ARGOCD_SERVER', 'argocd.example.org'],
    ['TIPHYS_LLM_BASE_URL', 'ftp://model'],
    ['TIPHYS_GIT_BRANCH', '--upload-pack=x'],
    ['TIPHYS_GIT_BRANCH', 'a b'],
    ['TIPHYS_GIT_REPO_URL', 'ext::sh -c id'],
    ['TIPHYS_GIT_REPO_URL', '-oProxyCommand=x'],
    ['TIPHYS_GIT_REPO_URL', 'https://user:pw@example.org/infra.git'],
    ['TIPHYS_POLICY_PROTECTED_NAMESPACES', 'Kube_System'],
  ])('%s=%s is refused', (name, value) => {
    const mistakes = mistakesOf({ [name]: value });
    expect(mistakes.map((mistake) => mistake.source)).toEqual([`environment ${name}`]);
    expect(mistakes[0]?.problem).toMatch(/^must be /);
  });

  it.each([
    'https://example.org/infra.git',
    'ssh://git@example.org/infra.git',
    'git@example.org:infra.git',
    '/srv/infra.git',
    'file:///srv/infra.git',
  ])('%s is a repository', (repoUrl) => {
    const env = { TIPHYS_GIT_REPO_URL: repoUrl, TIPHYS_ARGOCD_SERVER: 'https://argocd.example.org' };
    expect(load(env).config.git.repoUrl).toBe(repoUrl);
  });

  it('with our prefix must be settings, and a near one is suggested', () => {
    const [mistake] = mistakesOf({ TIPHYS_SERVER_PROT: '1' });
    expect(mistake).toMatchObject({ key: 'environment TIPHYS_SERVER_PROT' });
    expect(mistake?.problem).toContain('did you mean TIPHYS_SERVER_PORT?');
    expect(mistakesOf({ TIPHYS_SOMETHING_ELSE: '1' })[0]?.problem).not.toContain('did you mean');
  });

  it('that Kubernetes sets for a Service of our name are passed over, and explained where they collide', () => {
    const links = {
      TIPHYS_SERVICE_HOST: '10.0.0.1',
      TIPHYS_SERVICE_PORT_HTTP: '80',
      TIPHYS_PORT: 'tcp://10.0.0.1:80',
      TIPHYS_PORT_80_TCP_ADDR: '10.0.0.1',
      TIPHYS_DB_SERVICE_HOST: '10.0.0.2',
    };
    expect(load(links).config.server.port).toBe(3000);
    expect(mistakesOf({ TIPHYS_SERVER_PORT: 'tcp://10.0.0.1:80' })[0]?.problem).toContain('enableServiceLinks');
  });

  it('for tests against real systems are no mistakes', () => {
    load({ TIPHYS_E2E_ARGOCD_SERVER: 'https://argocd.example.org', TIPHYS_SKIP_PG: '1' });
  });
});

describe('mistakes', () => {
  it('are all told at once, with key, value, what is allowed and where it stands', async () => {
    await writeConfig('default.json', { server: { port: 'x' }, lgo: { level: 'info' }, agent: { concurency: 2 } });
    await writeConfig('local.json', '{ "git": { "token": "hunter22-secret", } }');
    const mistakes = mistakesOf({ TIPHYS_LLM_PROVIDER: 'openia', TIPHYS_NOPE: '1' }, { overrides: { data: 7 } });
    expect(mistakes.map((mistake) => mistake.key).toSorted()).toEqual([
      'agent.concurency in config/default.json',
      'config/local.json',
      'data in command line',
      'environment TIPHYS_NOPE',
      'lgo in config/default.json',
      'llm.provider',
      'server.port',
    ]);
    expect(mistakes.text).toContain('the configuration has 7 mistakes');
    expect(mistakes.text).toContain('server.port = "x" (config/default.json): must be a whole number from 0 to 65535');
    expect(mistakes.text).toContain(
      'llm.provider = "openia" (environment TIPHYS_LLM_PROVIDER): must be offline or openai',
    );
    expect(mistakes.text).toContain('did you mean agent.concurrency?');
    expect(mistakes.text).not.toContain('hunter22');
  });

  it('do not show secrets, not even in the wrong place', async () => {
    await writeConfig('local.json', {
      server: { apiKeys: ['hunter22 key'] },
      db: 'postgres://u:hunter22@h/db',
      git: { token: ['hunter22'] },
    });
    const { text } = mistakesOf({ TIPHYS_GIT_REPO_URL: 'https://u:hunter22@h/infra.git' });
    expect(text).not.toContain('hunter22');
    expect(text).toContain('server.apiKeys');
  });

  it('include null where a value is needed', async () => {
    await writeConfig('local.json', { server: { port: null }, git: { token: null } });
    expect(mistakesOf({}).map((mistake) => mistake.key)).toEqual(['server.port']);
  });

  it.each([
    ['a host that others reach, without keys', { TIPHYS_SERVER_HOST: '0.0.0.0' }, ['server.host']],
    ['a repository without Argo CD', { TIPHYS_GIT_REPO_URL: '/srv/infra.git' }, ['argocd.server']],
    ['Argo CD without a repository', { TIPHYS_ARGOCD_SERVER: 'https://argocd.example.org' }, ['git.repoUrl']],
    ['an Argo CD user without password', { TIPHYS_ARGOCD_USERNAME: 'admin' }, ['argocd.password']],
    ['a kubeconfig without its Argo CD', { TIPHYS_KUBERNETES_KUBECONFIG: '/k' }, ['kubernetes.kubeconfig']],
    ['a context of no kubeconfig', { TIPHYS_KUBERNETES_CONTEXT: 'x' }, ['kubernetes.kubeconfig']],
    ['a model provider without a model', { TIPHYS_LLM_PROVIDER: 'openai' }, ['llm.model', 'llm.baseUrl']],
    ['PostgreSQL without an address', { TIPHYS_DB_CLIENT: 'pg' }, ['db.connection']],
    ['PostgreSQL at a file', { TIPHYS_DB_CLIENT: 'pg', TIPHYS_DB_CONNECTION: 'x.db' }, ['db.connection']],
    ['SQLite at a server', { TIPHYS_DB_CONNECTION: 'postgres://h/db' }, ['db.client']],
  ])('lie in two settings not going together: %s', (_what, env, keys) => {
    expect(mistakesOf(env).map((mistake) => mistake.key)).toEqual(keys);
  });

  it.each([
    { TIPHYS_SERVER_HOST: '0.0.0.0', TIPHYS_SERVER_API_KEYS: 'a-key' },
    { TIPHYS_SERVER_HOST: 'localhost' },
    { TIPHYS_SERVER_HOST: '::1' },
    { TIPHYS_LLM_PROVIDER: 'openai', TIPHYS_LLM_MODEL: 'm', TIPHYS_LLM_BASE_URL: 'http://localhost:11434/v1' },
    { TIPHYS_LLM_PROVIDER: 'openai', TIPHYS_LLM_MODEL: 'm', TIPHYS_LLM_API_KEY: 'k' },
    { TIPHYS_DB_CLIENT: 'pg', TIPHYS_DB_CONNECTION: 'postgresql://u@h/db' },
  ])('are not %j', (env) => {
    load(env);
  });
});

describe('the loaded configuration', () => {
  it('cannot be changed', () => {
    const { config } = load();
    for (const part of [config, config.server, config.server.apiKeys, config.memory.costs])
      expect(Object.isFrozen(part)).toBe(true);
  });

  it('lists its secrets for the redactor and shows none of them', () => {
    const loaded = load({
      TIPHYS_SERVER_API_KEYS: 'key-number-one,key-number-two',
      TIPHYS_DB_CLIENT: 'pg',
      TIPHYS_DB_CONNECTION: 'postgres://tiphys:s%40cret@db.example.org/tiphys',
      TIPHYS_LLM_API_KEY: 'sk-very-secret',
    });
    expect(loaded.secrets.toSorted()).toEqual([
      'key-number-one',
      'key-number-two',
      's%40cret',
      's@cret',
      'sk-very-secret',
    ]);
    const { text, json } = describeConfig(loaded);
    for (const secret of loaded.secrets) {
      expect(text).not.toContain(secret);
      expect(JSON.stringify(json)).not.toContain(secret);
    }
    expect(text).toMatch(
      /^db\.connection +postgres:\/\/tiphys:\*+@db\.example\.org\/tiphys +environment TIPHYS_DB_CONNECTION$/m,
    );
    expect(text).toMatch(/^git\.token +\(not set\) +default$/m);
  });

  it('is what the files of the product give, without mistakes', () => {
    const shipped = fileURLToPath(new URL('../../config/', import.meta.url));
    for (const nodeEnv of ['development', 'production', 'test'])
      expect(load({}, { configDir: shipped, nodeEnv }).config.server.port).toBe(3000);
  });
});
