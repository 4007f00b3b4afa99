import type { ManifestObject } from '../../manifest/object.ts';
import { listSources } from './application.ts';
import type { Application, ApplicationSource, SyncOperation } from './application.ts';
import { GitReadError } from './git.ts';
import type { GitReader } from './git.ts';
import { mergePatch } from '../json.ts';
import { parseManifests, toTargets } from './manifests.ts';

/** What git wants an Application to be. */
export interface Targets {
  /** One per source, in their order. */
  revisions: string[];
  objects: ManifestObject[];
  /** Objects that appear more than once. */
  repeated: string[];
}

export interface TargetLoader {
  /** Throws GitReadError with the text of a ComparisonError. */
  load(
    application: Application,
    at?: Pick<SyncOperation, 'revision' | 'revisions' | 'sourcePositions'>,
  ): Promise<Targets>;
}

interface TargetLoaderDeps {
  git: GitReader;
  controllerNamespace: string;
  /** What is done to objects of these names after they were read. */
  patches?: () => readonly { kind: string; name: string; patch: Record<string, unknown> }[];
}

/** Renders the sources of Applications: directories of plain manifests, the only kind the sandbox knows. */
export function createTargetLoader({ git, controllerNamespace, patches }: TargetLoaderDeps): TargetLoader {
  const patch = (object: ManifestObject) =>
    (patches?.() ?? [])
      .filter(({ kind, name }) => kind === object.kind && name === object.metadata.name)
      .reduce((patched, one) => mergePatch(patched, one.patch) as ManifestObject, object);
  const read = async (source: ApplicationSource, revision: string) => {
    if (source.chart !== undefined) {
      throw new GitReadError(
        'rpc error: code = Unimplemented desc = the sandbox renders directories of manifests, not Helm charts',
      );
    }
    const commit = await git.resolve(source.repoURL, revision);
    // A source that is only referred to by others brings no objects of its own.
    if (source.path === undefined) return { commit, objects: [] };
    const { files } = await git.readFolder(source.repoURL, commit, source.path);
    return { commit, objects: parseManifests(files, source) };
  };

  return {
    load: async (application, at = {}) => {
      const sources = listSources(application.spec);
      const parts = await Promise.all(
        sources.map(async (source, index) => {
          // With positions the revisions are for those sources only, counted from 1; without, there is one for each.
          const place = at.sourcePositions === undefined ? index : at.sourcePositions.indexOf(index + 1);
          const pinned = at.revisions === undefined ? at.revision : at.revisions[place];
          try {
            return await read(source, pinned || (source.targetRevision ?? 'HEAD'));
          } catch (error) {
            if (!(error instanceof GitReadError)) throw error;
            const which = `source ${index + 1} of ${sources.length}`;
            const text = `Failed to load target state: failed to generate manifest for ${which}: ${error.message}`;
            throw new GitReadError(text, { cause: error });
          }
        }),
      );
      const { targets, repeated } = toTargets(
        parts.flatMap((part) => part.objects.map(patch)),
        {
          name: application.metadata.name,
          namespace: application.metadata.namespace,
          destinationNamespace: application.spec.destination.namespace ?? 'default',
          controllerNamespace,
        },
      );
      return { revisions: parts.map((part) => part.commit), objects: targets, repeated };
    },
  };
}

/** The revision fields of a status: one for a single source, a list for several. */
export function toRevisionFields(
  application: Application,
  revisions: readonly string[],
): { revision: string; revisions?: string[] } {
  if ((application.spec.sources?.length ?? 0) > 0) return { revision: '', revisions: [...revisions] };
  return { revision: revisions[0] ?? '' };
}

export function toSourceFields(application: Application): {
  source?: ApplicationSource;
  sources?: ApplicationSource[];
} {
  if ((application.spec.sources?.length ?? 0) > 0) return { sources: application.spec.sources ?? [] };
  return application.spec.source === undefined ? {} : { source: application.spec.source };
}
