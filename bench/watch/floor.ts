import type { World } from './world.ts';

/** The least a program can do with the stream: fetch it, split lines, parse. With `fields`, of what the product asks for alone. */
export function readBare(world: World, fields: string | undefined): { items(): number; close(): Promise<void> } {
  const stop = new AbortController();
  let items = 0;
  const read = async () => {
    const query = fields === undefined ? '' : `?fields=${fields}`;
    const answer = await fetch(`${world.url}/api/v1/stream/applications${query}`, {
      headers: { authorization: `Bearer ${world.token}`, accept: 'text/event-stream' },
      signal: stop.signal,
    });
    const decoder = new TextDecoder();
    let rest = '';
    for await (const chunk of answer.body ?? []) {
      const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) {
        if (!line.startsWith('data: ')) continue;
        JSON.parse(line.slice('data: '.length));
        items += 1;
      }
    }
  };
  const reading = read().catch(() => undefined);
  return {
    items: () => items,
    close: async () => {
      stop.abort();
      await reading;
    },
  };
}
