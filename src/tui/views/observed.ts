import type { TicketEvent } from '../../ticket/event.ts';
import { line, paragraph, span, type Line, type Tone } from '../text/lines.ts';
import { toHealthTone, toTime } from './words.ts';

type EventOf<T extends TicketEvent['type']> = Extract<TicketEvent, { type: T }>;

/** What was seen of one application while one commit was watched. */
interface Watch {
  application: string;
  commit: string;
  isRevert: boolean;
  sync: EventOf<'sync'> | undefined;
  health: EventOf<'health'> | undefined;
  verdict: EventOf<'verdict'> | undefined;
}

/** What was seen of the applications this change touched, commit by commit, the newest first. */
export function observedRows(events: readonly TicketEvent[], width: number): Line[] {
  const watches = listWatches(events);
  if (watches.length === 0) return [line('Nothing has been observed yet: that begins after the push.', 'dim')];
  return watches.toReversed().flatMap((watch) => watchRows(watch, width));
}

/** A push begins the next commit; what is seen after it is about that one. */
function listWatches(events: readonly TicketEvent[]): Watch[] {
  const watches = new Map<string, Watch>();
  let pushed: EventOf<'push'>['data'] | undefined;
  for (const event of events) {
    if (event.type === 'push') pushed = event.data;
    if (event.type !== 'sync' && event.type !== 'health' && event.type !== 'verdict') continue;
    const { application } = event.data;
    const commit = event.type === 'verdict' ? event.data.commit : (pushed?.head ?? '');
    const key = JSON.stringify([application, commit]);
    const isRevert = pushed?.purpose === 'revert' && pushed.head === commit;
    const known = watches.get(key) ?? { application, commit, isRevert, sync: undefined, health: undefined };
    watches.set(key, { verdict: undefined, ...known, [event.type]: event });
  }
  return [...watches.values()];
}

function watchRows({ application, commit, isRevert, sync, health, verdict }: Watch, width: number): Line[] {
  const about = commit === '' ? '' : `  commit ${commit.slice(0, 9)}${isRevert ? ', which takes the change back' : ''}`;
  const rows: Line[] = [[span(application, 'bold'), span(about)]];
  if (sync !== undefined) {
    const { status, revision, operationPhase } = sync.data;
    rows.push([
      span(`├ sync     ${toTime(sync.at)} `, 'dim'),
      span(status, toHealthTone(status)),
      span(` at ${revision.slice(0, 9)}${operationPhase === undefined ? '' : `, operation ${operationPhase}`}`),
    ]);
  }
  if (health !== undefined) {
    const { status, message, resources } = health.data;
    rows.push([
      span(`├ health   ${toTime(health.at)} `, 'dim'),
      span(status, toHealthTone(status)),
      span(message === undefined ? '' : `  ${message}`),
    ]);
    for (const one of resources) {
      rows.push([span('│  ├ ', 'dim'), span(`${one.resource} `), span(one.health, toHealthTone(one.health))]);
      if (one.message !== undefined)
        rows.push(...paragraph(one.message, width, { label: span('│  │   ', 'dim'), tone: 'dim' }));
    }
  }
  if (verdict === undefined) rows.push(line('└ still watched: no verdict yet', 'dim'));
  else rows.push(...verdictRows(verdict, width));
  return [...rows, line()];
}

function verdictRows({ at, data }: EventOf<'verdict'>, width: number): Line[] {
  const tone: Tone = data.outcome.startsWith('live') ? 'good' : 'bad';
  return [
    ...paragraph(data.sentence, width, { label: span(`└ verdict  ${toTime(at)} `, 'dim'), tone }),
    ...data.evidence.flatMap((one) =>
      paragraph(`${one.object} ${one.field}: ${one.value}`, width, { indent: 4, tone: 'dim' }),
    ),
  ];
}
