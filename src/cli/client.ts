import { AppError } from '../lib/errors.ts';
import { ticketEventSchema, type TicketEvent } from '../ticket/event.ts';
import { planSchema, problemSchema, ticketSchema, type PlanView, type TicketView } from '../api/contract.ts';

/** The API as a program uses it: the contract's types over HTTP. */
export interface ApiClient {
  createTicket(input: { title: string; description?: string; priority?: string }): Promise<TicketView>;
  getTicket(id: string): Promise<TicketView>;
  getPlan(id: string): Promise<PlanView>;
  approvePlan(id: string, changeHash: string): Promise<TicketView>;
  grant(id: string, approvalId: string): Promise<TicketView>;
  answer(id: string, answer: string): Promise<TicketView>;
  /** Every event after `lastEventId`, as it happens, until `signal`. Comes back by itself after a break. */
  followEvents(lastEventId: number, signal: AbortSignal): AsyncGenerator<TicketEvent>;
}

export function createApiClient(baseUrl: string, token?: string): ApiClient {
  const auth: Record<string, string> = token === undefined ? {} : { authorization: `Bearer ${token}` };

  const call = async (method: string, path: string, body?: unknown): Promise<unknown> => {
    let response: Response;
    try {
      response = await fetch(`${baseUrl}${path}`, {
        method,
        headers: { ...auth, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
    } catch (error) {
      throw new AppError('timeout', `no server answers at ${baseUrl}`, { cause: error, hint: 'Is it running?' });
    }
    const answer: unknown = await response.json();
    if (response.ok) return answer;
    const problem = problemSchema.safeParse(answer);
    if (!problem.success) throw new AppError('internal', `${method} ${path} answered ${response.status}`);
    const { detail, hint } = problem.data;
    throw new AppError(
      response.status === 401 ? 'unauthorized' : 'conflict',
      detail,
      hint === undefined ? {} : { hint },
    );
  };
  const ticket = async (method: string, path: string, body?: unknown) =>
    ticketSchema.parse(await call(method, path, body));

  return {
    createTicket: async (input) => await ticket('POST', '/api/tickets', input),
    getTicket: async (id) => await ticket('GET', `/api/tickets/${id}`),
    getPlan: async (id) => planSchema.parse(await call('GET', `/api/tickets/${id}/plan`)),
    approvePlan: async (id, changeHash) => await ticket('POST', `/api/tickets/${id}/approve-plan`, { changeHash }),
    grant: async (id, approvalId) => await ticket('POST', `/api/tickets/${id}/approvals/${approvalId}/grant`, {}),
    answer: async (id, answer) => await ticket('POST', `/api/tickets/${id}/answer`, { answer }),
    followEvents: async function* (lastEventId, signal) {
      let seen = lastEventId;
      while (!signal.aborted) {
        try {
          const headers = { ...auth, accept: 'text/event-stream', 'last-event-id': String(seen) };
          const response = await fetch(`${baseUrl}/api/events/stream`, { headers, signal });
          if (!response.ok || response.body === null) throw new Error(`the event stream answered ${response.status}`);
          for await (const data of readFrames(response.body)) {
            const event = ticketEventSchema.parse(JSON.parse(data));
            seen = event.id;
            yield event;
          }
        } catch (error) {
          if (signal.aborted) return;
          if (error instanceof SyntaxError) throw error;
        }
        await new Promise((resolve) => setTimeout(resolve, RECONNECT_MS));
      }
    },
  };
}

const RECONNECT_MS = 500;

/** The data of each server-sent event; comments and other fields are passed over. */
async function* readFrames(body: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let buffer = '';
  for await (const chunk of body) {
    buffer += decoder.decode(chunk, { stream: true });
    for (let end = buffer.indexOf('\n\n'); end >= 0; end = buffer.indexOf('\n\n')) {
      const frame = buffer.slice(0, end);
      buffer = buffer.slice(end + 2);
      const data = frame
        .split('\n')
        .filter((line) => line.startsWith('data:'))
        .map((line) => line.slice(5).trimStart());
      if (data.length > 0) yield data.join('\n');
    }
  }
}
