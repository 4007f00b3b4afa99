import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** One tool call of an answer. A string in `args` is sent as it is, malformed or not. */
export interface ScriptedCall {
  name: string;
  args: unknown;
  id?: string;
}

/** What the server does with one request. */
export type ScriptedTurn =
  | {
      kind: 'answer';
      text?: string;
      calls?: ScriptedCall[];
      finish?: 'stop' | 'tool_calls' | 'length' | 'content_filter';
      refusal?: string;
      /** Left out of the answer when null, as some servers do. */
      usage?: { promptTokens: number; completionTokens: number } | null;
    }
  | { kind: 'error'; status: number; retryAfterSeconds?: number; message?: string; code?: string }
  /** Never answers. */
  | { kind: 'hang' }
  /** Sends half an answer and drops the connection. */
  | { kind: 'cut'; text?: string; calls?: ScriptedCall[] }
  /** Begins to answer and then falls silent. */
  | { kind: 'stall'; text: string }
  /** Answers with something that is no chat completion. */
  | { kind: 'garbage'; body: string; contentType?: string };

export interface ScriptedRequest {
  path: string;
  authorization: string;
  /** The request body as it was sent. */
  body: {
    model?: string;
    stream?: boolean;
    messages?: { role: string; content?: unknown; tool_calls?: unknown[]; tool_call_id?: string }[];
    tools?: { type: string; function: { name: string; parameters?: unknown } }[];
    [field: string]: unknown;
  };
}

export interface ScriptedModel {
  /** For a client's base URL; ends in `/v1`. */
  baseUrl: string;
  /** Every request so far, in order. */
  requests: ScriptedRequest[];
  close(): Promise<void>;
}

/** Answers by turns; a function is asked for each request. When a list runs out, its last turn repeats. */
export type Script = readonly ScriptedTurn[] | ((request: ScriptedRequest, index: number) => ScriptedTurn);

/** An OpenAI-compatible chat completions server on a free loopback port that answers by script. */
export async function startScriptedModel(script: Script): Promise<ScriptedModel> {
  const requests: ScriptedRequest[] = [];
  const server = createServer((request, response) => {
    void serve(request, response).catch(() => response.destroy());
  });
  const serve = async (request: IncomingMessage, response: ServerResponse) => {
    const body = await readBody(request);
    const scripted: ScriptedRequest = {
      path: request.url ?? '',
      authorization: request.headers.authorization ?? '',
      body,
    };
    if (!scripted.path.endsWith('/chat/completions')) {
      sendError(response, { kind: 'error', status: 404, message: 'unknown path' });
      return;
    }
    requests.push(scripted);
    const index = requests.length - 1;
    const turn = typeof script === 'function' ? script(scripted, index) : (script[index] ?? script.at(-1));
    if (turn === undefined) throw new Error('the script of the model is empty');
    play(turn, body, response);
  };
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    baseUrl: `http://127.0.0.1:${port}/v1`,
    requests,
    close: async () => {
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

async function readBody(request: IncomingMessage): Promise<ScriptedRequest['body']> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const text = Buffer.concat(chunks).toString('utf8');
  return text === '' ? {} : (JSON.parse(text) as ScriptedRequest['body']);
}

function play(turn: ScriptedTurn, body: ScriptedRequest['body'], response: ServerResponse): void {
  switch (turn.kind) {
    case 'error':
      sendError(response, turn);
      return;
    case 'hang':
      return;
    case 'garbage':
      response.writeHead(200, { 'content-type': turn.contentType ?? 'application/json' });
      response.end(turn.body);
      return;
    case 'answer':
      if (body.stream === true) sendStream(response, turn, body);
      else sendWhole(response, turn, body);
      return;
    case 'cut':
    case 'stall': {
      const half = {
        kind: 'answer' as const,
        text: turn.text ?? '',
        calls: turn.kind === 'cut' ? (turn.calls ?? []) : [],
      };
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      const chunks = toDeltas(half);
      for (const delta of chunks.slice(0, Math.ceil(chunks.length / 2)))
        writeChunk(response, body, { delta, finish_reason: null });
      // The half that was written must reach the client before the connection goes.
      if (turn.kind === 'cut') setTimeout(() => response.destroy(), 20);
      return;
    }
  }
}

function sendError(response: ServerResponse, turn: Extract<ScriptedTurn, { kind: 'error' }>): void {
  response.writeHead(turn.status, {
    'content-type': 'application/json',
    ...(turn.retryAfterSeconds === undefined ? {} : { 'retry-after': String(turn.retryAfterSeconds) }),
  });
  const error = { message: turn.message ?? `status ${turn.status}`, type: 'error', code: turn.code ?? null };
  response.end(JSON.stringify({ error }));
}

type Answer = Extract<ScriptedTurn, { kind: 'answer' }>;

function toToolCalls(calls: readonly ScriptedCall[]) {
  return calls.map(({ name, args, id }, index) => ({
    id: id ?? `call_${index}_${name}`,
    type: 'function',
    function: { name, arguments: typeof args === 'string' ? args : JSON.stringify(args) },
  }));
}

const finishOf = ({ finish, calls }: Answer) => finish ?? ((calls?.length ?? 0) > 0 ? 'tool_calls' : 'stop');

function toUsage({ usage }: Answer) {
  if (usage === null) return undefined;
  const { promptTokens, completionTokens } = usage ?? { promptTokens: 100, completionTokens: 20 };
  return {
    prompt_tokens: promptTokens,
    completion_tokens: completionTokens,
    total_tokens: promptTokens + completionTokens,
  };
}

const head = (body: ScriptedRequest['body'], object: string) => ({
  id: 'chatcmpl-scripted',
  object,
  created: 1_700_000_000,
  model: body.model ?? 'scripted',
});

function sendWhole(response: ServerResponse, turn: Answer, body: ScriptedRequest['body']): void {
  const calls = toToolCalls(turn.calls ?? []);
  const message = {
    role: 'assistant',
    content: turn.text ?? null,
    ...(turn.refusal === undefined ? {} : { refusal: turn.refusal }),
    ...(calls.length === 0 ? {} : { tool_calls: calls }),
  };
  response.writeHead(200, { 'content-type': 'application/json' });
  response.end(
    JSON.stringify({
      ...head(body, 'chat.completion'),
      choices: [{ index: 0, message, finish_reason: finishOf(turn) }],
      usage: toUsage(turn),
    }),
  );
}

function sendStream(response: ServerResponse, turn: Answer, body: ScriptedRequest['body']): void {
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  for (const delta of toDeltas(turn)) writeChunk(response, body, { delta, finish_reason: null });
  writeChunk(response, body, { delta: {}, finish_reason: finishOf(turn) });
  const usage = toUsage(turn);
  if (usage !== undefined)
    response.write(`data: ${JSON.stringify({ ...head(body, 'chat.completion.chunk'), choices: [], usage })}\n\n`);
  response.end('data: [DONE]\n\n');
}

function writeChunk(response: ServerResponse, body: ScriptedRequest['body'], choice: object): void {
  const chunk = { ...head(body, 'chat.completion.chunk'), choices: [{ index: 0, ...choice }] };
  response.write(`data: ${JSON.stringify(chunk)}\n\n`);
}

// Text and arguments in small pieces, as models send them.
function toDeltas(turn: Answer): object[] {
  const text = toPieces(turn.text ?? '').map((content) => ({ content }));
  const refusal = turn.refusal === undefined ? [] : [{ refusal: turn.refusal }];
  const calls = toToolCalls(turn.calls ?? []).flatMap(({ id, type, function: { name, arguments: args } }, index) => [
    { tool_calls: [{ index, id, type, function: { name, arguments: '' } }] },
    ...toPieces(args).map((piece) => ({ tool_calls: [{ index, function: { arguments: piece } }] })),
  ]);
  return [{ role: 'assistant', content: '' }, ...text, ...refusal, ...calls];
}

function toPieces(text: string): string[] {
  const size = Math.max(8, Math.ceil(text.length / 12));
  return Array.from({ length: Math.ceil(text.length / size) }, (_, index) =>
    text.slice(index * size, (index + 1) * size),
  );
}
