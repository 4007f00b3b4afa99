import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';

// What a gRPC gateway makes of gRPC answers. Codes are gRPC's, and FailedPrecondition is a plain 400.
const HTTP_STATUS: Readonly<Record<number, number>> = {
  1: 408,
  2: 500,
  3: 400,
  4: 504,
  5: 404,
  6: 409,
  7: 403,
  8: 429,
  9: 400,
  10: 409,
  12: 501,
  13: 500,
  14: 503,
  16: 401,
};

export const GRPC = {
  unknown: 2,
  invalidArgument: 3,
  notFound: 5,
  alreadyExists: 6,
  permissionDenied: 7,
  failedPrecondition: 9,
  aborted: 10,
  unimplemented: 12,
  internal: 13,
  unavailable: 14,
  unauthenticated: 16,
} as const;

/** An error as the API answers it. */
export class GatewayError extends Error {
  readonly code: number;

  constructor(code: number, message: string) {
    super(message);
    this.name = 'GatewayError';
    this.code = code;
  }

  get httpStatus(): number {
    return HTTP_STATUS[this.code] ?? 500;
  }
}

export function sendError(reply: FastifyReply, error: GatewayError): FastifyReply {
  const body = { error: error.message, code: error.code, message: error.message };
  return reply.code(error.httpStatus).header('content-type', 'application/json').send(JSON.stringify(body));
}

const text = z.string().optional();

/** The query parameters routes without a body bind. Unknown ones are ignored; the first of several values counts. */
export function queryText(request: FastifyRequest, name: string): string | undefined {
  const value: unknown = toRecord(request.query)[name];
  return text.parse(Array.isArray(value) ? value[0] : value);
}

export function queryTexts(request: FastifyRequest, name: string): string[] {
  const value: unknown = toRecord(request.query)[name];
  return z.array(z.string()).parse(value === undefined ? [] : Array.isArray(value) ? value : [value]);
}

export function queryFlag(request: FastifyRequest, name: string): boolean {
  return queryText(request, name) === 'true';
}

export function param(request: FastifyRequest, name: string): string {
  return z.string().parse(toRecord(request.params)[name]);
}

function toRecord(value: unknown): Record<string, unknown> {
  return z.record(z.string(), z.unknown()).parse(value ?? {});
}

/** The body as the route's message. An empty one is an empty message; a wrong type is refused as the Go decoder does. */
export function parseBody<T>(request: FastifyRequest, schema: z.ZodType<T>): T {
  const raw = Buffer.isBuffer(request.body) ? request.body.toString('utf8') : '';
  let value: unknown = {};
  if (raw.trim() !== '') {
    try {
      value = JSON.parse(raw);
    } catch {
      throw new GatewayError(GRPC.invalidArgument, 'invalid character in request body: not JSON');
    }
  }
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const field = issue?.path.join('.') ?? '';
  const wanted = issue?.code === 'invalid_type' ? issue.expected : (issue?.message ?? 'another type');
  throw new GatewayError(
    GRPC.invalidArgument,
    `json: cannot unmarshal value into Go struct field .${field} of type ${wanted}`,
  );
}

/** Keeps, or with a leading dash drops, the comma-separated dotted paths. Lists are walked through. */
export function selectFields(value: unknown, fields: string | undefined): unknown {
  if (fields === undefined || fields === '') return value;
  const isExclusion = fields.startsWith('-');
  const paths = (isExclusion ? fields.slice(1) : fields).split(',');
  const visit = (current: unknown, prefix: string): unknown => {
    if (Array.isArray(current)) return current.map((item) => visit(item, prefix));
    if (current === null || typeof current !== 'object') return current;
    const entries = Object.entries(current).flatMap(([key, field]) => {
      const path = prefix === '' ? key : `${prefix}.${key}`;
      const isListed = paths.includes(path);
      if (isListed) return isExclusion ? [] : [[key, field] as const];
      // The server compares by text: `items.status` also keeps the way to `items.statusExtra`.
      if (isExclusion || paths.some((wanted) => wanted.startsWith(path))) return [[key, visit(field, path)] as const];
      return [];
    });
    return Object.fromEntries(entries);
  };
  return visit(value, '');
}
