import { describe, expect, it } from 'vitest';
import { findEscalation } from './escalation.ts';
import type { DeployRecord } from './facts.ts';
import { findSymptom, listFixAttempts, toFixName } from './fix-attempts.ts';

const HOUR = 3_600_000;
const CRASH = { class: 'crash_loop', signature: 'exit 1' };

/** Newest first, from `kind:outcome` oldest first; one deploy an hour. */
function history(...story: string[]): DeployRecord[] {
  return story
    .map((entry, index): DeployRecord => {
      const [changeKind = '', outcome] = entry.split(':');
      const scope = { cluster: 'c', environment: 'production', namespace: 'production', service: 'web' };
      const startedAtMs = index * HOUR;
      const failed = outcome === 'failed';
      return {
        deploy: { ...scope, id: `d${index}`, changeKind, startedAtMs, strategy: 'direct' },
        outcome: {
          deployId: `d${index}`,
          atMs: startedAtMs + 60_000,
          outcome: failed ? 'failed' : 'healthy',
          ...(failed ? { fingerprint: CRASH } : {}),
        },
      };
    })
    .reverse();
}

describe('fixes read from a history', () => {
  it('are the healthy deploys that followed a failure', () => {
    const attempts = listFixAttempts(
      history('set_env:failed', 'restart:healthy', 'scale:healthy', 'set_env:failed', 'restart:healthy'),
    );
    expect(attempts.map(({ fix, symptom }) => [fix, symptom.class])).toEqual([
      ['restart', 'crash_loop'],
      ['restart', 'crash_loop'],
    ]);
  });

  it('are told apart by version where a version was deployed', () => {
    expect(toFixName({ changeKind: 'set_image', version: '1.2' })).not.toBe(
      toFixName({ changeKind: 'set_image', version: '1.3' }),
    );
  });

  it('cure a symptom until it is seen again', () => {
    expect(findSymptom(history('set_env:failed'))).toEqual(CRASH);
    expect(findSymptom(history('set_env:failed', 'restart:healthy'))).toBeUndefined();
  });

  it('that worked twice for a symptom that is back are not tried a third time', () => {
    const told = history('x:failed', 'restart:healthy', 'x:failed', 'restart:healthy', 'x:failed');
    const ask = (fix: string) => {
      const symptom = findSymptom(told);
      return findEscalation({
        atMs: 6 * HOUR,
        fix,
        ...(symptom === undefined ? {} : { symptom }),
        attempts: listFixAttempts(told),
        history: [],
        probability: 0.1,
      });
    };
    expect(ask('restart')).toMatchObject({ rule: 'symptom_returned', times: 2 });
    expect(ask('rollback')).toBeUndefined();
  });
});
