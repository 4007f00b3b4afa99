import { z } from 'zod';
import { contextSchema, explainSchema, historySchema } from '../api/contract-memory.ts';
import type { ApiClient } from '../client/api-client.ts';
import { TICKET_STATUSES } from '../ticket/status.ts';
import { PRIORITIES } from '../ticket/ticket.ts';
import { watchUntilStop, type Progress } from './watch-until-stop.ts';

/** What the API lets the caller's key do. */
export type Access = 'read' | 'write';

export interface ToolCall {
  client: ApiClient;
  /** Ends with the call. */
  signal: AbortSignal;
  progress: Progress;
}

/** One tool: what a model is told of it, and what it does through the API. */
export interface Tool {
  name: string;
  title: string;
  description: string;
  needs: Access;
  input: z.ZodRawShape;
  /** Checks the arguments and answers in the shape of the API. */
  run(args: unknown, call: ToolCall): Promise<Record<string, unknown>>;
}

function toTool<Shape extends z.ZodRawShape>(
  tool: Omit<Tool, 'input' | 'run'> & {
    input: Shape;
    run(args: z.infer<z.ZodObject<Shape>>, call: ToolCall): Promise<Record<string, unknown>>;
  },
): Tool {
  const schema = z.strictObject(tool.input);
  return { ...tool, run: async (args, call) => await tool.run(schema.parse(args ?? {}) as never, call) };
}

const ticketId = z
  .string()
  .regex(/^tkt_[0-9A-HJKMNP-TV-Z]{26}$/)
  .describe('the id of a ticket, tkt_...');
const place = {
  service: z.string().min(1).max(253),
  environment: z.string().min(1).max(63).optional().describe('needed where the service runs in several'),
  namespace: z.string().min(1).max(63).optional(),
  cluster: z.string().min(1).max(253).optional(),
};
const ofService = (route: string, service: string) => `/api/memory/${route}/${encodeURIComponent(service)}`;

/** Every tool there is. Approving, answering, pushing and changing memory are none, and never become any. */
export const TOOLS: readonly Tool[] = [
  toTool({
    name: 'list_tickets',
    title: 'List tickets',
    description: 'Tickets, newest first, with their status and what they wait for.',
    needs: 'read',
    input: {
      status: z.array(z.enum(TICKET_STATUSES)).min(1).optional(),
      priority: z.array(z.enum(PRIORITIES)).min(1).optional(),
      target: z.string().min(1).max(63).optional().describe('the Argo CD instance, where there are several'),
      text: z.string().max(200).optional().describe('words of the title or description'),
      limit: z.number().int().min(1).max(100).default(20),
      cursor: z.string().max(200).optional().describe('nextCursor of the page before'),
    },
    run: async ({ status, priority, ...query }, { client }) => ({
      ...(await client.listTickets({ ...query, status: status?.join(','), priority: priority?.join(',') })),
    }),
  }),
  toTool({
    name: 'show_ticket',
    title: 'Show a ticket',
    description: 'One ticket and the newest events of its story.',
    needs: 'read',
    input: { id: ticketId, events: z.number().int().min(0).max(200).default(40).describe('how many of the newest') },
    run: async ({ id, events }, { client }) => {
      const [ticket, all] = await Promise.all([client.getTicket(id), client.listEvents(id)]);
      return {
        ticket,
        events: events === 0 ? [] : all.slice(-events),
        eventsLeftOut: Math.max(0, all.length - events),
      };
    },
  }),
  toTool({
    name: 'read_plan',
    title: 'Read a plan',
    description:
      'What a ticket would change: steps, rendered difference of each object, findings, risk, advice of memory.',
    needs: 'read',
    input: { id: ticketId },
    run: async ({ id }, { client }) => ({ plan: await client.getPlan(id) }),
  }),
  toTool({
    name: 'watch_ticket',
    title: 'Watch a ticket',
    description: 'Waits until the ticket ends or needs a person, or the time is over. Safe to call again.',
    needs: 'read',
    input: { id: ticketId, timeoutSeconds: z.number().min(0).max(120).default(60) },
    run: async ({ id, timeoutSeconds }, { client, signal, progress }) =>
      await watchUntilStop(client, id, { signal, progress, timeoutMs: timeoutSeconds * 1000 }),
  }),
  toTool({
    name: 'memory_context',
    title: 'What to expect of a deploy',
    description:
      'Risk of the next deploy of a service with its interval, what went wrong before, and the strategy advised.',
    needs: 'read',
    input: place,
    run: async ({ service, ...query }, { client }) => ({
      ...(await client.request(contextSchema, 'GET', ofService('context', service), { query })),
    }),
  }),
  toTool({
    name: 'memory_history',
    title: 'Deploys of a service',
    description: 'Remembered deploys of a service, newest first, and how they ended.',
    needs: 'read',
    input: { ...place, limit: z.number().int().min(1).max(100).default(20) },
    run: async ({ service, ...query }, { client }) => ({
      ...(await client.request(historySchema, 'GET', ofService('history', service), { query })),
    }),
  }),
  toTool({
    name: 'memory_explain',
    title: 'Why a ticket went as it did',
    description: 'Why a ticket was rolled out the way it was, and what memory knew at the time.',
    needs: 'read',
    input: { ticket: ticketId },
    run: async ({ ticket }, { client }) => ({
      ...(await client.request(explainSchema, 'GET', ofService('explain', ticket))),
    }),
  }),
  toTool({
    name: 'health',
    title: 'Health of Tiphys',
    description: 'Whether database, repository and Argo CD answer, and how many tickets wait.',
    needs: 'read',
    input: {},
    run: async (_args, { client }) => {
      const [ready, info] = await Promise.all([client.ready(), client.info()]);
      return { ready, info };
    },
  }),
  toTool({
    name: 'propose_ticket',
    title: 'Propose a ticket',
    description:
      'Opens a ticket in plain words, such as "Update web to 1.5.0". It is planned and rendered; a person approves the exact difference. Look for one that is open already first.',
    needs: 'write',
    input: {
      title: z.string().trim().min(1).max(300).describe('one line: what is wanted'),
      description: z.string().max(100_000).optional(),
      priority: z.enum(PRIORITIES).optional(),
      target: z
        .string()
        .min(1)
        .max(63)
        .optional()
        .describe('the Argo CD instance, where there are several: see health'),
      draft: z.boolean().default(false).describe('true: nothing is done until a person starts it'),
    },
    run: async ({ title, description, priority, target, draft }, { client }) => ({
      ticket: await client.createTicket({
        title,
        start: !draft,
        ...(description === undefined ? {} : { description }),
        ...(priority === undefined ? {} : { priority }),
        ...(target === undefined ? {} : { target: { instance: target } }),
      }),
    }),
  }),
];
