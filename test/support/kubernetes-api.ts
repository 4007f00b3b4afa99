import * as https from 'node:https';
import type { AddressInfo } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { createAuthority } from './certificate.ts';

export const CLUSTER_TOKEN = 'tok-of-the-cluster-5d1e';

/** What one request was. */
export interface Seen {
  method: string;
  url: string;
  authorization: string | undefined;
  /** Common name of the client's certificate. */
  client: string | undefined;
}

type Reply = { status?: number; body?: unknown; text?: string; headers?: Record<string, string> } | 'silent';

/** An API server over real HTTPS that answers in the shapes Kubernetes documents, and knows who asks. */
export interface KubernetesApi {
  url: string;
  /** The authority of its certificate, PEM. */
  ca: string;
  /** A certificate and key that it takes for a client's. */
  client: { cert: string; key: string };
  seen: Seen[];
  /** Answers by path, without the query; `*` for every other. What is not here is 404. */
  replies: Record<string, Reply>;
  close(): Promise<void>;
}

export async function startKubernetesApi(): Promise<KubernetesApi> {
  const authority = createAuthority('cluster-ca');
  const certified = authority.issue(['localhost', '127.0.0.1', 'kubernetes.default']);
  const seen: Seen[] = [];
  const replies: Record<string, Reply> = {};
  const options = { ...certified, ca: authority.ca, requestCert: true, rejectUnauthorized: false };
  const server = https.createServer(options, (request, response) => {
    const socket = request.socket as TLSSocket;
    const certificate = socket.authorized ? socket.getPeerCertificate().subject.CN : undefined;
    const client = Array.isArray(certificate) ? certificate[0] : certificate;
    const { authorization } = request.headers;
    seen.push({ method: request.method ?? '', url: request.url ?? '', authorization, client });
    const path = (request.url ?? '').split('?')[0] ?? '';
    const isKnown = authorization === `Bearer ${CLUSTER_TOKEN}` || client !== undefined;
    const reply = isKnown ? (replies[path] ?? replies['*'] ?? toStatus(404, 'NotFound', `${path} not found`)) : DENIED;
    if (reply === 'silent') return;
    response.writeHead(reply.status ?? 200, { 'content-type': 'application/json', ...reply.headers });
    response.end(reply.text ?? JSON.stringify(reply.body));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { cert, key } = authority.issue(['tiphys-reader']);
  return {
    url: `https://127.0.0.1:${(server.address() as AddressInfo).port}`,
    ca: authority.ca,
    client: { cert, key },
    ...{ seen, replies },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** The `Status` a refusal comes as. */
export function toStatus(code: number, reason: string, message: string): Exclude<Reply, string> {
  return { status: code, body: { kind: 'Status', apiVersion: 'v1', status: 'Failure', message, reason, code } };
}

const DENIED = toStatus(401, 'Unauthorized', 'Unauthorized');

/** A core/v1 Event as the server lists it. */
export function toEvent(given: {
  reason: string;
  message: string;
  at: string;
  kind?: string;
  name?: string;
  count?: number;
}): object {
  const { reason, message, at, kind = 'Pod', name = 'web-1', count = 1 } = given;
  return {
    metadata: { name: `${name}.17b`, namespace: 'production', uid: 'e-1', creationTimestamp: at },
    involvedObject: { kind, namespace: 'production', name, uid: 'u-1', apiVersion: 'v1' },
    ...{ reason, message, count, type: 'Warning', firstTimestamp: at, lastTimestamp: at, eventTime: null },
    source: { component: 'kubelet', host: 'node-1' },
    ...{ reportingComponent: 'kubelet', reportingInstance: 'node-1' },
  };
}

/** A list of core/v1. */
export function toList(kind: string, items: readonly object[], more: { continue?: string } = {}): { body: object } {
  return { body: { kind, apiVersion: 'v1', metadata: { resourceVersion: '7', ...more }, items } };
}

/** A kubeconfig of one context. */
export function toKubeconfig(given: { cluster: object; user: object; namespace?: string }): string {
  const { cluster, user, namespace } = given;
  return JSON.stringify({
    ...{ apiVersion: 'v1', kind: 'Config', 'current-context': 'here', preferences: {} },
    clusters: [{ name: 'c', cluster }],
    users: [{ name: 'reader', user }],
    contexts: [
      { name: 'here', context: { cluster: 'c', user: 'reader', ...(namespace === undefined ? {} : { namespace }) } },
    ],
  });
}
