import { request } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { createAuthority } from './certificate.ts';

/** A server behind TLS and below a path, as an ingress serves it. */
export interface TlsFront {
  /** `https://localhost:PORT/PREFIX`. */
  url: string;
  /** The authority to trust, PEM. */
  ca: string;
  close(): Promise<void>;
}

/** Takes the prefix away, passes everything else on as it is, and lets answers through piece by piece, as streams need it. */
export async function startTlsFront(target: string, prefix: string): Promise<TlsFront> {
  const authority = createAuthority('contract');
  const server = createServer(authority.issue(['localhost', '127.0.0.1']), (incoming, outgoing) => {
    const path = incoming.url ?? '/';
    if (!path.startsWith(`${prefix}/`)) {
      outgoing.writeHead(404, { 'content-type': 'text/html' }).end('<h1>not found</h1>');
      return;
    }
    const options = { method: incoming.method, headers: incoming.headers };
    const upstream = request(`${target}${path.slice(prefix.length)}`, options, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.on('data', (chunk) => outgoing.write(chunk));
      answer.on('end', () => outgoing.end());
      answer.on('error', () => outgoing.destroy());
    });
    upstream.on('error', () => outgoing.destroy());
    outgoing.on('close', () => upstream.destroy());
    incoming.pipe(upstream);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `https://localhost:${port}${prefix}`,
    ca: authority.ca,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
