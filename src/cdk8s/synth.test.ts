import { mkdir, mkdtemp, readFile, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { silentLogger } from '../lib/logger.ts';
import { loadIsolation } from './isolation.ts';
import type { Isolation } from './isolation.ts';
import { createSynth } from './synth.ts';
import type { SynthOptions, SynthOutcome } from './synth.ts';

const EXAMPLE = fileURLToPath(new URL('../../examples/infra-repo/', import.meta.url));
// Where neither unshare nor prlimit is found, only the permission model and the guard are left.
const NO_TOOLS: string[] = [];

let root: string;
let machine: Isolation;
let guardOnly: Isolation;
let count = 0;

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'tiphys-synth-test-'));
  machine = await loadIsolation();
  guardOnly = await loadIsolation(NO_TOOLS);
});

afterAll(async () => {
  await rm(root, { recursive: true, force: true });
});

async function makeRepository(files: Record<string, string>): Promise<string> {
  count += 1;
  const dir = join(root, `repo-${count}`);
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(join(dir, path)), { recursive: true });
    await writeFile(join(dir, path), content);
  }
  return dir;
}

/** A program that renders one ConfigMap whose `value` is what the given expression gives. */
function program(before: string, value = "'ok'"): string {
  return `import { ApiObject, App, Chart } from 'cdk8s';
import fs from 'node:fs';
void fs;
${before}
const app = new App();
const chart = new Chart(app, 'web');
new ApiObject(chart, 'config', { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'config' }, data: { value: String(${value}) } });
app.synth();
`;
}

async function render(files: Record<string, string>, options: Partial<SynthOptions> = {}): Promise<SynthOutcome> {
  const synth = createSynth({ isolation: machine, logger: silentLogger, ...options });
  return await synth.render(await makeRepository(files));
}

function expectRendered(outcome: SynthOutcome): Extract<SynthOutcome, { kind: 'rendered' }> {
  if (outcome.kind === 'failed') throw new Error(`${outcome.stage}: ${outcome.message}`);
  return outcome;
}

async function failure(files: Record<string, string>, options: Partial<SynthOptions> = {}) {
  const outcome = await render(files, options);
  if (outcome.kind === 'rendered') throw new Error(`rendered: ${JSON.stringify(outcome.files)}`);
  return outcome;
}

describe('rendering', () => {
  test('the example renders to the bytes that are committed beside it', async () => {
    const synth = createSynth({ isolation: machine, logger: silentLogger, verifyDeterminism: true });
    const { files } = expectRendered(await synth.render(EXAMPLE));
    const committed: string[] = [];
    for (const service of await readdir(join(EXAMPLE, 'dist')))
      for (const name of await readdir(join(EXAMPLE, 'dist', service))) committed.push(`dist/${service}/${name}`);
    expect(files.map((file) => file.path)).toEqual(committed.sort());
    for (const file of files) expect(file.content).toBe(await readFile(join(EXAMPLE, file.path), 'utf8'));
  });

  test('a CommonJS repository with extensionless imports, own files and an included manifest works', async () => {
    const { files } = expectRendered(
      await render({
        'package.json': '{ "name": "old" }',
        'cdk8s.yaml': 'language: typescript\napp: npx ts-node src/main.ts\noutput: manifests\n',
        'src/main.ts': `import { App, Include } from 'cdk8s';
import { MyChart } from './charts';
const app = new App({ outdir: 'somewhere' });
const chart = new MyChart(app, 'old');
new Include(chart, 'crd', { url: 'src/vendor/config.yaml' });
app.synth();`,
        'src/charts/index.ts': `import * as path from 'path';
import { readFileSync } from 'fs';
import { Chart, ChartProps } from 'cdk8s';
import * as kplus from 'cdk8s-plus-28';
import { Construct } from 'constructs';
const settings = require('./settings.json');
export class MyChart extends Chart {
  constructor(scope: Construct, id: string, props: ChartProps = {}) {
    super(scope, id, props);
    const motd = readFileSync(path.join(__dirname, 'motd.txt'), 'utf8');
    new kplus.ConfigMap(this, 'config', { metadata: { name: 'own' }, data: { motd, level: settings.level } });
  }
}`,
        'src/charts/settings.json': '{ "level": "no" }',
        'src/charts/motd.txt': 'hello',
        'src/vendor/config.yaml': 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: included}\ndata: {a: "yes"}\n',
      }),
    );
    expect(files.map((file) => file.path)).toEqual(['manifests/old.k8s.yaml']);
    // Quoted, since YAML 1.1 readers take a bare `no` for a boolean.
    expect(files[0]?.content).toContain('level: "no"');
    expect(files[0]?.content).toContain('motd: hello');
    expect(files[0]?.content).toContain('a: "yes"');
  });

  test('import.meta and top-level await of ES modules work', async () => {
    const { files } = expectRendered(
      await render({
        'package.json': '{ "type": "module" }',
        'main.ts': program(
          `const text = await fs.promises.readFile(new URL('./note.txt', import.meta.url), 'utf8');\nconst other = fs.readFileSync(import.meta.dirname + '/note.txt', 'utf8');`,
          'text + other',
        ),
        'note.txt': 'note',
      }),
    );
    expect(files[0]?.content).toContain('value: notenote');
  });

  test('node_modules of the work tree are not used', async () => {
    const { files } = expectRendered(
      await render({
        'main.ts': program(''),
        'node_modules/cdk8s/package.json': '{ "name": "cdk8s", "main": "index.js" }',
        'node_modules/cdk8s/index.js': 'throw new Error("planted");',
      }),
    );
    expect(files).toHaveLength(1);
  });
});

describe('what a program does wrong', () => {
  test('a syntax error names file and line', async () => {
    const outcome = await failure({ 'main.ts': program('') + '\nconst = 3;\n' });
    expect(outcome).toMatchObject({ stage: 'bundle', location: { file: 'main.ts', line: 10 } });
  });

  test('an exception names the line of the source, not of the bundle', async () => {
    const outcome = await failure({
      'main.ts': program("import { boom } from './lib/boom';\nboom();"),
      'lib/boom.ts':
        'interface A {\n  a: string;\n}\nexport function boom(): A {\n  throw new Error("no image given");\n}\n',
    });
    expect(outcome).toMatchObject({ stage: 'run', location: { file: 'lib/boom.ts', line: 5 } });
    expect(outcome.message).toBe('lib/boom.ts:5: no image given');
  });

  test('a rejected promise nobody waits for is a failure', async () => {
    const outcome = await failure({ 'main.ts': program('void Promise.reject(new Error("later"));') });
    expect(outcome).toMatchObject({ stage: 'run' });
    expect(outcome.message).toContain('later');
  });

  test('a missing entry and a wrong tiphys.yaml are said before anything runs', async () => {
    expect(await failure({ 'tiphys.yaml': 'version: 1\nentry: app.ts\n' })).toMatchObject({
      stage: 'bundle',
      message: 'the repository has no app.ts; name its program in tiphys.yaml as `entry`',
    });
    const wrong = await failure({
      'tiphys.yaml': 'version: 1\nentry: ../main.ts\nouput: dist\n',
      'main.ts': program(''),
    });
    expect(wrong.stage).toBe('project');
    expect(wrong.message).toContain('entry');
    expect(wrong.message).toContain('ouput');
  });

  test('an import of a package that is not offered says which are', async () => {
    const outcome = await failure({ 'main.ts': program("import _ from 'lodash';\nvoid _;") });
    expect(outcome).toMatchObject({ stage: 'bundle', location: { file: 'main.ts', line: 4 } });
    expect(outcome.message).toContain('cdk8s, cdk8s-plus-28, constructs');
  });

  test('no app.synth() and process.exit(0) are no success', async () => {
    expect(await failure({ 'main.ts': "import { App } from 'cdk8s';\nnew App();\n" })).toMatchObject({
      stage: 'output',
    });
    expect(await failure({ 'main.ts': program('process.exit(0);') })).toMatchObject({ stage: 'output' });
    expect(await failure({ 'main.ts': program('process.exit(3);') })).toMatchObject({
      stage: 'run',
      message: 'main.ts ended with code 3',
    });
  });

  test('two objects of one kind and name are a failure, in one file or in two', async () => {
    const twice = (folder: string) => `import { ApiObject, App, Chart, YamlOutputType } from 'cdk8s';
const app = new App({ yamlOutputType: YamlOutputType.FOLDER_PER_CHART_FILE_PER_RESOURCE });
const config = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'config', namespace: 'a' } };
const web = new Chart(app, 'web');
new ApiObject(web, 'one', config);
new ApiObject(${folder === 'web' ? 'web' : "new Chart(app, 'api')"}, 'two', config);
app.synth();`;
    const same = await failure({ 'main.ts': twice('web') });
    expect(same.message).toContain('web/ConfigMap.config.k8s.yaml');
    const other = await failure({ 'main.ts': twice('api') });
    expect(other).toMatchObject({ stage: 'output' });
    expect(other.message).toContain('ConfigMap a/config is rendered twice');
  });

  test('output that depends on time or chance is found', async () => {
    const options = { verifyDeterminism: true };
    const day = await failure({ 'main.ts': program('', 'new Date().toISOString().slice(0, 10)') }, options);
    expect(day).toMatchObject({ stage: 'output' });
    expect(day.message).toContain('dist/web.k8s.yaml differs between two renderings, at line 6');
    const chance = await failure({ 'main.ts': program('', 'Math.random()') }, options);
    expect(chance.message).toContain('at line 6');
    expectRendered(
      await render({ 'main.ts': program('', 'new Date(0).toISOString() + (new Date(5) instanceof Date)') }, options),
    );
  });

  test('a List and a file that is no object are refused', async () => {
    const list = await failure({
      'main.ts': program('void fs;').replace("kind: 'ConfigMap'", "kind: 'List'"),
    });
    expect(list).toMatchObject({ stage: 'output' });
    expect(list.message).toContain('List');
  });
});

describe.each([
  ['with all this machine offers', () => machine],
  ['with the guard alone', () => guardOnly],
])('the jail %s', (_name, isolation) => {
  const hostile = async (before: string, value?: string, options: Partial<SynthOptions> = {}) =>
    await render({ 'main.ts': program(before, value) }, { isolation: isolation(), ...options });

  test('holds nothing of our environment', async () => {
    process.env.TIPHYS_TEST_SECRET = 'do-not-leak';
    try {
      const { files } = expectRendered(
        await hostile('', 'Object.keys(process.env).sort().join() + process.argv.length'),
      );
      expect(files[0]?.content).toContain('value: LANG,TZ2');
    } finally {
      delete process.env.TIPHYS_TEST_SECRET;
    }
  });

  test.each([
    ['/etc/passwd', "fs.readFileSync('/etc/passwd', 'utf8')"],
    ['/proc/self/environ', "fs.readFileSync('/proc/self/environ', 'utf8')"],
    ['service account token', "fs.readFileSync('/var/run/secrets/kubernetes.io/serviceaccount/token')"],
  ])('cannot read %s', async (_what, value) => {
    const outcome = await hostile('', value);
    expect(outcome).toMatchObject({ kind: 'failed', stage: 'run', location: { file: 'main.ts' } });
    expect(outcome.kind === 'failed' && outcome.message).toContain('a synth may read only the repository');
  });

  test('cannot write outside the folder for manifests', async () => {
    const target = join(root, 'planted');
    const outcome = await hostile(`fs.writeFileSync(${JSON.stringify(target)}, 'x');`);
    expect(outcome).toMatchObject({ kind: 'failed', stage: 'run' });
    await expect(readFile(target)).rejects.toThrow('ENOENT');
    const inside = await hostile("fs.writeFileSync('main.ts', 'x');");
    expect(inside.kind === 'failed' && inside.message).toContain('may write only through app.synth()');
  });

  test('reaches no server, by any door', async () => {
    let connections = 0;
    const server = createServer((_request, response) => response.end('reached'));
    server.on('connection', () => (connections += 1));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const doors = [
      `await fetch('http://127.0.0.1:${port}/')`,
      `await new Promise((ok, no) => process.getBuiltinModule('ht' + 'tp').get('http://127.0.0.1:${port}/', ok).on('error', no))`,
      `await new Promise((ok, no) => new (process.getBuiltinModule('ne' + 't').Socket)().on('error', no).connect(${port}, '127.0.0.1', ok))`,
      `await (await import(['node:dns', 'promises'].join('/'))).lookup('localhost')`,
      `await new Promise((ok, no) => { const s = process.getBuiltinModule('dg' + 'ram').createSocket('udp4'); s.send('x', ${port}, '127.0.0.1', (e) => (e ? no(e) : ok(1))); })`,
    ];
    try {
      for (const door of doors) {
        const outcome = await hostile(`const got = ${door};`, 'got');
        expect(outcome, door).toMatchObject({ kind: 'failed', stage: 'run' });
      }
    } finally {
      server.close();
    }
    expect(connections).toBe(0);
  });

  test('starts no program, no thread and signals nobody', async () => {
    const doors = [
      "process.getBuiltinModule('child' + '_process').execSync('id')",
      "new (process.getBuiltinModule('worker' + '_threads').Worker)('1', { eval: true })",
      `process.kill(${process.pid}, 0)`,
      "process.binding('spawn_sync')",
    ];
    for (const door of doors) {
      const outcome = await hostile('', door);
      expect(outcome, door).toMatchObject({ kind: 'failed', stage: 'run' });
    }
  });

  test('ends an endless loop', async () => {
    const outcome = await hostile('for (;;) {}', undefined, { limits: { timeoutMs: 1_500 } });
    expect(outcome).toMatchObject({ kind: 'failed', stage: 'limits', message: 'main.ts did not end within 1.5 s' });
  });

  test('ends a program that takes all memory, on the heap and beside it', async () => {
    const limits = { heapMegabytes: 64 };
    expectRendered(await hostile('', undefined, { limits }));
    const heap = await hostile(
      'const all: number[][] = [];\nfor (;;) all.push(new Array(100_000).fill(1));',
      undefined,
      { limits },
    );
    expect(heap).toMatchObject({
      kind: 'failed',
      stage: 'limits',
      message: 'main.ts needed more than 64 MB of memory',
    });
    if (isolation().wrap({ memoryBytes: 1, fileBytes: 1 }).length === 0) return;
    const buffers = await hostile(
      'const all: Buffer[] = [];\nfor (let i = 0; i < 40; i += 1) all.push(Buffer.alloc(100_000_000, 1));',
      undefined,
      { limits },
    );
    expect(buffers).toMatchObject({ kind: 'failed', stage: 'limits' });
  });
});

describe('refused without running', () => {
  test.each(['net', 'node:http', 'child_process', 'node:worker_threads', 'vm', 'inspector'])(
    'the builtin %s',
    async (name) => {
      const outcome = await failure({ 'main.ts': program(`import * as x from '${name}';\nvoid x;`) });
      expect(outcome).toMatchObject({ stage: 'bundle', location: { file: 'main.ts', line: 4 } });
    },
  );

  test('imports from outside, by path and by link', async () => {
    await writeFile(join(root, 'secret.json'), '{"a":1}');
    const up = await failure({ 'main.ts': program("import secret from '../secret.json';", 'secret.a') });
    expect(up).toMatchObject({ stage: 'bundle' });
    expect(up.message).toContain('leads out of the repository');
    const dir = await makeRepository({ 'main.ts': program("import secret from './inner.json';", 'secret.a') });
    await symlink(join(root, 'secret.json'), join(dir, 'inner.json'));
    const synth = createSynth({ isolation: machine, logger: silentLogger });
    expect(await synth.render(dir)).toMatchObject({ kind: 'failed', stage: 'project' });
  });

  test('a folder of the same prefix is outside', async () => {
    const dir = await makeRepository({ 'main.ts': '' });
    await mkdir(`${dir}-evil`);
    await writeFile(`${dir}-evil/x.ts`, 'export const x = 1;');
    await writeFile(join(dir, 'main.ts'), program(`import { x } from '../${dir.split('/').at(-1)}-evil/x';`, 'x'));
    const outcome = await createSynth({ isolation: machine, logger: silentLogger }).render(dir);
    expect(outcome).toMatchObject({ kind: 'failed', stage: 'bundle' });
  });

  test('a link that leads out, which the permission model would follow', async () => {
    const dir = await makeRepository({ 'main.ts': program('', "fs.readFileSync('data/passwd', 'utf8')") });
    await symlink('/etc', join(dir, 'data'));
    const outcome = await createSynth({ isolation: machine, logger: silentLogger }).render(dir);
    expect(outcome).toMatchObject({
      kind: 'failed',
      stage: 'project',
      message: 'data is a link that leads out of the repository',
    });
  });
});

describe('constructs that reach out', () => {
  test('Include of a file outside, of a URL, and Helm are explained', async () => {
    const use = (code: string) =>
      program('')
        .replace('app.synth();', `${code}\napp.synth();`)
        .replace('ApiObject, App', 'ApiObject, App, Helm, Include');
    const passwd = await failure({ 'main.ts': use("new Include(chart, 'x', { url: '/etc/passwd' });") });
    expect(passwd.message).toContain('a synth may read only the repository, not /etc/passwd');
    const url = await failure({ 'main.ts': use("new Include(chart, 'x', { url: 'http://169.254.169.254/latest' });") });
    expect(url.message).toContain('a synth has no network');
    const helm = await failure({
      'main.ts': use("new Helm(chart, 'x', { chart: 'redis', helmExecutable: '/bin/sh' });"),
    });
    expect(helm.stage).toBe('run');
  });
});

describe('output limits', () => {
  // cdk8s's own way of writing is not used: the folder it writes to is found by being the only one that can be.
  const write = (code: string) =>
    program('').replace(
      'app.synth();',
      `const out = () => (app as unknown as { outdir: string }).outdir;\napp.synth();\n${code}`,
    );

  test('many bytes', async () => {
    const outcome = await failure(
      {
        'main.ts': write(
          "for (let i = 0; ; i += 1) fs.writeFileSync(out() + '/f' + i + '.yaml', 'x'.repeat(1_000_000));",
        ),
      },
      { limits: { maxOutputBytes: 3_000_000 } },
    );
    expect(outcome).toMatchObject({ stage: 'limits' });
    expect(outcome.message).toContain('3000000 bytes');
  });

  test('one file beyond the limit', async () => {
    const outcome = await failure(
      { 'main.ts': write("fs.writeFileSync(out() + '/big.yaml', 'x'.repeat(5_000_000));") },
      { limits: { maxOutputBytes: 3_000_000 } },
    );
    expect(['limits', 'output']).toContain(outcome.stage);
  });

  test('many files, odd names, hidden folders, other formats, duplicate keys', async () => {
    const stages = [
      await failure(
        { 'main.ts': write("for (let i = 0; i < 30; i += 1) fs.writeFileSync(out() + '/f' + i + '.yaml', '{}');") },
        { limits: { maxOutputFiles: 20 } },
      ),
      await failure({ 'main.ts': write("fs.writeFileSync(out() + '/a b.yaml', '');") }),
      await failure({
        'main.ts': write("fs.mkdirSync(out() + '/.git'); fs.writeFileSync(out() + '/.git/config.yaml', '');"),
      }),
      await failure({ 'main.ts': write("fs.writeFileSync(out() + '/run.sh', 'id');") }),
      await failure({
        'main.ts': write(
          "fs.writeFileSync(out() + '/x.yaml', 'apiVersion: v1\\nkind: A\\nkind: B\\nmetadata: {name: a}\\n');",
        ),
      }),
    ];
    expect(stages.map((outcome) => outcome.stage)).toEqual(['output', 'output', 'output', 'output', 'output']);
    expect(stages[4]?.message).toContain('not valid YAML');
  });

  test('a link among the manifests', async () => {
    const outcome = await failure({ 'main.ts': write("fs.symlinkSync('/etc/passwd', out() + '/x.yaml');") });
    expect(['run', 'output']).toContain(outcome.stage);
  });

  test('printing without end', async () => {
    const outcome = await failure({ 'main.ts': program("for (;;) fs.writeSync(1, 'x'.repeat(100_000));") });
    expect(outcome).toMatchObject({ stage: 'limits', message: 'main.ts printed more than 1 MB' });
  });
});

describe('isolation report', () => {
  test('warns where only the guard holds', () => {
    expect(guardOnly.report).toMatchObject({ permissions: true, network: 'guard' });
    expect(guardOnly.report.warnings.join(' ')).toContain('user namespaces');
    expect(guardOnly.wrap({ memoryBytes: 1, fileBytes: 1 })).toEqual([]);
  });
});

test('an abort ends the rendering and says so', async () => {
  const synth = createSynth({ isolation: machine, logger: silentLogger });
  const dir = await makeRepository({ 'main.ts': program('for (;;) {}') });
  const controller = new AbortController();
  const rendering = synth.render(dir, controller.signal);
  setTimeout(() => controller.abort(new Error('shutting down')), 300);
  await expect(rendering).rejects.toThrow('shutting down');
});
