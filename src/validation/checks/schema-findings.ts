import { toFieldPath, toRecord, toText } from '../../manifest/fields.ts';
import { toObjectRef } from '../../manifest/object.ts';
import type { ManifestObject } from '../../manifest/object.ts';
import type { Finding } from '../finding.ts';
import { validateAndWatch } from '../known-fields.ts';
import type { UnknownField } from '../known-fields.ts';
import type { SchemaFault, SchemaValidator } from '../models.ts';
import { findNearest } from '../../lib/nearest.ts';

const CHECK = 'schema';

/** Applies a validator to an object, or to a part of it that stands at `prefix`. */
export function inspectBySchema(
  object: ManifestObject,
  value: object,
  validate: SchemaValidator,
  toPath = (pointer: string): string => toDottedPath(value, pointer),
): Finding[] {
  const { faults, unknown } = validateAndWatch(validate, value);
  return [
    ...groupFaults(faults).map((group) => toFaultFinding(object, value, group, toPath)),
    ...unknown.filter((field) => !isExtension(object, field)).map((field) => toUnknownFinding(object, field, toPath)),
  ];
}

// The models leave out the extensions that a definition's schema may carry (x-kubernetes-preserve-unknown-fields, ...).
function isExtension(object: ManifestObject, field: UnknownField): boolean {
  return object.kind === 'CustomResourceDefinition' && field.name.startsWith('x-kubernetes-');
}

function groupFaults(faults: readonly SchemaFault[]): SchemaFault[][] {
  const groups = new Map<string, SchemaFault[]>();
  for (const fault of faults) {
    // A missing field is its own fault; several faults at one path are the branches of one "either ... or".
    const missing = fault.keyword === 'required' ? String(fault.params['missingProperty']) : '';
    const key = JSON.stringify([fault.path, missing]);
    groups.set(key, [...(groups.get(key) ?? []), fault]);
  }
  return [...groups.values()];
}

function toFaultFinding(
  object: ManifestObject,
  root: object,
  group: readonly SchemaFault[],
  toPath: (pointer: string) => string,
): Finding {
  const first = group[0];
  const path = toPath(first?.path ?? '');
  if (first?.keyword === 'required') {
    const field = toFieldPath(path, String(first.params['missingProperty']));
    return toSchemaFinding(object, 'error', field, {
      message: `${field} is missing; Kubernetes refuses the object without it.`,
      fix: `Set ${field}.`,
    });
  }
  const wanted = describeWanted(group);
  const actual = toTypeName(findByPointer(root, first?.path ?? ''));
  const isUnquoted = wanted.includes('string') && (actual === 'boolean' || actual === 'number');
  const isTypeFault = group.every((fault) => fault.keyword === 'type');
  return toSchemaFinding(object, 'error', path, {
    message: `${path} must be ${wanted}${isTypeFault ? `; it is ${toNoun(actual)}` : ''}.`,
    fix: isUnquoted ? 'Quote the value, so that it stays text.' : `Give ${wanted}.`,
  });
}

function describeWanted(group: readonly SchemaFault[]): string {
  const allowed = group.find((fault) => fault.keyword === 'enum' || fault.keyword === 'const');
  if (allowed !== undefined) {
    const values: unknown = allowed.params['allowedValues'] ?? allowed.params['allowedValue'];
    return `one of ${(Array.isArray(values) ? values : [values]).join(', ')}`;
  }
  const format = group.find((fault) => fault.keyword === 'format');
  if (format !== undefined) {
    const name = toText(format.params['format']) ?? '';
    if (name === 'quantity') return 'a quantity such as 250m or 512Mi';
    if (name === 'byte') return 'base64 text';
    return `in the format ${name}`;
  }
  const types = [
    ...new Set(group.filter((fault) => fault.keyword === 'type').map((fault) => String(fault.params['type']))),
  ];
  if (types.length > 0) return types.map(toNoun).join(' or ');
  return `valid (${group[0]?.keyword ?? 'unknown rule'})`;
}

function toUnknownFinding(object: ManifestObject, field: UnknownField, toPath: (pointer: string) => string): Finding {
  const path = toFieldPath(toPath(field.path), field.name);
  const nearest = findNearest(field.name, field.known);
  const choices = field.known.length <= 12 ? ` Known here: ${field.known.join(', ')}.` : '';
  return toSchemaFinding(object, 'error', path, {
    message: `${path} is not a field of ${object.kind}; a strict apply fails on it, a lenient one drops it silently.`,
    fix: nearest === undefined ? `Remove it or correct its name.${choices}` : `Did you mean "${nearest}"?`,
  });
}

/** A finding of the schema check. */
export function toSchemaFinding(
  object: ManifestObject,
  severity: Finding['severity'],
  field: string,
  text: { message: string; fix: string },
): Finding {
  return { check: CHECK, severity, object: toObjectRef(object), field, ...text };
}

function toNoun(type: string): string {
  if (type === 'null') return 'null';
  return /^[aeiou]/.test(type) ? `an ${type}` : `a ${type}`;
}

function toTypeName(value: unknown): string {
  if (value === null) return 'null';
  return Array.isArray(value) ? 'list' : typeof value;
}

function toSegments(pointer: string): string[] {
  return pointer
    .split('/')
    .slice(1)
    .map((segment) => segment.replaceAll('~1', '/').replaceAll('~0', '~'));
}

function findByPointer(root: unknown, pointer: string): unknown {
  return toSegments(pointer).reduce(findChild, root);
}

function findChild(value: unknown, segment: string): unknown {
  return Array.isArray(value) ? value[Number(segment)] : toRecord(value)?.[segment];
}

/** A JSON pointer as a dotted path, list items by name where they have one. */
export function toDottedPath(root: unknown, pointer: string, prefix = ''): string {
  let value = root;
  let path = prefix;
  for (const segment of toSegments(pointer)) {
    const child = findChild(value, segment);
    if (Array.isArray(value)) path = `${path}[${toText(toRecord(child)?.['name']) ?? segment}]`;
    else path = toFieldPath(path, segment);
    value = child;
  }
  return path;
}
