import { Readable } from 'node:stream';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { appendAudit } from '../../audit/audit-store.ts';
import type { Transaction } from '../../database/transaction.ts';
import { toIsoTime } from '../../lib/clock.ts';
import { AppError } from '../../lib/errors.ts';
import { isMatch, type FingerprintPattern } from '../../memory/corrections.ts';
import type { CorrectedContext } from '../../memory/corrected-memory.ts';
import { parseImport } from '../../memory/exchange.ts';
import { exportHistory, importHistory, removeSubject } from '../../memory/exchange-store.ts';
import type { Scope } from '../../memory/facts.ts';
import type { NewCorrection } from '../../memory/memory-store.ts';
import { removeOccurrenceFiles } from '../../memory/occurrence-store.ts';
import { once } from '../../ticket/idempotency-store.ts';
import { problemSchema } from '../contract.ts';
import * as contract from '../contract-memory.ts';
import type { RouteDeps } from '../deps.ts';
import { listScopes, resolveScope, type Place } from '../memory-scope.ts';
import { toCorrectionView } from '../memory-views.ts';

const tags = ['memory'];
const PROBLEMS = { '4xx': problemSchema };
const JSON_LINES = ['application/x-ndjson', 'application/jsonl'];
const MAX_IMPORT_BYTES = 64 * 1024 * 1024;

/** What a person changes about the memory. Nothing else does: no model and no ticket comes here. */
export function addMemoryWriteRoutes(server: FastifyInstance, deps: RouteDeps): void {
  addCorrectionRoutes(server, deps);
  addSubjectRoutes(server, deps);
  addExchangeRoutes(server, deps);
}

type Asked = Place & { fingerprint?: { class: string; signature?: string | undefined } | undefined };
type Made = (input: {
  scope: Scope;
  known: CorrectedContext;
  fingerprint: FingerprintPattern | undefined;
  actor: string;
  atMs: number;
}) => NewCorrection;

function addCorrectionRoutes(server: FastifyInstance, deps: RouteDeps): void {
  const app = server.withTypeProvider<ZodTypeProvider>();

  /** Writes one correction with its audit entry; the same Idempotency-Key gets the same answer. */
  const correct = async (
    request: FastifyRequest,
    asked: Asked,
    options: { mustBeKnown: boolean },
    make: Made,
  ): Promise<contract.CorrectionView> => {
    const work = async (): Promise<contract.CorrectionView> => {
      const { scope, isKnown } = await resolveScope(deps, asked);
      if (options.mustBeKnown && !isKnown) throw toUnknown(scope);
      const atMs = deps.clock.now();
      const known = (await deps.memory.current()).context(scope, atMs);
      const fingerprint = toPattern(asked.fingerprint);
      const matches = fingerprint === undefined ? known.risk.failures : countMatches(known, fingerprint);
      if (options.mustBeKnown && fingerprint !== undefined && matches === 0) throw toUnknownFailure(known, fingerprint);
      const correction = make({ scope, known, fingerprint, actor: toActor(request), atMs });
      await deps.memory.correct(correction, async (trx) => {
        await audit(trx, correction.kind, correction.actor, atMs, toAuditDetail(correction));
      });
      const speaksOfFailures = correction.kind !== 'note' && correction.kind !== 'override_strategy';
      return toCorrectionView({ ...correction, seq: 0 }, speaksOfFailures ? matches : null);
    };
    const header = request.headers['idempotency-key'];
    const key = Array.isArray(header) ? header[0] : header;
    const route = `${request.method} ${request.url.split('?')[0] ?? ''}`;
    const asking = { actor: request.actor, route, key, body: request.body };
    return (await once(deps, asking, async () => ({ status: 200, body: await work() }))).body;
  };
  const schemaOf = <Body extends z.ZodType>(body: Body) => ({
    schema: { tags, body, response: { 200: contract.correctionSchema, ...PROBLEMS } },
  });
  const clean = (text: string) => deps.redactor.text(text);

  app.post('/api/memory/pin', schemaOf(contract.pinSchema), async (request) => {
    const { text, ...asked } = request.body;
    return await correct(request, asked, { mustBeKnown: true }, ({ scope, known, fingerprint, ...by }) => {
      const pattern = fingerprint ?? { class: asked.fingerprint.class };
      const last = known.patterns
        .filter((one) => isMatch(pattern, one.fingerprint))
        .sort((a, b) => b.lastAtMs - a.lastAtMs)[0];
      return {
        ...by,
        ...{ kind: 'pin', scope, fingerprint: pattern, text: clean(text) },
        known: {
          count: countMatches(known, pattern),
          deploys: known.risk.deploys,
          ...(last === undefined ? {} : { lastAtMs: last.lastAtMs, lastDeployId: last.lastDeployId }),
        },
      };
    });
  });
  app.post('/api/memory/unpin', schemaOf(contract.unpinSchema), async (request) =>
    correct(request, request.body, { mustBeKnown: false }, ({ scope, known, fingerprint, ...by }) => {
      const pattern = fingerprint ?? { class: request.body.fingerprint.class };
      const isPinned = known.pinned.some((pin) => pin.class === pattern.class && pin.signature === pattern.signature);
      if (!isPinned) throw toNotPinned(known, pattern);
      return { ...by, kind: 'unpin', scope, fingerprint: pattern };
    }),
  );
  app.post('/api/memory/forget', schemaOf(contract.forgetSchema), async (request) =>
    correct(request, request.body, { mustBeKnown: true }, ({ scope, known: _, fingerprint, ...by }) => ({
      ...by,
      ...{ kind: 'forget', scope, text: clean(request.body.text) },
      ...(fingerprint === undefined ? {} : { fingerprint }),
    })),
  );
  app.post('/api/memory/weaken', schemaOf(contract.weakenSchema), async (request) =>
    correct(request, request.body, { mustBeKnown: true }, ({ scope, known: _, fingerprint, ...by }) => ({
      ...by,
      ...{ kind: 'weaken', scope, factor: request.body.factor, text: clean(request.body.text) },
      ...(fingerprint === undefined ? {} : { fingerprint }),
    })),
  );
  app.post('/api/memory/notes', schemaOf(contract.noteSchema), async (request) =>
    correct(request, request.body, { mustBeKnown: false }, ({ scope, known: _, fingerprint: __, ...by }) => ({
      ...by,
      ...{ kind: 'note', scope, text: clean(request.body.text) },
    })),
  );
  app.post('/api/memory/override', schemaOf(contract.overrideSchema), async (request) => {
    const { strategy, text } = request.body;
    return await correct(
      request,
      request.body,
      { mustBeKnown: false },
      ({ scope, known: _, fingerprint: __, ...by }) => ({
        ...by,
        ...{ kind: 'override_strategy', scope, strategy, text: clean(text) },
      }),
    );
  });
}

function addSubjectRoutes(server: FastifyInstance, deps: RouteDeps): void {
  const app = server.withTypeProvider<ZodTypeProvider>();
  app.delete(
    '/api/memory/subjects/:service',
    {
      schema: {
        tags,
        params: contract.serviceParamsSchema,
        querystring: contract.placeQuerySchema,
        response: { 200: contract.removedSchema, ...PROBLEMS },
      },
    },
    async (request) => {
      const scopes = await listScopes(deps, { ...request.params, ...request.query });
      if (scopes.length === 0)
        throw new AppError('not_found', `nothing is remembered about ${request.params.service} there`, {
          hint: 'GET /api/memory/services lists what is.',
        });
      const nowMs = deps.clock.now();
      const actor = toActor(request);
      const removed = await removeSubject(deps.db, { scopes, actor, text: '', nowMs }, async (trx, done) => {
        await audit(trx, 'delete_subject', actor, nowMs, { scopes, deploys: done.deploys });
      });
      await removeOccurrenceFiles(deps.occurrencesDir, removed.occurrences);
      return { ...removed, occurrences: removed.occurrences.length };
    },
  );
}

function addExchangeRoutes(server: FastifyInstance, deps: RouteDeps): void {
  const app = server.withTypeProvider<ZodTypeProvider>();
  app.addContentTypeParser(JSON_LINES, { parseAs: 'string', bodyLimit: MAX_IMPORT_BYTES }, (_request, body, done) =>
    done(null, body),
  );
  app.get(
    '/api/memory/export',
    { schema: { tags, querystring: contract.exportQuerySchema } },
    async (request, reply) => {
      const { service } = request.query;
      const atMs = deps.clock.now();
      const lines = exportHistory(deps.db, {
        ...{ atMs, actor: toActor(request), source: deps.cluster },
        ...(service === undefined ? {} : { service }),
      });
      return await reply.type('application/x-ndjson; charset=utf-8').send(Readable.from(lines));
    },
  );
  app.post(
    '/api/memory/import',
    {
      bodyLimit: MAX_IMPORT_BYTES,
      schema: {
        tags,
        consumes: JSON_LINES,
        querystring: contract.importQuerySchema,
        body: z.string('a history as JSON lines, sent as application/x-ndjson'),
        response: { 200: contract.importResultSchema, ...PROBLEMS },
      },
    },
    async (request) => {
      const { source, cluster } = request.query;
      const nowMs = deps.clock.now();
      const actor = toActor(request);
      const parsed = parseImport(request.body, { source, cluster: cluster ?? deps.cluster, nowMs });
      const counts = await importHistory(deps.db, { ...parsed, source, actor, nowMs }, async (trx, done) => {
        await audit(trx, 'import', actor, nowMs, { source, ...done });
      });
      return { source, ...counts };
    },
  );
}

/** The journal lock is held by whoever opened the transaction. */
async function audit(
  trx: Transaction,
  action: string,
  actor: string,
  atMs: number,
  detail: Record<string, unknown>,
): Promise<void> {
  await appendAudit(trx, [{ at: toIsoTime(atMs), ticketId: null, actor, action: `memory.${action}`, detail }]);
}

/** Words of a note are left out: the log cannot be taken back, and a note can. */
function toAuditDetail(correction: NewCorrection): Record<string, unknown> {
  const { kind: _kind, actor: _actor, atMs: _atMs, ...detail } = correction;
  return correction.kind === 'note' ? { scope: correction.scope, characters: correction.text.length } : detail;
}

function toPattern(asked: Asked['fingerprint']): FingerprintPattern | undefined {
  if (asked === undefined) return undefined;
  return { class: asked.class, ...(asked.signature === undefined ? {} : { signature: asked.signature }) };
}

function countMatches(known: CorrectedContext, pattern: FingerprintPattern): number {
  return known.patterns
    .filter(({ fingerprint }) => isMatch(pattern, fingerprint))
    .reduce((total, { count }) => total + count, 0);
}

function toUnknown({ service, environment }: Scope): AppError {
  return new AppError('not_found', `nothing is remembered about ${service} in ${environment}`, {
    hint: 'GET /api/memory/services lists what is.',
  });
}

function toUnknownFailure(known: CorrectedContext, { class: failureClass, signature }: FingerprintPattern): AppError {
  const kinds = known.patterns.map(({ fingerprint }) => `${fingerprint.class}: ${fingerprint.signature}`);
  const what = signature === undefined ? failureClass : `${failureClass}: ${signature}`;
  return new AppError('not_found', `no failure of ${known.scope.service} with ${what} is remembered`, {
    hint:
      kinds.length === 0 ? 'None of its deploys failed in a known way.' : `Known are ${kinds.slice(0, 5).join('; ')}.`,
  });
}

function toNotPinned(known: CorrectedContext, { class: failureClass }: FingerprintPattern): AppError {
  const pins = known.pinned.map((pin) => (pin.signature === undefined ? pin.class : `${pin.class}: ${pin.signature}`));
  return new AppError('not_found', `${failureClass} is not pinned for ${known.scope.service}`, {
    hint: pins.length === 0 ? 'Nothing is.' : `Pinned are ${pins.join('; ')}.`,
  });
}

function toActor(request: FastifyRequest): string {
  return `person:${request.actor}`;
}
