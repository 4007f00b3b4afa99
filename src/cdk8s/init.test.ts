import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { silentLogger } from '../lib/logger.ts';
import { applyEdit } from './edit.ts';
import { initRepository } from './init.ts';
import { loadIsolation } from './isolation.ts';
import { describeService } from './describe.ts';
import { loadProject } from './project.ts';
import { createSynth } from './synth.ts';

let root: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'tiphys-init-'));
});
afterAll(async () => {
  await rm(root, { recursive: true, force: true });
});

test('a fresh repository renders to what it was written with, and takes an edit', async () => {
  const dir = join(root, 'fresh');
  await mkdir(dir);
  execFileSync('git', ['init', '-q', dir]);
  const written = await initRepository(dir);
  expect(written).toEqual(
    expect.arrayContaining([
      '.gitignore',
      'cdk8s.yaml',
      'main.ts',
      'tiphys.yaml',
      'README.md',
      'package.json',
      'tsconfig.json',
    ]),
  );
  expect(written.some((path) => path.includes('node_modules'))).toBe(false);
  const synth = createSynth({ isolation: await loadIsolation(), logger: silentLogger });
  const outcome = await synth.render(dir);
  if (outcome.kind === 'failed') throw new Error(outcome.message);
  expect(outcome.files.map((file) => file.path)).toEqual(written.filter((path) => path.startsWith('dist/')));
  for (const file of outcome.files) expect(await readFile(join(dir, file.path), 'utf8')).toBe(file.content);
  const edited = await applyEdit(dir, { kind: 'scale', service: 'worker', replicas: 7 });
  expect(edited).toMatchObject({ kind: 'edited', files: [{ path: 'main.ts' }] });
});

test('a folder that holds something is refused, and with force never overwritten', async () => {
  const dir = join(root, 'used');
  await mkdir(dir);
  await writeFile(join(dir, 'main.ts'), 'mine');
  await expect(initRepository(dir)).rejects.toMatchObject({ code: 'conflict' });
  expect(await readdir(dir)).toEqual(['main.ts']);
  const written = await initRepository(dir, { force: true });
  expect(written).not.toContain('main.ts');
  expect(written).toContain('charts/web.ts');
  expect(await readFile(join(dir, 'main.ts'), 'utf8')).toBe('mine');
});

test('a file in place of the folder is refused', async () => {
  await writeFile(join(root, 'file'), '');
  await expect(initRepository(join(root, 'file'))).rejects.toMatchObject({ code: 'invalid_input' });
});

test('the services of the repository can be read without running it', async () => {
  const dir = join(root, 'read');
  await initRepository(dir);
  const project = await loadProject(dir);
  expect(project.services.map((service) => service.name)).toEqual(['api', 'mailer', 'postgres', 'web', 'worker']);
  expect(describeService(project, 'redis')).toBeUndefined();
  expect(describeService(project, 'worker')).toEqual({
    name: 'worker',
    namespace: 'production',
    file: 'charts/worker.ts',
    workloads: [
      {
        kind: 'Deployment',
        name: 'worker',
        replicas: 2,
        containers: [{ name: 'worker', image: 'registry.example.com/shop/worker:2.3.1' }],
      },
    ],
    objects: ['Deployment worker'],
  });
});
