import { tellAudit } from '../../client/tell-audit.ts';
import { toShortId } from '../../client/words.ts';
import type { State } from '../model.ts';
import { clamp } from '../select.ts';
import { fitCells } from '../text/cells.ts';
import { column, line, span, type Line } from '../text/lines.ts';

/** What the columns before the last one take. */
const AUDIT_CELLS = 49;

/** The newest entries of the audit log, and whether the whole chain still holds. */
export function viewAudit({ audit }: State, width: number, height: number): Line[] {
  const { page, verdict, top } = audit;
  if (page === undefined || verdict === undefined) return [line('Reading the audit log ...', 'dim')];
  const head: Line[] = [
    verdict.kind === 'intact'
      ? [span('Audit log  '), span('intact', 'good'), span(`  ${verdict.entries ?? 0} entries checked`)]
      : [
          span('Audit log  '),
          span('BROKEN', 'bad'),
          span(`  at entry ${verdict.seq ?? '?'}: ${verdict.problem ?? ''}`),
        ],
    [
      column('#', 7, 'dim'),
      column('AT (UTC)', 16, 'dim'),
      column('WHO', 16, 'dim'),
      column('TICKET', 10, 'dim'),
      span('WHAT', 'dim'),
    ],
  ];
  const rows = page.items.toReversed();
  const room = Math.max(1, height - head.length);
  const from = clamp(top, 0, Math.max(0, rows.length - room));
  return [
    ...head,
    ...rows
      .slice(from, from + room)
      .map((entry): Line => [
        column(String(entry.seq), 7, 'dim'),
        column(entry.at.slice(5, 19).replace('T', ' '), 16, 'dim'),
        column(`${entry.actor} `, 16),
        column(entry.ticketId === null ? '' : toShortId(entry.ticketId), 10, 'dim'),
        span(fitCells(`${entry.action}: ${tellAudit(entry)}`.replace(/: $/, ''), width - AUDIT_CELLS)),
      ]),
  ];
}
