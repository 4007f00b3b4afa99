import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { createAuthority } from '../../test/support/certificate.ts';
import { toKubeconfig } from '../../test/support/kubernetes-api.ts';
import { makeTempDir } from '../../test/support/open-repo.ts';
import { isAppError } from '../lib/errors.ts';
import { loadClusterAccess } from './kubeconfig.ts';

let dir: string;
let file: string;
beforeEach(async () => {
  dir = await makeTempDir();
  file = join(dir, 'config');
});

const SECRET = 'tok-of-nobody-else-5d1e';
const load = async (given: Partial<Parameters<typeof toKubeconfig>[0]> = {}, context: string | null = null) => {
  const cluster = { server: 'https://10.0.0.1:6443/k8s/clusters/c-1' };
  await writeFile(file, toKubeconfig({ cluster, user: { token: SECRET }, ...given }));
  return await loadClusterAccess(file, context);
};
const refusal = async (loading: Promise<unknown>) => {
  const error: unknown = await loading.catch((thrown: unknown) => thrown);
  if (!isAppError(error, 'config_invalid')) throw new Error(`a refusal was expected, not ${String(error)}`);
  expect(error.message).toContain(file);
  expect(`${error.message} ${error.hint ?? ''}`).not.toContain(SECRET);
  return `${error.message}. ${error.hint ?? ''}`;
};

describe('a kubeconfig', () => {
  it('says where the cluster is and how to sign in, by its current context or another', async () => {
    expect(await load({ namespace: 'shop' })).toMatchObject({
      server: new URL('https://10.0.0.1:6443/k8s/clusters/c-1'),
      credentials: { kind: 'token', token: SECRET },
      namespace: 'shop',
    });
    expect(await load({}, 'here')).toMatchObject({ namespace: 'default' });
    expect(await refusal(load({}, 'there'))).toContain(
      'has no context "there". Set kubernetes.context to one it has: here.',
    );
  });

  it('is YAML as well, and names files from where it lies', async () => {
    const { ca, issue } = createAuthority('x');
    const { cert, key } = issue(['reader']);
    await mkdir(join(dir, 'pki'));
    for (const [name, text] of Object.entries({ ca, cert, key }))
      await writeFile(join(dir, 'pki', `${name}.pem`), text);
    await writeFile(
      file,
      `
current-context: here
clusters: [{ name: c, cluster: { server: 'https://k8s', certificate-authority: pki/ca.pem, tls-server-name: kubernetes } }]
users: [{ name: u, user: { client-certificate: pki/cert.pem, client-key-data: ${Buffer.from(key).toString('base64')} } }]
contexts: [{ name: here, context: { cluster: c, user: u } }]
`,
    );
    expect(await loadClusterAccess(file, null)).toMatchObject({
      ...{ ca, serverName: 'kubernetes' },
      credentials: { kind: 'certificate', cert, key },
    });
    expect(await load({ user: { tokenFile: 'tokens/reader' } })).toMatchObject({
      credentials: { kind: 'token_file', file: join(dir, 'tokens/reader') },
    });
    expect(await load({ user: {} })).toMatchObject({ credentials: { kind: 'none' } });
  });

  it.each([
    [
      'a program that signs in',
      { user: { exec: { command: 'aws', apiVersion: 'v1', args: [] } } },
      /program \(aws\), which is not started.*service account/,
    ],
    ['an auth provider', { user: { 'auth-provider': { name: 'oidc' } } }, /through oidc, which is not supported/],
    ['a password', { user: { username: 'admin', password: SECRET } }, /user name and password/],
    ['somebody else to act as', { user: { token: SECRET, as: 'admin' } }, /act as somebody else/],
    ['a certificate without a key', { user: { 'client-certificate-data': 'eA==' } }, /without a key/],
    [
      'no check of the certificate',
      { cluster: { server: 'https://k', 'insecure-skip-tls-verify': true } },
      /anybody in between/,
    ],
    ['a proxy', { cluster: { server: 'https://k', 'proxy-url': 'http://p' } }, /proxy-url, which is not supported/],
    ['http to another machine', { cluster: { server: 'http://10.0.0.1' } }, /server without https/],
    ['credentials in the address', { cluster: { server: `https://u:${SECRET}@k` } }, /no https address/],
    ['another kind of address', { cluster: { server: 'unix:///var/run/k' } }, /no https address/],
    [
      'an authority that is none',
      { cluster: { server: 'https://k', 'certificate-authority-data': 'eA==' } },
      /no certificate in PEM form/,
    ],
  ])('with %s is refused, and says what to do', async (_, given, told) => {
    expect(await refusal(load(given))).toMatch(told);
  });

  it('that is missing, broken or something else is refused without a word of what stands in it', async () => {
    expect(await refusal(loadClusterAccess(file, null))).toContain('the kubeconfig cannot be read');
    await writeFile(file, `token: ${SECRET}\n  : [`);
    expect(await refusal(loadClusterAccess(file, null))).toContain('is no YAML that can be read');
    await writeFile(file, JSON.stringify({ clusters: SECRET }));
    expect(await refusal(loadClusterAccess(file, null))).toContain('wrong at clusters');
    await writeFile(file, '');
    expect(await refusal(loadClusterAccess(file, null))).toMatch(/is no kubeconfig|no current-context/);
    await writeFile(file, JSON.stringify({ contexts: [{ name: 'a', context: { cluster: 'gone' } }] }));
    expect(await refusal(loadClusterAccess(file, null))).toContain(
      'has no current-context. Set kubernetes.context to one it has: a.',
    );
    expect(await refusal(loadClusterAccess(file, 'a'))).toContain('has no cluster "gone"');
  });

  it('may name http on this machine, as kubectl proxy has it', async () => {
    const cluster = { server: 'http://127.0.0.1:8001' };
    expect(await load({ cluster, user: {} })).toMatchObject({ server: new URL('http://127.0.0.1:8001') });
  });
});
