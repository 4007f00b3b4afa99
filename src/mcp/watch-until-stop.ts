import type { TicketView } from '../api/contract.ts';
import type { ApiClient } from '../client/api-client.ts';
import type { TicketEvent } from '../ticket/event.ts';
import { isEnded, needsPerson } from '../ticket/status.ts';

/** Told of every event while something is waited for. */
export type Progress = (event: TicketEvent) => Promise<void>;

type StopReason = 'ended' | 'needs_person';

function toStopReason({ status }: TicketView): StopReason | undefined {
  if (isEnded(status)) return 'ended';
  return needsPerson(status) ? 'needs_person' : undefined;
}

/**
 * Waits until a ticket has ended, needs a person, or the time is over.
 * @returns the ticket, why the waiting ended, and the newest events of it
 */
export async function watchUntilStop(
  client: ApiClient,
  id: string,
  { signal, progress, timeoutMs }: { signal: AbortSignal; progress: Progress; timeoutMs: number },
): Promise<{ ticket: TicketView; because: StopReason | 'time_over'; events: TicketEvent[] }> {
  const stop = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
  const past = await client.listEvents(id);
  const seen: TicketEvent[] = [];
  let ticket = await client.getTicket(id);
  let because = toStopReason(ticket);
  if (because === undefined) {
    for await (const event of client.followTicket(id, past.at(-1)?.id ?? 0, stop)) {
      seen.push(event);
      await progress(event);
      if (event.type !== 'status') continue;
      ticket = await client.getTicket(id);
      because = toStopReason(ticket);
      if (because !== undefined) break;
    }
    ticket = await client.getTicket(id);
    because = toStopReason(ticket);
  }
  return { ticket, because: because ?? 'time_over', events: seen.slice(-100) };
}
