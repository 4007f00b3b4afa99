import type { OperationState } from './schema.ts';

type Result = NonNullable<OperationState['syncResult']>['resources'][number];

/** What made an operation fail. Without results it is the operation itself, as `sync`. */
export interface SortedResults {
  reason: 'hook' | 'sync' | 'degraded';
  results: Result[];
}

/**
 * The results that broke an operation, hooks before refused objects before objects that turned bad while their wave was waited
 * for. Argo CD gives every result a `hookPhase`, ordinary objects included: only `hookType` makes a hook.
 */
export function sortResults(state: OperationState): SortedResults {
  const all = state.syncResult?.resources ?? [];
  const bad = all.filter(({ hookPhase }) => hookPhase === 'Failed' || hookPhase === 'Error');
  const hooks = bad.filter(({ hookType }) => hookType !== '');
  if (hooks.length > 0) return { reason: 'hook', results: hooks };
  const refused = all.filter(({ status }) => status === 'SyncFailed');
  if (refused.length > 0) return { reason: 'sync', results: refused };
  return bad.length > 0 ? { reason: 'degraded', results: bad } : { reason: 'sync', results: [] };
}
