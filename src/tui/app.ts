import type { Clock } from '../lib/clock.ts';
import type { ApiClient } from '../client/api-client.ts';
import { createEffects } from './effects.ts';
import { followServer } from './follow.ts';
import { createState } from './initial.ts';
import { toMeaning } from './keys.ts';
import type { Action, Effect, Key } from './model.ts';
import { openScreen, type Terminal } from './screen.ts';
import { reduce } from './state.ts';
import { toAnsi } from './text/paint.ts';
import { viewFrame } from './views/frame.ts';

export interface TuiOptions {
  client: ApiClient;
  clock: Clock;
  terminal: Terminal;
  /** https://no-color.org */
  hasColour: boolean;
  /** The server ends with this program: quitting is asked about. */
  isStandalone: boolean;
  /** Ends the program from outside, such as by a signal. */
  signal: AbortSignal;
}

const TICK_MS = 1_000;

/** Shows the screens until the person quits; gives the terminal back in every case. */
export async function runTui(options: TuiOptions): Promise<void> {
  const { client, clock, terminal, hasColour, isStandalone } = options;
  const stop = new AbortController();
  const signal = AbortSignal.any([stop.signal, options.signal]);
  const screen = openScreen(terminal, { onKey: (key) => press(key), onResize: () => dispatch(toResize()) });
  const toResize = (): Action => ({ type: 'resized', ...screen.size() });
  let state = createState({ size: screen.size(), nowMs: clock.now(), place: client.baseUrl, isStandalone });

  let isDrawing = false;
  /** Many events at once are one picture. */
  const drawSoon = () => {
    if (isDrawing) return;
    isDrawing = true;
    setImmediate(() => {
      isDrawing = false;
      const { width } = state.size;
      screen.draw(viewFrame(state).map((line) => toAnsi(line, width, { hasColour })));
    });
  };
  const dispatch = (action: Action) => {
    state = reduce(state, action);
    drawSoon();
    effects.noticed(action);
  };
  const effects = createEffects({ client, signal, dispatch, getState: () => state });
  const run = (effect: Effect) => {
    if (effect.type === 'quit') stop.abort();
    else effects.run(effect);
  };
  const press = (key: Key) => {
    const meaning = toMeaning(state, key);
    for (const action of meaning.actions) dispatch(action);
    for (const effect of meaning.effects) run(effect);
  };

  const ended = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
  if (options.signal.aborted) stop.abort();
  const ticking = setInterval(() => dispatch({ type: 'ticked', nowMs: clock.now() }), TICK_MS);
  const following = followServer({
    client,
    clock,
    signal,
    dispatch,
    onConnected: () => effects.run({ type: 'refresh' }),
  });
  drawSoon();
  try {
    await Promise.race([ended, following]);
  } finally {
    stop.abort();
    clearInterval(ticking);
    screen.close();
  }
  await following;
}
