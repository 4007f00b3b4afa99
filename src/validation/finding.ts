import type { ObjectRef } from '../manifest/object.ts';

/** One remark of a check about the rendered change. */
export interface Finding {
  /** The check's name, such as `secrets` or `schema`. */
  check: string;
  /** `error` stops the change; `warning` is shown with the approval and may raise the risk; `info` is shown. */
  severity: 'error' | 'warning' | 'info';
  object?: ObjectRef;
  /** Dotted path in the object, or a file with a line for findings about source. */
  field?: string;
  /** What is wrong and why it matters, one sentence; never holds the secret itself. */
  message: string;
  /** What to do about it. */
  fix: string;
}
