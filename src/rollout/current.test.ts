import { describe, expect, it } from 'vitest';
import { createManualClock } from '../lib/clock.ts';
import type { ManifestObject } from '../manifest/object.ts';
import { findPreparation, findStrategy } from './current.ts';
import { createRolloutProbe } from './probe.ts';

const containers = [{ name: 'web', image: 'web:1' }];

function deployment(spec: Record<string, unknown> = {}): ManifestObject {
  const template = { metadata: { labels: { app: 'web' } }, spec: { containers } };
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'web' },
    spec: { replicas: 3, template, ...spec },
  };
}

function rollout(strategy: 'canary' | 'blueGreen', scaleDown: string): ManifestObject {
  const workloadRef = { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web', scaleDown };
  return {
    apiVersion: 'argoproj.io/v1alpha1',
    kind: 'Rollout',
    metadata: { name: 'web' },
    spec: { replicas: 3, workloadRef, strategy: { [strategy]: {} } },
  };
}

const stateful: ManifestObject = {
  apiVersion: 'apps/v1',
  kind: 'StatefulSet',
  metadata: { name: 'web' },
  spec: { template: { spec: { containers } } },
};

describe('how a service rolls out now', () => {
  it.each([
    ['a Deployment', [deployment()], 'rolling_update'],
    ['a Deployment that says Recreate', [deployment({ strategy: { type: 'Recreate' } })], 'recreate'],
    ['a canary', [deployment(), rollout('canary', 'never')], 'canary'],
    ['a blue-green', [rollout('blueGreen', 'never'), deployment()], 'blue_green'],
    ['a StatefulSet', [stateful], undefined],
    ['nothing', [], undefined],
  ] as const)('%s', (_, objects, expected) => {
    expect(findStrategy([...objects])).toBe(expected);
  });
});

describe('what has to be live first', () => {
  it.each([
    ['a Deployment that gets a canary', [deployment()], 'canary', 'side_by_side'],
    ['a canary that becomes blue-green', [deployment(), rollout('canary', 'never')], 'blue_green', 'side_by_side'],
    ['a canary beside a Deployment with pods', [deployment(), rollout('canary', 'never')], 'canary', 'hand_over'],
    [
      'a canary whose Deployment has no pods',
      [deployment({ replicas: 0 }), rollout('canary', 'never')],
      'canary',
      undefined,
    ],
    [
      'a canary that takes the pods down itself',
      [deployment(), rollout('canary', 'progressively')],
      'canary',
      undefined,
    ],
    ['anything deployed directly', [deployment()], 'direct', undefined],
    ['a StatefulSet', [stateful], 'canary', undefined],
  ] as const)('%s', (_, objects, wanted, expected) => {
    expect(findPreparation([...objects], wanted)).toBe(expected);
  });
});

describe('whether a Rollouts controller is there', () => {
  it.each([
    ['a Rollout among the Applications', ['apps/Deployment', 'argoproj.io/Rollout'], true],
    ["the controller's image", ['quay.io/argoproj/argo-rollouts:v1.9.1'], true],
    ['something of a similar name', ['example.org/not-argo-rollouts-at-all:1', 'argoproj.io/Application'], false],
  ])('%s', async (_, running, expected) => {
    const probe = createRolloutProbe('auto', () => Promise.resolve(running), createManualClock());
    expect(await probe.isAvailable()).toBe(expected);
  });

  it('is what the operator says, without asking', async () => {
    const ask = () => Promise.reject(new Error('was asked'));
    expect(await createRolloutProbe('installed', ask, createManualClock()).isAvailable()).toBe(true);
    expect(await createRolloutProbe('absent', ask, createManualClock()).isAvailable()).toBe(false);
  });

  it('is asked again after a minute, not before', async () => {
    const clock = createManualClock();
    let running: string[] = [];
    const probe = createRolloutProbe('auto', () => Promise.resolve(running), clock);
    expect(await probe.isAvailable()).toBe(false);
    running = ['argoproj.io/Rollout'];
    expect(await probe.isAvailable()).toBe(false);
    await clock.advance(60_000);
    expect(await probe.isAvailable()).toBe(true);
  });
});
