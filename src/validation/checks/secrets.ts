import { toFieldPath, toRecord, toText } from '../../manifest/fields.ts';
import { isSecretObject } from '../../manifest/mask.ts';
import { toObjectRef } from '../../manifest/object.ts';
import type { ManifestObject, ObjectRef } from '../../manifest/object.ts';
import { toYaml } from '../../manifest/yaml.ts';
import { findWorkload } from '../../manifest/workload.ts';
import { listTouched, toPreExisting } from '../change.ts';
import type { ChangeCheck, ChangeInput, SourceFile } from '../change.ts';
import type { Finding } from '../finding.ts';
import {
  decodeText,
  findRandomText,
  findSecretAssignments,
  findSecretShapes,
  isPlaceholder,
  isSecretName,
} from './secret-shapes.ts';
import type { SecretMatch } from './secret-shapes.ts';
import { lintSecrets } from './secretlint.ts';

const CHECK = 'secrets';
const FIX =
  'Take it out and revoke it, since it may have been seen; refer to a Secret made outside git (External Secrets, Sealed Secrets, SOPS).';

/** Secrets in the objects and in the source files of the change. No finding holds what was found. */
export const secretsCheck: ChangeCheck = {
  name: CHECK,
  inspect: async (input) => [...(await inspectObjects(input)), ...(await inspectFiles(input.sourceFiles))],
};

interface Located extends SecretMatch {
  field: string;
}

async function inspectObjects(input: ChangeInput): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (const { change, before, after } of listTouched(input)) {
    if (isSecretObject(after)) {
      findings.push(...inspectSecretObject(after, new Set(change.fields.map((field) => field.path)), change.type));
      continue;
    }
    const old = new Set((before === undefined ? [] : await locate(before)).map(toIdentity));
    for (const match of await locate(after)) {
      const finding = toFinding(match, { object: change.ref, field: match.field, place: match.field });
      findings.push(old.has(toIdentity(match)) ? toPreExisting(finding) : finding);
    }
  }
  return findings;
}

function inspectSecretObject(object: ManifestObject, changed: ReadonlySet<string>, type: string): Finding[] {
  const entries = ['data', 'stringData'].flatMap((field) =>
    Object.entries(toRecord(object[field]) ?? {}).flatMap(([key, value]) => {
      const text = toText(value) ?? '';
      const plain = field === 'data' ? (decodeText(text) ?? text) : text;
      // A Secret may be made empty for something else to fill.
      return text === '' || plain.trim() === '' ? [] : [toFieldPath(field, key)];
    }),
  );
  return entries.map((path) => {
    const finding: Finding = {
      check: CHECK,
      severity: 'error',
      object: toObjectRef(object),
      field: path,
      message: `The Secret's value at ${path} would be readable by everyone who can read the repository; base64 hides nothing.`,
      fix: 'Keep the value outside git (External Secrets, Sealed Secrets, SOPS) and refer to the Secret by name.',
    };
    const isOld = type === 'changed' && !isChanged(path, changed);
    return isOld ? toPreExisting(finding) : finding;
  });
}

function isChanged(path: string, changed: ReadonlySet<string>): boolean {
  return changed.has(path) || changed.has(path.split(/[.[]/)[0] ?? path);
}

/** Every secret in an object with the field it stands in, each place once. */
async function locate(object: ManifestObject): Promise<Located[]> {
  const leaves = listStrings(object, '');
  const found: Located[] = [...locateByName(object), ...leaves.flatMap((leaf) => locateInLeaf(leaf))];
  for (const match of await lintSecrets(toYaml(object), 'object.yaml')) {
    const start = match.value.split('\n')[0] ?? match.value;
    const field = leaves.find((leaf) => leaf.text.includes(start))?.path ?? 'the object';
    found.push({ ...match, field });
  }
  return firstPerField(found);
}

function locateInLeaf(leaf: { path: string; text: string; key: string }): Located[] {
  const isConfiguration = leaf.path.startsWith('data') || /\.(?:args|command)\[/.test(leaf.path);
  const byKey =
    leaf.path.startsWith('data') && isSecretName(leaf.key) && !leaf.text.includes('\n') && !isPlaceholder(leaf.text)
      ? [toNamed(leaf.text)]
      : [];
  return [
    ...findSecretShapes(leaf.text),
    ...byKey,
    ...(isConfiguration ? findSecretAssignments(leaf.text, 'configuration') : []),
    ...(isDigestPlace(leaf.path) ? [] : findRandomText(leaf.text)),
  ].map((match) => ({ ...match, field: leaf.path }));
}

function locateByName(object: ManifestObject): Located[] {
  const containers = findWorkload(object)?.containers ?? [];
  return containers.flatMap((container) =>
    container.env.flatMap(({ name, value }) =>
      value === undefined || !(isSecretName(name) || /^key$/i.test(name)) || isPlaceholder(value)
        ? []
        : [{ ...toNamed(value), field: `containers[${container.name}].env[${name}].value` }],
    ),
  );
}

function toNamed(value: string): SecretMatch {
  return { what: 'a literal value for a name that speaks of a secret', value, index: 0, certainty: 'certain' };
}

// Images, hashes and public certificates are random by nature.
function isDigestPlace(path: string): boolean {
  return (
    /(?:\.image|checksum[^.]*\]?|hash[^.]*\]?|sha256[^.]*\]?|caBundle|\.ca)$/i.test(path) || path.startsWith('status.')
  );
}

function firstPerField(found: readonly Located[]): Located[] {
  const byField = new Map<string, Located>();
  for (const match of found) {
    // `env[PASSWORD].value` is found by name, by shape and by the linter; one remark about it is enough.
    const key = match.field.replace(/^.*(?=containers\[)/i, '');
    const known = byField.get(key);
    if (known === undefined || (known.certainty === 'likely' && match.certainty === 'certain')) byField.set(key, match);
  }
  return [...byField.values()];
}

function listStrings(value: unknown, path: string, key = ''): { path: string; text: string; key: string }[] {
  if (typeof value === 'string') return [{ path, text: value, key }];
  if (Array.isArray(value))
    return value.flatMap((item, index) => {
      const name = toText(toRecord(item)?.['name']) ?? String(index);
      return listStrings(item, `${path}[${name}]`, key);
    });
  return Object.entries(toRecord(value) ?? {}).flatMap(([name, item]) =>
    listStrings(item, toFieldPath(path, name), name),
  );
}

async function inspectFiles(files: readonly SourceFile[]): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (const file of files) {
    const old = file.before === undefined ? [] : await scanText(file.before, file.path);
    const known = new Set(old.map((match) => match.value));
    const lines = new Set<number>();
    for (const match of await scanText(file.content, file.path)) {
      const line = file.content.slice(0, match.index).split('\n').length;
      if (lines.has(line)) continue;
      lines.add(line);
      const place = `${file.path}:${line}`;
      const finding = toFinding(match, { field: place, place });
      findings.push(known.has(match.value) ? toPreExisting(finding) : finding);
    }
  }
  return findings;
}

async function scanText(text: string, path: string): Promise<SecretMatch[]> {
  const syntax = /\.(?:[cm]?[jt]sx?)$/.test(path) ? 'program' : 'configuration';
  return [
    ...findSecretShapes(text),
    ...findSecretAssignments(text, syntax),
    ...(await lintSecrets(text, path)),
    ...(/(?:^|\/)(?:package-lock\.json|yarn\.lock|pnpm-lock\.yaml)$/.test(path) ? [] : findRandomText(text)),
  ];
}

function toFinding(match: SecretMatch, at: { object?: ObjectRef; field: string; place: string }): Finding {
  const verb = match.certainty === 'certain' ? 'holds' : 'seems to hold';
  return {
    check: CHECK,
    severity: match.certainty === 'certain' ? 'error' : 'warning',
    ...(at.object === undefined ? {} : { object: at.object }),
    field: at.field,
    message: `${at.place} ${verb} ${match.what}; git would keep it for everyone who can read the repository.`,
    fix: FIX,
  };
}

function toIdentity(match: Located): string {
  return JSON.stringify([match.field, match.value]);
}
