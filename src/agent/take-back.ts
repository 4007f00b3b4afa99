import type { PlannedStep, WorkingPlan } from '../model/planning.ts';
import type { StoredPlan } from '../ticket/plan.ts';
import type { Follows } from '../ticket/ticket.ts';

// A change that went bad after it was live is taken back by a ticket of its own, which goes the ordinary way: drafted,
// checked, approved where policy wants that, pushed, watched, remembered.

/** Lines that git's readers, and the rollback of a service, know a revert by. */
const MAX_NAMED = 20;

/** The plan of a ticket that takes another's change back. */
export function planTakeBack(follows: Follows): WorkingPlan {
  const { ticketId, commits, services, sentence, needsPerson } = follows;
  const short = commits.map((sha) => sha.slice(0, 9)).join(', ');
  const named = commits.slice(0, MAX_NAMED).map((sha) => `This reverts commit ${sha}.`);
  return {
    kind: 'plan',
    version: 1,
    summary: `Take back ${short} of ${services.join(', ')}, which went bad after it was live`,
    steps: [
      {
        kind: 'take_back',
        ticket: ticketId,
        services: [...services],
        commits: [...commits],
        needsPerson,
        title: `Take back ${short}`.slice(0, 300),
        why: `${sentence.slice(0, 600)}\n\n${named.join('\n')}`,
      },
    ],
    wishes: {},
    assumptions: [`The change of ticket ${ticketId} was live and healthy, and failed while it was watched on.`],
  };
}

type TakeBack = Extract<PlannedStep, { kind: 'take_back' }>;

/** The step by which a plan takes a change back; undefined for every other plan. */
export function findTakeBack(plan: Pick<StoredPlan, 'intent'>): TakeBack | undefined {
  return plan.intent.steps.find((step) => step.kind === 'take_back');
}
