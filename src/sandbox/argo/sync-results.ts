import { toObjectRef, toRefKey } from '../../manifest/object.ts';
import type { ManifestObject } from '../../manifest/object.ts';
import { toVersion } from '../cluster/live-object.ts';
import { listAt, textAt } from '../json.ts';
import type { ResourceResult, SyncPhase } from './application.ts';

/** What an operation has done to each object, in the order it came to them; a hook of two phases has two results. */
export interface SyncResults {
  note(object: ManifestObject, phase: SyncPhase, change: Partial<ResourceResult>): void;
  publish(): void;
}

export function createSyncResults(report: (results: ResourceResult[]) => void): SyncResults {
  const results = new Map<string, ResourceResult>();
  const publish = () => report([...results.values()]);
  return {
    publish,
    note: (object, syncPhase, change) => {
      const ref = toObjectRef(object);
      const key = `${toRefKey(ref)} ${syncPhase}`;
      const { group, kind, namespace, name } = ref;
      const images = listAt(object, 'spec', 'template', 'spec', 'containers').map(
        (item) => textAt(item, 'image') ?? '',
      );
      const base: ResourceResult = {
        group,
        version: toVersion(object.apiVersion),
        kind,
        namespace,
        name,
        syncPhase,
        ...(images.length > 0 ? { images } : {}),
      };
      results.set(key, { ...base, ...results.get(key), ...change });
      publish();
    },
  };
}
