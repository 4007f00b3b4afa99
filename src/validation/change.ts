import { isSecretObject } from '../manifest/mask.ts';
import { toObjectRef, toRefKey } from '../manifest/object.ts';
import type { ManifestObject, ObjectChange } from '../manifest/object.ts';
import type { Finding } from './finding.ts';

export interface SourceFile {
  /** Relative to the repository root. */
  path: string;
  content: string;
  /** The file before the change; what was in it already is not held against the change. */
  before?: string;
}

/** A change as the checks see it: what differs, what it leads to, and the source that made it. */
export interface ChangeInput {
  changes: ObjectChange[];
  /** The whole new rendering of every touched service, Secrets unmasked. */
  after: ManifestObject[];
  /** Source files the change adds or edits. */
  sourceFiles: SourceFile[];
  /** Namespaces that objects may name; any when left out. */
  allowedNamespaces?: string[];
  /** Kinds that hold data or other objects and may be removed all the same, such as `PersistentVolumeClaim`. */
  removableKinds?: string[];
  /** Registries that are right although their names resemble well-known ones, such as mirrors. */
  trustedRegistries?: string[];
}

/** A check of one object by itself. It runs on both versions, so that only what a change brings counts in full. */
export interface ObjectCheck {
  name: string;
  inspect(object: ManifestObject, input: ChangeInput): Finding[] | Promise<Finding[]>;
}

/** A check of objects together: references, collisions. It runs on the set before and after. */
export interface SetCheck {
  name: string;
  inspect(objects: readonly ManifestObject[], input: ChangeInput): Finding[] | Promise<Finding[]>;
}

/** A check of the step from before to after. */
export interface ChangeCheck {
  name: string;
  inspect(input: ChangeInput): Finding[] | Promise<Finding[]>;
}

/** The objects as they were, reconstructed by undoing the changes. */
export function toBefore(input: ChangeInput): ManifestObject[] {
  const changed = new Map(input.changes.map((change) => [toRefKey(change.ref), change]));
  const kept = input.after.filter((object) => !changed.has(toRefKey(toObjectRef(object))));
  return [...kept, ...input.changes.flatMap((change) => change.before ?? [])];
}

/** Added and changed objects with both versions. Secrets are masked in a change, so the new one is taken from the rendering. */
export function listTouched(
  input: ChangeInput,
): { change: ObjectChange; before: ManifestObject | undefined; after: ManifestObject }[] {
  return input.changes.flatMap((change) => {
    if (change.after === undefined) return [];
    const key = toRefKey(change.ref);
    const isMasked = isSecretObject(change.after);
    const rendered = isMasked ? input.after.find((object) => toRefKey(toObjectRef(object)) === key) : undefined;
    return [{ change, before: change.before, after: rendered ?? change.after }];
  });
}

/**
 * What a change brought, and what was there before, the latter one severity down: a change is not refused for an old fault
 * in the object it touches, but whoever reads the approval learns of it.
 */
export function weighFindings(before: readonly Finding[], after: readonly Finding[]): Finding[] {
  const old = new Set(before.map(toIdentity));
  return after.map((finding) => (old.has(toIdentity(finding)) ? toPreExisting(finding) : finding));
}

/** Those of `after` that are not in `before`. */
export function listNewFindings(before: readonly Finding[], after: readonly Finding[]): Finding[] {
  const old = new Set(before.map(toIdentity));
  return after.filter((finding) => !old.has(toIdentity(finding)));
}

export function toPreExisting(finding: Finding): Finding {
  const severity = finding.severity === 'error' ? 'warning' : 'info';
  return { ...finding, severity, message: `${finding.message} (It was so before this change.)` };
}

function toIdentity(finding: Finding): string {
  const ref = finding.object === undefined ? '' : toRefKey(finding.object);
  return JSON.stringify([finding.check, ref, finding.field ?? '', finding.message]);
}
