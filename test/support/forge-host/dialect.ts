import type { HostPull, HostPulls } from './pulls.ts';

export interface ApiRequest {
  method: string;
  /** Below the API's prefix, decoded part by part. */
  parts: string[];
  query: URLSearchParams;
  body: Record<string, unknown>;
  headers: Readonly<Record<string, string | string[] | undefined>>;
}

export interface ApiAnswer {
  status: number;
  body: unknown;
}

/** One host's API over the same pull requests, in the shapes its documentation shows. */
export interface Dialect {
  apiPath: string;
  /** Whether the request carries the token in the way this host wants it. */
  isAuthorized(headers: ApiRequest['headers'], token: string): boolean;
  answer(request: ApiRequest, host: DialectHost): Promise<ApiAnswer>;
  /** Headers and body of the webhook that tells of it. */
  toHook(event: HookEvent, host: DialectHost): { headers: Record<string, string>; body: unknown };
  sign(body: string, secret: string): Record<string, string>;
}

export type HookEvent =
  | { kind: 'pull'; pull: HostPull; action: string }
  | { kind: 'comment'; pull: HostPull }
  | { kind: 'push'; branch: string; before: string; after: string };

export interface DialectHost {
  pulls: HostPulls;
  origin: string;
  project: string;
  /** The account the token belongs to. */
  account: string;
}

export const NOT_FOUND: ApiAnswer = { status: 404, body: { message: 'Not Found' } };

/** One page of a list, as `per_page` or `limit` and `page` ask for it. */
export function toPage<T>(items: readonly T[], query: URLSearchParams, sizeName: string): T[] {
  const size = Number(query.get(sizeName) ?? 30);
  const page = Number(query.get('page') ?? 1);
  return items.slice((page - 1) * size, page * size);
}

export function isSince(at: string, query: URLSearchParams): boolean {
  const since = query.get('since');
  return since === null || Date.parse(at) >= Date.parse(since);
}
