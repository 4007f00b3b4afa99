import { toObjectRef, toRefLabel } from '../../manifest/object.ts';
import type { ManifestObject } from '../../manifest/object.ts';
import type { ObjectCheck } from '../change.ts';
import type { Finding } from '../finding.ts';
import { findModel } from '../models.ts';
import { findNearest } from '../../lib/nearest.ts';
import { inspectAnalysisTemplate, isAnalysisTemplate } from './analysis-template.ts';
import { inspectRollout } from './rollout.ts';
import { inspectBySchema, toSchemaFinding as toFinding } from './schema-findings.ts';

/** Types, required and unknown fields against the schemas of Kubernetes; unknown kinds and versions no cluster serves. */
export const schemaCheck: ObjectCheck = {
  name: 'schema',
  inspect: async (object) => {
    const model = await findModel(object.apiVersion, object.kind);
    switch (model.kind) {
      case 'known':
        return inspectBySchema(object, object, model.validate);
      case 'removed':
        return [
          toFinding(object, 'error', 'apiVersion', {
            message: `${object.apiVersion} is not served by Kubernetes since ${model.since}, so the sync would fail.`,
            fix: `Use ${model.instead}.`,
          }),
        ];
      case 'no_such_kind':
        return [toUnknownKind(object, model)];
      case 'foreign':
        return await inspectForeign(object);
    }
  },
};

function toUnknownKind(object: ManifestObject, found: { kinds: string[]; versions: string[] }): Finding {
  if (found.versions.length > 0)
    return toFinding(object, 'error', 'apiVersion', {
      message: `Kubernetes has no API version ${object.apiVersion}, so the sync would fail.`,
      fix: `Use ${found.versions.join(' or ')}.`,
    });
  const nearest = findNearest(object.kind, found.kinds);
  return toFinding(object, 'error', 'kind', {
    message: `${object.apiVersion} has no kind ${object.kind}, so the sync would fail.`,
    fix: nearest === undefined ? 'Correct the kind or its apiVersion.' : `Did you mean ${nearest}?`,
  });
}

async function inspectForeign(object: ManifestObject): Promise<Finding[]> {
  const ref = toObjectRef(object);
  if (ref.group === 'argoproj.io' && ref.kind === 'Rollout') return await inspectRollout(object);
  if (isAnalysisTemplate(ref)) return inspectAnalysisTemplate(object);
  return [
    toFinding(object, 'info', 'apiVersion', {
      message: `${toRefLabel(ref)} is a custom resource (${object.apiVersion}); its fields could not be checked.`,
      fix: 'Compare it with the custom resource definition in the cluster.',
    }),
  ];
}
