import { ticketEventSchema } from '../ticket/event.ts';
import { tellEvent } from './tell-event.ts';

interface AuditEntry {
  seq: number;
  at: string;
  ticketId: string | null;
  action: string;
  detail: Record<string, unknown>;
}

/** What an entry of the audit log is about, in a sentence; empty where it is no event of a ticket. */
export function tellAudit({ seq, at, ticketId, action, detail }: AuditEntry): string {
  const event = ticketEventSchema.safeParse({ id: seq, ticketId: ticketId ?? '', at, type: action, data: detail });
  return event.success ? tellEvent(event.data).text : '';
}
