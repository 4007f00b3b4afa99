import { createServer, request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createHash } from 'node:crypto';
import type { ForgeKind } from '../../../src/config/git-host.ts';
import { startGitHttpServer } from '../git-http-server.ts';
import type { ApiAnswer, Dialect, DialectHost, HookEvent } from './dialect.ts';
import { giteaDialect } from './gitea.ts';
import { gitHubDialect } from './github.ts';
import { gitLabDialect } from './gitlab.ts';
import { createHostPulls, type HostPulls } from './pulls.ts';

/** What an API request is answered with instead of the truth; `cut_after` does the work and drops the connection. */
export type ApiFault = 'cut_before' | 'cut_after' | (ApiAnswer & { headers?: Record<string, string> });

export interface SeenCall {
  method: string;
  path: string;
  status: number;
}

/** A git host on loopback: a bare repository over smart HTTP, and the API of GitHub, GitLab or Gitea beside it. */
export interface ForgeHost {
  readonly kind: ForgeKind;
  readonly url: string;
  /** What git is given. */
  readonly repoUrl: string;
  readonly apiUrl: string;
  readonly project: string;
  readonly pulls: HostPulls;
  /** API requests so far, in order. */
  readonly calls: SeenCall[];
  /** Asked for every API request with its method and path below the API. */
  fault: ((method: string, path: string) => ApiFault | undefined) | undefined;
  /** Sends a webhook to Tiphys as the host would, signed with the secret; gives the status of the answer. */
  sendHook(url: string, secret: string, event: HookEvent): Promise<number>;
  /** The same, to be sent as one likes. */
  makeHook(secret: string, event: HookEvent): { headers: Record<string, string>; body: string };
  close(): Promise<void>;
}

const DIALECTS: Readonly<Record<ForgeKind, Dialect>> = {
  github: gitHubDialect,
  gitlab: gitLabDialect,
  gitea: giteaDialect,
};

export interface ForgeHostOptions {
  kind: ForgeKind;
  /** Folder in which the repository stands as `PROJECT.git`. */
  root: string;
  /** `owner/name`. */
  project: string;
  token: string;
  now?: () => Date;
}

export async function startForgeHost(options: ForgeHostOptions): Promise<ForgeHost> {
  const { kind, root, project, token } = options;
  const dialect = DIALECTS[kind];
  const basic = Buffer.from(`x-access-token:${token}`).toString('base64');
  const git = await startGitHttpServer(root, { authorization: `Basic ${basic}` });
  const pulls = createHostPulls(`${root}/${project}.git`, options.now ?? (() => new Date()));
  const calls: SeenCall[] = [];

  const server = createServer((request, response) => {
    const isApi = (request.url ?? '').startsWith(`${dialect.apiPath}/`);
    const work = isApi ? answer(request, response) : forward(request, response, git.url);
    work.catch((error: unknown) => response.writeHead(500).end(String(error)));
  });

  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const url = new URL(request.url ?? '/', host.url);
    const path = url.pathname.slice(dialect.apiPath.length);
    const method = request.method ?? 'GET';
    const text = await readText(request);
    const seen = { method, path, status: 0 };
    calls.push(seen);
    const fault = host.fault?.(method, path);
    if (fault === 'cut_before') return void request.socket.destroy();
    if (typeof fault === 'object') {
      seen.status = fault.status;
      return void response.writeHead(fault.status, fault.headers ?? {}).end(JSON.stringify(fault.body));
    }
    const parts = path.slice(1).split('/').map(decodeURIComponent);
    const body = text === '' ? {} : (JSON.parse(text) as Record<string, unknown>);
    const given = { method, parts, query: url.searchParams, body, headers: request.headers };
    const result = dialect.isAuthorized(request.headers, token)
      ? await dialect.answer(given, context)
      : { status: 401, body: { message: '401 Unauthorized' } };
    if (fault === 'cut_after') return void request.socket.destroy();
    const json = JSON.stringify(result.body);
    const etag = `W/"${createHash('sha256').update(json).digest('hex')}"`;
    const isSame = method === 'GET' && result.status === 200 && request.headers['if-none-match'] === etag;
    seen.status = isSame ? 304 : result.status;
    response.writeHead(seen.status, { 'content-type': 'application/json; charset=utf-8', etag });
    response.end(isSame ? undefined : json);
  };

  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const context: DialectHost = { pulls, origin: url, project, account: 'tiphys-bot' };
  const makeHook: ForgeHost['makeHook'] = (secret, event) => {
    const hook = dialect.toHook(event, context);
    const body = JSON.stringify(hook.body);
    return { headers: { 'content-type': 'application/json', ...hook.headers, ...dialect.sign(body, secret) }, body };
  };
  const host: ForgeHost = {
    kind,
    url,
    repoUrl: `${url}/${project}.git`,
    apiUrl: `${url}${dialect.apiPath}`,
    project,
    pulls,
    calls,
    fault: undefined,
    makeHook,
    sendHook: async (to, secret, event) => (await fetch(to, { method: 'POST', ...makeHook(secret, event) })).status,
    close: async () => {
      await git.close();
      await new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      });
    },
  };
  return host;
}

/** The repository itself is served by git's own program behind another port. */
async function forward(request: IncomingMessage, response: ServerResponse, to: string): Promise<void> {
  const target = httpRequest(`${to}${request.url ?? '/'}`, {
    method: request.method ?? 'GET',
    headers: request.headers,
  });
  await new Promise<void>((resolve, reject) => {
    target.on('error', reject);
    target.on('response', (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response).on('finish', resolve).on('error', reject);
    });
    request.pipe(target);
  });
}

async function readText(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}
