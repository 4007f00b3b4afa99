import type { State } from '../model.ts';
import { clamp } from '../select.ts';
import { column, line, span, type Line } from '../text/lines.ts';

/** The newest entries of the audit log, and whether the whole chain still holds. */
export function viewAudit({ audit }: State, _width: number, height: number): Line[] {
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
    [column('#', 8, 'dim'), column('AT (UTC)', 21, 'dim'), column('WHO', 20, 'dim'), span('WHAT', 'dim')],
  ];
  const rows = page.items.toReversed();
  const room = Math.max(1, height - head.length);
  const from = clamp(top, 0, Math.max(0, rows.length - room));
  return [
    ...head,
    ...rows
      .slice(from, from + room)
      .map((entry): Line => [
        column(String(entry.seq), 8, 'dim'),
        column(entry.at.slice(0, 19).replace('T', ' '), 21, 'dim'),
        column(entry.actor, 20),
        span(`${entry.action}  `),
        span(entry.ticketId ?? '', 'dim'),
      ]),
  ];
}
