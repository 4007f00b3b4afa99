import { readFileSync } from 'node:fs';
import { z } from 'zod';

// What the suite needs to know of a real Argo CD, from the environment alone.

/** Every variable with what it is for; the first three are needed, the rest is optional. */
export const VARIABLES = {
  TIPHYS_E2E_ARGOCD_SERVER: 'address of the Argo CD server, with a path where it is served below one',
  TIPHYS_E2E_ARGOCD_TOKEN: 'API token that may create, get, sync, update and delete Applications of the project',
  TIPHYS_E2E_GIT_REPO_URL: 'repository that Argo CD reads and this machine may push to',
  TIPHYS_E2E_GIT_BRANCH: 'branch to push to; main when left out',
  TIPHYS_E2E_GIT_PUSH_URL: 'address of the repository from here, where it is another one than for Argo CD',
  TIPHYS_E2E_GIT_USERNAME: 'user name for https, where the host wants a certain one',
  TIPHYS_E2E_GIT_TOKEN: 'token or password for https',
  TIPHYS_E2E_GIT_SSH_KEY_FILE: 'private key for ssh',
  TIPHYS_E2E_GIT_CA_FILE: 'certificate authority of the git host, PEM',
  TIPHYS_E2E_ARGOCD_CA_FILE: 'authority of the Argo CD server or its own certificate, PEM; the check cannot be skipped',
  TIPHYS_E2E_ARGOCD_PROJECT: 'project to make Applications in; default when left out',
  TIPHYS_E2E_DESTINATION_SERVER: 'cluster to deploy to; the one Argo CD runs in when left out',
  TIPHYS_E2E_NAMESPACE: 'namespace that exists and is used instead of one made for the run',
  TIPHYS_E2E_IMAGE: 'image with sh that the cluster can pull; without it the checks of running containers are skipped',
} as const;

const optional = z
  .string()
  .optional()
  .transform((text) => (text === undefined || text.trim() === '' ? undefined : text.trim()));

const schema = z.object({
  TIPHYS_E2E_ARGOCD_SERVER: optional,
  TIPHYS_E2E_ARGOCD_TOKEN: optional,
  TIPHYS_E2E_GIT_REPO_URL: optional,
  TIPHYS_E2E_GIT_BRANCH: optional,
  TIPHYS_E2E_GIT_PUSH_URL: optional,
  TIPHYS_E2E_GIT_USERNAME: optional,
  TIPHYS_E2E_GIT_TOKEN: optional,
  TIPHYS_E2E_GIT_SSH_KEY_FILE: optional,
  TIPHYS_E2E_GIT_CA_FILE: optional,
  TIPHYS_E2E_ARGOCD_CA_FILE: optional,
  TIPHYS_E2E_ARGOCD_PROJECT: optional,
  TIPHYS_E2E_DESTINATION_SERVER: optional,
  TIPHYS_E2E_NAMESPACE: optional,
  TIPHYS_E2E_IMAGE: optional,
});

export interface GitAccess {
  pushUrl: string;
  branch: string;
  username: string | undefined;
  token: string | undefined;
  sshKeyFile: string | undefined;
  caFile: string | undefined;
}

export interface ServerSettings {
  url: string;
  token: string;
  ca: string | undefined;
  project: string;
  destination: string;
  namespace: string | undefined;
  image: string | undefined;
  repoUrl: string;
  git: GitAccess;
}

export const IN_CLUSTER = 'https://kubernetes.default.svc';

/** The settings, or the needed variables that are not set. Throws where a file that is named cannot be read. */
export function loadServerSettings(environment: NodeJS.ProcessEnv): ServerSettings | { missing: string[] } {
  const env = schema.parse(environment);
  const {
    TIPHYS_E2E_ARGOCD_SERVER: server,
    TIPHYS_E2E_ARGOCD_TOKEN: token,
    TIPHYS_E2E_GIT_REPO_URL: repoUrl,
    TIPHYS_E2E_ARGOCD_CA_FILE: caFile,
  } = env;
  if (server === undefined || token === undefined || repoUrl === undefined) {
    const needed = {
      TIPHYS_E2E_ARGOCD_SERVER: server,
      TIPHYS_E2E_ARGOCD_TOKEN: token,
      TIPHYS_E2E_GIT_REPO_URL: repoUrl,
    };
    return { missing: Object.entries(needed).flatMap(([name, value]) => (value === undefined ? [name] : [])) };
  }
  return {
    url: (server.includes('://') ? server : `https://${server}`).replace(/\/+$/, ''),
    token,
    ca: caFile === undefined ? undefined : readCa(caFile),
    project: env.TIPHYS_E2E_ARGOCD_PROJECT ?? 'default',
    destination: env.TIPHYS_E2E_DESTINATION_SERVER ?? IN_CLUSTER,
    namespace: env.TIPHYS_E2E_NAMESPACE,
    image: env.TIPHYS_E2E_IMAGE,
    repoUrl,
    git: {
      pushUrl: env.TIPHYS_E2E_GIT_PUSH_URL ?? repoUrl,
      branch: env.TIPHYS_E2E_GIT_BRANCH ?? 'main',
      username: env.TIPHYS_E2E_GIT_USERNAME,
      token: env.TIPHYS_E2E_GIT_TOKEN,
      sshKeyFile: env.TIPHYS_E2E_GIT_SSH_KEY_FILE,
      caFile: env.TIPHYS_E2E_GIT_CA_FILE,
    },
  };
}

function readCa(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new Error(`TIPHYS_E2E_ARGOCD_CA_FILE cannot be read: ${file}`, { cause: error });
  }
}
