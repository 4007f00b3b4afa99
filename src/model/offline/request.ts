import type { NamedTarget } from './catalog.ts';
import type { Value } from './value.ts';

export type Action = 'apply' | 'deploy' | 'remove' | 'restart' | 'rollback' | 'stop' | 'investigate' | 'promote';

/** What a request is about, as far as its words say. */
export type Target =
  | { kind: 'named'; text: string; candidates: NamedTarget[] }
  /** To be made: a name no service has yet, with the well-known image it may stand for. */
  | { kind: 'new'; name: string; known?: string }
  | { kind: 'unknown'; text: string }
  | { kind: 'all'; except: NamedTarget[] }
  /** "it", or nothing: what was spoken of before. */
  | { kind: 'context' };

/** What a request needs and does not say. */
export type Want = 'version' | 'replicas' | 'resource' | 'setting' | 'host' | 'strategy' | 'anything';

/** One thing a clause asks for, not yet complete. */
export interface Request {
  action: Action;
  target: Target;
  values: Value[];
  /** Filled when the clause names a subject without a value. */
  wants: Want[];
  /** Environments the clause names, as the repository calls them; unknown ones as written. */
  environments: string[];
  condition?: string;
  time?: string;
  /** Whether the verb speaks of something to be made. */
  makesNew: boolean;
  /** Words of the clause nothing was made of. */
  leftover: string[];
  /** The sentence it comes from. */
  text: string;
}

/** What a clause came to. */
export type Reading =
  | { kind: 'requests'; requests: Request[] }
  /** Services the ticket says not to touch. */
  | { kind: 'kept'; targets: NamedTarget[]; text: string }
  /** Nothing asked for; `target` is what following clauses may call "it". */
  | { kind: 'background'; target?: Target; environments: string[]; symptom: boolean; text: string; question: boolean }
  /** A change was asked for that there is no step for. */
  | { kind: 'unsupported'; text: string; why: string };
