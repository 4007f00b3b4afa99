import { findField, toText } from '../../manifest/fields.ts';
import { toObjectRef, toRefLabel } from '../../manifest/object.ts';
import type { ManifestObject } from '../../manifest/object.ts';
import type { SetCheck } from '../change.ts';
import type { Finding } from '../finding.ts';

const CLUSTER_KINDS = new Set([
  'Namespace',
  'Node',
  'PersistentVolume',
  'ClusterRole',
  'ClusterRoleBinding',
  'CustomResourceDefinition',
  'StorageClass',
  'PriorityClass',
  'IngressClass',
  'RuntimeClass',
  'APIService',
  'MutatingWebhookConfiguration',
  'ValidatingWebhookConfiguration',
  'ValidatingAdmissionPolicy',
  'ValidatingAdmissionPolicyBinding',
  'ClusterIssuer',
  'ClusterSecretStore',
  'ClusterPolicy',
  'AppProject',
]);

/** Where a change reaches: namespaces it may not touch, the cluster as a whole, a definition and its first use at once. */
export const scopeCheck: SetCheck = {
  name: 'scope',
  inspect: (objects, { allowedNamespaces }) => {
    const findings: Finding[] = [];
    const defined = new Set(objects.filter((object) => object.kind === 'CustomResourceDefinition').map(toDefinedKind));
    for (const object of objects) {
      const ref = toObjectRef(object);
      if (ref.namespace !== '' && allowedNamespaces !== undefined && !allowedNamespaces.includes(ref.namespace))
        findings.push({
          check: 'scope',
          severity: 'error',
          object: ref,
          field: 'metadata.namespace',
          message: `${toRefLabel(ref)} is placed in namespace ${ref.namespace}, which this repository may not change.`,
          fix: `Use one of ${allowedNamespaces.join(', ') || '(none is allowed)'}, or have the namespace allowed.`,
        });
      if (CLUSTER_KINDS.has(ref.kind))
        findings.push({
          check: 'scope',
          severity: 'warning',
          object: ref,
          message: `${toRefLabel(ref)} belongs to the whole cluster, so this change reaches beyond its service.`,
          fix: 'Make sure the owners of the cluster know.',
        });
      if (defined.has(`${ref.group}/${ref.kind}`))
        findings.push({
          check: 'scope',
          severity: 'warning',
          object: ref,
          message: `${toRefLabel(ref)} uses a resource definition that the same sync brings; it may be applied before the definition is known.`,
          fix: 'Deploy the definition first, or give it an earlier sync wave.',
        });
    }
    return findings;
  },
};

function toDefinedKind(definition: ManifestObject): string {
  return `${toText(findField(definition, 'spec', 'group')) ?? ''}/${toText(findField(definition, 'spec', 'names', 'kind')) ?? ''}`;
}
