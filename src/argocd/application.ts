import type { ObjectRef } from '../manifest/object.ts';
import type { Application } from './schema.ts';

/** Which Application: the namespace may be left out for the control plane's own; the project turns 403 into a true 404. */
export interface ApplicationRef {
  name: string;
  namespace?: string;
  project?: string;
}

export function toApplicationRef(application: Application): ApplicationRef {
  const { name, namespace } = application.metadata;
  const { project } = application.spec;
  return { name, ...(namespace === '' ? {} : { namespace }), ...(project === '' ? {} : { project }) };
}

/** Names repeat across namespaces, so both parts make the key. */
export function toApplicationKey(ref: ApplicationRef): string {
  return `${ref.namespace ?? ''}/${ref.name}`;
}

interface Identified {
  group: string;
  kind: string;
  namespace: string;
  name: string;
}

/** The identity of a resource as Argo CD lists it. */
export function toResourceRef(resource: Identified): ObjectRef {
  const { group, kind, namespace, name } = resource;
  return { group, kind, namespace, name };
}

/**
 * Whether two refs name one object when either may leave the namespace to the Application: rendered manifests often carry no
 * namespace where the cluster's answer has one.
 */
export function isSameObject(a: ObjectRef, b: ObjectRef): boolean {
  if (a.group !== b.group || a.kind !== b.kind || a.name !== b.name) return false;
  return a.namespace === b.namespace || a.namespace === '' || b.namespace === '';
}

export interface CallOptions {
  signal?: AbortSignal | undefined;
}

/** The parts of an object's identity Argo CD wants when one resource of an application is meant. */
export interface ResourceTarget extends ObjectRef {
  version: string;
}

/** The query parameters by which reads and deletes name an application's namespace and project. */
export function toScope(ref: ApplicationRef): Record<string, string | undefined> {
  return { appNamespace: ref.namespace, project: ref.project };
}

export function toApplicationPath(ref: ApplicationRef): string {
  return `/api/v1/applications/${encodeURIComponent(ref.name)}`;
}
