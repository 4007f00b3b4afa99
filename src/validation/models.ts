// kubernetes-models holds one compiled validator per kind and takes half a second to load whole, so each API version is
// loaded when an object of it first appears. The list is closed: a manifest must not choose which module is loaded.
type ModelModule = Record<string, unknown>;

const LOADERS: Readonly<Record<string, () => Promise<ModelModule>>> = {
  v1: () => import('kubernetes-models/v1'),
  'admissionregistration.k8s.io/v1': () => import('kubernetes-models/admissionregistration.k8s.io/v1'),
  'apiextensions.k8s.io/v1': () => import('kubernetes-models/apiextensions.k8s.io/v1'),
  'apiregistration.k8s.io/v1': () => import('kubernetes-models/apiregistration.k8s.io/v1'),
  'apps/v1': () => import('kubernetes-models/apps/v1'),
  'autoscaling/v1': () => import('kubernetes-models/autoscaling/v1'),
  'autoscaling/v2': () => import('kubernetes-models/autoscaling/v2'),
  'batch/v1': () => import('kubernetes-models/batch/v1'),
  'certificates.k8s.io/v1': () => import('kubernetes-models/certificates.k8s.io/v1'),
  'coordination.k8s.io/v1': () => import('kubernetes-models/coordination.k8s.io/v1'),
  'discovery.k8s.io/v1': () => import('kubernetes-models/discovery.k8s.io/v1'),
  'flowcontrol.apiserver.k8s.io/v1': () => import('kubernetes-models/flowcontrol.apiserver.k8s.io/v1'),
  'networking.k8s.io/v1': () => import('kubernetes-models/networking.k8s.io/v1'),
  'node.k8s.io/v1': () => import('kubernetes-models/node.k8s.io/v1'),
  'policy/v1': () => import('kubernetes-models/policy/v1'),
  'rbac.authorization.k8s.io/v1': () => import('kubernetes-models/rbac.authorization.k8s.io/v1'),
  'scheduling.k8s.io/v1': () => import('kubernetes-models/scheduling.k8s.io/v1'),
  'storage.k8s.io/v1': () => import('kubernetes-models/storage.k8s.io/v1'),
};

// Versions that Kubernetes stopped serving, by kind where the successors differ.
const REMOVED: Readonly<Record<string, { since: string; instead: string }>> = {
  'extensions/v1beta1': { since: '1.16 (Ingress: 1.22)', instead: 'apps/v1, networking.k8s.io/v1 or policy/v1' },
  'apps/v1beta1': { since: '1.16', instead: 'apps/v1' },
  'apps/v1beta2': { since: '1.16', instead: 'apps/v1' },
  'networking.k8s.io/v1beta1': { since: '1.22', instead: 'networking.k8s.io/v1' },
  'rbac.authorization.k8s.io/v1beta1': { since: '1.22', instead: 'rbac.authorization.k8s.io/v1' },
  'apiextensions.k8s.io/v1beta1': { since: '1.22', instead: 'apiextensions.k8s.io/v1' },
  'admissionregistration.k8s.io/v1beta1': { since: '1.22', instead: 'admissionregistration.k8s.io/v1' },
  'batch/v1beta1': { since: '1.25', instead: 'batch/v1' },
  'policy/v1beta1': { since: '1.25', instead: 'policy/v1' },
  'autoscaling/v2beta1': { since: '1.25', instead: 'autoscaling/v2' },
  'autoscaling/v2beta2': { since: '1.26', instead: 'autoscaling/v2' },
  'storage.k8s.io/v1beta1': { since: '1.27', instead: 'storage.k8s.io/v1' },
};

/** One fault the validator names; `path` is a JSON pointer. */
export interface SchemaFault {
  path: string;
  keyword: string;
  params: Record<string, unknown>;
}

/** Checks a value against the schema of its kind, reading every field the schema knows. */
export type SchemaValidator = (value: object) => SchemaFault[];

export type ModelLookup =
  | { kind: 'known'; validate: SchemaValidator }
  | { kind: 'removed'; since: string; instead: string }
  /** A group of Kubernetes itself that has no such kind or version. */
  | { kind: 'no_such_kind'; kinds: string[]; versions: string[] }
  /** A group that custom resource definitions bring. */
  | { kind: 'foreign' };

/** Finds the schema of a kind, or why there is none. */
export async function findModel(apiVersion: string, kind: string): Promise<ModelLookup> {
  if (Object.hasOwn(REMOVED, apiVersion)) {
    const removed = REMOVED[apiVersion];
    if (removed !== undefined) return { kind: 'removed', ...removed };
  }
  const load = Object.hasOwn(LOADERS, apiVersion) ? LOADERS[apiVersion] : undefined;
  if (load === undefined) return toUnknownVersion(apiVersion);
  const module = await load();
  const validate = Object.hasOwn(module, kind) ? toValidator(module[kind], kind) : undefined;
  if (validate !== undefined) return { kind: 'known', validate };
  const kinds = Object.keys(module).filter((name) => toValidator(module[name], name) !== undefined);
  return { kind: 'no_such_kind', kinds: kinds.filter((name) => !name.endsWith('List')), versions: [] };
}

function toUnknownVersion(apiVersion: string): ModelLookup {
  const slash = apiVersion.indexOf('/');
  const group = slash < 0 ? '' : apiVersion.slice(0, slash + 1);
  const versions = Object.keys(LOADERS).filter((known) =>
    group === '' ? !known.includes('/') : known.startsWith(group),
  );
  // Alpha and beta versions of Kubernetes' own groups exist in clusters without being in the schemas.
  const isPreview = /^v\d+(alpha|beta)\d+$/.test(apiVersion.slice(slash + 1));
  return versions.length === 0 || isPreview ? { kind: 'foreign' } : { kind: 'no_such_kind', kinds: [], versions };
}

// The models carry their validator as a method that throws; called on plain data it checks that data.
function toValidator(model: unknown, kind: string): SchemaValidator | undefined {
  if (typeof model !== 'function' || !('kind' in model) || model.kind !== kind) return undefined;
  const prototype: unknown = model.prototype;
  if (typeof prototype !== 'object' || prototype === null || !('validate' in prototype)) return undefined;
  const { validate } = prototype;
  if (typeof validate !== 'function') return undefined;
  return (value) => {
    try {
      validate.call(value);
      return [];
    } catch (error) {
      if (error instanceof Error && 'errors' in error && Array.isArray(error.errors)) return error.errors.map(toFault);
      throw error;
    }
  };
}

function toFault(error: { instancePath?: string; keyword?: string; params?: Record<string, unknown> }): SchemaFault {
  return { path: error.instancePath ?? '', keyword: error.keyword ?? '', params: error.params ?? {} };
}
