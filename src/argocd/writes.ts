import { z } from 'zod';
import {
  type ApplicationRef,
  type CallOptions,
  type ResourceTarget,
  toApplicationPath,
  toScope,
} from './application.ts';
import type { Connection } from './connection.ts';
import { isArgoError } from './error.ts';
import { type Application, applicationSchema } from './schema.ts';
import { toTargetQuery } from './reads.ts';

interface SyncRequest extends CallOptions {
  /** Left out: the application's own target revision, the only one an automated application accepts. */
  revision?: string;
  /** For multi-source applications: parallel lists, positions counted from 1. */
  revisions?: string[];
  sourcePositions?: number[];
  prune?: boolean;
  /** Occupies the operation slot and overwrites the last operation's state like any other. */
  dryRun?: boolean;
  /** Come back in the operation's state: the mark by which an operation is known as ours. */
  infos: { name: string; value: string }[];
}

export interface ArgoWrites {
  /** Requests an operation; not safe to call twice, the second is refused as `operation_in_progress`. */
  sync(ref: ApplicationRef, request: SyncRequest): Promise<Application>;
  /** Asks the running operation to end. Rejects with `no_operation` when none runs. */
  terminateOperation(ref: ApplicationRef, options?: CallOptions): Promise<void>;
  runResourceAction(
    ref: ApplicationRef,
    target: ResourceTarget,
    action: string,
    options?: CallOptions & { parameters?: { name: string; value: string }[] },
  ): Promise<void>;
}

const anything = z.unknown();

export function createWrites({ json }: Connection): ArgoWrites {
  return {
    sync: (ref, { signal, ...request }) =>
      json(applicationSchema, {
        what: `sync application ${ref.name}`,
        method: 'POST',
        path: `${toApplicationPath(ref)}/sync`,
        // This route takes everything from the body: namespace and project in the query would be ignored.
        body: { name: ref.name, ...toScope(ref), ...request },
        signal,
      }),
    terminateOperation: async (ref, { signal } = {}) => {
      await json(anything, {
        what: `terminate the operation of ${ref.name}`,
        method: 'DELETE',
        path: `${toApplicationPath(ref)}/operation`,
        query: toScope(ref),
        signal,
      });
    },
    runResourceAction: async (ref, target, action, { parameters, signal } = {}) => {
      const what = `run ${action} on ${target.kind} ${target.name}`;
      const path = `${toApplicationPath(ref)}/resource/actions`;
      const fields = { ...toScope(ref), ...toTargetQuery(target) };
      const body = { name: ref.name, ...fields, action, resourceActionParameters: parameters ?? [] };
      try {
        await json(anything, { what, method: 'POST', path: `${path}/v2`, body, signal });
      } catch (error) {
        // Servers before 3.1 know the older route only. The gateway says exactly "Not Found" for a route it lacks; a missing
        // application or resource is named.
        const noRoute =
          isArgoError(error, 'not_found', 'unsupported') && /^not (found|implemented)$/i.test(error.upstreamMessage);
        if (!noRoute || parameters !== undefined) throw error;
        await json(anything, { what, method: 'POST', path, query: fields, body: action, signal });
      }
    },
  };
}
