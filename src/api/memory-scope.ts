import { AppError } from '../lib/errors.ts';
import { toScopeLabel, type Scope } from '../memory/facts.ts';
import type { MemoryKeeper } from '../memory/memory-store.ts';

/** A service, and as much of where it runs as was said. */
export interface Place {
  service: string;
  environment?: string | undefined;
  namespace?: string | undefined;
  cluster?: string | undefined;
}

interface Deps {
  memory: MemoryKeeper;
  /** The name under which this Argo CD's cluster is remembered. */
  cluster: string;
}

/** Every remembered place that what was said fits. */
export async function listScopes(deps: Deps, place: Place): Promise<Scope[]> {
  const fits = (scope: Scope) =>
    (['environment', 'namespace', 'cluster'] as const).every(
      (field) => place[field] === undefined || place[field] === scope[field],
    );
  return (await deps.memory.scopesOf(place.service)).filter(fits);
}

/**
 * The one place that is meant. What was left out is filled from what is remembered, as long as that leaves one; a place nothing
 * is remembered about must be named by its environment.
 * @throws AppError `not_found` where nothing fits, `conflict` with `details.scopes` where more than one place does
 */
export async function resolveScope(deps: Deps, place: Place): Promise<{ scope: Scope; isKnown: boolean }> {
  const found = await listScopes(deps, place);
  const [only] = found;
  if (found.length === 1 && only !== undefined) return { scope: only, isKnown: true };
  if (found.length > 1) {
    const places = found.map(
      (scope) => `${toScopeLabel(scope)} (namespace ${scope.namespace}, cluster ${scope.cluster})`,
    );
    throw new AppError('conflict', `${place.service} is remembered in ${found.length} places: ${places.join('; ')}`, {
      hint: 'Say which one is meant with environment, namespace and cluster.',
      details: { scopes: found },
    });
  }
  const { service, environment } = place;
  if (environment === undefined)
    throw new AppError('not_found', `nothing is remembered about ${service}${toWhere(place)}`, {
      hint: 'GET /api/memory/services lists what is. Name an environment to see what to expect of a first deploy there.',
    });
  const namespace = place.namespace ?? environment;
  return { scope: { cluster: place.cluster ?? deps.cluster, environment, namespace, service }, isKnown: false };
}

function toWhere({ namespace, cluster }: Place): string {
  const parts = [
    ...(namespace === undefined ? [] : [`namespace ${namespace}`]),
    ...(cluster === undefined ? [] : [`cluster ${cluster}`]),
  ];
  return parts.length === 0 ? '' : ` in ${parts.join(', ')}`;
}
