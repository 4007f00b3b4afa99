import type { FaultSettings } from '../../src/sandbox/faults.ts';

/** The annotation by which a change is known again in what an observer reads. */
export const MARK = 'bench.tiphys.dev/mark';

/** One change of one Application, and when it was asked for. */
export interface Change {
  name: string;
  seq: number;
  atMs: number;
}

export type Order =
  { type: 'change'; names: string[]; perSecond: number } | { type: 'faults'; faults: Partial<FaultSettings> };

export type Report =
  { type: 'ready'; url: string; token: string } | { type: 'changed'; changes: Change[] } | { type: 'set' };
