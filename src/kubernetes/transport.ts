import { readFile } from 'node:fs/promises';
import * as http from 'node:http';
import * as https from 'node:https';
import { toErrorMessage } from '../lib/errors.ts';
import { toUnread, type ClusterAnswer } from './answer.ts';
import type { ClusterAccess, ClusterCredentials } from './kubeconfig.ts';
import { toPath, type ClusterRead } from './reads.ts';

const MAX_ANSWER_BYTES = 8 * 1024 * 1024;

interface Raw {
  status: number;
  body: string;
}

/** Sends one read: a GET of a path from the list, to the one address, without following redirects. */
export async function send(
  access: ClusterAccess,
  read: ClusterRead,
  options: { signal: AbortSignal; learn: (secret: string) => void },
): Promise<ClusterAnswer<Raw>> {
  const path = toPath(read);
  const token = await toToken(access.credentials);
  if (token.kind === 'unread') return token;
  if (token.value !== undefined) options.learn(token.value);
  return await get(access, path, token.value, options.signal);
}

async function toToken(credentials: ClusterCredentials): Promise<ClusterAnswer<string | undefined>> {
  switch (credentials.kind) {
    case 'none':
    case 'certificate':
      return { kind: 'read', value: undefined };
    case 'token':
      return { kind: 'read', value: credentials.token };
    case 'token_file':
      try {
        return { kind: 'read', value: (await readFile(credentials.file, 'utf8')).trim() };
      } catch {
        return toUnread('misconfigured', `the token file ${credentials.file} cannot be read`);
      }
  }
}

async function get(
  access: ClusterAccess,
  path: string,
  token: string | undefined,
  signal: AbortSignal,
): Promise<ClusterAnswer<Raw>> {
  const { server, ca, serverName, credentials } = access;
  const isSecure = server.protocol === 'https:';
  const target = `${server.origin}${server.pathname.replace(/\/+$/, '')}${path}`;
  const options: https.RequestOptions = {
    method: 'GET',
    agent: false,
    signal,
    headers: {
      accept: 'application/json',
      'user-agent': 'tiphys',
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    },
    ...(isSecure && ca !== undefined ? { ca } : {}),
    ...(isSecure && serverName !== undefined ? { servername: serverName } : {}),
    ...(credentials.kind === 'certificate' ? { cert: credentials.cert, key: credentials.key } : {}),
  };
  return await new Promise((resolve) => {
    const fail = (error: unknown) => resolve(toUnread('unreached', toReason(error, signal)));
    try {
      const outgoing = isSecure ? https.request(target, options) : http.request(target, options);
      outgoing.on('error', fail);
      outgoing.on('response', (incoming) => void readBody(incoming).then(resolve, fail));
      outgoing.end();
    } catch (error) {
      // A token with a line break, or a key that is none.
      resolve(toUnread('misconfigured', `the credentials in the kubeconfig cannot be used: ${toErrorMessage(error)}`));
    }
  });
}

async function readBody(incoming: http.IncomingMessage): Promise<ClusterAnswer<Raw>> {
  const status = incoming.statusCode ?? 0;
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of incoming as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > MAX_ANSWER_BYTES) {
      incoming.destroy();
      return toUnread('too_large', `the answer is larger than ${MAX_ANSWER_BYTES / 1024 / 1024} MiB`);
    }
    chunks.push(chunk);
  }
  if (status >= 300 && status < 400)
    return toUnread(
      'redirected',
      `the server redirects (${status}), which is not followed; give the address it leads to`,
    );
  return { kind: 'read', value: { status, body: Buffer.concat(chunks).toString('utf8') } };
}

function toReason(error: unknown, signal: AbortSignal): string {
  if (signal.aborted) return toErrorMessage(signal.reason);
  return toErrorMessage(error) || 'connection failed';
}
