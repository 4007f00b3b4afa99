import { correctionSchema, removedSchema } from '../../api/contract-memory.ts';
import { AppError } from '../../lib/errors.ts';
import { connect, type ConnectionOptions } from '../connect.ts';
import type { Terminal } from '../terminal.ts';
import { print, type PlaceOptions } from './connection.ts';

type Options = ConnectionOptions & PlaceOptions & { class?: string; signature?: string; reason?: string };

function toSubject(service: string, { environment, namespace, cluster }: PlaceOptions) {
  const place = { environment, namespace, cluster };
  return { service, ...Object.fromEntries(Object.entries(place).filter(([, value]) => value !== undefined)) };
}

function toPattern({ class: failureClass, signature }: Options) {
  if (failureClass === undefined && signature === undefined) return {};
  if (failureClass === undefined)
    throw new AppError('invalid_input', '--signature needs --class', {
      hint: 'See "tiphys context SERVICE" for both.',
    });
  return { fingerprint: { class: failureClass, ...(signature === undefined ? {} : { signature }) } };
}

async function send(route: string, options: Options, terminal: Terminal, body: Record<string, unknown>): Promise<void> {
  const made = await connect(options, terminal).request(correctionSchema, 'POST', `/api/memory/${route}`, { body });
  const matches = made.matches === null ? [] : [`It speaks of ${made.matches} remembered failures.`];
  print(options, terminal, made, [made.sentence, ...matches]);
}

const toReason = ({ reason }: Options) => (reason === undefined ? {} : { text: reason });

export async function pin(service: string, options: Options, terminal: Terminal): Promise<void> {
  await send('pin', options, terminal, { ...toSubject(service, options), ...toPattern(options), ...toReason(options) });
}

export async function unpin(service: string, options: Options, terminal: Terminal): Promise<void> {
  await send('unpin', options, terminal, { ...toSubject(service, options), ...toPattern(options) });
}

/** Forgets failures of one kind, or all deploys of a service up to now; `remove` deletes them from the record as well. */
export async function forget(
  service: string,
  options: Options & { remove?: boolean },
  terminal: Terminal,
): Promise<void> {
  if (options.remove !== true) {
    await send('forget', options, terminal, {
      ...toSubject(service, options),
      ...toPattern(options),
      ...toReason(options),
    });
    return;
  }
  if (options.class !== undefined)
    throw new AppError('invalid_input', '--remove deletes whole deploys and goes with no --class', {
      hint: 'Leave out --remove to forget one kind of failure.',
    });
  const { environment, namespace, cluster } = options;
  const query = { environment, namespace, cluster };
  const path = `/api/memory/subjects/${encodeURIComponent(service)}`;
  const removed = await connect(options, terminal).request(removedSchema, 'DELETE', path, { query });
  const places = removed.scopes.map((scope) => `${scope.service} in ${scope.environment}`).join(', ');
  print(options, terminal, removed, [
    `Deleted ${removed.deploys} deploys and ${removed.occurrences} occurrences of ${places}.`,
  ]);
}

export async function weaken(
  service: string,
  options: Options & { factor: number },
  terminal: Terminal,
): Promise<void> {
  const subject = { ...toSubject(service, options), ...toPattern(options) };
  await send('weaken', options, terminal, { ...subject, factor: options.factor, ...toReason(options) });
}

export async function note(service: string, text: string, options: Options, terminal: Terminal): Promise<void> {
  await send('notes', options, terminal, { ...toSubject(service, options), text });
}

export async function override(service: string, strategy: string, options: Options, terminal: Terminal): Promise<void> {
  const chosen = strategy === 'none' ? null : strategy.replace('-', '_');
  await send('override', options, terminal, { ...toSubject(service, options), strategy: chosen, ...toReason(options) });
}
