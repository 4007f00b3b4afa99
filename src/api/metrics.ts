import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { FastifyInstance } from 'fastify';
import type { Database } from '../database/open.ts';
import { countOutbox } from '../memory/outbox-store.ts';
import { countTickets } from '../ticket/ticket-store.ts';
import { TICKET_STATUSES } from '../ticket/status.ts';

export interface Metrics {
  render(): Promise<string>;
  contentType: string;
}

/** Measures the server and the tickets; counts of tickets are read when asked for, so that they are true after a restart. */
export function createMetrics(app: FastifyInstance, db: Database, openStreams: () => number): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry, prefix: 'tiphys_' });
  const requests = new Counter({
    name: 'tiphys_http_requests_total',
    help: 'Requests answered, by method, route and status.',
    labelNames: ['method', 'route', 'status'],
    registers: [registry],
  });
  const duration = new Histogram({
    name: 'tiphys_http_request_duration_seconds',
    help: 'Time from request to answer; event streams are not counted.',
    labelNames: ['method', 'route'],
    buckets: [0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10],
    registers: [registry],
  });
  new Gauge({
    name: 'tiphys_tickets',
    help: 'Tickets by status.',
    labelNames: ['status'],
    registers: [registry],
    async collect() {
      const counts = await countTickets(db.knex);
      for (const status of TICKET_STATUSES) this.set({ status }, counts[status] ?? 0);
    },
  });
  new Gauge({
    name: 'tiphys_outbox_events',
    help: 'Events for other systems: pending, delivered within the last week, and dead, which were given up.',
    labelNames: ['state'],
    registers: [registry],
    async collect() {
      const { pending, delivered, dead } = await countOutbox(db.knex);
      for (const [state, count] of Object.entries({ pending, delivered, dead })) this.set({ state }, count);
    },
  });
  new Gauge({
    name: 'tiphys_event_streams',
    help: 'Event streams that are open now.',
    registers: [registry],
    collect() {
      this.set(openStreams());
    },
  });
  app.addHook('onResponse', async (request, reply) => {
    const route = request.routeOptions.url ?? 'unknown';
    requests.inc({ method: request.method, route, status: reply.statusCode });
    duration.observe({ method: request.method, route }, reply.elapsedTime / 1000);
  });
  return { render: async () => await registry.metrics(), contentType: registry.contentType };
}
