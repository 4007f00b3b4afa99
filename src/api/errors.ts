import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import { hasZodFastifySchemaValidationErrors } from 'fastify-type-provider-zod';
import { AppError, toErrorMessage } from '../lib/errors.ts';
import type { Logger } from '../lib/logger.ts';
import type { Redactor } from '../lib/redact.ts';
import type { Problem } from './contract.ts';

type FieldError = NonNullable<Problem['errors']>[number];

const CONTENT_TYPE = 'application/problem+json';

/** Sends any error as problem+json; what a client cannot act on is logged in full and told in one sentence. */
export function createErrorHandler(deps: { logger: Logger; redactor: Redactor }) {
  return async (error: FastifyError, request: FastifyRequest, reply: FastifyReply): Promise<void> => {
    const problem = toProblem(error, request.url);
    if (problem.status >= 500) deps.logger.error({ error, url: request.url, method: request.method }, 'request failed');
    const clean = { ...problem, detail: deps.redactor.text(problem.detail) };
    await reply.status(problem.status).type(CONTENT_TYPE).send(JSON.stringify(clean));
  };
}

export async function sendNotFound(request: FastifyRequest, reply: FastifyReply): Promise<void> {
  const detail = `there is no ${request.method} ${request.url.split('?')[0] ?? ''}`;
  const problem = toProblem(new AppError('not_found', detail, { hint: 'See /docs for all routes.' }), request.url);
  await reply.status(404).type(CONTENT_TYPE).send(JSON.stringify(problem));
}

function toProblem(error: unknown, instance: string): Problem {
  if (error instanceof AppError) {
    const { code, message, hint, details, httpStatus } = error;
    return {
      type: `urn:tiphys:problem:${code}`,
      title: code.replaceAll('_', ' '),
      status: httpStatus,
      detail: message,
      code,
      ...(hint === undefined ? {} : { hint }),
      instance,
      ...(Object.keys(details).length === 0 ? {} : { details }),
    };
  }
  if (hasZodFastifySchemaValidationErrors(error)) {
    const errors = error.validation.flatMap(toFieldErrors);
    const detail = errors.map(({ field, message }) => (field === '' ? message : `${field}: ${message}`)).join('; ');
    return { ...invalid(detail, instance, 400), errors };
  }
  const status = statusOf(error);
  if (status === 413) return toProblem(new AppError('payload_too_large', toErrorMessage(error)), instance);
  if (status === 415) {
    return {
      ...invalid(toErrorMessage(error), instance, status),
      hint: 'Send JSON with content-type application/json.',
    };
  }
  if (status !== undefined && status >= 400 && status < 500) return invalid(toErrorMessage(error), instance, status);
  return {
    type: 'urn:tiphys:problem:internal',
    title: 'internal error',
    status: 500,
    detail: 'Something broke on our side; the log says what.',
    code: 'internal',
    instance,
  };
}

/** A field that is not known is told by its own name, not by that of the object it stands in. */
function toFieldErrors(issue: { instancePath: string; message?: string; params?: object }): FieldError[] {
  const path = issue.instancePath.split('/').filter((part) => part !== '');
  const unknown = issue.params !== undefined && 'keys' in issue.params ? issue.params.keys : undefined;
  if (Array.isArray(unknown)) {
    return unknown.map((key) => ({ field: [...path, String(key)].join('.'), message: 'is not a known field' }));
  }
  return [{ field: path.join('.'), message: issue.message ?? 'is not valid' }];
}

function invalid(detail: string, instance: string, status: number): Problem {
  return {
    type: 'urn:tiphys:problem:invalid_input',
    title: 'invalid input',
    status,
    detail,
    code: 'invalid_input',
    instance,
  };
}

function statusOf(error: unknown): number | undefined {
  return error instanceof Error && 'statusCode' in error && typeof error.statusCode === 'number'
    ? error.statusCode
    : undefined;
}
