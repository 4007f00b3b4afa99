import { useEffect, useState } from 'preact/hooks';
import { toStatusWord } from '../../client/words.ts';
import type { TicketEvent } from '../../ticket/event.ts';
import { Actions } from './actions.tsx';
import { api } from './api.ts';
import { Difference } from './difference.tsx';
import { useLive, useLoaded } from './live.ts';
import { Plan } from './plan.tsx';
import { Badge, Moment, Panel, Problem, toShown } from './text.tsx';
import { Timeline } from './timeline.tsx';

const PAGE = 1000;

/** One ticket: where it stands, what it would change, what can be done, what happened. */
export function TicketPage({ id }: { id: string }) {
  const { mayWrite, targets } = useLive();
  const touches = (event: TicketEvent) => event.ticketId === id;
  const ticket = useLoaded(async () => await api.ticket(id), [id], touches);
  const events = useEvents(id);
  const isPlanned = events.some(({ type }) => type === 'plan');
  const plan = useLoaded(
    async () => (isPlanned ? await api.plan(id) : undefined),
    [id, isPlanned],
    (event) => touches(event) && event.type !== 'health' && event.type !== 'sync',
  );
  if (ticket.kind === 'loading') return <p class="dim">Loading ...</p>;
  if (ticket.kind === 'refused') return <Problem error={ticket.error} />;
  const { value } = ticket;
  const { text, tone } = toStatusWord(value.status);
  const planned = plan.kind === 'loaded' ? plan.value : undefined;
  const reload = () => {
    ticket.reload();
    plan.reload();
  };
  return (
    <>
      <p>
        <a href="#/">All tickets</a>
      </p>
      <h1>{toShown(value.title)}</h1>
      <p class="row" aria-live="polite">
        <Badge text={text} tone={tone} />
        <span>{toShown(value.reason)}</span>
      </p>
      <p class="dim">
        <code>{value.id}</code> by {toShown(value.actor.replace(/^person:/, ''))}, <Moment at={value.createdAt} />
        {value.application === null ? null : (
          <>
            , about <a href={`#/memory/${encodeURIComponent(value.application)}`}>{toShown(value.application)}</a>
          </>
        )}
        {targets.length === 0 || value.target.instance === undefined ? null : (
          <>, on Argo CD {toShown(value.target.instance)}</>
        )}
        , {value.priority} priority
      </p>
      {value.description === '' ? null : <p>{toShown(value.description)}</p>}
      {value.ending === null ? null : (
        <Panel>
          <p class="bold">{toShown(value.ending.sentence)}</p>
          {value.ending.answer === undefined ? null : <pre>{toShown(value.ending.answer)}</pre>}
        </Panel>
      )}
      {mayWrite ? <Actions ticket={value} plan={planned} done={reload} /> : null}
      <div class="two">
        <div>
          {plan.kind === 'refused' ? <Problem error={plan.error} /> : null}
          {planned === undefined ? null : <Difference changes={planned.changes} />}
          <Timeline events={events} />
        </div>
        <div>{planned === undefined ? null : <Plan plan={planned} />}</div>
      </div>
    </>
  );
}

/** The story so far and as it goes on; after a break it is read once more. */
function useEvents(id: string): readonly TicketEvent[] {
  const { subscribe } = useLive();
  const [events, setEvents] = useState<readonly TicketEvent[]>([]);
  useEffect(() => {
    let isCurrent = true;
    // What comes live and what is read overlap, and either may be first.
    const add = (more: readonly TicketEvent[]) => isCurrent && setEvents((known) => mergeEvents(known, more));
    const read = async () => {
      for (let after = 0; ;) {
        const page = await api.events(id, after);
        add(page.items);
        if (page.items.length < PAGE) return;
        after = page.lastId;
      }
    };
    setEvents([]);
    read().catch(() => undefined);
    const stop = subscribe((event) => {
      if (event === undefined) read().catch(() => undefined);
      else if (event.ticketId === id) add([event]);
    });
    return () => {
      isCurrent = false;
      stop();
    };
  }, [id]);
  return events;
}

function mergeEvents(known: readonly TicketEvent[], more: readonly TicketEvent[]): readonly TicketEvent[] {
  const ids = new Set(known.map((event) => event.id));
  const fresh = more.filter((event) => !ids.has(event.id));
  return fresh.length === 0 ? known : [...known, ...fresh].sort((a, b) => a.id - b.id);
}
