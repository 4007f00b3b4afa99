import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestSandbox, type TestSandbox } from '../../src/sandbox/test-sandbox.ts';
import { toSetUpHint } from '../contract/argocd/applications.ts';
import { findObstacles } from '../contract/argocd/readiness.ts';
import { IN_CLUSTER, loadServerSettings, type ServerSettings } from '../contract/argocd/settings.ts';
import { startTlsFront, type TlsFront } from '../support/tls-front.ts';

const READER = 'p, reader, applications, get, default/*, allow';

let sandbox: TestSandbox;
let front: TlsFront;
let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'tiphys-readiness-'));
  sandbox = await createTestSandbox({
    token: 'root',
    accounts: [{ name: 'reader', token: 'reads', rights: { policy: READER } }],
  });
  front = await startTlsFront(sandbox.sandbox.url, '/argocd');
});
afterAll(async () => {
  await front.close();
  await sandbox.close();
  await rm(dir, { recursive: true, force: true });
});

function toSettings(more: Partial<ServerSettings> = {}): ServerSettings {
  const git = { branch: 'main', username: undefined, token: undefined, sshKeyFile: undefined, caFile: undefined };
  return {
    ...{ url: front.url, token: 'root', ca: front.ca, project: 'default', destination: IN_CLUSTER },
    ...{ namespace: undefined, image: undefined, repoUrl: sandbox.repository },
    git: { pushUrl: sandbox.repository, ...git },
    ...more,
  };
}

describe('before the contract suite is run against a server', () => {
  it('nothing is in the way of one behind TLS of its own authority and below a path', async () => {
    expect(await findObstacles(toSettings())).toEqual([]);
  });

  it('a certificate nobody vouches for is named, with the variable to vouch for it', async () => {
    const [obstacle] = await findObstacles(toSettings({ ca: undefined }));
    expect(obstacle?.what).toContain(`${front.url} does not answer`);
    expect(obstacle?.fix).toContain('TIPHYS_E2E_ARGOCD_CA_FILE');
  });

  it('an address without its path, and one where nobody listens, are told apart', async () => {
    const [noPath] = await findObstacles(toSettings({ url: new URL(front.url).origin }));
    expect(noPath?.what).toMatch(/is no Argo CD: it answers 404 to \/api\/version/);
    expect(noPath?.fix).toContain('https://host/argocd');
    const [nobody] = await findObstacles(toSettings({ url: 'http://127.0.0.1:1' }));
    expect(nobody?.what).toContain('ECONNREFUSED');
  });

  it('an Argo CD of another generation is refused by its version', async () => {
    const old = createServer((_, answer) => answer.end('{"Version":"v2.14.9"}'));
    await new Promise<void>((resolve) => old.listen(0, '127.0.0.1', resolve));
    const url = `http://127.0.0.1:${(old.address() as AddressInfo).port}`;
    expect(await findObstacles(toSettings({ url }))).toMatchObject([{ what: `${url} is Argo CD v2.14.9.` }]);
    await new Promise((resolve) => old.close(resolve));
  });

  it('a token that is refused, and one that may too little, with the lines that are missing', async () => {
    expect(await findObstacles(toSettings({ token: 'wrong' }))).toMatchObject([
      { what: `${front.url} does not take our token: no session information.` },
    ]);
    const [tooLittle] = await findObstacles(toSettings({ token: 'reads' }));
    expect(tooLittle?.what).toBe(
      'Account reader may not create, update, delete, sync Applications of project default.',
    );
    expect(tooLittle?.fix).toContain('p, reader, applications, create, default/*, allow');
  });

  it('a repository that takes no push', async () => {
    const empty = join(dir, 'no-repository');
    await mkdir(empty);
    const settings = toSettings();
    const [obstacle] = await findObstacles({ ...settings, git: { ...settings.git, pushUrl: empty } });
    expect(obstacle?.what).toMatch(/^The repository takes no push from here: /);
    expect(obstacle?.fix).toContain('TIPHYS_E2E_GIT_PUSH_URL');
  });

  it.each([
    ['resource :Namespace is not permitted in project team', 'TIPHYS_E2E_NAMESPACE'],
    [
      'application spec for x is invalid: InvalidSpecError: repository not accessible: authentication required',
      'register',
    ],
    [
      "InvalidSpecError: application repo https://git/x is not permitted in project 'team'",
      'TIPHYS_E2E_ARGOCD_PROJECT',
    ],
    [
      "application destination server 'https://k' and namespace 'x' do not match any of the allowed destinations in project 'team'",
      'TIPHYS_E2E_DESTINATION_SERVER',
    ],
  ])('a set-up that Argo CD refuses gets a way out: %s', (said, hint) => {
    expect(toSetUpHint(said)).toContain(hint);
    expect(toSetUpHint('one or more objects failed to apply')).toBe('');
  });

  it('a file of an authority that is not there is named, not a stack', () => {
    const environment = {
      TIPHYS_E2E_ARGOCD_SERVER: 'localhost',
      TIPHYS_E2E_ARGOCD_TOKEN: 'x',
      TIPHYS_E2E_GIT_REPO_URL: 'x',
      TIPHYS_E2E_ARGOCD_CA_FILE: join(dir, 'nothing.pem'),
    };
    expect(() => loadServerSettings(environment)).toThrow(/TIPHYS_E2E_ARGOCD_CA_FILE cannot be read: .*nothing\.pem/);
  });
});
