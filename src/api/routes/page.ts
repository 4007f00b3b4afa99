import type { FastifyInstance, FastifyReply } from 'fastify';
import { createHash } from 'node:crypto';
import { AppError } from '../../lib/errors.ts';

/** One file of the page in the browser. */
interface PageFile {
  type: string;
  body: Buffer;
}

/** The files of the page by name; `index.html` is what `/` answers with. */
export type PageFiles = () => Promise<ReadonlyMap<string, PageFile>>;

const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "connect-src 'self'",
  "img-src 'self' blob:",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

/** `/` and `/page/*`: files that hold nothing of the server's, so they need no key. */
export function addPageRoutes(app: FastifyInstance, files: PageFiles): void {
  const send = async (reply: FastifyReply, name: string, ifNoneMatch: string | undefined) => {
    const file = (await files()).get(name);
    if (file === undefined) throw new AppError('not_found', `the page has no file ${name}`);
    const etag = `"${createHash('sha256').update(file.body).digest('base64url').slice(0, 22)}"`;
    void reply.headers({ 'content-security-policy': POLICY, 'cache-control': 'no-cache', etag });
    if (ifNoneMatch === etag) return await reply.status(304).send();
    return await reply.type(file.type).send(file.body);
  };
  app.get('/', { schema: { hide: true } }, async ({ headers }, reply) =>
    send(reply, 'index.html', headers['if-none-match']),
  );
  app.get<{ Params: { name: string } }>('/page/:name', { schema: { hide: true } }, async ({ params, headers }, reply) =>
    send(reply, params.name, headers['if-none-match']),
  );
}
