import type { ApplicationRef, CallOptions } from './application.ts';
import type { Connection } from './connection.ts';
import { ArgoError } from './error.ts';
import { streamItemSchema } from './schema.ts';

/** Something may have changed about an application. Never a fact to decide on: events are lost and repeated. */
export interface ApplicationHint {
  type: 'ADDED' | 'MODIFIED' | 'DELETED';
  application: ApplicationRef;
  uid: string;
  resourceVersion: string;
}

interface StreamOptions extends CallOptions {
  project?: string;
  selector?: string;
  namespace?: string;
  /** Longest silence before the stream counts as stalled; the server sends a keep-alive every 15 s. */
  idleTimeoutMs?: number;
}

export interface ArgoStreams {
  /** Hints until the stream ends; throws when it breaks, stalls, or carries an error. Starts with one per application. */
  streamApplications(options: StreamOptions): AsyncIterable<ApplicationHint>;
}

const IDLE_TIMEOUT_MS = 45_000;

// Only what a hint needs. The resource version is among it, without which the server would drop changes as repeats.
export const STREAM_FIELDS = [
  'result.type',
  'result.application.metadata.name',
  'result.application.metadata.namespace',
  'result.application.metadata.uid',
  'result.application.metadata.resourceVersion',
  'result.application.spec.project',
].join(',');

export function createStreams(connection: Connection): ArgoStreams {
  return { streamApplications: (options) => streamHints(connection, options) };
}

async function* streamHints(connection: Connection, options: StreamOptions): AsyncGenerator<ApplicationHint> {
  const what = 'stream applications';
  const items = connection.stream({
    what,
    path: '/api/v1/stream/applications',
    query: {
      projects: options.project,
      selector: options.selector,
      appNamespace: options.namespace,
      fields: STREAM_FIELDS,
    },
    // Exactly this text selects the framing that has keep-alives; with anything added the server answers in JSON lines.
    accept: 'text/event-stream',
    signal: options.signal,
    idleTimeoutMs: options.idleTimeoutMs ?? IDLE_TIMEOUT_MS,
  });
  for await (const item of items) {
    const parsed = streamItemSchema.safeParse(item);
    if (!parsed.success) throw new ArgoError('unreadable', what, 'a stream item has an unexpected shape');
    const { result } = parsed.data;
    if (result === undefined || !isHintType(result.type)) continue;
    const { name, namespace, uid, resourceVersion } = result.application.metadata;
    const { project } = result.application.spec;
    yield {
      type: result.type,
      application: { name, ...(namespace === '' ? {} : { namespace }), ...(project === '' ? {} : { project }) },
      uid,
      resourceVersion,
    };
  }
}

function isHintType(type: string): type is ApplicationHint['type'] {
  return type === 'ADDED' || type === 'MODIFIED' || type === 'DELETED';
}
