import type { TicketView } from '../api/contract.ts';
import { contextSchema, historySchema, servicesSchema } from '../api/contract-memory.ts';
import { isAppError } from '../lib/errors.ts';
import type { TicketEvent } from '../ticket/event.ts';
import { isEnded } from '../ticket/status.ts';
import type { ApiClient } from '../client/api-client.ts';
import { connect, type ConnectionOptions } from './connect.ts';
import { EXIT } from './failure.ts';
import { findNearService } from './memory/unknown-service.ts';
import { toJsonText } from './json.ts';
import { toAge, toCell, toTable } from './table.ts';
import type { Terminal } from './terminal.ts';
import { renderTickets } from './ticket-render.ts';

const WAITING = 'pending_plan_approval,pending_approval,pending_input,pending_merge,paused';
const SHOWN = 20;
// What says nothing about the change stays pale.
const PAINTS: Readonly<Record<string, 'green' | 'cyan' | 'red'>> = {
  healthy: 'green',
  'under way': 'cyan',
  failed: 'red',
  rolled_back: 'red',
};

/** The server, what it depends on, and what waits for a person. */
export async function showStatus(terminal: Terminal, options: ConnectionOptions): Promise<void> {
  const client = connect(options, terminal);
  const info = await client.info();
  const ready = await client.ready();
  const waiting = (await client.listTickets({ status: WAITING, limit: SHOWN })).items;
  const services = (await client.request(servicesSchema, 'GET', '/api/memory/services')).items;
  const { style, clock } = terminal;
  terminal.exit(ready.status === 'ready' ? EXIT.ok : EXIT.failed);
  if (options.json === true) {
    terminal.out(toJsonText({ server: client.baseUrl, info, ready, waiting, services }, 2));
    return;
  }
  const row = (name: string, text: string) => terminal.out(`${style.dim(name.padEnd(10))} ${toCell(text)}`);
  row('server', `${client.baseUrl}, version ${info.version}, up ${toAge(info.startedAt, clock.now())}`);
  row('mode', info.mode === 'configured' ? 'configured' : 'embedded sandbox: deploys are simulated');
  row('planner', info.planner);
  row('repository', `${info.repository.url} (${info.repository.branch})`);
  for (const one of info.argocd.instances)
    row('Argo CD', info.argocd.instances.length > 1 ? `${one.name}: ${one.server}` : one.server);
  for (const { name, ok, detail } of ready.checks)
    terminal.out(`${style.dim(name.padEnd(10))} ${ok ? style.green('ok') : style.red('broken')}  ${toCell(detail)}`);
  const counts = Object.entries(info.tickets).filter(([, count]) => count > 0);
  row('tickets', counts.length === 0 ? 'none' : counts.map(([status, count]) => `${count} ${status}`).join(', '));
  for (const warning of info.warnings) terminal.out(`${style.yellow('warning'.padEnd(10))} ${toCell(warning)}`);
  if (waiting.length > 0) {
    terminal.out(`\n${style.bold('Waiting for a person')}`);
    for (const line of renderTickets(waiting, clock.now(), style)) terminal.out(line);
  }
  if (services.length > 0) {
    terminal.out(`\n${style.bold('Services')}`);
    const rows = services.map((one) => [
      one.service,
      one.environment,
      String(one.deploys),
      String(one.failures),
      toAge(one.lastDeployAt, clock.now()),
    ]);
    for (const line of toTable(['SERVICE', 'ENVIRONMENT', 'DEPLOYS', 'FAILED', 'LAST'], rows)) terminal.out(line);
  }
}

/** One service: the tickets under way, and how its last deploys ended. */
export async function showService(terminal: Terminal, service: string, options: ConnectionOptions): Promise<void> {
  const client = connect(options, terminal);
  const tickets = (await client.listTickets({ application: service, limit: SHOWN })).items;
  const places = (await client.request(servicesSchema, 'GET', '/api/memory/services')).items.filter(
    (one) => one.service === service,
  );
  const deploys = await Promise.all(places.map(async (place) => await readPlace(client, place)));
  const observed = await readObserved(client, tickets);
  const failed = deploys.some(
    ({ last }) => last?.outcome?.outcome === 'failed' || last?.outcome?.outcome === 'rolled_back',
  );
  terminal.exit(failed ? EXIT.failed : EXIT.ok);
  if (options.json === true) {
    terminal.out(toJsonText({ service, tickets, places: deploys, observed }, 2));
    return;
  }
  const { style, clock } = terminal;
  if (tickets.length === 0 && places.length === 0) {
    const near = await findNearService(client, service);
    const guess = near === undefined ? '' : ` Did you mean ${near}?`;
    terminal.err(
      toCell(`Nothing is known of ${service} yet: no ticket was about it, and no deploy is remembered.${guess}`),
    );
    return;
  }
  for (const { place, last, risk } of deploys) {
    terminal.out(style.bold(toCell(`${service} in ${place.environment} (namespace ${place.namespace})`)));
    if (last !== undefined) {
      const how = last.outcome?.outcome ?? 'under way';
      const paint = PAINTS[how] ?? 'dim';
      terminal.out(
        `  last deploy  ${style[paint](how)}  ${toCell(last.version ?? last.image ?? last.changeKind)}, ${toAge(last.startedAt, clock.now())} ago`,
      );
    }
    if (risk !== undefined)
      terminal.out(
        `  next deploy  fails with ${toPercent(risk.probability)} (${toPercent(risk.low)} to ${toPercent(risk.high)})`,
      );
  }
  if (observed !== undefined)
    terminal.out(
      toCell(
        `  Argo CD      ${observed.sync ?? '?'} ${observed.health ?? '?'}, seen ${toAge(observed.at, clock.now())} ago`,
      ),
    );
  const open = tickets.filter(({ status }) => !isEnded(status));
  terminal.out(`\n${style.bold(open.length === 0 ? 'Last tickets' : `Tickets, ${open.length} under way`)}`);
  for (const line of renderTickets(tickets.slice(0, SHOWN), clock.now(), style)) terminal.out(line);
}

interface PlaceOf {
  environment: string;
  namespace: string;
  cluster: string;
  service: string;
}

async function readPlace(client: ApiClient, place: PlaceOf) {
  const { service, environment, namespace, cluster } = place;
  const query = { environment, namespace, cluster };
  const at = encodeURIComponent(service);
  const page = { query: { ...query, limit: 1 } };
  const last = (await client.request(historySchema, 'GET', `/api/memory/history/${at}`, page)).items[0];
  try {
    const { risk } = await client.request(contextSchema, 'GET', `/api/memory/context/${at}`, { query });
    return { place: query, last, risk: { probability: risk.probability, low: risk.low, high: risk.high } };
  } catch (error) {
    if (!isAppError(error, 'not_found')) throw error;
    return { place: query, last, risk: undefined };
  }
}

/** What Argo CD last said while a ticket of the service was watched: a record, not a look at the cluster now. */
async function readObserved(client: ApiClient, tickets: readonly TicketView[]) {
  for (const ticket of tickets.slice(0, 5)) {
    const events = await client.listEvents(ticket.id);
    const last = <T extends TicketEvent['type']>(type: T) =>
      events.findLast((event): event is Extract<TicketEvent, { type: T }> => event.type === type);
    const sync = last('sync');
    const health = last('health');
    const at = health?.at ?? sync?.at;
    if (at !== undefined)
      return { ticketId: ticket.id, sync: sync?.data.status ?? null, health: health?.data.status ?? null, at };
  }
  return undefined;
}

function toPercent(probability: number): string {
  return `${Math.round(probability * 100)} %`;
}
