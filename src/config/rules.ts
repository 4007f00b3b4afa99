import { isGitHost, readGitHost } from './git-host.ts';
import type { Config } from './schema.ts';

/** A mistake that lies in two settings not going together. */
export interface RuleViolation {
  key: string;
  problem: string;
}

/** Checks what the settings must be to each other; each by itself is right already. */
export function checkRules(config: Config): RuleViolation[] {
  return [
    ...checkServer(config),
    ...checkDatabase(config),
    ...checkTargets(config),
    ...checkDelivery(config),
    ...checkModel(config),
  ];
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || host === '[::1]' || /^127(?:\.\d{1,3}){3}$/.test(host);
}

function checkServer({ server }: Config): RuleViolation[] {
  if (server.readOnlyApiKeys.length > 0 && server.apiKeys.length === 0)
    return [
      {
        key: 'server.readOnlyApiKeys',
        problem: 'needs server.apiKeys too: with keys that only read, nobody could approve',
      },
    ];
  if (isLoopback(server.host) || server.apiKeys.length > 0) return [];
  return [
    {
      key: 'server.host',
      problem:
        'is reachable from other machines, and without API keys anyone could change the platform: ' +
        'set server.apiKeys (TIPHYS_SERVER_API_KEYS), or listen on 127.0.0.1',
    },
  ];
}

function checkDatabase({ db }: Config): RuleViolation[] {
  const isPgUrl = /^postgres(?:ql)?:\/\//.test(db.connection ?? '');
  if (db.client === 'pg' && db.connection === null)
    return [
      { key: 'db.connection', problem: 'must be set where db.client is pg: postgres://USER:PASSWORD@HOST:PORT/NAME' },
    ];
  if (db.client === 'pg' && !isPgUrl)
    return [{ key: 'db.connection', problem: 'must start with postgres:// where db.client is pg' }];
  if (db.client === 'sqlite3' && isPgUrl)
    return [
      {
        key: 'db.client',
        problem: 'is sqlite3, but db.connection is a PostgreSQL URL: set db.client (TIPHYS_DB_CLIENT) to pg',
      },
    ];
  return [];
}

function checkTargets({ git, argocd, kubernetes }: Config): RuleViolation[] {
  const violations: RuleViolation[] = [];
  if (kubernetes.context !== null && kubernetes.kubeconfig === null)
    violations.push({ key: 'kubernetes.kubeconfig', problem: 'must be set where kubernetes.context is' });
  if (kubernetes.kubeconfig !== null && argocd.server === null)
    violations.push({
      key: 'kubernetes.kubeconfig',
      problem:
        'goes with argocd.server, which is not set: give it as kubeconfig in an entry of argocd.instances, or leave it out',
    });
  const named = argocd.server !== null ? 'argocd.server' : 'argocd.instances';
  const hasArgo = argocd.server !== null || argocd.instances.length > 0;
  if (git.repoUrl !== null && !hasArgo)
    violations.push({
      key: 'argocd.server',
      problem: 'must be set where git.repoUrl is; leave out both to work with the embedded sandbox',
    });
  if (git.repoUrl === null && hasArgo)
    violations.push({
      key: 'git.repoUrl',
      problem: `must be set where ${named} is; leave out both to work with the embedded sandbox`,
    });
  if (argocd.username !== null && argocd.password === null)
    violations.push({ key: 'argocd.password', problem: 'must be set where argocd.username is' });
  if (argocd.password !== null && argocd.username === null)
    violations.push({ key: 'argocd.username', problem: 'must be set where argocd.password is' });
  return violations;
}

/** Pull requests need an API and a token for it, which is only taken over from git where the API is on the same host. */
function checkDelivery({ git }: Config): RuleViolation[] {
  if (git.delivery !== 'pull_request') return [];
  const host = readGitHost(git);
  if (!isGitHost(host)) return [host];
  if (git.apiToken !== null) return [];
  if (git.token === null)
    return [{ key: 'git.apiToken', problem: 'must be set where git.delivery is pull_request, unless git.token is' }];
  if (host.ownsGitToken) return [];
  const problem = `must be set: git.token belongs to another host than ${new URL(host.apiUrl).host} and is not sent there`;
  return [{ key: 'git.apiToken', problem }];
}

function checkModel({ llm }: Config): RuleViolation[] {
  if (llm.provider !== 'openai') return [];
  const violations: RuleViolation[] = [];
  if (llm.model === null) violations.push({ key: 'llm.model', problem: 'must be set where llm.provider is openai' });
  if (llm.baseUrl === null && llm.apiKey === null)
    violations.push({
      key: 'llm.baseUrl',
      problem: 'must be set where llm.provider is openai, unless llm.apiKey is: then the public OpenAI API is used',
    });
  return violations;
}
