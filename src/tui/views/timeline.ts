import { tellEvent } from '../../client/tell-event.ts';
import type { TicketEvent } from '../../ticket/event.ts';
import { line, paragraph, span, type Line } from '../text/lines.ts';
import { toTime } from './words.ts';

const LABEL_CELLS = 20;

/** What happened, oldest first, times in UTC. A day that is not today stands above what happened on it. */
export function timelineRows(events: readonly TicketEvent[], width: number, nowMs: number): Line[] {
  const today = new Date(nowMs).toISOString().slice(0, 10);
  return events.flatMap((event, index) => {
    const day = event.at.slice(0, 10);
    const before = events[index - 1]?.at.slice(0, 10) ?? today;
    return [...(day === before ? [] : [line(day, 'bold')]), ...eventRows(event, width)];
  });
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
