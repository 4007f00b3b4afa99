import type { SoakInput, SoakOutcome } from '../argocd/verdict-soak.ts';
import type { Transaction } from '../database/transaction.ts';
import { toIsoTime } from '../lib/clock.ts';
import { AppError } from '../lib/errors.ts';
import { toPlain } from '../lib/plain-text.ts';
import { openTicket } from '../ticket/open-ticket.ts';
import { recordTicketOccurrences } from '../ticket/occurrences.ts';
import { endSoak, listSoaks, type LeasedSoak } from '../ticket/soak-store.ts';
import { lockTicket } from '../ticket/ticket-store.ts';
import type { Ticket } from '../ticket/ticket.ts';
import type { AgentDeps } from './deps.ts';
import { readFailure, toVerdictFailure } from './read-failure.ts';
import type { Failure } from './state.ts';

type Regressed = Extract<SoakOutcome, { kind: 'regressed' }>;

/**
 * Draws the consequence of a regression: why it happened, the correction of what memory was told, the event on the resolved
 * ticket, and where policy wants it a ticket that takes the change back. All of it in one transaction, or nothing.
 */
export async function concludeRegression(
  deps: AgentDeps,
  soak: LeasedSoak,
  { input, outcome }: { input: SoakInput; outcome: Regressed },
  signal: AbortSignal,
): Promise<void> {
  const { application, changed } = input;
  const verdict = toVerdictFailure(outcome.reason, outcome.sentence);
  const read = await readFailure(deps, { application, name: soak.application, changed, verdict }, signal);
  const { failure } = read;
  const atMs = deps.clock.now();
  const at = toIsoTime(atMs);
  const sentence = deps.journal.redact(failure.sentence);
  const fingerprint = { class: failure.failureClass, signature: deps.journal.redact(failure.signature) };
  const facts = soak.subject.deployIds.map((deployId) => ({ deployId, atMs, verdict: 'regressed', fingerprint }));
  await deps.memory.recordRegressions(facts, async (trx) => {
    const ticket = await lockTicket(trx, soak.ticketId);
    const mayOpen = await mayFollow(trx, deps, ticket);
    const followUp = mayOpen ? { followUp: (await openFollowUp(trx, deps, { ticket, soak, sentence, at })).id } : {};
    if (!(await endSoak(trx, soak, { state: 'regressed', at, sentence, ...followUp })))
      throw new AppError('lease_lost', `${soak.application} is watched elsewhere`);
    await deps.journal.append(trx, soak.ticketId, 'agent:observer', [
      ...read.events,
      {
        type: 'regressed',
        data: {
          application: soak.application,
          commit: soak.commit,
          reason: outcome.reason,
          sentence,
          evidence: outcome.evidence,
          failureClass: failure.failureClass,
          ...followUp,
        },
      },
    ]);
  });
  deps.journal.published();
  const { db, redactor, settings } = deps;
  await recordTicketOccurrences({ knex: db.knex, dir: settings.occurrencesDir, redactor }, soak.ticketId);
}

/**
 * One ticket takes a change back, however many Applications go bad; and what took something back is not taken back itself. The
 * runner finds a new ticket where it finds all others.
 */
async function mayFollow(trx: Transaction, deps: AgentDeps, ticket: Ticket): Promise<boolean> {
  if (deps.settings.soak.onRegression === 'report' || ticket.follows !== null) return false;
  return (await listSoaks(trx, ticket.id)).every((one) => one.followUp === null);
}

const MAX_TITLE = 300;

async function openFollowUp(
  trx: Transaction,
  deps: AgentDeps,
  input: { ticket: Ticket; soak: LeasedSoak; sentence: Failure['sentence']; at: string },
): Promise<Ticket> {
  const { ticket, soak, sentence, at } = input;
  const { services, commits } = soak.subject;
  return await openTicket(
    trx,
    deps,
    {
      title: toPlain(`Take back "${ticket.title}": ${services.join(', ')} went bad`).slice(0, MAX_TITLE),
      description: `${sentence}\n\nOpened by itself, since the change of ticket ${ticket.id} went bad after it was live.`,
      priority: ticket.priority === 'critical' ? 'critical' : 'high',
      target: ticket.target,
      instance: ticket.instance,
      start: true,
      follows: {
        ticketId: ticket.id,
        commits,
        services,
        sentence,
        needsPerson: deps.settings.soak.onRegression === 'ask',
      },
    },
    { actor: 'agent', at },
  );
}
