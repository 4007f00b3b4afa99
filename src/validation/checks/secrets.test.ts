import { describe, expect, it } from 'vitest';
import { toChangeInput, toDeployment, toLines } from '../change.fixture.ts';
import { isPlaceholder, isSecretName } from './secret-shapes.ts';
import { secretsCheck } from './secrets.ts';

// Put together at run time, so that no scanner takes this file for a leak.
const AWS_ID = ['AKIA', 'IOSFODNN7', 'EXAMPLQ'].join('');
const AWS_KEY = ['wJalrXUtnFEMI', 'K7MDENG', 'bPxRfiCYzzzzzzzKEY'].join('/');
const GITHUB = ['ghp', 'a1B2c3D4e5a1B2c3D4e5a1B2c3D4e5F6g7H8'].join('_');
const PEM = `${'-'.repeat(5)}BEGIN RSA PRIVATE KEY${'-'.repeat(5)}\nMIIEowIBAAKCAQEA7bq7\n${'-'.repeat(5)}END RSA PRIVATE KEY${'-'.repeat(5)}\n`;
const toBase64 = (text: string) => Buffer.from(text).toString('base64');
const toBase64Url = (text: string) => Buffer.from(text).toString('base64url');
const JWT = [
  toBase64Url('{"alg":"HS256","typ":"JWT"}'),
  toBase64Url('{"sub":"1234567890"}'),
  'c2lnbmF0dXJlLW9mLWl0',
].join('.');
const RANDOM = 'Zq8xV2mK9pLw4TnB7cRf1YhD5sGj3AeU6oXi0QkM';

const toMap = (value: string, key = 'settings') =>
  `apiVersion: v1\nkind: ConfigMap\nmetadata: { name: c }\ndata:\n  ${key}: ${JSON.stringify(value)}\n`;
const toEnv = (name: string, value: string) =>
  toDeployment({ container: `env: [{ name: ${name}, value: ${JSON.stringify(value)} }]\n` });
const inspect = async (before: string, after: string) => await secretsCheck.inspect(toChangeInput(before, after));
const inspectFile = async (path: string, content: string, before?: string) =>
  await secretsCheck.inspect({
    changes: [],
    after: [],
    sourceFiles: [{ path, content, ...(before === undefined ? {} : { before }) }],
  });

describe('secrets check of objects', () => {
  it.each([
    ['an AWS key id alone', toMap(`id: ${AWS_ID}`), AWS_ID],
    ['an AWS key', toMap(`aws_secret_access_key = ${AWS_KEY}`), AWS_KEY],
    ['a private key', toMap(PEM), 'MIIEowIBAAKCAQEA7bq7'],
    ['a private key in base64', toMap(toBase64(PEM)), toBase64(PEM)],
    ['a private key in base64 twice', toMap(toBase64(toBase64(PEM))), toBase64(toBase64(PEM)).slice(0, 60)],
    ['a GitHub token', toEnv('ORIGIN', GITHUB), GITHUB],
    ['a GitHub token in base64 in an annotation', toDeployment().replace('namespace: shop', `namespace: shop\n  annotations: { note: "${toBase64(`token is ${GITHUB}`)}" }`), toBase64(`token is ${GITHUB}`)],
    ['a web token', toMap(`x ${JWT} y`), JWT],
    ['a password in a URL', toEnv('DATABASE', 'postgres://shop:s3cr3tpw@db/shop'), 's3cr3tpw'],
    ['a literal password variable', toEnv('DB_PASSWORD', 'correct horse'), 'correct horse'],
    ['a literal key variable', toEnv('API_KEY', 'abcdef'), 'abcdef'],
    ['a variable in camel case', toEnv('clientSecret', 'abcdef'), 'abcdef'],
    ['a password line in a configuration file', toMap('host: db\npassword: tr0ub4dor\n'), 'tr0ub4dor'],
    ['a password in JSON', toMap('{"db": {"password": "tr0ub4dor"}}'), 'tr0ub4dor'],
    ['a key of that name', toMap('tr0ub4dor', 'db-password'), 'tr0ub4dor'],
    ['an argument', toDeployment({ container: 'args: ["--port=80", "--password=tr0ub4dor"]\n' }), 'tr0ub4dor'],
    ['an init container', toDeployment({ pod: 'initContainers: [{ name: i, image: "a:1", env: [{ name: TOKEN, value: abcdef }] }]\n' }), 'abcdef'],
  ])('finds %s, names the field and does not repeat it', async (_what, text, secret) => {
    const findings = await inspect('', text);
    expect(findings.length).toBeGreaterThan(0);
    expect(findings[0]).toMatchObject({ check: 'secrets', severity: 'error' });
    expect(findings[0]?.object).toBeDefined();
    expect(findings[0]?.field).toMatch(/data|env|annotations|args/);
    expect(findings[0]?.fix).toContain('Secret');
    expect(JSON.stringify(findings)).not.toContain(secret);
  }); // prettier-ignore

  it('warns of random text that may be a key', async () => {
    expect(toLines(await inspect('', toMap(RANDOM)))).toEqual(['warning secrets data.settings']);
  });

  it.each([
    ['an ordinary workload', toDeployment()],
    ['a value from a Secret', toDeployment({ container: 'env: [{ name: PASSWORD, valueFrom: { secretKeyRef: { name: db, key: password } } }]\n' })],
    ['a reference filled in by Kubernetes', toEnv('TOKEN', '$(OTHER)')],
    ['a placeholder', toEnv('PASSWORD', '${DB_PASSWORD}')],
    ['the path of a secret', toEnv('PASSWORD', '/run/secrets/password')],
    ['a file variable', toEnv('PASSWORD_FILE', '/run/secrets/password')],
    ['a lifetime', toEnv('TOKEN_TTL', '3600s')],
    ['a switch', toEnv('ENABLE_TOKEN', 'true')],
    ['a reference of a store', toEnv('PASSWORD', 'vault:secret/data/db#password')],
    ['a public key', toEnv('PUBLIC_KEY', 'c3NoLWVkMjU1MTk=')],
    ['a URL without a password', toEnv('DATABASE', 'postgres://shop@db:5432/shop')],
    ['a URL filled in later', toEnv('DATABASE', 'postgres://shop:$(PASSWORD)@db:5432/shop')],
    ['a digest', toDeployment({ image: `ghcr.io/acme/web@sha256:${'0123456789abcdef'.repeat(4)}` })],
    ['a checksum', toDeployment().replace('labels: { app: web }', `annotations: { checksum/config: ${'0a1b2c3d'.repeat(8)} }\n      labels: { app: web }`)],
    ['an id', toMap('123e4567-e89b-12d3-a456-426614174000')],
    ['text in base64', toMap(toBase64('a perfectly ordinary sentence of some length'))],
    ['prose about passwords', toMap('The password is kept elsewhere; see the token documentation.')],
    ['a certificate authority', `apiVersion: v1\nkind: ConfigMap\nmetadata: { name: c }\ndata: { ca: "${toBase64('-----BEGIN CERTIFICATE-----\nMIIBszCCAVmgAwIBAgIUZ')}" }\n`],
    ['something that only starts like a web token', toMap('eyJhbGciOi.eyJub3Rqc29u.x')],
    ['code in a configuration file', toMap('token = request.headers["x"]\nif (password) { return }\n')],
  ])('says nothing about %s', async (_what, text) => {
    expect(await inspect('', text)).toEqual([]);
  }); // prettier-ignore

  it('refuses the values of Secrets and lets empty ones be', async () => {
    const head = 'apiVersion: v1\nkind: Secret\nmetadata: { name: s }\n';
    const text = `${head}data: { a: ${toBase64('hello-there')} }\nstringData: { b: general }\n`;
    const findings = await inspect('', text);
    expect(toLines(findings)).toEqual(['error secrets data.a', 'error secrets stringData.b']);
    expect(JSON.stringify(findings)).not.toMatch(/general|hello/);
    expect(await inspect('', `${head}data: { a: "" }\n`)).toEqual([]);
    expect(await inspect('', head)).toEqual([]);
  });

  it('holds only changed values of a Secret against a change', async () => {
    const toSecret = (a: string) =>
      `apiVersion: v1\nkind: Secret\nmetadata: { name: s }\nstringData: { a: ${a}, b: same }\n`;
    expect(toLines(await inspect(toSecret('old'), toSecret('new')))).toEqual([
      'error secrets stringData.a',
      'warning secrets stringData.b',
    ]);
  });

  it('holds an old secret in a touched object lightly, a changed one in full, and does not look at untouched ones', async () => {
    const old = toEnv('PASSWORD', 'old-value');
    expect(toLines(await inspect(old, old.replace('replicas: 2', 'replicas: 3')))).toEqual([
      'warning secrets containers[web].env[PASSWORD].value',
    ]);
    expect(toLines(await inspect(old, toEnv('PASSWORD', 'new-value')))).toEqual([
      'error secrets containers[web].env[PASSWORD].value',
    ]);
    expect(await inspect(old, `${old}---\n${toMap('a')}`)).toEqual([]);
  });

  it('reads hostile text in reasonable time', async () => {
    const texts = ['a:'.repeat(50_000), 'password'.repeat(20_000), `${'A'.repeat(200_000)}`, 'eyJ'.repeat(50_000), '-----BEGIN '.repeat(20_000), 'x://'.repeat(50_000)];
    for (const text of texts) await inspect('', toMap(text));
  }, 20_000); // prettier-ignore
});

describe('secrets check of source files', () => {
  it.each([
    ['a token', 'charts/web.ts', `const token = '${GITHUB}';`, GITHUB],
    ['a literal password', 'charts/web.ts', "  password: 'correct-horse',", 'correct-horse'],
    ['a literal key', 'charts/web.ts', "const apiKey = 'a8f5f167f44f4964';", 'a8f5f167f44f4964'],
    ['a private key', 'keys.txt', PEM, 'MIIEow'],
    ['a line of a settings file', '.env', 'DB_PASSWORD=tr0ub4dor\n', 'tr0ub4dor'],
  ])('finds %s with its line', async (_what, path, line, secret) => {
    const findings = await inspectFile(path, `// first line\n\n${line}\n`);
    expect(findings).toMatchObject([{ severity: 'error', field: `${path}:3` }]);
    expect(JSON.stringify(findings)).not.toContain(secret);
  }); // prettier-ignore

  it.each([
    ["secret: 'database-credentials',"],
    ["{ secretKeyRef: { name: 'db', key: 'password' } }"],
    ['const password = process.env.PASSWORD;'],
    ['interface Props { token: string; password?: string }'],
    ["EnvValue.fromSecretValue({ secret: database, key: 'url' })"],
    ["{ secretKey: 'url', remoteRef: { key: 'shop/db' } }"],
    ['password: `${stage}-x`,'],
  ])('says nothing about %s', async (line) => {
    expect(await inspectFile('charts/web.ts', line)).toEqual([]);
  });

  it('holds what was in the file before lightly, wherever it moved', async () => {
    const line = `const token = '${GITHUB}';\n`;
    expect(toLines(await inspectFile('a.ts', `\n\n${line}`, line))).toEqual(['warning secrets a.ts:3']);
    expect(toLines(await inspectFile('a.ts', line, ''))).toEqual(['error secrets a.ts:1']);
  });
});

describe('names and placeholders', () => {
  it.each(['PASSWORD', 'db_password', 'DB-PASSWD', 'clientSecret', 'GITHUB_TOKEN', 'apiKey', 'AWS_SECRET_ACCESS_KEY', 'signing.key', 'basic_auth'])(
    '%s speaks of a secret',
    (name) => {
      expect(isSecretName(name)).toBe(true);
    },
  ); // prettier-ignore
  it.each(['PASSWORD_FILE', 'SECRET_NAME', 'TOKEN_URL', 'MAX_TOKENS', 'KEYBOARD', 'MONKEY', 'PUBLIC_KEY', 'PRIMARY_KEY', 'TOKENIZER', 'secretName', 'author'])(
    '%s does not',
    (name) => {
      expect(isSecretName(name)).toBe(false);
    },
  ); // prettier-ignore
  it.each(['', 'on', 'true', '8080', '30s', '/etc/key', './key', '$(X)', '${X}', '<password>', '****', 'xxxx'])('%j stands in for something', (value) => {
    expect(isPlaceholder(value)).toBe(true);
  }); // prettier-ignore
  it.each(['changeme', 'hunter2', 'correct horse', '123456789', 'a/b/c1'])('%j may be a secret', (value) => {
    expect(isPlaceholder(value)).toBe(false);
  });
});
