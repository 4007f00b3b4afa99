import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { isAppError } from '../lib/errors.ts';
import { loadProjectFile } from './project-file.ts';

let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'tiphys-project-'));
});
afterAll(async () => {
  await rm(dir, { recursive: true, force: true });
});

const ADDRESS = 'analysis:\n  prometheus: { address: http://prometheus:9090 }\n';

async function load(text: string) {
  await writeFile(join(dir, 'tiphys.yaml'), `version: 1\n${text}`);
  return await loadProjectFile(dir);
}

test('without sections nothing is measured, and a canary goes in two timed steps', async () => {
  const file = await load('');
  expect(file.analysis).toBeUndefined();
  expect(file.canarySteps).toEqual([
    { weight: 20, pause: '2m' },
    { weight: 50, pause: '2m' },
  ]);
});

test('an address is enough: success rate and latency once requests come, restarts before', async () => {
  const { analysis } = await load(ADDRESS);
  expect(analysis?.address).toBe('http://prometheus:9090');
  expect(analysis?.metrics).toMatchObject([
    { name: 'success-rate', min: 0.95, when: 'with_traffic', interval: '1m', count: 3, failureLimit: 1 },
    { name: 'latency-p95', max: 0.5, when: 'with_traffic', initialDelay: '1m', inconclusiveLimit: 0 },
    { name: 'restarts', max: 0, when: 'before_traffic' },
  ]);
});

test('timing given for all metrics is their default, and a metric may have its own', async () => {
  const { analysis } = await load(
    `${ADDRESS}  interval: 20s\n  count: 5\n  metrics:\n    - { name: a, query: up, min: 1 }\n    - { name: b, query: up, max: 2, interval: 5m, initialDelay: 30s, count: 1 }\n`,
  );
  expect(analysis?.metrics).toMatchObject([
    { name: 'a', interval: '20s', initialDelay: '20s', count: 5, failureLimit: 1 },
    { name: 'b', interval: '5m', initialDelay: '30s', count: 1, failureLimit: 0 },
  ]);
});

const metric = (fields: string) => `${ADDRESS}  metrics:\n    - { ${fields} }\n`;

test.each([
  ['an unknown key', 'analytics: {}\n', /analytics/],
  ['an unknown key inside', `${ADDRESS}  webhook: http://x\n`, /analysis: .*webhook/],
  ['no address', 'analysis: {}\n', /analysis\.prometheus/],
  ['an address of another scheme', 'analysis: { prometheus: { address: "file:///etc/passwd" } }\n', /address.*http/],
  ['a password in the address', 'analysis: { prometheus: { address: "http://a:b@prom:9090" } }\n', /without user/],
  ['a query in the address', 'analysis: { prometheus: { address: "http://prom:9090/?x=1" } }\n', /query or fragment/],
  ['a line break in the address', 'analysis: { prometheus: { address: "http://prom\\n:9090" } }\n', /address/],
  ['no metrics at all', `${ADDRESS}  metrics: []\n`, /analysis\.metrics/],
  ['a metric without a bound', metric('name: a, query: up'), /metrics\.0: a needs `min` or `max`/],
  ['bounds nothing lies between', metric('name: a, query: up, min: 2, max: 1'), /`min` is above `max`/],
  ['a bound that is no number', metric('name: a, query: up, min: .nan'), /metrics\.0\.min/],
  ['a bound without end', metric('name: a, query: up, max: .inf'), /metrics\.0\.max/],
  ['an empty query', metric('name: a, query: "  ", min: 1'), /metrics\.0\.query: a PromQL query/],
  ['an unknown placeholder', metric('name: a, query: "up{a={{args.secret}}}", min: 1'), /\{\{args\.secret\}\} is no/],
  ['a placeholder left open', metric('name: a, query: "up{{service", min: 1'), /never closed/],
  ['a name that is none', metric('name: "A b", query: up, min: 1'), /metrics\.0\.name/],
  ['a duration in words', metric('name: a, query: up, min: 1, interval: 1 minute'), /metrics\.0\.interval: a duration/],
  ['no time at all', metric('name: a, query: up, min: 1, interval: 0s'), /metrics\.0\.interval/],
  ['half a measurement', metric('name: a, query: up, min: 1, count: 1.5'), /metrics\.0\.count/],
  ['success without data', metric('name: a, query: up, min: 1, inconclusiveLimit: 3'), /without one good measurement/],
  ['limits nothing can pass', `${ADDRESS}  failureLimit: 3\n`, /analysis: .*failureLimit \(3\)/],
  ['errors never counted', metric('name: a, query: up, min: 1, failureLimit: -1'), /metrics\.0\.failureLimit/],
  [
    'two metrics of one name',
    `${ADDRESS}  metrics:\n    - { name: a, query: up, min: 1 }\n    - { name: a, query: up, min: 2 }\n`,
    /metrics\.1: a is there twice/,
  ],
  ['a canary without steps', 'rollouts: { canary: { steps: [] } }\n', /rollouts\.canary\.steps/],
  ['more than everything', 'rollouts: { canary: { steps: [{ weight: 101, pause: 1m }] } }\n', /steps\.0\.weight/],
  [
    'weights that fall',
    'rollouts: { canary: { steps: [{ weight: 50, pause: 1m }, { weight: 20, pause: 1m }] } }\n',
    /steps\.1\.weight: weights must rise/,
  ],
  ['a pause in words', 'rollouts: { canary: { steps: [{ weight: 5, pause: soon }] } }\n', /until_promoted/],
  ['a step that is over at once', 'rollouts: { canary: { steps: [{ weight: 5 }] } }\n', /steps\.0: a step without/],
])('%s is refused, naming the place', async (_case, text, message) => {
  const error: unknown = await load(text).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!isAppError(error, 'invalid_input')) throw new Error(`not refused: ${String(error)}`);
  expect(error.message).toMatch(/^tiphys\.yaml: /);
  expect(error.message).toMatch(message);
  expect(error.hint).toMatch(/analysis/);
});

test('a step may be without a pause where an analysis follows it', async () => {
  const { canarySteps } = await load(`${ADDRESS}rollouts: { canary: { steps: [{ weight: 5 }] } }\n`);
  expect(canarySteps).toEqual([{ weight: 5 }]);
});
