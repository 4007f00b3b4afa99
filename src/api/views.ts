import { isTicketId } from '../lib/ids.ts';
import { legalActions } from '../ticket/status.ts';
import type { StoredPlan } from '../ticket/plan.ts';
import type { Soak } from '../ticket/soak-store.ts';
import type { Ticket } from '../ticket/ticket.ts';
import type { PlanView, TicketView } from './contract.ts';

export function toTicketView(ticket: Ticket, soaks?: readonly Soak[]): TicketView {
  const { instance, follows, ...rest } = ticket;
  return {
    ...rest,
    target: { ...ticket.target, instance },
    actions: legalActions(ticket.status),
    ...(follows === null ? {} : { follows }),
    ...(soaks === undefined ? {} : { soaks: soaks.map(toSoakView) }),
  };
}

function toSoakView({ ticketId: _, subject: __, ...soak }: Soak): NonNullable<TicketView['soaks']>[number] {
  return soak;
}

export function toPlanView(plan: StoredPlan): PlanView {
  const { ticketId, attempt, revision, baseCommit, intent, draft, review, createdAt } = plan;
  return {
    ticketId,
    attempt,
    revision,
    baseCommit,
    summary: intent.summary,
    steps: intent.steps,
    assumptions: intent.assumptions,
    advice: intent.advice,
    changes: (draft?.changes ?? []).map(({ type, ref, service, fields, patch }) => ({
      type,
      ref,
      service,
      fields,
      patch,
    })),
    findings: review?.findings ?? [],
    risk: review?.risk ?? null,
    policy: review?.policy ?? null,
    changeHash: review?.changeHash ?? null,
    createdAt,
  };
}

const ISO_TIME = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$/;

/** Where the next page begins: opaque to clients. */
export function toCursor(ticket: Pick<Ticket, 'createdAt' | 'id'>): string {
  return Buffer.from(`${ticket.createdAt}|${ticket.id}`).toString('base64url');
}

export function parseCursor(cursor: string): { createdAt: string; id: string } | undefined {
  const [createdAt, id] = Buffer.from(cursor, 'base64url').toString('utf8').split('|');
  if (createdAt === undefined || id === undefined) return undefined;
  if (!isTicketId(id) || !ISO_TIME.test(createdAt)) return undefined;
  return { createdAt, id };
}
