import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gunzipSync } from 'node:zlib';
import { exec } from '../../src/lib/exec.ts';
import { toPlainGitEnvironment } from './git-fixture.ts';

interface SeenRequest {
  method: string;
  /** `info/refs`, `git-upload-pack` or `git-receive-pack`. */
  service: string;
  authorization: string | undefined;
}

interface GitHttpServer {
  /** `http://127.0.0.1:port`; a repository `infra.git` below the root is `${url}/infra.git`. */
  readonly url: string;
  readonly requests: SeenRequest[];
  /**
   * What happens to the next requests: `undefined` lets them through. `cut_before` ends the connection before git sees
   * the request, `cut_after` when git has done its work but before the answer; a number answers with that status.
   */
  fault: ((request: SeenRequest) => 'cut_before' | 'cut_after' | number | { redirect: string } | undefined) | undefined;
  close(): Promise<void>;
}

/**
 * Serves the bare repositories below `root` by git's smart HTTP protocol on a free port of the loopback address.
 * With `authorization`, requests whose header is not exactly that are answered 401.
 */
export async function startGitHttpServer(
  root: string,
  options: { authorization?: string; readOnly?: boolean } = {},
): Promise<GitHttpServer> {
  const requests: SeenRequest[] = [];
  const server = createServer((request, response) => {
    handle(request, response).catch((error: unknown) => {
      response.statusCode = 500;
      response.end(String(error));
    });
  });

  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const url = new URL(request.url ?? '/', 'http://127.0.0.1');
    const service = /(info\/refs|git-upload-pack|git-receive-pack)$/.exec(url.pathname)?.[1] ?? url.pathname;
    const seen = { method: request.method ?? '', service, authorization: request.headers.authorization };
    requests.push(seen);
    const body = await readBody(request);
    const fault = handler.fault?.(seen);
    if (fault === 'cut_before') return void request.socket.destroy();
    if (typeof fault === 'number') return void response.writeHead(fault).end('fault');
    if (typeof fault === 'object')
      return void response.writeHead(301, { location: `${fault.redirect}${request.url ?? ''}` }).end();
    if (options.authorization !== undefined && seen.authorization !== options.authorization)
      return void response.writeHead(401, { 'www-authenticate': 'Basic realm="git"' }).end();
    const writes = service === 'git-receive-pack' || url.searchParams.get('service') === 'git-receive-pack';
    if (options.readOnly && writes) return void response.writeHead(403).end('read only');
    const answer = await runBackend(root, request, url, body);
    if (fault === 'cut_after') return void request.socket.destroy();
    response.writeHead(answer.status, answer.headers).end(answer.body);
  };

  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const handler: GitHttpServer = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    fault: undefined,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  return handler;
}

async function readBody(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const body = Buffer.concat(chunks);
  return request.headers['content-encoding'] === 'gzip' ? gunzipSync(body) : body;
}

async function runBackend(root: string, request: IncomingMessage, url: URL, body: Buffer) {
  const chunks: Buffer[] = [];
  const protocol = request.headers['git-protocol'];
  await exec('git', ['http-backend'], {
    cwd: root,
    env: {
      ...toPlainGitEnvironment(root),
      GIT_PROJECT_ROOT: root,
      GIT_HTTP_EXPORT_ALL: '1',
      PATH_INFO: url.pathname,
      QUERY_STRING: url.search.slice(1),
      REQUEST_METHOD: request.method ?? 'GET',
      CONTENT_TYPE: request.headers['content-type'] ?? '',
      CONTENT_LENGTH: String(body.length),
      REMOTE_ADDR: '127.0.0.1',
      // A named user is what lets git-http-backend accept pushes.
      REMOTE_USER: 'git',
      ...(typeof protocol === 'string' ? { GIT_PROTOCOL: protocol } : {}),
    },
    input: body,
    timeoutMs: 60_000,
    maxBytes: 256 * 1024 * 1024,
    onStdout: (chunk) => void chunks.push(chunk),
  });
  const output = Buffer.concat(chunks);
  const headEnd = output.indexOf('\r\n\r\n');
  const headers: Record<string, string> = {};
  let status = headEnd < 0 ? 500 : 200;
  for (const line of output.subarray(0, Math.max(headEnd, 0)).toString('latin1').split('\r\n')) {
    const colon = line.indexOf(':');
    if (colon < 0) continue;
    const name = line.slice(0, colon).toLowerCase();
    const value = line.slice(colon + 1).trim();
    if (name === 'status') status = Number.parseInt(value, 10);
    else headers[name] = value;
  }
  return { status, headers, body: output.subarray(headEnd < 0 ? output.length : headEnd + 4) };
}
