import type { Scope } from './facts.ts';
import type { ServiceState } from './service-state.ts';

/**
 * Finds what is remembered about a scope without building a key for it, since every deploy ever told is looked up. Services
 * of one name stand together: versions are compared among them.
 */
export interface ScopeIndex {
  add(state: ServiceState): void;
  /** Everywhere a service of this name runs, in the order they were added. */
  namesakes(service: string): readonly ServiceState[];
}

const NONE: readonly ServiceState[] = [];

export function createScopeIndex(states: Iterable<ServiceState>): ScopeIndex {
  const byName = new Map<string, ServiceState[]>();
  const add = (state: ServiceState) => {
    const known = byName.get(state.scope.service);
    if (known === undefined) byName.set(state.scope.service, [state]);
    else known.push(state);
  };
  for (const state of states) add(state);
  return { add, namesakes: (service) => byName.get(service) ?? NONE };
}

/** The one of these scope, among services of its name. */
export function findScope(namesakes: readonly ServiceState[], scope: Scope): ServiceState | undefined {
  for (const state of namesakes) {
    const { environment, namespace, cluster } = state.scope;
    if (environment === scope.environment && namespace === scope.namespace && cluster === scope.cluster) return state;
  }
  return undefined;
}
