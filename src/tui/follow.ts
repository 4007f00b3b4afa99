import type { Clock } from '../lib/clock.ts';
import type { ApiClient } from '../client/api-client.ts';
import { toErrorText } from './error-text.ts';
import type { Action } from './model.ts';

interface Following {
  client: ApiClient;
  clock: Clock;
  signal: AbortSignal;
  dispatch: (action: Action) => void;
  /** Called for every connection, the first one included: what was loaded before it may be old. */
  onConnected: () => void;
}

const RETRY_MS = 5_000;

/**
 * Follows all events until `signal`. After a break the stream goes on behind the last event seen, so that nothing is
 * missed over a restart of the server; a refusal, such as of a wrong key, is shown and tried again later.
 */
export async function followServer({ client, clock, signal, dispatch, onConnected }: Following): Promise<void> {
  let lastId: number | undefined;
  const lost = (reason: string) => dispatch({ type: 'connection_changed', connection: { kind: 'lost', reason } });
  while (!signal.aborted) {
    try {
      const events = client.followEvents(lastId, signal, {
        onOpen: () => {
          dispatch({ type: 'connection_changed', connection: { kind: 'live' } });
          onConnected();
        },
        onBreak: (_attempt, error) =>
          lost(error === undefined ? `${client.baseUrl} ended the connection` : `${client.baseUrl} does not answer`),
      });
      for await (const event of events) {
        lastId = event.id;
        dispatch({ type: 'event_came', event });
      }
    } catch (error) {
      if (signal.aborted) return;
      lost(toErrorText(error));
    }
    await clock.sleep(RETRY_MS, signal).catch(() => undefined);
  }
}
