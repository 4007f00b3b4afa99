import type { TicketView } from '../api/contract.ts';
import type { TicketEvent } from '../ticket/event.ts';
import { isEnded, needsPerson, type TicketStatus } from '../ticket/status.ts';
import type { ApiClient } from '../client/api-client.ts';
import { renderEvent } from './demo/render.ts';
import { EXIT } from './failure.ts';
import type { Terminal } from './terminal.ts';

export interface WatchOptions {
  /** Only what came after this event is shown; 0 tells the whole story. */
  after: number;
  /** Goes on where a person is needed, until the ticket has ended. */
  untilEnded: boolean;
  show(event: TicketEvent): void;
}

const MAX_ATTEMPTS = 12;

/**
 * Follows a ticket until it has ended or, unless told otherwise, waits for a person. Survives a restart of the server.
 * @throws AppError `timeout` where the server stays away
 */
export async function watchTicket(
  client: ApiClient,
  id: string,
  terminal: Terminal,
  options: WatchOptions,
): Promise<TicketView> {
  const isStop = (status: TicketStatus) => isEnded(status) || (!options.untilEnded && needsPerson(status));
  // An old stop in the story is none: what counts is whether the ticket still stands there.
  const findStop = async (status: TicketStatus | undefined) => {
    if (status === undefined || !isStop(status)) return undefined;
    const ticket = await client.getTicket(id);
    return ticket.status === status ? ticket : undefined;
  };
  const past = await client.listEvents(id);
  for (const event of past) if (event.id > options.after) options.show(event);
  const stopped = await findStop(past.map(toStatus).findLast((status) => status !== undefined));
  if (stopped !== undefined) return stopped;

  const stop = new AbortController();
  let isBroken = false;
  const onBreak = () => {
    if (!isBroken) terminal.err('The connection is lost; trying again.');
    isBroken = true;
  };
  const onOpen = () => {
    if (isBroken) terminal.err('Connected again; what happened in between follows.');
    isBroken = false;
  };
  try {
    const following = client.followTicket(id, past.at(-1)?.id ?? 0, stop.signal, {
      onOpen,
      onBreak,
      maxAttempts: MAX_ATTEMPTS,
    });
    for await (const event of following) {
      options.show(event);
      const ended = await findStop(toStatus(event));
      if (ended !== undefined) return ended;
    }
  } finally {
    stop.abort();
  }
  return await client.getTicket(id);
}

function toStatus(event: TicketEvent): TicketStatus | undefined {
  return event.type === 'status' ? event.data.to : undefined;
}

/** 0 resolved, 1 ended otherwise, 3 where a person is needed. */
export function toExitCode({ status }: TicketView): number {
  if (status === 'resolved') return EXIT.ok;
  return isEnded(status) ? EXIT.failed : EXIT.needsPerson;
}

/** Prints an event as a spectator reads it. */
export function showEvent(terminal: Terminal): (event: TicketEvent) => void {
  return (event) => {
    for (const line of renderEvent(event, terminal.style)) terminal.out(line);
  };
}
