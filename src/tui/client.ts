import type { z } from 'zod';
import type {
  auditListSchema,
  auditVerdictSchema,
  InfoView,
  PlanView,
  readySchema,
  TicketView,
} from '../api/contract.ts';
import type { contextSchema, historySchema, servicesSchema } from '../api/contract-memory.ts';
import type { TicketEvent } from '../ticket/event.ts';

export type AuditPage = z.infer<typeof auditListSchema>;
export type AuditVerdict = z.infer<typeof auditVerdictSchema>;
export type ReadyView = z.infer<typeof readySchema>;
export type MemoryService = z.infer<typeof servicesSchema>['items'][number];
export type ContextView = z.infer<typeof contextSchema>;
export type HistoryView = z.infer<typeof historySchema>;

/** What the screens need of the API; every refusal and every silence is thrown as an `AppError`. */
export interface TuiClient {
  readonly baseUrl: string;
  request<T>(schema: z.ZodType<T>, method: string, path: string): Promise<T>;
  createTicket(input: {
    title: string;
    description?: string;
    priority?: string;
    target?: { application?: string; environment?: string };
    start?: boolean;
  }): Promise<TicketView>;
  listTickets(query: { limit: number; cursor?: string }): Promise<{ items: TicketView[]; nextCursor: string | null }>;
  getTicket(id: string): Promise<TicketView>;
  getPlan(id: string): Promise<PlanView>;
  listEvents(id: string): Promise<TicketEvent[]>;
  startTicket(id: string): Promise<TicketView>;
  approvePlan(id: string, changeHash: string): Promise<TicketView>;
  rejectPlan(id: string, input: { reason: string; revise: boolean }): Promise<TicketView>;
  grant(id: string, approvalId: string): Promise<TicketView>;
  deny(id: string, approvalId: string, reason: string): Promise<TicketView>;
  answer(id: string, answer: string): Promise<TicketView>;
  pause(id: string): Promise<TicketView>;
  resume(id: string): Promise<TicketView>;
  cancel(id: string, reason: string): Promise<TicketView>;
  retry(id: string): Promise<TicketView>;
  listAudit(page: { after?: number; limit?: number }): Promise<AuditPage>;
  verifyAudit(): Promise<AuditVerdict>;
  info(): Promise<InfoView>;
  ready(): Promise<ReadyView>;
  /** Every event after `lastEventId`, or from now on where that is undefined; reconnects by itself after a break. */
  followEvents(
    lastEventId: number | undefined,
    signal: AbortSignal,
    options: { onOpen: () => void; onBreak: (attempt: number, error: unknown) => void },
  ): AsyncGenerator<TicketEvent>;
}

/** Where in the memory something stands, as query of a route. */
export function toPlaceQuery({ environment, namespace, cluster }: MemoryPlace): string {
  return new URLSearchParams({ environment, namespace, cluster }).toString();
}

export type MemoryPlace = Pick<MemoryService, 'service' | 'environment' | 'namespace' | 'cluster'>;
export type { InfoView, PlanView, TicketEvent, TicketView };
