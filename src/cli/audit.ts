import type { AuditPage } from '../client/api-client.ts';
import { connect, type ConnectionOptions } from './connect.ts';
import { EXIT } from './failure.ts';
import { toJsonText } from './json.ts';
import { toCell, toTable } from './table.ts';
import type { Terminal } from './terminal.ts';
import { toShortId } from '../client/words.ts';
import { findTicket } from './ticket-id.ts';

export interface AuditListOptions extends ConnectionOptions {
  ticket?: string;
  after: number;
  limit: number;
}

const MAX_PAGE = 5_000;

export async function listAudit(terminal: Terminal, options: AuditListOptions): Promise<void> {
  const client = connect(options, terminal);
  const ticketId = options.ticket === undefined ? undefined : (await findTicket(client, options.ticket)).id;
  const items: AuditPage['items'] = [];
  let after = options.after;
  while (items.length < options.limit) {
    const limit = Math.min(MAX_PAGE, options.limit - items.length);
    const page = await client.listAudit({ after, limit, ...(ticketId === undefined ? {} : { ticketId }) });
    items.push(...page.items);
    after = page.lastSeq;
    if (page.items.length < limit) break;
  }
  if (options.json === true) {
    terminal.out(toJsonText({ items, lastSeq: after }, 2));
    return;
  }
  const rows = items.map(({ seq, at, actor, action, ticketId: about, hash, detail }) => [
    String(seq),
    at,
    actor,
    action,
    about === null ? '-' : toShortId(about),
    hash.slice(0, 9),
    JSON.stringify(detail).slice(0, MAX_DETAIL),
  ]);
  const head = ['SEQ', 'AT', 'ACTOR', 'ACTION', 'TICKET', 'HASH', 'DETAIL'];
  const { dim } = terminal.style;
  for (const line of toTable(head, rows, (row, _column, text) => (row < 0 ? dim(text) : text))) terminal.out(line);
}

const MAX_DETAIL = 120;

export async function verifyAudit(terminal: Terminal, options: ConnectionOptions): Promise<void> {
  const verdict = await connect(options, terminal).verifyAudit();
  const { style } = terminal;
  if (options.json === true) terminal.out(toJsonText(verdict, 2));
  else if (verdict.kind === 'intact')
    terminal.out(`${style.green('intact')}: ${verdict.entries ?? 0} entries, head ${toCell(verdict.head ?? 'none')}`);
  else
    terminal.out(
      `${style.red('broken')} at entry ${verdict.seq ?? '?'}: ${toCell(verdict.problem ?? 'the hashes do not fit')}`,
    );
  terminal.exit(verdict.kind === 'intact' ? EXIT.ok : EXIT.failed);
}
