import { type ApplicationRef, toApplicationKey, toApplicationRef } from './application.ts';
import { isArgoError } from './error.ts';
import type { ArgoReads } from './reads.ts';
import type { Application } from './schema.ts';

const MAX_DEPTH = 3;
const MAX_CHILDREN = 100;

/** Applications among an application's own resources. */
function listChildRefs(application: Application): ApplicationRef[] {
  return application.status.resources
    .filter((resource) => resource.group === 'argoproj.io' && resource.kind === 'Application')
    .map(({ name, namespace }) => ({ name, ...(namespace === '' ? {} : { namespace }) }));
}

/**
 * All Applications below an application of applications. Their health does not count into the parent's, so whoever wants to
 * know has to walk. A child that is missing or hidden from us is left out.
 */
export async function readChildren(
  argo: Pick<ArgoReads, 'getApplication'>,
  parent: Application,
  signal: AbortSignal | undefined,
): Promise<Application[]> {
  const found: Application[] = [];
  const seen = new Set([toApplicationKey(toApplicationRef(parent))]);
  let level = [parent];
  for (let depth = 0; depth < MAX_DEPTH && level.length > 0; depth += 1) {
    const refs = level.flatMap(listChildRefs).filter((ref) => !seen.has(toApplicationKey(ref)));
    level = [];
    for (const ref of refs) {
      if (found.length >= MAX_CHILDREN || seen.has(toApplicationKey(ref))) continue;
      seen.add(toApplicationKey(ref));
      const child = await readChild(argo, ref, signal);
      if (child !== undefined) level.push(child);
    }
    found.push(...level);
  }
  return found;
}

async function readChild(
  argo: Pick<ArgoReads, 'getApplication'>,
  ref: ApplicationRef,
  signal: AbortSignal | undefined,
): Promise<Application | undefined> {
  try {
    return await argo.getApplication(ref, { signal });
  } catch (error) {
    if (isArgoError(error, 'not_found', 'missing_or_denied', 'denied')) return undefined;
    throw error;
  }
}
