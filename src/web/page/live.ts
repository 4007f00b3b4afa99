import { createContext } from 'preact';
import { useContext, useEffect, useState } from 'preact/hooks';
import type { TicketEvent } from '../../ticket/event.ts';
import type { Connection } from './api.ts';

/** What the whole page shares: the stream of events, and what the key may do. */
export interface Live {
  connection: Connection;
  mayWrite: boolean;
  /** The Argo CD instances to choose from, the default one first; none where there is one only. */
  targets: readonly string[];
  /** Calls back for every event, and with undefined after a break, when anything may have changed. */
  subscribe(listener: (event: TicketEvent | undefined) => void): () => void;
}

export const LiveContext = createContext<Live>({
  connection: 'connecting',
  mayWrite: false,
  targets: [],
  subscribe: () => () => {},
});

export function useLive(): Live {
  return useContext(LiveContext);
}

export type Loaded<T> = { kind: 'loading' } | { kind: 'loaded'; value: T } | { kind: 'refused'; error: unknown };

/**
 * Loads something, and again whenever an event says that it may have changed; several such events at once load once.
 * @param isTouched whether an event concerns what is shown; without it only a break loads again
 */
export function useLoaded<T>(
  load: () => Promise<T>,
  keys: readonly unknown[],
  isTouched: (event: TicketEvent) => boolean = () => false,
): Loaded<T> & { reload: () => void } {
  const { subscribe } = useLive();
  const [state, setState] = useState<Loaded<T>>({ kind: 'loading' });
  const [turn, setTurn] = useState(0);
  useEffect(() => {
    let isCurrent = true;
    load().then(
      (value) => isCurrent && setState({ kind: 'loaded', value }),
      (error: unknown) => isCurrent && setState({ kind: 'refused', error }),
    );
    return () => {
      isCurrent = false;
    };
  }, [...keys, turn]);
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const stop = subscribe((event) => {
      if (event !== undefined && !isTouched(event)) return;
      timer ??= setTimeout(() => {
        timer = undefined;
        setTurn((now) => now + 1);
      }, 150);
    });
    return () => {
      stop();
      clearTimeout(timer);
    };
  }, [...keys]);
  return { ...state, reload: () => setTurn((now) => now + 1) };
}
