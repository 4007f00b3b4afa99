import { cutText } from '../lib/plain-text.ts';
import type { Occurrence } from '../memory/occurrence.ts';
import type { OccurrenceStep } from '../memory/occurrence-record.ts';
import { recordOccurrence, type OccurrenceDeps } from '../memory/occurrence-store.ts';
import { listDeploys } from '../memory/fact-store.ts';
import { listEvents } from './event-store.ts';
import type { TicketEvent } from './event.ts';
import { findLatestPlan } from './plan-store.ts';

const MAX_EVENTS = 1_000;
const MAX_TEXT = 400;

/**
 * Writes an occurrence for every deploy of a ticket that has ended. Safe to call again, as after a crash: the same facts give
 * the same occurrences.
 */
export async function recordTicketOccurrences(deps: OccurrenceDeps, ticketId: string): Promise<Occurrence[]> {
  const deploys = await listDeploys(deps.knex, { ticketId, limit: 200 });
  const ended = deploys.filter(({ outcome }) => outcome !== undefined);
  if (ended.length === 0) return [];
  const events = await listAllEvents(deps.knex, ticketId);
  const advice = (await findLatestPlan(deps.knex, ticketId))?.intent.advice;
  const written: Occurrence[] = [];
  for (const { deploy, outcome, regression } of ended) {
    const until = (regression ?? outcome)?.atMs ?? Number.POSITIVE_INFINITY;
    const own = events.filter((event) => !('commit' in event.data) || event.data.commit === deploy.commit);
    // A later deploy of the ticket, such as the revert, has its own story.
    const before = own.filter((event) => Date.parse(event.at) <= until);
    const occurrence = await recordOccurrence(deps, {
      deployId: deploy.id,
      steps: toOccurrenceSteps(before),
      explanation: toExplanation(before),
      ...(advice === undefined ? {} : { expected: advice }),
    });
    if (occurrence !== undefined) written.push(occurrence);
  }
  return written;
}

async function listAllEvents(knex: OccurrenceDeps['knex'], ticketId: string): Promise<TicketEvent[]> {
  const events: TicketEvent[] = [];
  let afterId = 0;
  for (;;) {
    const page = await listEvents(knex, { ticketId }, { afterId, limit: MAX_EVENTS });
    events.push(...page);
    const last = page.at(-1);
    // A story longer than this is told by its beginning and its end.
    if (last === undefined || page.length < MAX_EVENTS) break;
    afterId = last.id;
  }
  return events.length <= MAX_EVENTS ? events : [...events.slice(0, MAX_EVENTS / 2), ...events.slice(-MAX_EVENTS / 2)];
}

/** What was concluded, in sentences, the last word first: what came later, the verdicts, then why they came. */
function toExplanation(events: readonly TicketEvent[]): string[] {
  const regressions = events.flatMap((event) => (event.type === 'regressed' ? [event.data.sentence] : []));
  const verdicts = events.flatMap((event) => (event.type === 'verdict' ? [event.data.sentence] : []));
  const diagnoses = events.flatMap((event) =>
    event.type === 'tool_call' && event.data.tool === 'argocd.diagnose' && event.data.ok
      ? [event.data.output.split('\n')[0] ?? '']
      : [],
  );
  return [...regressions, ...verdicts, ...diagnoses]
    .filter((line) => line !== '')
    .map((line) => cutText(line, MAX_TEXT));
}

/** The events that are steps of a deploy; progress that repeats itself is left out. */
function toOccurrenceSteps(events: readonly TicketEvent[]): OccurrenceStep[] {
  return events.flatMap((event) => {
    const step = toStep(event);
    return step === undefined
      ? []
      : [{ atMs: Date.parse(event.at), ...step, description: cutText(step.description, MAX_TEXT) }];
  });
}

function toStep(event: TicketEvent): Omit<OccurrenceStep, 'atMs'> | undefined {
  switch (event.type) {
    case 'status':
      return { action: `status.${event.data.to}`, description: event.data.reason, outcome: event.data.code };
    case 'plan':
      return { action: 'plan', description: event.data.summary, outcome: event.data.risk };
    case 'model_call': {
      const { purpose, model, outcome, durationMs } = event.data;
      return { action: 'model', description: `${purpose} with ${model}`, outcome, durationMs };
    }
    case 'tool_call': {
      const { tool, input, ok, durationMs } = event.data;
      return { action: `tool.${tool}`, description: input, outcome: ok ? 'success' : 'failure', durationMs };
    }
    case 'approval':
      return { action: `approval.${event.data.kind}`, description: toDecision(event.data), outcome: event.data.state };
    case 'question': {
      const { question, answer } = event.data;
      return { action: 'question', description: question, outcome: answer === undefined ? 'asked' : 'answered' };
    }
    case 'commit':
      return { action: `commit.${event.data.purpose}`, description: event.data.subject, outcome: event.data.sha };
    case 'push':
      return { action: `push.${event.data.purpose}`, description: event.data.head, outcome: event.data.outcome };
    case 'pull_request': {
      const { state, purpose, url, by } = event.data;
      return {
        action: `pull_request.${purpose}`,
        description: by === undefined ? url : `${url}, ${by}`,
        outcome: state,
      };
    }
    case 'review': {
      const { author, text, verdict } = event.data;
      return { action: 'review', description: text === '' ? author : `${author}: ${text}`, outcome: verdict };
    }
    case 'verdict':
      return { action: 'verdict', description: event.data.sentence, outcome: event.data.outcome };
    case 'soak':
      return event.data.state === 'watching'
        ? undefined
        : { action: 'soak', description: event.data.sentence, outcome: event.data.state };
    case 'regressed':
      return { action: 'regressed', description: event.data.sentence, outcome: event.data.failureClass };
    case 'error':
      return { action: `error.${event.data.node}`, description: event.data.message, outcome: event.data.code };
    case 'finding':
    case 'sync':
    case 'health':
    case 'memory':
    case 'note':
      return undefined;
  }
}

function toDecision({ by, reason }: { by?: string | undefined; reason?: string | undefined }): string {
  return [by, reason].filter((part) => part !== undefined && part !== '').join(': ');
}
