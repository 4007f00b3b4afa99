import { expect, it } from 'vitest';
import { toEvent } from '../../test/support/kubernetes-api.ts';
import { eventListSchema, objectSchema, quotasSchema, usageSchema } from './schema.ts';
import { describeObject, tellEvents, tellNode, tellQuotas, tellUsage } from './tell.ts';

const at = (minute: number) => `2026-01-01T10:${String(minute).padStart(2, '0')}:00Z`;
const list = (items: object[], more = '') => eventListSchema.parse({ metadata: { continue: more }, items });

it('events are told oldest first, the last twenty, on a line each', () => {
  const many = Array.from({ length: 25 }, (_, minute) =>
    toEvent({ reason: 'BackOff', message: `try\n${minute}\u001b[2J`, at: at(minute), count: 3 }),
  );
  const lines = tellEvents(list(many.reverse(), 'next-page'));
  expect(lines.slice(0, 3)).toEqual([
    'there are more than were read',
    '… 5 earlier ones',
    `${at(5)} BackOff (3x) Pod/web-1: try 5`,
  ]);
  expect(lines.at(-1)).toBe(`${at(24)} BackOff (3x) Pod/web-1: try 24`);
});

it('an event of a new sender counts by its series', () => {
  const series = { count: 9, lastObservedTime: '2026-01-01T10:07:00.123456Z' };
  const event = { ...toEvent({ reason: 'Failed', message: 'm', at: at(1) }), lastTimestamp: null, series };
  expect(tellEvents(list([event]))).toEqual([`${at(7)} Failed (9x) Pod/web-1: m`]);
});

it('quotas that are used up are told first', () => {
  const status = { hard: { pods: '10', 'requests.cpu': '2' }, used: { pods: '4', 'requests.cpu': '2000m' } };
  const { items } = quotasSchema.parse({ items: [{ metadata: { name: 'team' }, status }] });
  expect(tellQuotas(items)).toEqual(['team: requests.cpu 2000m of 2, used up', 'team: pods 4 of 10']);
});

it('usage is told by pod, and by container where there are several', () => {
  const usage = { cpu: '1m', memory: '2Mi' };
  const { items } = usageSchema.parse({
    items: [
      { metadata: { name: 'a' }, containers: [{ name: 'x', usage }] },
      {
        metadata: { name: 'b' },
        containers: [
          { name: 'x', usage },
          { name: 'y', usage },
        ],
      },
    ],
  });
  expect(tellUsage(items)).toEqual(['a: cpu 1m, memory 2Mi', 'b: x cpu 1m, memory 2Mi; y cpu 1m, memory 2Mi']);
  expect(tellUsage(items, (pod) => pod === 'a')).toHaveLength(1);
});

it('a node tells what is wrong with it', () => {
  const toNode = (spec: object, ...conditions: object[]) =>
    objectSchema.parse({ kind: 'Node', metadata: { name: 'n1' }, spec, status: { conditions } });
  const ready = { type: 'Ready', status: 'True' };
  expect(tellNode(toNode({}, ready, { type: 'DiskPressure', status: 'False' }))).toBe('Node n1: nothing wrong');
  const full = { type: 'DiskPressure', status: 'True', reason: 'KubeletHasDiskPressure', message: 'full' };
  expect(tellNode(toNode({ unschedulable: true }, ready, full))).toBe(
    'Node n1: DiskPressure is True (KubeletHasDiskPressure: full); it takes no new pods',
  );
  expect(tellNode(toNode({}, { type: 'Ready', status: 'Unknown', reason: 'NodeStatusUnknown' }))).toContain(
    'Ready is Unknown',
  );
});

it('an object is described without what may hold secrets, and cut', () => {
  const secret = 'hunter2-hunter2';
  const container = { name: 'web', image: 'web:1', env: [{ value: secret }], args: [secret], command: [secret] };
  const probe = { exec: { command: [secret] }, httpGet: { path: '/', httpHeaders: [{ value: secret }] } };
  const pod = objectSchema.parse({
    kind: 'Pod',
    metadata: { name: 'web-1', annotations: { x: secret }, managedFields: [secret] },
    spec: { nodeName: 'n1', containers: [{ ...container, livenessProbe: probe }] },
    status: { phase: 'Running' },
    ...{ data: { x: secret }, stringData: { x: secret } },
  });
  const text = describeObject(pod);
  expect(text).not.toContain(secret);
  expect(JSON.parse(text)).toMatchObject({ spec: { nodeName: 'n1', containers: [{ image: 'web:1' }] } });
  expect(describeObject({ ...pod, status: 'x'.repeat(9_000) })).toMatch(/… cut$/);
});
