import * as http from 'node:http';
import * as https from 'node:https';

/** JSON whose shape a test asserts. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any -- a test looks into answers of any shape
export type Json = any;

export interface Answer {
  status: number;
  headers: http.IncomingHttpHeaders;
  text: string;
  /** The body as JSON, or undefined when it is not. */
  json: Json;
}

interface CallOptions {
  /** A text is sent as it is, everything else as JSON. */
  body?: unknown;
  /** Undefined leaves a header out that would be sent otherwise. */
  headers?: Record<string, string | undefined>;
  /** Null sends none. */
  token?: string | null;
}

/** Requests as they are, without the client under test: to say things to a server that the client never would. */
export interface Caller {
  call(method: string, path: string, options?: CallOptions): Promise<Answer>;
  /** The answer as it comes; breaking out of the loop drops the connection. */
  open(path: string, headers: Record<string, string>): AsyncGenerator<{ contentType: string; text: string }>;
}

const CALL_TIMEOUT_MS = 120_000;

export function createCaller({ url, token, ca }: { url: string; token: string; ca: string | undefined }): Caller {
  const request = (method: string, path: string, headers: Record<string, string>, signal: AbortSignal) => {
    const options = { method, headers, signal, agent: false as const, ...(ca === undefined ? {} : { ca }) };
    return url.startsWith('https:') ? https.request(`${url}${path}`, options) : http.request(`${url}${path}`, options);
  };
  return {
    call: async (method, path, { body, headers = {}, token: other = token } = {}) => {
      const text = body === undefined ? '' : typeof body === 'string' ? body : JSON.stringify(body);
      const all = {
        ...(other === null ? {} : { authorization: `Bearer ${other}` }),
        ...(method === 'GET'
          ? {}
          : { 'content-type': 'application/json', 'content-length': String(Buffer.byteLength(text)) }),
        ...headers,
      };
      const outgoing = request(method, path, toDefined(all), AbortSignal.timeout(CALL_TIMEOUT_MS));
      const incoming = await send(outgoing, text);
      const chunks: Buffer[] = [];
      for await (const chunk of incoming) chunks.push(chunk as Buffer);
      const answer = Buffer.concat(chunks).toString('utf8');
      return { status: incoming.statusCode ?? 0, headers: incoming.headers, text: answer, json: parseJson(answer) };
    },
    open: async function* (path, headers) {
      const stop = new AbortController();
      const incoming = await send(
        request('GET', path, { authorization: `Bearer ${token}`, ...headers }, stop.signal),
        '',
      );
      const contentType = incoming.headers['content-type'] ?? '';
      const decoder = new TextDecoder();
      try {
        for await (const chunk of incoming)
          yield { contentType, text: decoder.decode(chunk as Buffer, { stream: true }) };
      } finally {
        incoming.on('error', () => undefined);
        stop.abort();
      }
    },
  };
}

function send(outgoing: http.ClientRequest, body: string): Promise<http.IncomingMessage> {
  return new Promise((resolve, reject) => {
    outgoing.on('response', resolve);
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}

function toDefined(headers: Record<string, string | undefined>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
}

function parseJson(text: string): Json {
  try {
    return JSON.parse(text) as Json;
  } catch {
    return undefined;
  }
}
