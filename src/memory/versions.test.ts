import { describe, expect, it } from 'vitest';
import type { ServiceState } from './service-state.ts';
import { createServiceState } from './service-state.ts';
import { addVersion, addVersionFailure, createEnvironmentOrder, toVersionShape, viewVersion } from './versions.ts';

const HOUR_MS = 3_600_000;

function createPair() {
  const staging = createServiceState({ cluster: 'c', environment: 'staging', namespace: 'n', service: 'web' }, 0);
  const production = createServiceState({ cluster: 'c', environment: 'production', namespace: 'n', service: 'web' }, 0);
  const all = [staging, production];
  const order = createEnvironmentOrder();
  const view = (state: ServiceState, version: string, atMs: number) =>
    viewVersion(version, atMs, `c/${state.scope.environment}`, state, all, order);
  const deploy = (state: ServiceState, version: string, atMs: number) => {
    addVersion(state, version, atMs, view(state, version, atMs), all, order);
  };
  return { staging, production, view, deploy };
}

function createPromoted() {
  const pair = createPair();
  for (let release = 1; release <= 6; release += 1) {
    pair.deploy(pair.staging, `v${release}`, release * 10 * HOUR_MS);
    pair.deploy(pair.production, `v${release}`, (release * 10 + 1) * HOUR_MS);
  }
  return pair;
}

describe('what a version says', () => {
  it.each([
    ['v1393', 'v9'],
    ['1.24.0-rc.2', '9.9.9-rc.9'],
    ['b6d26bb6e359f73821221c3a09a7cbf191837191', 'H'],
    ['release-b6d26bb6e359f73821221c3a09a7cbf191837191', 'release-H'],
    ['20240131', '9'],
    ['latest', 'latest'],
  ])('sees the shape of %s as %s', (version, shape) => {
    expect(toVersionShape(version)).toBe(shape);
  });

  it('learns which environment comes first, and notices a version that skipped it', () => {
    const { production, staging, view } = createPromoted();
    expect(view(production, 'v7', 100 * HOUR_MS).skipped).toEqual(['staging']);
    expect(view(production, 'v6', 100 * HOUR_MS).skipped).toEqual([]);
    expect(view(staging, 'v7', 100 * HOUR_MS).skipped).toEqual([]);
  });

  it('does not speak of lower environments before it has seen enough of them', () => {
    const { production, deploy, staging, view } = createPair();
    deploy(staging, 'v1', 0);
    deploy(production, 'v1', HOUR_MS);
    expect(view(production, 'v2', 2 * HOUR_MS).skipped).toEqual([]);
  });

  it('tells a step back from a repeated deploy and from a new version', () => {
    const { production, view } = createPromoted();
    expect(view(production, 'v4', 100 * HOUR_MS).older).toBe(true);
    expect(view(production, 'v6', 100 * HOUR_MS).older).toBe(false);
    expect(view(production, 'v7', 100 * HOUR_MS).older).toBe(false);
  });

  it('is surprised by a version that does not look like the others', () => {
    const { production, view } = createPromoted();
    expect(view(production, 'v7', 0).surprise).toBeLessThan(0.2);
    expect(view(production, 'fix-login', 0).surprise).toBeGreaterThan(2);
  });

  it('carries failures and steps back of the same version upwards, and nothing downwards', () => {
    const { production, staging, view, deploy } = createPromoted();
    deploy(staging, 'v7', 100 * HOUR_MS);
    addVersionFailure(staging, 'v7');
    deploy(staging, 'v6', 101 * HOUR_MS);
    const above = view(production, 'v7', 102 * HOUR_MS);
    expect(above).toMatchObject({ failedBelow: 1, failedIn: ['staging'], movedBack: ['staging'], elsewhere: true });
    expect(above.hoursBelow).toBeCloseTo(2, 6);
    addVersionFailure(production, 'v6');
    expect(view(staging, 'v6', 103 * HOUR_MS).failedBelow).toBe(0);
  });
});
