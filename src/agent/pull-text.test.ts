import { describe, expect, it } from 'vitest';
import { toObjectRef, type ObjectChange } from '../manifest/object.ts';
import type { StoredPlan } from '../ticket/plan.ts';
import { toBranchName, toSlot } from './proposal-slot.ts';
import { toPullBody, toPullTitle } from './pull-text.ts';
import { toState } from './test-agent.ts';

const EVIL = '@everyone fixes #12 ![x](https://evil.example/p.png) <script> ``` /merge \u202E\u001b[2J';

function toChange(name: string, patchLines = 3): ObjectChange {
  const object = { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name, namespace: 'production' } };
  const patch = ['--- a', '+++ b', '@@ -1 +1 @@', ...Array.from({ length: patchLines }, (_, n) => `+line ${n}`)];
  return {
    type: 'changed',
    ref: toObjectRef(object),
    service: name,
    before: object,
    after: object,
    fields: [{ path: 'spec.replicas', before: 2, after: 3 }],
    patch: `${patch.join('\n')}\n`,
  };
}

function toPlan(words: string, changes: ObjectChange[] = [toChange('web')]): StoredPlan {
  return {
    ticketId: 'tkt_00000000000000000000000000',
    attempt: 1,
    revision: 1,
    baseCommit: 'b'.repeat(40),
    intent: {
      summary: words,
      steps: [{ kind: 'investigate', service: 'web', question: 'Why?', title: words, why: words }],
      assumptions: [],
      advice: {
        ...{ probability: 0.25, low: 0.1, high: 0.4, strategy: 'direct', settleSeconds: 10 },
        ...{ remembered: [words], careReasons: [] },
      },
      strategies: {},
    },
    draft: { changes, sourceFiles: [], differenceHash: 'd' },
    review: {
      findings: [{ check: 'c', severity: 'warning', message: words, fix: words }],
      risk: {
        level: 'medium',
        score: 5,
        reasons: [{ signal: 's', weight: 1, detail: words }],
        blastRadius: { objects: 1, services: [], namespaces: [] },
      } as unknown as NonNullable<StoredPlan['review']>['risk'],
      policy: { decision: 'require_approval', rule: 'r', reasons: [], version: 'p' },
      changeHash: 'c'.repeat(64) as NonNullable<StoredPlan['review']>['changeHash'],
    },
    createdAt: '',
  };
}

const toInput = (plan: StoredPlan, isRevert = false) => ({
  ...{ plan, ticketTitle: plan.intent.summary, isRevert, reason: plan.intent.summary, approvedBy: 'person:ann' },
});

/** What is left of the text when everything in code is taken out, fences first. */
function outside(markdown: string): string {
  return markdown
    .replace(/^(`{3,})[^]*?^\1$/gm, '')
    .replace(/(`+) ?[^]*?[^`] ?\1(?!`)/g, '')
    .toLowerCase();
}

describe('the text of a pull request', () => {
  it('says what is done, what changes, the risk, what is remembered, and what was approved', () => {
    const body = toPullBody(toInput(toPlan('Scale web to 3 replicas')));
    for (const part of [
      'For ticket `tkt_00000000000000000000000000`: `Scale web to 3 replicas`',
      'person:ann',
      `\`${'c'.repeat(64)}\``,
      '1. `Scale web to 3 replicas`',
      '### Risk: medium',
      'Fails with 25 % (10 % to 40 %)',
      '**changed** `Deployment production/web` of `web`',
      '- `spec.replicas`: `2` to `3`',
      '```diff\n@@ -1 +1 @@\n+line 0',
    ])
      expect(body).toContain(part);
    expect(body).not.toContain('--- a');
  });

  it.each([false, true])('keeps words of others in code, whatever they are (revert: %s)', (isRevert) => {
    const input = toInput(toPlan(EVIL), isRevert);
    const left = outside(toPullBody(input));
    for (const word of ['everyone', 'fixes', 'evil', 'script', '/merge']) expect(left).not.toContain(word);
    expect(toPullBody(input)).not.toMatch(/[\u202E]|[^\P{Cc}\n]/u);
    const title = toPullTitle(input);
    expect(title).not.toMatch(/@e|#1|\n/);
    expect(title.length).toBeLessThanOrEqual(100);
  });

  it('stays within what hosts take, and says what is missing', () => {
    const many = Array.from({ length: 60 }, (_, n) => toChange(`web-${n}`, 200));
    const body = toPullBody(toInput(toPlan('Scale', many)));
    expect(body.length).toBeLessThan(60_000);
    expect(body).toMatch(/… 121 more lines/);
    expect(body).toMatch(/And \d+ more; the whole difference is in the ticket's plan\./);
    expect(body).toContain('Merging deploys this');
  });
});

describe('the branch of a change', () => {
  const name = (words: string, given: Parameters<typeof toState>[0] = {}) =>
    toBranchName('tiphys/', toState({ ticketId: 'tkt_01M8KQQC9JW6SQPVKNYCSPV4ED', ...given }), toPlan(words));

  it('has the end of the ticket and words of the plan, and nothing git could take for something else', () => {
    expect(name('Scale web to 5')).toBe('tiphys/ycspv4ed-scale-web-to-5');
    expect(name('  --upload-pack=x ../../é ~^:?*[\\ .lock')).toBe('tiphys/ycspv4ed-upload-pack-x-e-lock');
    expect(name('日本語')).toBe('tiphys/ycspv4ed');
    expect(name('x'.repeat(300)).length).toBeLessThan(70);
    expect(name(`${'word '.repeat(8)}- end`)).not.toMatch(/-$/);
  });

  it('is another for another attempt, another part, and the revert', () => {
    const names = [
      name('Scale web'),
      name('Scale web', { attempt: 2 }),
      name('Scale web', { preparations: 1 }),
      name('Scale web', { purpose: 'revert' }),
    ];
    expect(new Set(names).size).toBe(4);
    const slots = [toState(), toState({ attempt: 2 }), toState({ preparations: 1 }), toState({ purpose: 'revert' })];
    expect(new Set(slots.map(toSlot)).size).toBe(4);
  });
});
