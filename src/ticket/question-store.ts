import type { Knex } from 'knex';
import { fromJson, toJson, toText } from '../database/dialect.ts';

/** Something the agent asked, and what was answered. */
export interface Question {
  id: string;
  ticketId: string;
  attempt: number;
  question: string;
  options: string[];
  /** Which part of the work waits for it, such as `image`; the asking node understands it. */
  field: string;
  askedAt: string;
  answer: string | null;
  answeredAt: string | null;
  answeredBy: string | null;
}

interface QuestionRow {
  id: string;
  ticket_id: string;
  attempt: number;
  question: string;
  options_json: unknown;
  field: string;
  asked_at: string;
  answer: string | null;
  answered_at: string | null;
  answered_by: string | null;
}

function toQuestion(row: QuestionRow): Question {
  const options = fromJson(row.options_json);
  return {
    id: row.id,
    ticketId: row.ticket_id,
    attempt: Number(row.attempt),
    question: row.question,
    options: Array.isArray(options) ? options.map(String) : [],
    field: row.field,
    askedAt: row.asked_at,
    answer: row.answer,
    answeredAt: row.answered_at,
    answeredBy: row.answered_by,
  };
}

/** Asks once: an open question of the same words in the same attempt is returned as it is. */
export async function askQuestion(
  trx: Knex.Transaction,
  question: Pick<Question, 'id' | 'ticketId' | 'attempt' | 'question' | 'options' | 'field' | 'askedAt'>,
): Promise<{ question: Question; isNew: boolean }> {
  const words = toText(question.question);
  const open = await trx<QuestionRow>('questions')
    .where({ ticket_id: question.ticketId, attempt: question.attempt, question: words })
    .whereNull('answer')
    .first();
  if (open !== undefined) return { question: toQuestion(open), isNew: false };
  await trx('questions').insert({
    id: question.id,
    ticket_id: question.ticketId,
    attempt: question.attempt,
    question: words,
    options_json: toJson(question.options),
    field: question.field,
    asked_at: question.askedAt,
  });
  return { question: { ...question, question: words, answer: null, answeredAt: null, answeredBy: null }, isNew: true };
}

export async function findQuestion(knex: Knex, id: string): Promise<Question | undefined> {
  const row = await knex<QuestionRow>('questions').where({ id }).first();
  return row === undefined ? undefined : toQuestion(row);
}

/** In the order they were asked. */
export async function listQuestions(knex: Knex, ticketId: string, attempt?: number): Promise<Question[]> {
  const query = knex<QuestionRow>('questions').where({ ticket_id: ticketId });
  if (attempt !== undefined) void query.where({ attempt });
  return (await query.orderBy('asked_at', 'asc').orderBy('id', 'asc')).map(toQuestion);
}

/** Compare and set: true for the one caller whose answer stands. */
export async function answerQuestion(
  trx: Knex.Transaction,
  id: string,
  answer: { answer: string; at: string; by: string },
): Promise<boolean> {
  const changed = await trx('questions')
    .where({ id })
    .whereNull('answer')
    .update({ answer: toText(answer.answer), answered_at: answer.at, answered_by: answer.by });
  return changed > 0;
}
