import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { createCaller, type Answer, type Caller } from './http-call.ts';
import type { ServerSettings } from './settings.ts';
import { toEnvironment } from './workspace.ts';

const run = promisify(execFile);

/** Something the suite could not run with, and what to do about it. */
export interface Obstacle {
  what: string;
  fix: string;
}

const NEEDED = ['get', 'create', 'update', 'delete', 'sync'];

/**
 * What would keep every file of the suite from running, found before the first of them: one sentence instead of a page of failures.
 * Changes nothing, neither there nor in the repository.
 */
export async function findObstacles(settings: ServerSettings): Promise<Obstacle[]> {
  const caller = createCaller(settings);
  const server = await checkServer(caller, settings);
  return [...(server === undefined ? await checkRights(caller, settings) : [server]), ...(await checkGit(settings))];
}

async function checkServer({ call }: Caller, { url }: ServerSettings): Promise<Obstacle | undefined> {
  let version: Answer;
  try {
    version = await call('GET', '/api/version', { token: null });
  } catch (error) {
    const cause = error instanceof Error ? error.message : String(error);
    return { what: `${url} does not answer: ${cause}.`, fix: toTlsFix(error) ?? 'Check TIPHYS_E2E_ARGOCD_SERVER.' };
  }
  const text: unknown = version.json?.Version;
  if (typeof text !== 'string')
    return {
      what: `${url} is no Argo CD: it answers ${version.status} to /api/version.`,
      fix: 'Give the address with the path it is served below, as in https://host/argocd, and https where it redirects to it.',
    };
  if (!/^v3\./.test(text))
    return { what: `${url} is Argo CD ${text}.`, fix: 'The suite says what holds of Argo CD 3; point it at one.' };
  return undefined;
}

function toTlsFix(error: unknown): string | undefined {
  const code = typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : '';
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID')
    return 'Its certificate is for another name: use that name, or have it made for this one.';
  if (/CERT|VERIFY|ISSUER/.test(code))
    return 'Give its authority, or the certificate itself where it signed itself, in TIPHYS_E2E_ARGOCD_CA_FILE.';
  return undefined;
}

async function checkRights({ call }: Caller, { url, project }: ServerSettings): Promise<Obstacle[]> {
  const list = await call('GET', `/api/v1/applications?projects=${encodeURIComponent(project)}&name=tiphys-contract`);
  if (list.status === 401)
    return [
      { what: `${url} does not take our token: ${toMessage(list)}.`, fix: 'Give another in TIPHYS_E2E_ARGOCD_TOKEN.' },
    ];
  if (list.status !== 200)
    return [{ what: `${url} does not list Applications: ${list.status} ${toMessage(list)}.`, fix: 'See its log.' }];
  const missing: string[] = [];
  for (const action of NEEDED) {
    const path = `/api/v1/account/can-i/applications/${action}/${encodeURIComponent(project)}/tiphys-contract-x`;
    if ((await call('GET', path)).json?.value !== 'yes') missing.push(action);
  }
  if (missing.length === 0) return [];
  const who = (await call('GET', '/api/v1/session/userinfo')).json?.username ?? 'NAME';
  const lines = missing.map((action) => `p, ${String(who)}, applications, ${action}, ${project}/*, allow`);
  return [
    {
      what: `Account ${String(who)} may not ${missing.join(', ')} Applications of project ${project}.`,
      fix: `Add to policy.csv, or name a project in which it may in TIPHYS_E2E_ARGOCD_PROJECT:\n  ${lines.join('\n  ')}`,
    },
  ];
}

function toMessage(answer: Answer): string {
  return String(answer.json?.message ?? answer.text.slice(0, 200));
}

/** A push that stays dry: it asks the host for the right, and sends nothing. */
async function checkGit({ git, repoUrl }: ServerSettings): Promise<Obstacle[]> {
  const dir = await mkdtemp(join(tmpdir(), 'tiphys-contract-check-'));
  const call = async (...args: string[]) => await run('git', args, { cwd: dir, env: toEnvironment(git) });
  try {
    await call('init', '--quiet');
    await call('-c', 'user.name=x', '-c', 'user.email=x@example.com', 'commit', '--quiet', '--allow-empty', '-m', 'x');
    await call('push', '--quiet', '--dry-run', git.pushUrl, 'HEAD:refs/heads/tiphys-contract-check');
    return [];
  } catch (error) {
    const said =
      typeof error === 'object' && error !== null && 'stderr' in error ? String(error.stderr) : String(error);
    const fix =
      git.pushUrl === repoUrl
        ? 'Say how to push with TIPHYS_E2E_GIT_TOKEN or TIPHYS_E2E_GIT_SSH_KEY_FILE, or from where in TIPHYS_E2E_GIT_PUSH_URL.'
        : 'Check TIPHYS_E2E_GIT_PUSH_URL, and how to push: TIPHYS_E2E_GIT_TOKEN or TIPHYS_E2E_GIT_SSH_KEY_FILE.';
    return [{ what: `The repository takes no push from here: ${said.trim().split('\n').slice(-1)[0] ?? ''}.`, fix }];
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}
