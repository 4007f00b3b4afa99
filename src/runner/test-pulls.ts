import type { Database } from '../database/open.ts';
import { toIsoTime } from '../lib/clock.ts';
import type { AppError } from '../lib/errors.ts';
import type { CommitSha } from '../lib/ids.ts';
import { silentLogger } from '../lib/logger.ts';
import type { Forge, PullRequest, Remark } from '../forge/forge.ts';
import { findPull, savePull, type TrackedPull } from '../ticket/pull-request-store.ts';
import { createTicketWorld } from '../ticket/test-tickets.ts';
import { updateTicket } from '../ticket/ticket-store.ts';
import type { Ticket } from '../ticket/ticket.ts';
import type { PullLookDeps } from './pull-deps.ts';

export const HEAD = 'a'.repeat(40) as CommitSha;
export const BASE = 'b'.repeat(40) as CommitSha;
export const NEWER_BASE = 'c'.repeat(40) as CommitSha;
export const MERGE = 'd'.repeat(40);
export const POLL_MS = 60_000;

/** A ticket that waits for a pull request, and a host whose answers a test sets. */
export async function createPullTestWorld(db: Database, purpose: 'change' | 'revert' = 'change') {
  const world = createTicketWorld(db);
  await db.knex('tickets').delete();
  const { id: ticketId } = await world.create();
  const pull = await savePull(db.knex, {
    ...{ id: world.ids.next('pull'), ticketId, attempt: 1, slot: `1.0.${purpose}`, purpose, changeKey: 'key' },
    ...{
      branch: `tiphys/${ticketId}`,
      baseBranch: 'main',
      number: 7,
      url: 'https://host/pull/7',
      head: HEAD,
      base: BASE,
    },
    ...{ at: world.now(), nextLookAt: world.now() },
  });
  const hold = {
    kind: 'merge',
    pullRequestId: pull.id,
    number: 7,
    url: pull.url,
    branch: pull.branch,
    purpose,
  } as const;
  await updateTicket(db.knex, ticketId, { status: 'pending_merge', hold }, world.now());

  const host = {
    seen: {
      ...{ number: 7, url: pull.url, state: 'open', head: { branch: pull.branch, sha: HEAD }, baseBranch: 'main' },
      ...{ mergeCommit: null, endedBy: null, endedAtMs: null, mergeable: 'clean' },
    } as PullRequest,
    remarks: [] as Remark[],
    /** What Tiphys said there. */
    said: [] as string[],
    closed: 0,
    /** Branches taken away, each with the head it was said to be at. */
    dropped: [] as { branch: string; head: string }[],
    asked: 0,
    failure: undefined as AppError | undefined,
    base: BASE,
    /** Commits with our trailer on the base. */
    onBase: [] as string[],
  };
  const read = <T>(answer: () => T) => {
    if (host.failure !== undefined) throw host.failure;
    return answer();
  };
  const unused = async (): Promise<never> => {
    throw new Error('a look does not do this');
  };
  const forge: Forge = {
    ...{ kind: 'github', apiUrl: 'https://host/api', project: 'acme/infra' },
    ...{ describe: unused, open: unused, find: unused, update: unused },
    get: async () => {
      host.asked += 1;
      return read(() => ({ ...host.seen }));
    },
    listRemarks: async () => read(() => [...host.remarks]),
    comment: async (_number, body) => {
      host.said.push(body);
      host.remarks.push(toRemark(`own:${host.said.length}`, 'tiphys-bot', body));
    },
    close: async () => {
      host.closed += 1;
    },
  };
  const repo = {
    fetch: async () => host.base,
    findByTrailer: async () => host.onBase.map((sha) => ({ sha })),
    removeBranch: async (change: { branch: string; head: string }) => {
      host.dropped.push(change);
      return { kind: 'removed' as const };
    },
  };
  const moved: Ticket[] = [];
  const deps: PullLookDeps = {
    ...{ db, journal: world.journal, clock: world.clock, logger: silentLogger },
    // What a look does with these two is little; reaching for more fails.
    repo: repo as unknown as PullLookDeps['repo'],
    instances: {} as PullLookDeps['instances'],
    proposals: { forge, branchPrefix: 'tiphys/', proposesReverts: true, pollMs: POLL_MS },
    changed: (ticket) => void moved.push(ticket),
  };
  return {
    ...world,
    deps,
    host,
    moved,
    ticketId,
    row: async (): Promise<TrackedPull> => (await findPull(db.knex, pull.id)) as TrackedPull,
    ticket: async () => await world.tickets.get(ticketId),
    place: async (patch: Parameters<typeof updateTicket>[2]) =>
      await updateTicket(db.knex, ticketId, patch, toIsoTime(world.clock.now())),
    told: async () => (await world.events(ticketId)).flatMap((one) => (one.type === 'pull_request' ? [one.data] : [])),
    reviews: async () => (await world.events(ticketId)).flatMap((one) => (one.type === 'review' ? [one.data] : [])),
  };
}

export function toRemark(id: string, author: string, text: string, more: Partial<Remark> = {}): Remark {
  return {
    id,
    author,
    text,
    verdict: 'comment',
    url: `https://host/pull/7#${id}`,
    atMs: Date.UTC(2026, 0, 1),
    ...more,
  };
}
