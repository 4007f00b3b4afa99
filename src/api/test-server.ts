import { get, type ClientRequest, type IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { FastifyInstance } from 'fastify';
import type { Database } from '../database/open.ts';
import { inTransaction } from '../database/transaction.ts';
import { silentLogger } from '../lib/logger.ts';
import { createRedactor } from '../lib/redact.ts';
import { createMemoryKeeper } from '../memory/memory-store.ts';
import type { TicketEventBody } from '../ticket/event.ts';
import { createTicketWorld, SECRET } from '../ticket/test-tickets.ts';
import type { ApiDeps } from './deps.ts';
import { createServer } from './server.ts';

type ServerOptions = Parameters<typeof createServer>[1];

/** A server over the database, not listening yet, with the parts below it that tests reach for. */
export async function createTestApi(db: Database, options: Partial<ServerOptions> & { deps?: Partial<ApiDeps> } = {}) {
  const world = createTicketWorld(db);
  const { deps: given, ...serverOptions } = options;
  const deps: ApiDeps = {
    db,
    clock: world.clock,
    logger: silentLogger,
    redactor: createRedactor([SECRET]),
    journal: world.journal,
    tickets: world.tickets,
    memory: createMemoryKeeper(db, {}),
    cluster: 'sandbox',
    occurrencesDir: join(tmpdir(), 'tiphys-test-occurrences'),
    eventsEndpoint: undefined,
    info: {
      version: '1.2.3',
      node: process.versions.node,
      mode: 'configured',
      startedAt: world.now(),
      planner: 'offline',
      repository: { url: 'file:///infra.git', branch: 'main' },
      argocd: {
        url: 'http://127.0.0.1:8080',
        instances: [
          { name: 'default', server: 'http://127.0.0.1:8080', default: true },
          { name: 'east', server: 'http://127.0.0.1:8081', default: false },
        ],
      },
      database: db.dialect,
      policyVersion: 'p1',
      warnings: [],
    },
    preflight: { check: async () => [], problems: () => [] },
    webhooks: null,
    readiness: { database: async () => 'it answers' },
    ...given,
  };
  const server = await createServer(deps, { apiKeys: [], ...serverOptions });
  const write = async (ticketId: string, ...texts: string[]) => {
    const bodies = texts.map((text): TicketEventBody => ({ type: 'note', data: { node: 'test', text } }));
    await inTransaction(db, async (trx) => await world.journal.append(trx, ticketId, 'agent:test', bodies));
    world.journal.published();
  };
  return { ...world, server, write };
}

export async function listen(server: FastifyInstance): Promise<string> {
  return await server.listen({ host: '127.0.0.1', port: 0 });
}

interface Frame {
  id: number;
  event: string;
  data: { id: number; ticketId: string; type: string; data: Record<string, unknown> };
}

/** An event stream as a plain HTTP client reads it. */
export interface StreamClient {
  status: number;
  headers: IncomingMessage['headers'];
  frames: Frame[];
  /** Lines that are neither events nor blank. */
  comments: string[];
  /** Resolves when as many frames have come. */
  count(frames: number): Promise<void>;
  comment(text: string): Promise<void>;
  /** Resolves when the stream is over: true where the server ended it, false where it was cut. */
  ended: Promise<boolean>;
  pause(): void;
  resume(): void;
  cut(): void;
}

export async function openStream(url: string, headers: Record<string, string> = {}): Promise<StreamClient> {
  const request: ClientRequest = get(url, { headers, agent: false });
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    request.once('response', resolve);
    request.once('error', reject);
  });
  // After the headers, errors are told by the response.
  request.on('error', () => undefined);
  const frames: Frame[] = [];
  const comments: string[] = [];
  const waiting = new Set<() => void>();
  let rest = '';
  response.setEncoding('utf8');
  response.on('data', (text: string) => {
    const blocks = (rest + text).split('\n\n');
    rest = blocks.pop() ?? '';
    for (const block of blocks) {
      const frame = toFrame(block);
      if (frame === undefined) comments.push(block);
      else frames.push(frame);
    }
    for (const look of [...waiting]) look();
  });
  const ended = new Promise<boolean>((resolve) => {
    response.once('error', () => undefined);
    response.once('close', () => {
      resolve(response.complete);
      for (const look of [...waiting]) look();
    });
  });
  const until = async (isThere: () => boolean, what: string): Promise<void> => {
    await new Promise<void>((resolve, reject) => {
      const look = () => {
        if (isThere()) resolve();
        else if (response.destroyed) reject(new Error(`the stream ended before ${what}`));
        else return;
        waiting.delete(look);
      };
      waiting.add(look);
      look();
    });
  };
  return {
    status: response.statusCode ?? 0,
    headers: response.headers,
    frames,
    comments,
    count: async (wanted) => await until(() => frames.length >= wanted, `${wanted} frames, after ${frames.length}`),
    comment: async (text) => await until(() => comments.includes(text), `the comment ${text}`),
    ended,
    pause: () => void response.pause(),
    resume: () => void response.resume(),
    cut: () => void request.destroy(),
  };
}

function toFrame(block: string): Frame | undefined {
  const fields = new Map(
    block.split('\n').map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 2)]),
  );
  const id = fields.get('id');
  const event = fields.get('event');
  const data = fields.get('data');
  if (id === undefined || event === undefined || data === undefined) return undefined;
  return { id: Number(id), event, data: JSON.parse(data) as Frame['data'] };
}
