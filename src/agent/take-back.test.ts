import { describe, expect, it } from 'vitest';
import { planSchema, plannedStepSchema, proposedStepSchema } from '../model/planning.ts';
import type { StoredPlan } from '../ticket/plan.ts';
import type { Finding } from '../validation/finding.ts';
import { toChangeKind } from './deploy-facts.ts';
import { findTakeBack, planTakeBack } from './take-back.ts';
import { listBlocking } from './validator.ts';

const COMMITS = ['a'.repeat(40), 'b'.repeat(40)];
const plan = planTakeBack({
  ticketId: 'tkt_01',
  commits: COMMITS,
  services: ['web', 'api'],
  sentence: 'It crashed.',
  needsPerson: true,
});
const ERROR: Finding = { check: 'schema', severity: 'error', message: 'It is broken.', fix: 'Mend it.' };

describe('the plan that takes a change back', () => {
  it('is one step of exactly its commits, in words by which git and a rollback know them', () => {
    expect(plan.steps).toMatchObject([
      { kind: 'take_back', commits: COMMITS, services: ['web', 'api'], needsPerson: true, ticket: 'tkt_01' },
    ]);
    const [step] = plan.steps;
    expect(plannedStepSchema.parse(step)).toEqual(step);
    expect(step?.why.match(/^This reverts commit [0-9a-f]{40}\.$/gm)).toHaveLength(2);
    expect(toChangeKind(plan.steps)).toBe('revert');
  });

  it('cannot be proposed by whoever plans', () => {
    expect(proposedStepSchema.safeParse(plan.steps[0]).success).toBe(false);
    expect(planSchema.safeParse(plan).success).toBe(false);
  });

  it('is not ended by faults that were there before the change it takes back', () => {
    const stored = (steps: StoredPlan['intent']['steps']) => ({ intent: { steps } }) as StoredPlan;
    expect(findTakeBack(stored(plan.steps))).toBe(plan.steps[0]);
    expect(listBlocking(stored(plan.steps), [ERROR])).toEqual([]);
    expect(listBlocking(stored([]), [ERROR])).toEqual([ERROR]);
  });

  it('names no more commits than a message can hold', () => {
    const many = Array.from({ length: 60 }, (_, index) => index.toString(16).padStart(40, '0'));
    const [step] = planTakeBack({
      ticketId: 'tkt_01',
      commits: many,
      services: ['web'],
      sentence: 'x'.repeat(5_000),
      needsPerson: false,
    }).steps;
    expect(plannedStepSchema.safeParse(step).success).toBe(true);
  });
});
