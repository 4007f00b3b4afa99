import { toObjectRef, toRefKey } from '../manifest/object.ts';
import { listNewFindings, listTouched, toBefore, toPreExisting, weighFindings } from './change.ts';
import type { ChangeCheck, ChangeInput, ObjectCheck, SetCheck } from './change.ts';
import { accessCheck } from './checks/access.ts';
import { destructiveCheck } from './checks/destructive.ts';
import { disruptionCheck } from './checks/disruption.ts';
import { imagesCheck, imageStepCheck } from './checks/images.ts';
import { collisionsCheck } from './checks/collisions.ts';
import { referencesCheck } from './checks/references.ts';
import { schemaCheck } from './checks/schema.ts';
import { scopeCheck } from './checks/scope.ts';
import { secretsCheck } from './checks/secrets.ts';
import { workloadCheck } from './checks/workload.ts';
import { yamlCheck } from './checks/yaml.ts';
import type { Finding } from './finding.ts';

const OBJECT_CHECKS: readonly ObjectCheck[] = [schemaCheck, workloadCheck, imagesCheck, accessCheck];
const SET_CHECKS: readonly SetCheck[] = [referencesCheck, collisionsCheck, scopeCheck, disruptionCheck];
const CHANGE_CHECKS: readonly ChangeCheck[] = [yamlCheck, secretsCheck, destructiveCheck, imageStepCheck];

/**
 * Every remark about a change, worst first. Faults that were there before count only in touched objects, one severity lower;
 * in the rest of the rendering only what the change breaks counts. Has no effects; throws only when a check itself is broken,
 * which must stop the change like a finding would.
 */
export async function validateChange(input: ChangeInput): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (const { before, after } of listTouched(input))
    for (const check of OBJECT_CHECKS) {
      const old = before === undefined ? [] : await check.inspect(before, input);
      findings.push(...weighFindings(old, await check.inspect(after, input)));
    }
  const before = toBefore(input);
  for (const check of SET_CHECKS)
    findings.push(...weighSet(input, await check.inspect(before, input), await check.inspect(input.after, input)));
  for (const check of CHANGE_CHECKS) findings.push(...(await check.inspect(input)));
  return sortFindings(findings);
}

function weighSet(input: ChangeInput, before: readonly Finding[], after: readonly Finding[]): Finding[] {
  const touched = new Set(input.changes.map((change) => toRefKey(change.ref)));
  const existed = new Set(toBefore(input).map((object) => toRefKey(toObjectRef(object))));
  const fresh = new Set(listNewFindings(before, after));
  return after.flatMap((finding) => {
    const key = finding.object === undefined ? '' : toRefKey(finding.object);
    if (!fresh.has(finding)) return touched.has(key) ? [toPreExisting(finding)] : [];
    // The connection held, and this change cuts it at its other end: no other repository explains that.
    const isCut = finding.check === referencesCheck.name && existed.has(key) && isHeldBefore(finding, touched.has(key));
    return [isCut ? { ...finding, severity: 'error' as const } : finding];
  });
}

// A Service that selected pods and selects none now is cut off, whichever side was edited.
function isHeldBefore(finding: Finding, isTouched: boolean): boolean {
  return !isTouched || finding.field === 'spec.selector';
}

const ORDER = { error: 0, warning: 1, info: 2 } as const;

/** Worst first, each once. */
export function sortFindings(findings: readonly Finding[]): Finding[] {
  const unique = new Map(findings.map((finding) => [JSON.stringify(finding), finding]));
  const toKey = (finding: Finding) =>
    [ORDER[finding.severity], finding.check, finding.object ? toRefKey(finding.object) : '', finding.field ?? ''].join(
      '\n',
    );
  return [...unique.values()].sort((a, b) => (toKey(a) < toKey(b) ? -1 : 1));
}
