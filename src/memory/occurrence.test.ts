import { describe, expect, it } from 'vitest';
import type { DeployFact } from './facts.ts';
import { createDeployMemory } from './memory.ts';
import { toOccurrence } from './occurrence.ts';

const START_MS = Date.UTC(2026, 0, 5, 9);
const fingerprint = { class: 'oom', signature: 'container web was killed' };

const toFact = (id: string, hour: number): DeployFact => ({
  id,
  cluster: 'main',
  environment: 'production',
  namespace: 'shop',
  service: 'web',
  version: `v${hour}`,
  changeKind: 'set_image',
  commit: 'c'.repeat(40),
  startedAtMs: START_MS + hour * 3_600_000,
  strategy: 'canary',
});

function createFailedTwice() {
  const memory = createDeployMemory();
  const first = toFact('dep_1', 1);
  memory.recordDeploy(first);
  memory.recordOutcome({ deployId: 'dep_1', atMs: first.startedAtMs + 60_000, outcome: 'failed', fingerprint });
  const deploy = toFact('dep_2', 2);
  const before = memory.context(deploy, deploy.startedAtMs, { version: 'v2' });
  return { deploy, before };
}

describe('the occurrence of an ended deploy', () => {
  it('tells of a failure what failed, why, and whether it was seen before', () => {
    const { deploy, before } = createFailedTwice();
    const occurrence = toOccurrence({
      id: '01KEXAMPLE',
      deploy,
      outcome: {
        deployId: deploy.id,
        atMs: deploy.startedAtMs + 60_000,
        outcome: 'failed',
        fingerprint,
        durationMs: 60_000,
      },
      expected: before.risk,
      choice: before.strategy,
      patterns: before.patterns,
      steps: [{ atMs: deploy.startedAtMs, action: 'push', description: 'pushed', outcome: 'success', durationMs: 80 }],
    });
    expect(occurrence).toMatchObject({
      protocol_version: '1.0',
      source: 'tiphys',
      type: 'deploy.run.failed',
      severity: 'error',
      outcome: 'failure',
      context: { cluster: 'main', correlation: { deploy_id: 'dep_2', commit: 'c'.repeat(40) } },
      error: { code: 'oom', message: 'container web was killed' },
      history: { duration_ms: 60_000, steps: [{ action: 'push', duration_ms: 80 }] },
    });
    expect(occurrence.error?.suggested_fix).toContain('memory limit');
    expect(occurrence.error?.possible_causes).toContain('The last deploy here failed.');
    expect(occurrence.reasoning.patterns_matched).toEqual([{ pattern_name: 'oom', confidence: 1, times_seen: 1 }]);
    expect(occurrence.type.split('.')).toHaveLength(3);
    expect(Object.keys(occurrence.context.correlation)).toEqual(['deploy_id', 'commit']);
  });

  it('tells of a success without inventing an error', () => {
    const { deploy, before } = createFailedTwice();
    const occurrence = toOccurrence({
      id: '01KEXAMPLE',
      deploy,
      outcome: { deployId: deploy.id, atMs: deploy.startedAtMs + 60_000, outcome: 'healthy' },
      expected: before.risk,
      patterns: before.patterns,
    });
    expect(occurrence).toMatchObject({ type: 'deploy.run.completed', severity: 'info', outcome: 'success' });
    expect(occurrence).not.toHaveProperty('error');
    expect(occurrence.reasoning.patterns_matched).toEqual([]);
    expect(occurrence.reasoning.confidence).toBeCloseTo(1 - before.risk.probability, 3);
    expect(JSON.parse(JSON.stringify(occurrence))).toEqual(occurrence);
  });
});
