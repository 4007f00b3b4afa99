import { parseImage } from '../manifest/image.ts';
import type { ObjectChange } from '../manifest/object.ts';
import { toWorkloads } from '../manifest/workload.ts';
import type { PlannedStep } from '../model/planning.ts';

/** What kind of change memory keeps: the one kind of edit, `rollback`, `revert`, `edit_source`, or `mixed`. */
export function toChangeKind(steps: readonly PlannedStep[]): string {
  const kinds = new Set(steps.map(toKind));
  const [only] = kinds;
  return kinds.size === 1 && only !== undefined ? only : 'mixed';
}

function toKind(step: PlannedStep): string {
  if (step.kind === 'take_back') return 'revert';
  return step.kind === 'edit' ? step.edit.kind : step.kind;
}

/** The version a plan brings a service to: the tag, or the digest, of the image it names. */
export function toVersion(steps: readonly PlannedStep[], service: string): string | undefined {
  for (const step of steps) {
    if (step.kind !== 'edit' || step.edit.service !== service) continue;
    if (step.edit.kind === 'set_image' || step.edit.kind === 'add_service') {
      const image = parseImage(step.edit.image);
      return image.tag ?? image.digest;
    }
  }
  return undefined;
}

/** The images the changed workloads of a service run, as rendered. */
export function toChangedImages(changes: readonly ObjectChange[], service: string): string[] {
  const after = changes.flatMap((change) =>
    change.service === service && change.after !== undefined ? [change.after] : [],
  );
  return [...new Set(toWorkloads(after).flatMap((workload) => workload.containers.map(({ image }) => image)))];
}
