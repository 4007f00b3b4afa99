import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import type { InfoView, MeView } from '../../api/contract.ts';
import { toTargets } from '../../client/words.ts';
import type { TicketEvent } from '../../ticket/event.ts';
import { api, followAll, key, Refusal, type Connection } from './api.ts';
import { AuditPage } from './audit.tsx';
import { Board } from './board.tsx';
import { LiveContext, type Live } from './live.ts';
import { MemoryPage } from './memory.tsx';
import { ServicePage } from './service.tsx';
import { Problem } from './text.tsx';
import { TicketPage } from './ticket.tsx';

const WORDS: Record<Connection, { text: string; tone: string }> = {
  connecting: { text: 'connecting', tone: 'dim' },
  live: { text: 'live', tone: 'good' },
  lost: { text: 'connection lost, trying again', tone: 'warn' },
};

export function App() {
  const [known, setKnown] = useState<{ me: MeView; info: InfoView }>();
  const [error, setError] = useState<unknown>();
  const [turn, setTurn] = useState(0);
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    Promise.all([api.me(), api.info()]).then(
      ([me, info]) => {
        setError(undefined);
        setKnown({ me, info });
      },
      (refusal: unknown) => {
        setError(refusal);
        if (refusal instanceof Refusal && refusal.status === 0)
          timer = setTimeout(() => setTurn((now) => now + 1), 2_000);
      },
    );
    return () => clearTimeout(timer);
  }, [turn]);
  if (error instanceof Refusal && error.status === 401)
    return <AskKey wasWrong={key.get() !== undefined} done={() => setTurn((now) => now + 1)} />;
  if (known === undefined)
    return <main>{error === undefined ? <p class="dim">Loading ...</p> : <Problem error={error} />}</main>;
  return <Inside {...known} />;
}

function Inside({ me, info }: { me: MeView; info: InfoView }) {
  const [connection, setConnection] = useState<Connection>('connecting');
  const listeners = useRef(new Set<(event: TicketEvent | undefined) => void>());
  useEffect(() => {
    const stop = new AbortController();
    let wasLost = false;
    const tell = (event: TicketEvent | undefined) => listeners.current.forEach((listener) => listener(event));
    void followAll(stop.signal, {
      event: tell,
      connection: (now) => {
        setConnection(now);
        // What was loaded before the stream stood may be old by now.
        if (now === 'live' && wasLost) tell(undefined);
        wasLost = now === 'lost';
      },
    });
    return () => stop.abort();
  }, []);
  const live = useMemo(
    (): Live => ({
      connection,
      mayWrite: me.access === 'write',
      targets: toTargets(info),
      subscribe: (listener) => {
        listeners.current.add(listener);
        return () => listeners.current.delete(listener);
      },
    }),
    [connection, me, info],
  );
  const { path, query } = useAddress();
  const { text, tone } = WORDS[connection];
  return (
    <LiveContext.Provider value={live}>
      <a class="skip" href="#main" onClick={() => document.getElementById('main')?.focus()}>
        To the content
      </a>
      <header class="bar">
        <span>
          <img src="/page/icon.svg" alt="" /> <strong>Tiphys</strong>
        </span>
        <nav aria-label="Pages">
          <Link to="#/" text="Tickets" isCurrent={path[0] === undefined || path[0] === 'tickets'} />
          <Link to="#/memory" text="Memory" isCurrent={path[0] === 'memory'} />
          <Link to="#/audit" text="Audit" isCurrent={path[0] === 'audit'} />
          <a href="/docs">API</a>
        </nav>
        <span class={`connection ${tone}`} role="status">
          {text}
        </span>
        <span class="dim">
          {me.actor}
          {me.access === 'read' ? ' (reads only)' : ''}
        </span>
      </header>
      <main id="main" tabIndex={-1}>
        <Page path={path} query={query} />
      </main>
    </LiveContext.Provider>
  );
}

function Page({ path: [page, name], query }: { path: string[]; query: Record<string, string> }) {
  if (page === undefined) return <Board />;
  if (page === 'tickets' && name !== undefined) return <TicketPage key={name} id={name} />;
  if (page === 'memory')
    return name === undefined ? <MemoryPage /> : <ServicePage key={name} service={name} place={query} />;
  if (page === 'audit') return <AuditPage />;
  return <p>There is no such page.</p>;
}

function Link({ to, text, isCurrent }: { to: string; text: string; isCurrent: boolean }) {
  return (
    <a href={to} aria-current={isCurrent ? 'page' : undefined}>
      {text}
    </a>
  );
}

/** What stands behind `#/`, in parts. */
function useAddress(): { path: string[]; query: Record<string, string> } {
  const [hash, setHash] = useState(location.hash);
  useEffect(() => {
    const changed = () => {
      if (location.hash === '#main') return;
      setHash(location.hash);
      scrollTo(0, 0);
    };
    addEventListener('hashchange', changed);
    return () => removeEventListener('hashchange', changed);
  }, []);
  const [path = '', query = ''] = hash.replace(/^#\/?/, '').split('?');
  return {
    path: path.split('/').filter(Boolean).map(decodeOr),
    query: Object.fromEntries(new URLSearchParams(query)),
  };
}

function decodeOr(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function AskKey({ wasWrong, done }: { wasWrong: boolean; done: () => void }) {
  const [text, setText] = useState('');
  return (
    <main>
      <h1>Tiphys</h1>
      <form
        class="panel"
        onSubmit={(event) => {
          event.preventDefault();
          key.set(text.trim());
          done();
        }}
      >
        <p>
          {wasWrong ? 'The server does not know this key.' : 'This server wants an API key.'} It is kept for this tab
          only.
        </p>
        <div class="row">
          <label class="hidden" for="key">
            API key
          </label>
          <input
            id="key"
            type="password"
            autocomplete="off"
            class="grow"
            value={text}
            onInput={(event) => setText(event.currentTarget.value)}
          />
          <button class="primary" disabled={text.trim() === ''}>
            Enter
          </button>
        </div>
      </form>
    </main>
  );
}
