import { tellEvent } from '../../client/tell-event.ts';
import type { TicketEvent } from '../../ticket/event.ts';
import { paragraph, span, type Line } from '../text/lines.ts';
import { toTime } from './words.ts';

const LABEL_CELLS = 20;

/** What happened, oldest first, times in UTC. */
export function timelineRows(events: readonly TicketEvent[], width: number): Line[] {
  return events.flatMap((event) => eventRows(event, width));
}

function eventRows(event: TicketEvent, width: number): Line[] {
  const { who, text, tone, more = [] } = tellEvent(event);
  const label = span(`${toTime(event.at)}  ${who}`.padEnd(LABEL_CELLS), 'dim');
  return [
    ...paragraph(text, width, { label, ...(tone === undefined ? {} : { tone }) }),
    ...more.flatMap((one) =>
      paragraph(one.text, width, { indent: LABEL_CELLS, ...(one.tone === undefined ? {} : { tone: one.tone }) }),
    ),
  ];
}
