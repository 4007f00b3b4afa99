import { describe, expect, it } from 'vitest';
import { toServiceFacts } from '../../test/support/planning-facts.ts';
import type { ObjectChange } from '../manifest/object.ts';
import { toChangedImages, toChangeKind, toVersion } from './deploy-facts.ts';
import type { PlanSteps } from './test-agent.ts';

const caption = { title: 't', why: 'w' };
const image = (service: string, ref: string): PlanSteps[number] => ({
  kind: 'edit',
  edit: { kind: 'set_image', service, image: ref },
  ...caption,
});
const scale = (service: string): PlanSteps[number] => ({
  kind: 'edit',
  edit: { kind: 'scale', service, replicas: 2 },
  ...caption,
});
const rollback: PlanSteps[number] = { kind: 'rollback', service: 'web', ...caption };

describe('the kind of a change', () => {
  it.each([
    ['the one edit', [image('web', 'web:2')], 'set_image'],
    ['the same edit of several services', [scale('web'), scale('api')], 'scale'],
    ['mixed', [image('web', 'web:2'), scale('web')], 'mixed'],
    ['mixed', [rollback, scale('web')], 'mixed'],
    ['rollback', [rollback], 'rollback'],
    ['edit_source', [{ kind: 'edit_source', files: [{ path: 'a.ts', content: '' }], ...caption }], 'edit_source'],
    ['mixed where there is none', [], 'mixed'],
  ] satisfies [string, PlanSteps, string][])('is %s', (_what, steps, kind) => {
    expect(toChangeKind(steps)).toBe(kind);
  });
});

describe('the version a plan brings', () => {
  const digest = `sha256:${'a'.repeat(64)}`;

  it.each([
    ['the tag', [image('web', 'ghcr.io:5000/acme/web:1.4.2')], '1.4.2'],
    ['the digest where there is no tag', [image('web', `ghcr.io/acme/web@${digest}`)], digest],
    ['that of the service asked about', [image('api', 'api:9'), image('web', 'web:2')], '2'],
    ['none where the image is another service’s', [image('api', 'api:9')], undefined],
    ['none where no image changes', [scale('web'), rollback], undefined],
  ] satisfies [string, PlanSteps, string | undefined][])('is %s', (_what, steps, version) => {
    expect(toVersion(steps, 'web')).toBe(version);
  });

  it('is that of a service that is new', () => {
    const add: PlanSteps[number] = {
      kind: 'edit',
      edit: { kind: 'add_service', service: 'web', image: 'web:3', workloadKind: 'deployment', replicas: 1, env: {} },
      ...caption,
    };
    expect(toVersion([add], 'web')).toBe('3');
  });
});

describe('the images of a change', () => {
  const change = (service: string, ref: string, sidecar?: string): ObjectChange => {
    const [workload] = toServiceFacts(service, { image: ref, ...(sidecar === undefined ? {} : { sidecar }) }).objects;
    if (workload === undefined) throw new Error('no workload');
    return {
      type: 'changed',
      ref: { group: 'apps', kind: 'Deployment', namespace: 'production', name: service },
      service,
      after: workload,
      fields: [],
      patch: '',
    };
  };

  it('are those of the changed workloads of the service, sidecars included, each once', () => {
    const changes = [change('web', 'web:2', 'envoy:1'), change('web', 'web:2'), change('api', 'api:1')];
    expect(toChangedImages(changes, 'web')).toEqual(['web:2', 'envoy:1']);
  });

  it('are none for what is removed', () => {
    const { after: _, ...removed } = change('web', 'web:2');
    expect(toChangedImages([{ ...removed, type: 'removed' }], 'web')).toEqual([]);
  });
});
