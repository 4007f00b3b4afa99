import { createServer } from 'node:net';
import { PassThrough, Writable } from 'node:stream';
import { expect, it, onTestFinished } from 'vitest';
import { createSystemClock } from '../../src/lib/clock.ts';
import { runTui } from '../../src/tui/app.ts';
import { createApiClient } from '../../src/client/api-client.ts';
import { startProduct } from '../support/product.ts';

/** A port that was free a moment ago: the server has to come back under the same address. */
async function findPort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

/** A terminal of streams; `written` is everything the program wrote to it. */
function createStreams() {
  const input = new PassThrough();
  let written = '';
  const output = Object.assign(
    new Writable({
      write: (chunk: Buffer, _encoding, done) => {
        written += chunk.toString();
        done();
      },
    }),
    { columns: 100, rows: 30 },
  );
  const until = async (text: string, from = 0) => {
    const deadline = performance.now() + 30_000;
    while (!written.includes(text, from)) {
      if (performance.now() > deadline)
        throw new Error(`"${text}" was not written; the last was ${written.slice(-2_000)}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  };
  return { input, output, until, length: () => written.length, written: () => written };
}

it('shows the break when the server restarts, comes back by itself, and goes on', async () => {
  const product = await startProduct({ server: { port: await findPort() } });
  onTestFinished(async () => await product.close());
  const streams = createStreams();
  const stop = new AbortController();
  const running = runTui({
    client: createApiClient(product.app.url),
    clock: createSystemClock(),
    terminal: streams,
    hasColour: true,
    isStandalone: false,
    signal: stop.signal,
  });
  onTestFinished(() => stop.abort());
  await streams.until('live');
  await product.client.createTicket({ title: 'Before the restart', start: false });
  await streams.until('Before the restart');

  await product.restart();
  await streams.until('no connection, trying again');
  await streams.until('Reconnected: everything missed has been caught up.');
  const from = streams.length();
  await product.client.createTicket({ title: 'After the restart', start: false });
  await streams.until('After the restart', from);

  // Escape twice comes in one piece, and is two steps back: from the form over the help to the tickets.
  streams.input.write('?');
  await streams.until('Moving');
  streams.input.write('n');
  await streams.until('What should change?');
  const inForm = streams.length();
  streams.input.write('\x1b\x1b');
  await streams.until('STATUS', inForm);

  // An arrow, which is three characters, is not three keys.
  streams.input.write('\x1b[B');
  streams.input.write('q');
  await running;
  expect(streams.written().endsWith('\x1b[?1049l')).toBe(true);
});

it('gives the terminal back when it is ended from outside', async () => {
  const streams = createStreams();
  const stop = new AbortController();
  const running = runTui({
    // Nothing listens there.
    client: createApiClient('http://127.0.0.1:1'),
    clock: createSystemClock(),
    terminal: streams,
    hasColour: true,
    isStandalone: false,
    signal: stop.signal,
  });
  await streams.until('no connection, trying again');
  stop.abort();
  await running;
  expect(streams.written()).toContain('does not answer');
  expect(streams.written().endsWith('\x1b[?1049l')).toBe(true);
});
