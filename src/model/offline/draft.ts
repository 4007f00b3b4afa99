import type { Edit } from '../../cdk8s/edit-kinds.ts';
import { editSchema } from '../../cdk8s/edit-kinds.ts';
import type { ProposedStep } from '../planning.ts';
import type { Desk } from './desk.ts';
import { limit } from '../refusal.ts';

/** One step in the making. Two pieces with one key say something about the same field of the same service. */
interface Piece {
  /** Such as `web/image` or `web/env/LOG_LEVEL`. */
  key: string;
  service: string;
  /** What the field becomes, for telling two wishes apart. */
  wish: string;
  step: ProposedStep;
}

/** The steps of a plan while they are collected: said twice is meant once, and contradictions are asked about. */
export interface Draft {
  /** Adds a step for one field of a service. */
  put(piece: Piece): void;
  /** Adds a wish that already holds; it makes no step. */
  settle(service: string, key: string, sentence: string): void;
  has(service: string, family: string): boolean;
  settled(): readonly string[];
  /** Steps in the order in which they were asked for. */
  finish(): ProposedStep[];
}

/** @param isAmendment whether pieces that come now replace earlier ones instead of contradicting them */
export function createDraft(desk: Desk, isAmendment: () => boolean): Draft {
  const pieces = new Map<string, Piece>();
  const settled = new Map<string, string>();
  return {
    put: (piece) => {
      const before = pieces.get(piece.key);
      settled.delete(piece.key);
      if (before === undefined || isAmendment()) {
        pieces.set(piece.key, piece);
        return;
      }
      if (before.wish === piece.wish) return;
      const chosen = desk.ask(
        {
          question: `The ticket asks for two things at once: "${before.step.title}" and "${piece.step.title}". Which one?`,
          options: [before.step.title, piece.step.title],
          field: 'choice',
        },
        (answer) =>
          [before, piece].find(({ step, wish }) =>
            [step.title, wish].some((text) => text.toLowerCase() === answer.toLowerCase()),
          ),
      );
      if (chosen !== undefined) pieces.set(piece.key, chosen);
    },
    settle: (_service, key, sentence) => {
      if (!pieces.has(key)) settled.set(key, sentence);
    },
    has: (service, family) =>
      [...pieces.keys(), ...settled.keys()].some((key) => key.startsWith(`${service}/${family}`)),
    settled: () => [...settled.values()],
    finish: () => withoutContradictions([...pieces.values()], desk),
  };
}

// A service that is removed needs no other step, and a rollout that happens anyway no restart.
function withoutContradictions(pieces: readonly Piece[], desk: Desk): ProposedStep[] {
  const removed = new Set(pieces.filter(({ key }) => key.endsWith('/remove')).map(({ service }) => service));
  for (const service of removed) {
    const other = pieces.find((piece) => piece.service === service && !piece.key.endsWith('/remove'));
    if (other === undefined) continue;
    desk.ask(
      {
        question: `The ticket asks to remove ${service} and also to do this: "${other.step.title}". Which one?`,
        options: [`remove ${service}`, 'do nothing'],
        field: 'choice',
      },
      (answer) => (/\bremove\b/iu.test(answer) ? true : undefined),
    );
  }
  return pieces
    .filter(({ key, service }) => {
      if (removed.has(service)) return key.endsWith('/remove');
      const replaced = pieces.some(
        (piece) => piece.service === service && /\/(?:image|env|resources|rollback)/u.test(piece.key),
      );
      if (key.endsWith('/restart') && replaced) {
        desk.assume(`${service} gets no restart of its own: the other change replaces its pods anyway.`);
        return false;
      }
      return true;
    })
    .map(({ step }) => step);
}

/** An edit as a step, or the reason why its values are not allowed. */
export function toEditStep(edit: Edit, title: string, text: string): { step: ProposedStep } | { refused: string } {
  const checked = editSchema.safeParse(edit);
  if (!checked.success) {
    const issue = checked.error.issues[0];
    return { refused: `${title}: ${issue?.path.join('.') ?? ''} is not allowed (${issue?.message ?? 'wrong value'})` };
  }
  return { step: { kind: 'edit', edit: checked.data, title: limit(title, 290), why: toWhy(text) } };
}

export function toWhy(text: string): string {
  return `The ticket says: ${JSON.stringify(limit(text, 200))}`;
}
