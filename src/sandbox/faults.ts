import { z } from 'zod';
import type { ObjectRef } from '../manifest/object.ts';

const count = z.number().int().min(-1);

/** What can be made to go wrong. Counts run down; -1 means until it is set again. */
export const faultSettingsSchema = z.strictObject({
  /** `never_returns`: refreshes are not answered. `old_revision`: they are, without looking at git. */
  refresh: z.enum(['normal', 'never_returns', 'old_revision']),
  /** Nothing is reconciled and no operation is taken up. */
  controllerDown: z.boolean(),
  /** Every read of git fails with this text. */
  gitError: z.string().min(1).nullable(),
  /** How long failures to render are kept quiet unless a refresh asks, simulated seconds. */
  gitErrorGraceSeconds: z.number().min(0),
  /** How much later lists and streams see a write, simulated milliseconds. */
  listerLagMs: z.number().min(0),
  /** How much later than usual resource trees see a change, simulated milliseconds. */
  treeLagMs: z.number().min(0),
  /** How much later than usual the comparison comes that follows an operation, simulated milliseconds. */
  compareLagMs: z.number().min(0),
  /** How much later than usual a workload's controller sees a new definition, which looks observed meanwhile, simulated milliseconds. */
  controllerLagMs: z.number().min(0),
  /** Streams are opened and then say nothing, not even that they live. */
  muteStreams: z.boolean(),
  dropStreamEvents: count,
  duplicateStreamEvents: z.boolean(),
  /** Streams end in the middle of an item after this many items. */
  cutStreamAfter: z.number().int().min(0).nullable(),
  /** Streams end with an `Unauthenticated` error object after this many items. */
  unauthenticatedStreamAfter: z.number().int().min(0).nullable(),
  /** Writes that are answered 409. */
  conflicts: count,
  /** Actions on resources that are answered as done and change nothing. */
  lostActions: count,
  /** What every measurement of an analysis comes to, whatever the pods say; as in the annotation. */
  measurements: z.string().min(1).nullable(),
  /** API requests that are answered 503. */
  unavailable: count,
  /** Added to every time the server writes. */
  clockSkewMs: z.number(),
  /** Wait before the first byte of every answer, milliseconds of the clock. */
  slowFirstByteMs: z.number().min(0),
  /** Objects the cluster refuses to take. */
  applyErrors: z.array(
    z.strictObject({ kind: z.string(), name: z.string(), message: z.string().min(1), times: count }),
  ),
  /** Merge patches of rendered objects: what a plugin, Kustomize or Helm would make of the same files. */
  renderPatches: z.array(
    z.strictObject({ kind: z.string(), name: z.string(), patch: z.record(z.string(), z.unknown()) }),
  ),
});

export type FaultSettings = z.infer<typeof faultSettingsSchema>;

export interface FaultKnobs {
  get(): FaultSettings;
  set(change: Partial<FaultSettings>): void;
  reset(): void;
  /** True, once less to come, while the count of this fault has not run out. */
  take(name: 'dropStreamEvents' | 'conflicts' | 'lostActions' | 'unavailable'): boolean;
  /** The refusal that awaits this object, one less to come. */
  takeApplyError(ref: ObjectRef): string | undefined;
  onChange(listener: (settings: FaultSettings) => void): () => void;
}

const NONE: FaultSettings = {
  refresh: 'normal',
  controllerDown: false,
  gitError: null,
  gitErrorGraceSeconds: 180,
  listerLagMs: 0,
  treeLagMs: 0,
  compareLagMs: 0,
  controllerLagMs: 0,
  muteStreams: false,
  dropStreamEvents: 0,
  duplicateStreamEvents: false,
  cutStreamAfter: null,
  unauthenticatedStreamAfter: null,
  conflicts: 0,
  lostActions: 0,
  measurements: null,
  unavailable: 0,
  clockSkewMs: 0,
  slowFirstByteMs: 0,
  applyErrors: [],
  renderPatches: [],
};

export function createFaults(): FaultKnobs {
  let settings = NONE;
  const listeners = new Set<(settings: FaultSettings) => void>();
  const set = (change: Partial<FaultSettings>) => {
    settings = { ...settings, ...change };
    for (const listener of [...listeners]) listener(settings);
  };
  return {
    get: () => settings,
    set,
    reset: () => set(NONE),
    take: (name) => {
      const left = settings[name];
      if (left === 0) return false;
      if (left > 0) settings = { ...settings, [name]: left - 1 };
      return true;
    },
    takeApplyError: (ref) => {
      const found = settings.applyErrors.find(
        (fault) => fault.kind === ref.kind && fault.name === ref.name && fault.times !== 0,
      );
      if (found === undefined) return undefined;
      const applyErrors = settings.applyErrors.map((fault) =>
        fault === found && fault.times > 0 ? { ...fault, times: fault.times - 1 } : fault,
      );
      settings = { ...settings, applyErrors };
      return found.message;
    },
    onChange: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}
