import type { RenderDifference } from '../argocd/rendering.ts';
import { toRefKey, type ObjectRef } from '../manifest/object.ts';
import { toPreExisting } from '../validation/change.ts';
import type { Finding } from '../validation/finding.ts';
import type { RenderGateSettings } from './deps.ts';

// How what Argo CD renders differs from the plan, as findings.

const CHECK = 'argocd_render';
const MAX_LISTED = 20;

/** What came of asking about one Application. */
export type RenderAnswer =
  /** `standing` are those of the differences that were there before the change. */
  | { kind: 'compared'; sourceType: string; differences: RenderDifference[]; standing: ReadonlySet<RenderDifference> }
  /** Argo CD was asked, and cannot render the commit. */
  | { kind: 'unrenderable'; message: string; isStanding: boolean }
  /** Nobody knows what it would render. */
  | { kind: 'unasked'; message: string };

interface Weighing {
  mode: RenderGateSettings['mode'];
  /** Keys of the objects the change touches. */
  touched: ReadonlySet<string>;
}

/** Findings about one Application. What was so before counts one severity lower in what the change touches, and not elsewhere. */
export function toFindings(application: string, answer: RenderAnswer, weighing: Weighing): Finding[] {
  const severity = toSeverity(weighing.mode);
  switch (answer.kind) {
    case 'unasked':
      return [toUnaskedFinding(`Application ${application}`, answer.message, weighing.mode)];
    case 'unrenderable': {
      const message = `Argo CD cannot render Application ${application} with this change: ${answer.message}`;
      const fix = 'Correct the change or the source of the Application: a sync would stop at the same error.';
      const finding: Finding = { check: CHECK, severity, message, fix };
      return [answer.isStanding ? toPreExisting(finding) : finding];
    }
    case 'compared': {
      const counting = answer.differences.filter(
        (one) => !answer.standing.has(one) || weighing.touched.has(toRefKey(one.ref)),
      );
      const fix = toFix(application, answer.sourceType);
      const findings = counting.slice(0, MAX_LISTED).map((one): Finding => {
        const finding: Finding = { check: CHECK, severity, ...toPlace(one), message: toMessage(application, one), fix };
        return answer.standing.has(one) ? toPreExisting(finding) : finding;
      });
      const more = counting.length - findings.length;
      if (more === 0) return findings;
      const message = `Argo CD renders ${more} more fields of Application ${application} otherwise than the plan.`;
      return [...findings, { check: CHECK, severity, message, fix }];
    }
  }
}

/** That nothing could be asked, about one Application or all of them. */
export function toUnaskedFinding(what: string, message: string, mode: RenderGateSettings['mode']): Finding {
  return {
    check: CHECK,
    severity: toSeverity(mode),
    message: `What Argo CD would render for ${what} was not compared with the plan: ${message}`,
    fix: 'Open the ticket again when it can be asked, or look at the Application yourself before you approve.',
  };
}

function toSeverity(mode: RenderGateSettings['mode']): 'error' | 'warning' {
  return mode === 'block' ? 'error' : 'warning';
}

/** Something that is not compared, and does not have to be. */
export function toRemark(message: string): Finding {
  return { check: CHECK, severity: 'info', message, fix: 'Nothing has to be done; the deploy is watched as always.' };
}

function toPlace(difference: RenderDifference): { object: ObjectRef; field?: string } {
  return difference.kind === 'field' ? { object: difference.ref, field: difference.path } : { object: difference.ref };
}

function toFix(application: string, sourceType: string): string {
  const how = sourceType === '' ? '' : ` It renders its folder as ${sourceType}.`;
  return `Look at what Application ${application} does to its manifests: include and exclude, Kustomize or Helm settings, a plugin.${how}`;
}

function toMessage(application: string, difference: RenderDifference): string {
  switch (difference.kind) {
    case 'only_planned':
      return `The plan has this object, and Argo CD does not render it for Application ${application}.`;
    case 'only_rendered':
      return `Argo CD renders this object for Application ${application}, and the plan does not have it.`;
    case 'field': {
      const { path, planned, rendered } = difference;
      if (rendered === undefined)
        return `Argo CD leaves this field out for Application ${application}; the plan has it.`;
      if (planned === undefined)
        return `Argo CD adds this field for Application ${application}; the plan does not have it.`;
      const [ours, theirs] = [toShown(path, planned), toShown(path, rendered)];
      if (ours === undefined || theirs === undefined)
        return `Argo CD renders another value here for Application ${application} than the plan has.`;
      return `Argo CD renders ${theirs} here for Application ${application}; the plan has ${ours}.`;
    }
  }
}

/** What may be shown of a value. A plugin puts secrets wherever it is told to, so texts are not, but for images. */
function toShown(path: string, value: unknown): string | undefined {
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  return typeof value === 'string' && /\.image$/.test(path) ? value : undefined;
}
