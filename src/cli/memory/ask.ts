import {
  contextSchema,
  explainSchema,
  graphSchema,
  historySchema,
  servicesSchema,
  type DeployView,
} from '../../api/contract-memory.ts';
import { toDot } from '../../memory/dot.ts';
import type { MemoryGraph } from '../../memory/graph.ts';
import { toSvg } from '../../memory/svg.ts';
import { connect, type ConnectionOptions } from '../connect.ts';
import type { Terminal } from '../terminal.ts';
import { findTicket } from '../ticket-id.ts';
import { print, type PlaceOptions } from './connection.ts';
import { askAbout } from './unknown-service.ts';

type Options = ConnectionOptions & PlaceOptions;

const of = (service: string) => encodeURIComponent(service);
const toPlace = ({ environment, namespace, cluster }: PlaceOptions) => ({ environment, namespace, cluster });

/** What to expect of the next deploy of a service, in sentences. */
export async function showContext(service: string, options: Options, terminal: Terminal): Promise<void> {
  const query = toPlace(options);
  const client = connect(options, terminal);
  const path = `/api/memory/context/${of(service)}`;
  const known = await askAbout(client, service, async () => client.request(contextSchema, 'GET', path, { query }));
  const causes = known.patterns
    .slice(0, 3)
    .flatMap(({ fingerprint, possibleCauses, suggestedFix }) => [
      '',
      `${fingerprint.class} usually means:`,
      ...possibleCauses.map((cause) => `  - ${cause}`),
      `  ${suggestedFix}`,
    ]);
  print(options, terminal, known, [...known.summary, ...causes]);
}

/** Deploys of a service, newest first. */
export async function showHistory(
  service: string,
  options: Options & { limit: number },
  terminal: Terminal,
): Promise<void> {
  const query = { ...toPlace(options), limit: options.limit };
  const client = connect(options, terminal);
  const path = `/api/memory/history/${of(service)}`;
  const found = await askAbout(client, service, async () => client.request(historySchema, 'GET', path, { query }));
  const lines = found.items.map(toHistoryLine);
  print(options, terminal, found, lines.length === 0 ? [`No deploy of ${service} is remembered there.`] : lines);
}

function toHistoryLine(deploy: DeployView): string {
  const { startedAt, version, digest, changeKind, strategy, outcome, regression, concurrent, ticket, origin } = deploy;
  const failure = outcome?.fingerprint === null || outcome === null ? '' : ` ${outcome.fingerprint.class}`;
  const later = regression === undefined ? '' : `, regressed ${regression.fingerprint?.class ?? ''}`.trimEnd();
  const took =
    outcome?.durationMs === null || outcome === null ? '' : ` after ${Math.round(outcome.durationMs / 1000)} s`;
  const notes = [
    ...(concurrent.length === 0 ? [] : [`beside ${concurrent.map((one) => one.service).join(', ')}`]),
    ...(ticket === null ? [] : [ticket]),
    ...(origin === null ? [] : [`from ${origin}`]),
  ];
  return [
    startedAt.slice(0, 19).replace('T', ' '),
    (version ?? digest?.slice(0, 19) ?? '-').padEnd(16),
    changeKind.padEnd(14),
    strategy.padEnd(10),
    `${outcome?.outcome ?? 'under way'}${failure}${took}${later}`,
    ...(notes.length === 0 ? [] : [`(${notes.join('; ')})`]),
  ].join('  ');
}

/** Every place something is remembered about. */
export async function showServices(options: ConnectionOptions, terminal: Terminal): Promise<void> {
  const found = await connect(options, terminal).request(servicesSchema, 'GET', '/api/memory/services');
  const lines = found.items.map(
    ({ service, environment, deploys, failures, lastDeployAt }) =>
      `${service} in ${environment}: ${deploys} deploys, ${failures} failed, the last at ${lastDeployAt.slice(0, 16)}Z`,
  );
  print(options, terminal, found, lines.length === 0 ? ['Nothing is remembered yet.'] : lines);
}

/** The graph, whole or around one service, as DOT or SVG for a file, as JSON, or counted. */
export async function showGraph(
  service: string | undefined,
  options: Options & { dot?: boolean; svg?: boolean },
  terminal: Terminal,
): Promise<void> {
  const query = service === undefined ? {} : { service, ...toPlace(options) };
  const client = connect(options, terminal);
  const ask = async () => await client.request(graphSchema, 'GET', '/api/memory/graph', { query });
  const found = service === undefined ? await ask() : await askAbout(client, service, ask);
  // The kinds are ours: the server drew them from the same type.
  const graph = found as MemoryGraph;
  if (options.dot === true) terminal.out(toDot(graph).trimEnd());
  else if (options.svg === true) terminal.out(toSvg(graph).trimEnd());
  else {
    const lines = graph.edges.map(
      ({ from, to, kind, detail }) => `${from} ${kind.replaceAll('_', ' ')} ${to}: ${detail}`,
    );
    print(options, terminal, graph, [`${graph.nodes.length} nodes, ${graph.edges.length} edges`, ...lines]);
  }
}

/** Why a ticket was done the way it was. */
export async function showExplanation(given: string, options: ConnectionOptions, terminal: Terminal): Promise<void> {
  const client = connect(options, terminal);
  const { id } = await findTicket(client, given);
  const found = await client.request(explainSchema, 'GET', `/api/memory/explain/${of(id)}`);
  print(options, terminal, found, [`"${found.title}" (${found.status})`, ...found.summary]);
}
