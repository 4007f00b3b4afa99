import { tellEvent } from '../../client/tell-event.ts';
import type { TicketEvent } from '../../ticket/event.ts';
import { Panel, Said, toShown } from './text.tsx';

/** What happened, newest last. */
export function Timeline({ events }: { events: readonly TicketEvent[] }) {
  return (
    <Panel title="Timeline">
      <ol class="timeline plain">
        {events.map((event) => {
          const { who, text, tone, more = [] } = tellEvent(event);
          return (
            <li key={event.id}>
              <time class="dim mono" dateTime={event.at} title={event.at}>
                {new Date(event.at).toLocaleTimeString([], { hour12: false })}
              </time>
              <span class="dim">{who}</span>
              <Said text={text} tone={tone} />
              {more.length === 0 ? null : (
                <div class="more dim">
                  {more.map((one, index) => (
                    <div key={index} class={one.tone ?? ''}>
                      {toShown(one.text)}
                    </div>
                  ))}
                </div>
              )}
            </li>
          );
        })}
      </ol>
    </Panel>
  );
}
