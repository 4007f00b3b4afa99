import type { z } from 'zod';
import type { Clock } from '../lib/clock.ts';
import { toAbortError } from '../lib/clock.ts';
import { isAppError } from '../lib/errors.ts';
import { toPlain } from '../lib/plain-text.ts';
import { toUnread, type ClusterAnswer } from './answer.ts';
import { loadClusterAccess, type ClusterAccess } from './kubeconfig.ts';
import { toLabel, type ClusterRead, type ReadableKind } from './reads.ts';
import * as schema from './schema.ts';
import { send } from './transport.ts';

export interface ClusterOptions {
  kubeconfig: string;
  /** Null for the one the file calls current. */
  context: string | null;
  timeoutMs: number;
  clock: Clock;
  /** Told of every secret that is read from the kubeconfig. */
  learn: (secret: string) => void;
}

/** Reads of one cluster. None of them throws but for the caller's own signal and for names that are none. */
export interface Cluster {
  version(signal?: AbortSignal): Promise<ClusterAnswer<string>>;
  /** Warnings, in the server's order. */
  events(namespace: string, signal?: AbortSignal): Promise<ClusterAnswer<schema.ClusterEvents>>;
  usage(namespace: string, signal?: AbortSignal): Promise<ClusterAnswer<schema.PodUsage[]>>;
  quotas(namespace: string, signal?: AbortSignal): Promise<ClusterAnswer<schema.ClusterQuota[]>>;
  limits(namespace: string, signal?: AbortSignal): Promise<ClusterAnswer<schema.ClusterLimits[]>>;
  object(
    wanted: { kind: ReadableKind; namespace: string; name: string },
    signal?: AbortSignal,
  ): Promise<ClusterAnswer<schema.ClusterObject>>;
  /** The namespace of the kubeconfig's context. */
  ownNamespace(): Promise<ClusterAnswer<string>>;
}

export function createCluster(options: ClusterOptions): Cluster {
  const door = createDoor(options);
  const ask = async <T extends z.ZodType, Out>(
    read: ClusterRead,
    shape: T,
    pick: (value: z.output<T>) => Out,
    signal: AbortSignal | undefined,
  ): Promise<ClusterAnswer<Out>> => {
    const access = await door.open();
    if (access.kind === 'unread') return access;
    const answer = await withTimeLimit(options, signal, async (limited) => {
      return await send(access.value, read, { signal: limited, learn: options.learn });
    });
    const judged = judge(read, answer, shape);
    if (judged.kind === 'unread') {
      if (judged.reason === 'unauthenticated') door.forget();
      return toUnread(judged.reason, `${toLabel(read)}: ${judged.sentence}`);
    }
    return { kind: 'read', value: pick(judged.value) };
  };
  return {
    version: (signal) => ask({ read: 'version' }, schema.versionSchema, ({ gitVersion }) => gitVersion, signal),
    events: (namespace, signal) =>
      ask({ read: 'events', namespace }, schema.eventListSchema, (events) => events, signal),
    usage: (namespace, signal) => ask({ read: 'usage', namespace }, schema.usageSchema, ({ items }) => items, signal),
    quotas: (namespace, signal) =>
      ask({ read: 'quotas', namespace }, schema.quotasSchema, ({ items }) => items, signal),
    limits: (namespace, signal) =>
      ask({ read: 'limits', namespace }, schema.limitsSchema, ({ items }) => items, signal),
    object: (wanted, signal) => ask({ read: 'object', ...wanted }, schema.objectSchema, (object) => object, signal),
    ownNamespace: async () => {
      const access = await door.open();
      return access.kind === 'unread' ? access : { kind: 'read', value: access.value.namespace };
    },
  };
}

/** The kubeconfig, read when it is first needed, and again after what was in it was not accepted. */
function createDoor({ kubeconfig, context, learn }: ClusterOptions) {
  let known: Promise<ClusterAnswer<ClusterAccess>> | undefined;
  const load = async (): Promise<ClusterAnswer<ClusterAccess>> => {
    try {
      const access = await loadClusterAccess(kubeconfig, context);
      if (access.credentials.kind === 'token') learn(access.credentials.token);
      if (access.credentials.kind === 'certificate') learn(access.credentials.key);
      return { kind: 'read', value: access };
    } catch (error) {
      if (!isAppError(error, 'config_invalid')) throw error;
      return toUnread('misconfigured', [error.message, error.hint ?? ''].join('. ').trim());
    }
  };
  return {
    open: async () => {
      known ??= load();
      const access = await known;
      // Somebody may be about to correct it.
      if (access.kind === 'unread') known = undefined;
      return access;
    },
    forget: () => {
      known = undefined;
    },
  };
}

async function withTimeLimit<T>(
  { clock, timeoutMs }: ClusterOptions,
  outer: AbortSignal | undefined,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const done = new AbortController();
  const late = new AbortController();
  clock.sleep(timeoutMs, done.signal).then(
    () => late.abort(new Error(`no complete answer within ${timeoutMs} ms`)),
    () => undefined,
  );
  try {
    const signal = outer === undefined ? late.signal : AbortSignal.any([outer, late.signal]);
    const value = await work(signal);
    if (outer?.aborted === true) throw toAbortError(outer);
    return value;
  } finally {
    done.abort();
  }
}

function judge<T extends z.ZodType>(
  read: ClusterRead,
  answer: ClusterAnswer<{ status: number; body: string }>,
  shape: T,
): ClusterAnswer<z.output<T>> {
  if (answer.kind === 'unread') return answer;
  const { status, body } = answer.value;
  if (status === 200) {
    const parsed = shape.safeParse(toJson(body));
    return parsed.success
      ? { kind: 'read', value: parsed.data }
      : toUnread('unreadable', 'the answer is not what Kubernetes answers there');
  }
  const words = toWords(body, status);
  if (status === 401) return toUnread('unauthenticated', `the cluster does not accept the credentials: ${words}`);
  if (status === 403) return toUnread('denied', `the account may not read it: ${words}`);
  if (status === 404)
    return toUnread('absent', read.read === 'usage' ? 'there is no metrics server' : `it is not there: ${words}`);
  return toUnread('unreached', `the cluster answers ${status}: ${words}`);
}

function toJson(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}

const MAX_WORDS_CHARS = 300;

/** Kubernetes' own sentence; of a page of a proxy only the status. */
function toWords(body: string, status: number): string {
  const parsed = schema.statusSchema.safeParse(toJson(body));
  const message = parsed.success ? toPlain(parsed.data.message).replace(/\s+/g, ' ').trim() : '';
  return message === '' ? `HTTP ${status}` : message.slice(0, MAX_WORDS_CHARS);
}
