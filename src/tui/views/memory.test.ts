import { expect, it } from 'vitest';
import { toNeighbourhood } from '../../memory/graph.ts';
import { createDeployMemory } from '../../memory/memory.ts';
import { listAround } from './memory.ts';

const scope = (service: string) => ({ cluster: 'main', environment: 'production', namespace: 'shop', service });

it('says what hangs together with a service: its own first, then who shares it', () => {
  const memory = createDeployMemory();
  ['api', 'web', 'worker'].forEach((service, index) => {
    const startedAtMs = Date.UTC(2026, 4, 4, 9, index);
    const id = `d${index}`;
    memory.recordDeploy({
      id,
      ...scope(service),
      version: 'v2',
      changeKind: 'set_image',
      startedAtMs,
      strategy: 'direct',
    });
    const fingerprint = { class: service === 'worker' ? 'quota' : 'oom', signature: 'the same words' };
    memory.recordOutcome({ deployId: id, atMs: startedAtMs + 30_000, outcome: 'failed', fingerprint });
  });
  const said = listAround(toNeighbourhood(memory.graph(), scope('web')));
  expect(said).toEqual([
    'incident of 2026-05-04 09:00, 3 services: failed once in it',
    'api fails of oom too: failed once like this',
    'api was hit by the incident of 2026-05-04 09:00, 3 services too: failed once in it',
    'worker was hit by the incident of 2026-05-04 09:00, 3 services too: failed once in it',
    'version v2 failed like this in production: oom',
  ]);
  expect(listAround({ nodes: [], edges: [] })).toEqual([]);
});
