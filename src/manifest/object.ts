/** A Kubernetes object as plain data. Only the fields every object has are typed; the rest stays as it was read. */
export interface ManifestObject {
  apiVersion: string;
  kind: string;
  metadata: ObjectMeta;
  [field: string]: unknown;
}

export interface ObjectMeta {
  name: string;
  namespace?: string;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
  [field: string]: unknown;
}

/** What identifies an object in a cluster. The version is left out: `apps/v1` and `apps/v1beta1` name one object. */
export interface ObjectRef {
  group: string;
  kind: string;
  /** Empty for cluster-scoped objects and where the manifest leaves it to the Application. */
  namespace: string;
  name: string;
}

/** One field that differs between two versions of an object. */
export interface FieldChange {
  /** Dotted path, list items by name where they have one: `spec.template.spec.containers[web].image`. */
  path: string;
  before?: unknown;
  after?: unknown;
}

/** One Kubernetes object added, changed or removed between two renderings. */
export interface ObjectChange {
  type: 'added' | 'changed' | 'removed';
  ref: ObjectRef;
  /** Folder of the rendered file, which is the name of the service it belongs to. */
  service: string;
  before?: ManifestObject;
  after?: ManifestObject;
  fields: FieldChange[];
  /** Unified difference of the two YAML texts, with three lines of context. */
  patch: string;
}

export function toObjectRef(object: ManifestObject): ObjectRef {
  const slash = object.apiVersion.indexOf('/');
  return {
    group: slash < 0 ? '' : object.apiVersion.slice(0, slash),
    kind: object.kind,
    namespace: object.metadata.namespace ?? '',
    name: object.metadata.name,
  };
}

/** A stable text key: equal refs give equal keys. */
export function toRefKey(ref: ObjectRef): string {
  return [ref.group, ref.kind, ref.namespace, ref.name].join('/');
}

/** As a person would write it: `Deployment production/web`. */
export function toRefLabel(ref: ObjectRef): string {
  return `${ref.kind} ${ref.namespace === '' ? '' : `${ref.namespace}/`}${ref.name}`;
}
