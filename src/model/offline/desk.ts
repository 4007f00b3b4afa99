import type { PlanningInput, PlanResult } from '../planning.ts';
import { limit, toRefusal } from '../refusal.ts';

/**
 * Where the makers of steps turn when something is missing. A question that was answered before is not asked again, so a
 * plan is completed by planning anew with the answers. The first open question or refusal decides the result.
 */
export interface Desk {
  /**
   * The usable answer to a question; undefined when it is open, in which case the maker gives up and the question is the
   * result. `read` returns undefined for an answer it can make nothing of.
   */
  ask<T>(query: Query, read: (answer: string) => T | undefined): T | undefined;
  refuse(reason: string): undefined;
  assume(text: string): void;
  /** The result that stands in the way of a plan. */
  readonly pending: PlanResult | undefined;
  readonly assumptions: readonly string[];
}

export interface Query {
  question: string;
  options: readonly string[];
  field: string;
}

const MAX_TRIES = 3;

export function createDesk(answers: PlanningInput['answers']): Desk {
  const given = new Map(answers.map(({ question, answer }) => [toKey(question), answer]));
  const assumptions = new Set<string>();
  let pending: PlanResult | undefined;
  const block = (result: PlanResult): undefined => {
    pending ??= result;
    return undefined;
  };
  const refuse = (reason: string): undefined => block(toRefusal(reason));
  return {
    ask: (query, read) => {
      // An answer that cannot be used leads to another wording, since the same words would count as answered.
      let question = limit(query.question, 1500);
      for (let tries = 0; tries < MAX_TRIES; tries += 1) {
        const answer = given.get(toKey(question));
        if (answer === undefined)
          return block({
            kind: 'question',
            question,
            options: [...new Set(query.options.map((option) => limit(option, 300)))].filter(Boolean).slice(0, 12),
            field: query.field,
          });
        const value = isRefusal(answer) ? undefined : read(answer.trim());
        if (value !== undefined) return value;
        if (isRefusal(answer))
          return refuse(
            `To the question ${JSON.stringify(limit(query.question, 300))} the answer was ${JSON.stringify(limit(answer, 60))}, so there is nothing to do.`,
          );
        question = `I cannot use the answer ${JSON.stringify(limit(answer, 80))}${tries === 0 ? '' : ' either'}. ${limit(query.question, 1500)}`;
      }
      return refuse(`${MAX_TRIES} answers to ${JSON.stringify(limit(query.question, 300))} were of no use.`);
    },
    refuse,
    assume: (text) => {
      assumptions.add(limit(text, 900));
    },
    get pending() {
      return pending;
    },
    get assumptions() {
      return [...assumptions];
    },
  };
}

/** Whether the person would rather nothing happened. */
function isRefusal(answer: string): boolean {
  return /^(?:do nothing|nothing|cancel|stop|abort|never ?mind|forget it|none of these|neither|leave it)\.?$/iu.test(
    answer.trim(),
  );
}

function toKey(text: string): string {
  return text.replace(/\s+/gu, ' ').trim().toLowerCase();
}
