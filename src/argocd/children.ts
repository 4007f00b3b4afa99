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

type ChildReads = Pick<ArgoReads, 'getApplication' | 'listApplications'>;

/**
 * All Applications below an application of applications. Their health does not count into the parent's, so whoever wants to
 * know has to walk. A child that is missing or hidden from us is left out.
 */
export async function readChildren(
  argo: ChildReads,
  parent: Application,
  signal: AbortSignal | undefined,
): Promise<Application[]> {
  const found: Application[] = [];
  const seen = new Set([toApplicationKey(toApplicationRef(parent))]);
  let level = [parent];
  for (let depth = 0; depth < MAX_DEPTH && level.length > 0; depth += 1) {
    const above = level;
    level = [];
    for (const one of above)
      for (const ref of listChildRefs(one)) {
        if (found.length + level.length >= MAX_CHILDREN || seen.has(toApplicationKey(ref))) continue;
        seen.add(toApplicationKey(ref));
        const child = await readChild(argo, ref, one.spec.project, signal);
        if (child !== undefined) level.push(child);
      }
    found.push(...level);
  }
  return found;
}

/**
 * A child's project is not told by its parent. Mostly it is the parent's own; where it is not, the list says which, so that no call
 * goes without one.
 */
async function readChild(
  argo: ChildReads,
  ref: ApplicationRef,
  project: string,
  signal: AbortSignal | undefined,
): Promise<Application | undefined> {
  const near = await readIn(argo, { ...ref, project }, signal);
  if (near !== undefined) return near;
  const listed = await argo.listApplications({ ...ref, signal });
  const other = listed.find(({ metadata }) => metadata.name === ref.name)?.spec.project;
  return other === undefined || other === project ? undefined : await readIn(argo, { ...ref, project: other }, signal);
}

async function readIn(
  argo: ChildReads,
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
