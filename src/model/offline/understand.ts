import type { Catalog, NamedTarget } from './catalog.ts';
import { toClauses } from './clause.ts';
import { readClause } from './read.ts';
import type { Reading, Request, Target } from './request.ts';

/** What a whole text asks for, with what "it" means filled in. */
export interface Understanding {
  requests: Request[];
  kept: { targets: NamedTarget[]; text: string }[];
  unsupported: { text: string; why: string }[];
  /** Services that were said to be unwell, or asked about. */
  concerns: { target: Target; text: string; question: boolean }[];
  /** Sentences with a service's name in them that were taken as background. */
  remarks: string[];
  /** Whether anything at all was recognised, a service's name included. */
  isEmpty: boolean;
}

/** @param fallback what a request is about that names no service: the ticket's own target, or what was spoken of before */
export function understand(text: string, catalog: Catalog, fallback: Target | undefined): Understanding {
  const clauses = toClauses(text, catalog);
  const readings = clauses.map((clause) => readClause(clause, catalog));
  const result: Understanding = { requests: [], kept: [], unsupported: [], concerns: [], remarks: [], isEmpty: true };
  for (const clause of clauses) if (clause.isTooLong) result.remarks.push(clause.text);
  const spoken = toSpokenTargets(readings);
  const only = spoken.length === 1 ? spoken[0] : undefined;
  let last: Target | undefined;
  let place: string[] = [];
  for (const reading of readings) {
    if (reading.kind === 'kept') result.kept.push({ targets: reading.targets, text: reading.text });
    else if (reading.kind === 'unsupported') result.unsupported.push({ text: reading.text, why: reading.why });
    else if (reading.kind === 'background') {
      if (reading.environments.length > 0) place = reading.environments;
      const target = reading.target ?? (reading.symptom || reading.question ? (last ?? fallback ?? only) : undefined);
      if (target !== undefined && (reading.symptom || reading.question))
        result.concerns.push({ target, text: reading.text, question: reading.question });
      if (reading.target !== undefined) {
        last = reading.target;
        result.remarks.push(reading.text);
      }
    } else
      for (const request of reading.requests) {
        const target =
          request.target.kind === 'context' ? (last ?? fallback ?? only ?? request.target) : request.target;
        const environments = request.environments.length > 0 ? request.environments : place;
        result.requests.push({ ...request, target, environments, action: toActionFor(request, target) });
        if (target.kind === 'named' || target.kind === 'new') last = target;
      }
    if (reading.kind !== 'background' || reading.target !== undefined || reading.question) result.isEmpty = false;
  }
  return result;
}

// "Deploy redis 7.2. Scale it to 3." is one new service.
function toActionFor(request: Request, target: Target): Request['action'] {
  return target.kind === 'new' && (request.action === 'apply' || request.action === 'deploy')
    ? 'deploy'
    : request.action;
}

function toSpokenTargets(readings: readonly Reading[]): Target[] {
  const targets = readings.flatMap((reading): Target[] => {
    if (reading.kind === 'requests')
      return reading.requests.map(({ target }) => target).filter(({ kind }) => kind === 'named' || kind === 'new');
    return reading.kind === 'background' && reading.target !== undefined ? [reading.target] : [];
  });
  const keyOf = (target: Target) =>
    target.kind === 'named' ? target.text.toLowerCase() : target.kind === 'new' ? target.name : '';
  return [...new Map(targets.map((target) => [keyOf(target), target])).values()];
}
