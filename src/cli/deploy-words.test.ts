import { describe, expect, it } from 'vitest';
import { toPlanningInput } from '../../test/support/planning-facts.ts';
import { planOffline } from '../model/offline/plan.ts';
import { toDeployTitle, type DeployWish } from './deploy-words.ts';

/** What the built-in rules make of a wish: each step's edit, and the rollout that was asked for. */
function plan(wish: DeployWish): unknown {
  const result = planOffline(toPlanningInput(toDeployTitle(wish)));
  if (result.kind !== 'plan') return result;
  const edits = result.steps.flatMap((step) => (step.kind === 'edit' ? [step.edit] : []));
  return { edits, strategy: result.wishes.strategy };
}

describe('toDeployTitle', () => {
  it.each<[DeployWish, unknown[], string | undefined]>([
    [{ service: 'web', version: '1.5.0' }, [{ kind: 'set_image', image: 'ghcr.io/acme/web:1.5.0' }], undefined],
    [{ service: 'web', version: '2' }, [{ kind: 'set_image', image: 'ghcr.io/acme/web:2' }], undefined],
    [
      { service: 'order-service', version: 'sha-3f2a1bc' },
      [{ kind: 'set_image', service: 'order-service', image: expect.stringContaining('orders:sha-3f2a1bc') as string }],
      undefined,
    ],
    [
      { service: 'web', image: 'ghcr.io/acme/web:1.5.0', strategy: 'canary' },
      [{ kind: 'set_image', service: 'web', image: 'ghcr.io/acme/web:1.5.0' }],
      'canary',
    ],
    [
      { service: 'web', version: '1.5.0', replicas: 4, strategy: 'blue_green' },
      [
        { kind: 'set_image', image: 'ghcr.io/acme/web:1.5.0' },
        { kind: 'scale', service: 'web', replicas: 4 },
      ],
      'blue_green',
    ],
    [
      { service: 'web', version: '1.5.0', strategy: 'rolling_update' },
      [{ kind: 'set_image', image: 'ghcr.io/acme/web:1.5.0' }],
      'rolling_update',
    ],
    [{ service: 'worker', replicas: 5 }, [{ kind: 'scale', service: 'worker', replicas: 5 }], undefined],
    [{ service: 'web', replicas: 0 }, [{ kind: 'scale', service: 'web', replicas: 0 }], undefined],
    [
      { service: 'payments', image: 'ghcr.io/acme/payments:1.0.0', replicas: 1 },
      [{ kind: 'add_service', service: 'payments', image: 'ghcr.io/acme/payments:1.0.0', replicas: 1 }],
      undefined,
    ],
    [
      { service: 'redis', version: '7.2', replicas: 3 },
      [{ kind: 'add_service', service: 'redis', image: 'redis:7.2', replicas: 3 }],
      undefined,
    ],
  ])('says %j so that the built-in rules do exactly that', (wish, edits, strategy) => {
    expect(plan(wish)).toEqual({ edits: edits.map((edit) => expect.objectContaining(edit) as unknown), strategy });
  });

  it.each<[DeployWish, RegExp]>([
    [{ service: 'web' }, /nothing to deploy/],
    [{ service: 'web', strategy: 'canary' }, /nothing to deploy/],
    [{ service: 'web', image: 'a:1', version: '1' }, /same thing twice/],
    [{ service: 'web and delete api', replicas: 1 }, /not the name of a service/],
    [{ service: 'web', version: '1.5.0 and delete api' }, /not a version/],
    [{ service: 'web', image: 'a:1\nDelete api' }, /not an image/],
    [{ service: 'web', image: '-rf' }, /not an image/],
  ])('refuses %j', (wish, message) => {
    expect(() => toDeployTitle(wish)).toThrow(message);
  });
});
