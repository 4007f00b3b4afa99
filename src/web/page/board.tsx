import { useState } from 'preact/hooks';
import type { TicketView } from '../../api/contract.ts';
import { toStatusWord } from '../../client/words.ts';
import { isRunnable, needsPerson, TICKET_STATUSES } from '../../ticket/status.ts';
import { api } from './api.ts';
import { useLive, useLoaded } from './live.ts';
import { Badge, Moment, Problem, toShown } from './text.tsx';

const COLUMNS: { title: string; statuses: TicketView['status'][] }[] = [
  {
    title: 'Needs you',
    statuses: TICKET_STATUSES.filter(needsPerson),
  },
  { title: 'Under way', statuses: TICKET_STATUSES.filter(isRunnable) },
  { title: 'Resolved', statuses: ['resolved'] },
  { title: 'Not done', statuses: ['failed', 'errored', 'cancelled'] },
];
const MAX_SHOWN = 200;

/** Every ticket by what it needs, and a form for a new one. */
export function Board() {
  const { mayWrite } = useLive();
  const [words, setWords] = useState('');
  return (
    <>
      <h1>Tickets</h1>
      {mayWrite ? <NewTicket /> : null}
      <p>
        <label>
          Filter{' '}
          <input
            type="search"
            value={words}
            placeholder="words, a service"
            onInput={(event) => setWords(event.currentTarget.value)}
          />
        </label>
      </p>
      <div class="board">
        {COLUMNS.map((column) => (
          <Column key={column.title} {...column} words={words.trim()} />
        ))}
      </div>
    </>
  );
}

function Column({ title, statuses, words }: { title: string; statuses: TicketView['status'][]; words: string }) {
  const query = { status: statuses.join(','), limit: MAX_SHOWN, ...(words === '' ? {} : { text: words }) };
  const found = useLoaded(
    async () => await api.tickets(query),
    [words],
    ({ type }) => type === 'status' || type === 'plan',
  );
  const items = found.kind === 'loaded' ? found.value.items : [];
  const more = found.kind === 'loaded' && found.value.nextCursor !== null;
  return (
    <section aria-label={title} class="panel">
      <h2>
        {title} <span class="dim">{found.kind === 'loaded' ? `${items.length}${more ? '+' : ''}` : ''}</span>
      </h2>
      {found.kind === 'refused' ? <Problem error={found.error} /> : null}
      <ul>
        {items.map((ticket) => (
          <li key={ticket.id}>
            <Card ticket={ticket} />
          </li>
        ))}
      </ul>
      {found.kind === 'loaded' && items.length === 0 ? <p class="dim">None.</p> : null}
    </section>
  );
}

function Card({ ticket }: { ticket: TicketView }) {
  const { targets } = useLive();
  const { text, tone } = toStatusWord(ticket.status);
  return (
    <a class="card" href={`#/tickets/${ticket.id}`}>
      <div class="bold">{toShown(ticket.title)}</div>
      <div class="row">
        <Badge text={text} tone={tone} />
        {ticket.application === null ? null : <span class="dim">{toShown(ticket.application)}</span>}
        {targets.length === 0 || ticket.target.instance === undefined ? null : (
          <span class="dim">@{toShown(ticket.target.instance)}</span>
        )}
        {ticket.priority === 'medium' ? null : <span class="dim">{ticket.priority}</span>}
      </div>
      <div class="dim">
        <Moment at={ticket.updatedAt} />
      </div>
    </a>
  );
}

function NewTicket() {
  const { targets } = useLive();
  const [target, setTarget] = useState('');
  const [title, setTitle] = useState('');
  const [description, setDescription] = useState('');
  const [priority, setPriority] = useState('medium');
  const [error, setError] = useState<unknown>();
  const [isSending, setIsSending] = useState(false);
  const send = async () => {
    setIsSending(true);
    try {
      const ticket = await api.create({
        ...{ title, description, priority },
        ...(target === '' ? {} : { target: { instance: target } }),
      });
      location.hash = `#/tickets/${ticket.id}`;
    } catch (refusal) {
      setError(refusal);
      setIsSending(false);
    }
  };
  return (
    <form
      class="panel"
      onSubmit={(event) => {
        event.preventDefault();
        void send();
      }}
    >
      <div class="row">
        <label class="hidden" for="title">
          What should change?
        </label>
        <input
          id="title"
          class="grow"
          required
          maxLength={300}
          value={title}
          placeholder="What should change? Such as: Update web to 1.5.0"
          onInput={(event) => setTitle(event.currentTarget.value)}
        />
        <label>
          Priority{' '}
          <select value={priority} onInput={(event) => setPriority(event.currentTarget.value)}>
            {['low', 'medium', 'high', 'critical'].map((one) => (
              <option key={one}>{one}</option>
            ))}
          </select>
        </label>
        {targets.length === 0 ? null : (
          <label>
            Argo CD{' '}
            <select value={target} onInput={(event) => setTarget(event.currentTarget.value)}>
              <option value="">as the words say, else {targets[0]}</option>
              {targets.map((one) => (
                <option key={one}>{one}</option>
              ))}
            </select>
          </label>
        )}
        <button class="primary" disabled={isSending || title.trim() === ''}>
          Open ticket
        </button>
      </div>
      <details>
        <summary class="dim">Say more</summary>
        <label class="hidden" for="description">
          Description
        </label>
        <textarea id="description" value={description} onInput={(event) => setDescription(event.currentTarget.value)} />
      </details>
      {error === undefined ? null : <Problem error={error} />}
    </form>
  );
}
