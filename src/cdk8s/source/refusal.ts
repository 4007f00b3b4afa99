/** How an edit ends when source is left as it is, other than by being there already. */
export type Refusal =
  | {
      kind: 'unsupported';
      /** What stands in the way and where, one sentence. */
      reason: string;
      /** What a person, or a free-form edit, would do instead. */
      hint: string;
    }
  | { kind: 'not_found'; what: string; candidates: string[] }
  | { kind: 'ambiguous'; what: string; candidates: string[] }
  | { kind: 'unchanged'; reason: string };

/** Carries a refusal from the depth of an edit to `applyEdit`, which turns it into the outcome. Never leaves this folder. */
export class EditRefusal extends Error {
  readonly refusal: Refusal;

  constructor(refusal: Refusal) {
    super('reason' in refusal ? refusal.reason : refusal.what);
    this.refusal = refusal;
  }
}

export function unsupported(reason: string, hint: string): EditRefusal {
  return new EditRefusal({ kind: 'unsupported', reason, hint });
}

export function notFound(what: string, candidates: readonly string[]): EditRefusal {
  return new EditRefusal({ kind: 'not_found', what, candidates: [...candidates] });
}

export function ambiguous(what: string, candidates: readonly string[]): EditRefusal {
  return new EditRefusal({ kind: 'ambiguous', what, candidates: [...candidates] });
}

export function unchanged(reason: string): EditRefusal {
  return new EditRefusal({ kind: 'unchanged', reason });
}
