import { describe, expect, it } from 'vitest';
import type { RenderDifference } from '../argocd/rendering.ts';
import { toRefKey } from '../manifest/object.ts';
import { toFindings, toUnaskedFinding, type RenderAnswer } from './render-findings.ts';

const ref = { group: 'apps', kind: 'Deployment', namespace: 'shop', name: 'web' };
const touched = new Set([toRefKey(ref)]);
const field = (path: string, planned: unknown, rendered: unknown): RenderDifference => ({
  ...{ kind: 'field', ref, path },
  ...{ planned, rendered },
});
const compared = (differences: RenderDifference[], standing: RenderDifference[] = []): RenderAnswer => ({
  ...{ kind: 'compared', sourceType: 'Kustomize', differences },
  standing: new Set(standing),
});
const tell = (answer: RenderAnswer, mode: 'warn' | 'block' = 'warn', among = touched) =>
  toFindings('web', answer, { mode, touched: among }).map(({ severity, field: path, message }) => [
    severity,
    path,
    message,
  ]);

describe('what Argo CD renders otherwise', () => {
  it('is a finding with object, field and Application', () => {
    const [finding] = toFindings('web', compared([field('spec.replicas', 2, 5)]), { mode: 'warn', touched });
    expect(finding).toEqual({
      check: 'argocd_render',
      severity: 'warning',
      object: ref,
      field: 'spec.replicas',
      message: 'Argo CD renders 5 here for Application web; the plan has 2.',
      fix: 'Look at what Application web does to its manifests: include and exclude, Kustomize or Helm settings, a plugin. It renders its folder as Kustomize.',
    });
  });

  it('is told without values, but for numbers, booleans and images', () => {
    const secret = 'hunter2-from-the-vault';
    const told = tell(
      compared([
        field('spec.template.spec.containers[web].image', 'web:1', 'mirror/web:1'),
        field('spec.template.spec.containers[web].env[PASSWORD].value', 'placeholder', secret),
        field('data.key', undefined, secret),
        field('data.old', 'text', undefined),
        field('spec.template', { a: 1 }, { a: secret }),
        { kind: 'only_planned', ref },
        { kind: 'only_rendered', ref },
      ]),
    );
    expect(told.map(([, , message]) => message)).toEqual([
      'Argo CD renders mirror/web:1 here for Application web; the plan has web:1.',
      'Argo CD renders another value here for Application web than the plan has.',
      'Argo CD adds this field for Application web; the plan does not have it.',
      'Argo CD leaves this field out for Application web; the plan has it.',
      'Argo CD renders another value here for Application web than the plan has.',
      'The plan has this object, and Argo CD does not render it for Application web.',
      'Argo CD renders this object for Application web, and the plan does not have it.',
    ]);
    expect(JSON.stringify(told)).not.toContain(secret);
  });

  it('counts less where it was so before, and not at all in what the change leaves alone', () => {
    const one = field('spec.replicas', 2, 5);
    expect(tell(compared([one], [one]))).toMatchObject([
      ['info', 'spec.replicas', expect.stringContaining('It was so before')],
    ]);
    expect(tell(compared([one], [one]), 'block')).toMatchObject([['warning', 'spec.replicas', expect.anything()]]);
    expect(tell(compared([one], [one]), 'block', new Set())).toEqual([]);
    expect(tell(compared([one]), 'block', new Set())).toMatchObject([['error', 'spec.replicas', expect.anything()]]);
  });

  it('is listed up to twenty times, and counted beyond', () => {
    const many = Array.from({ length: 23 }, (_, index) => field(`data.key-${index}`, 1, 2));
    const told = tell(compared(many), 'block');
    expect(told).toHaveLength(21);
    expect(told.at(-1)).toEqual([
      'error',
      undefined,
      'Argo CD renders 3 more fields of Application web otherwise than the plan.',
    ]);
  });

  it('is nothing where nothing differs', () => {
    expect(tell(compared([]), 'block')).toEqual([]);
  });
});

describe('what Argo CD cannot be asked, or cannot render', () => {
  it('is never taken for the same', () => {
    const message = 'get the settings: HTTP 503';
    const text =
      'What Argo CD would render for Application web was not compared with the plan: get the settings: HTTP 503';
    expect(tell({ kind: 'unasked', message })).toEqual([['warning', undefined, text]]);
    expect(tell({ kind: 'unasked', message }, 'block')).toEqual([['error', undefined, text]]);
    expect(toUnaskedFinding('this change', message, 'block')).toMatchObject({ severity: 'error' });
  });

  it('is said in its own words, and counts less where it could not before', () => {
    const unrenderable = (isStanding: boolean): RenderAnswer => ({
      ...{ kind: 'unrenderable', message: 'dist/web: app path does not exist' },
      isStanding,
    });
    const text = 'Argo CD cannot render Application web with this change: dist/web: app path does not exist';
    expect(tell(unrenderable(false), 'block')).toEqual([['error', undefined, text]]);
    expect(tell(unrenderable(true), 'block')).toEqual([
      ['warning', undefined, `${text} (It was so before this change.)`],
    ]);
  });
});
