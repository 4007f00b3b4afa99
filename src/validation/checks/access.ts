import { findField, toList, toRecords, toText } from '../../manifest/fields.ts';
import { toObjectRef, toRefLabel } from '../../manifest/object.ts';
import type { ObjectCheck } from '../change.ts';
import type { Finding } from '../finding.ts';

const CHECK = 'access';
const RBAC = 'rbac.authorization.k8s.io';
const ANYONE = new Set([
  'system:anonymous',
  'system:unauthenticated',
  'system:authenticated',
  'system:serviceaccounts',
]);
const STRONG_VERBS = new Set(['escalate', 'bind', 'impersonate']);

/** Rights that make the holder master of the cluster. */
export const accessCheck: ObjectCheck = {
  name: CHECK,
  inspect: (object) => {
    const ref = toObjectRef(object);
    if (ref.group !== RBAC) return [];
    const findings: Finding[] = [];
    const add = (field: string, message: string, fix: string) =>
      findings.push({ check: CHECK, severity: 'error', object: ref, field, message, fix });
    const role = toText(findField(object, 'roleRef', 'name'));
    if (ref.kind.endsWith('Binding') && (role === 'cluster-admin' || role === 'system:masters'))
      add(
        'roleRef.name',
        `${toRefLabel(ref)} gives ${role}, which is every right there is.`,
        'Bind a role with only the rights needed.',
      );
    for (const [index, subject] of toRecords(object['subjects']).entries()) {
      const name = toText(subject['name']) ?? '';
      if (ANYONE.has(name))
        add(
          `subjects[${index}]`,
          `${toRefLabel(ref)} gives its rights to ${name}.`,
          'Name the accounts that need them.',
        );
    }
    for (const [index, rule] of toRecords(object['rules']).entries()) {
      const verbs = toList(rule['verbs']).map(String);
      const resources = toList(rule['resources']).map(String);
      if (verbs.includes('*') && resources.includes('*'))
        add(
          `rules[${index}]`,
          `${toRefLabel(ref)} allows every verb on every resource.`,
          'List the verbs and resources needed.',
        );
      const strong = verbs.filter((verb) => STRONG_VERBS.has(verb));
      if (strong.length > 0)
        add(
          `rules[${index}].verbs`,
          `${toRefLabel(ref)} allows ${strong.join(', ')}, by which its holder can take more rights.`,
          'Leave these verbs out.',
        );
    }
    return findings;
  },
};
