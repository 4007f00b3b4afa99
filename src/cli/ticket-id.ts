import type { TicketView } from '../api/contract.ts';
import { findNearest } from '../lib/nearest.ts';
import { AppError, isAppError } from '../lib/errors.ts';
import { isTicketId } from '../lib/ids.ts';
import type { ApiClient } from '../client/api-client.ts';

const MIN_LENGTH = 4;
const PAGE = 200;
/** Abbreviations are looked up among this many of the newest tickets. */
const MAX_SEEN = 5_000;

/**
 * The ticket that is meant: by its id, or by the beginning or end of it where only one ticket has that.
 * @throws AppError `not_found` with ids that are near, `invalid_input` where several tickets fit
 */
export async function findTicket(client: ApiClient, given: string): Promise<TicketView> {
  const wanted = given.trim();
  const id = `tkt_${toTail(wanted)}`;
  if (isTicketId(id)) {
    try {
      return await client.getTicket(id);
    } catch (error) {
      if (!isAppError(error, 'not_found')) throw error;
      throw toUnknown(wanted, await listNewest(client));
    }
  }
  const tail = toTail(wanted);
  if (!/^[0-9A-Z]+$/.test(tail) || tail.length > 26)
    throw new AppError('invalid_input', `${JSON.stringify(given)} is not a ticket id`, { hint: LIST_HINT });
  if (tail.length < MIN_LENGTH)
    throw new AppError('invalid_input', `"${wanted}" is too short for a ticket id`, {
      hint: `Give ${MIN_LENGTH} or more characters of its beginning or end. ${LIST_HINT}`,
    });
  const tickets = await listNewest(client);
  const found = tickets.filter((ticket) => {
    const other = toTail(ticket.id);
    return other.startsWith(tail) || other.endsWith(tail);
  });
  const [only] = found;
  if (only === undefined) throw toUnknown(wanted, tickets);
  if (found.length === 1) return only;
  throw new AppError('invalid_input', `"${wanted}" may be any of ${found.length} tickets:\n${toLines(found)}`, {
    hint: 'Give more characters.',
  });
}

const LIST_HINT = '"tiphys ticket list" shows them.';

function toTail(id: string): string {
  return id.replace(/^tkt_/i, '').toUpperCase();
}

async function listNewest(client: ApiClient): Promise<TicketView[]> {
  const tickets: TicketView[] = [];
  let cursor: string | undefined;
  do {
    const page = await client.listTickets({ limit: PAGE, cursor });
    tickets.push(...page.items);
    cursor = page.nextCursor ?? undefined;
  } while (cursor !== undefined && tickets.length < MAX_SEEN);
  return tickets;
}

/** Near is what differs in a letter or two from the same stretch of an id. */
function toUnknown(wanted: string, tickets: readonly TicketView[]): AppError {
  const tail = toTail(wanted);
  const near = tickets.filter(({ id }) => {
    const other = toTail(id);
    const stretches = [other.slice(0, tail.length), other.slice(-tail.length)];
    return findNearest(tail, stretches) !== undefined;
  });
  const shown = near.length > MAX_NEAR ? [] : near;
  const hint = shown.length === 0 ? LIST_HINT : `Did you mean one of these?\n${toLines(shown)}`;
  return new AppError('not_found', `there is no ticket ${wanted}`, { hint });
}

const MAX_NEAR = 5;

function toLines(tickets: readonly TicketView[]): string {
  return tickets
    .slice(0, MAX_NEAR)
    .map(({ id, status, title }) => `  ${id}  ${status}  ${title}`)
    .join('\n');
}
