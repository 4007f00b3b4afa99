import type { ObjectRef } from '../../manifest/object.ts';
import type { Cluster } from '../cluster/cluster.ts';
import type { LiveObject } from '../cluster/live-object.ts';
import type { Timeline } from '../timeline.ts';
import type { PodLogs } from './pod-logs.ts';

/** What the simulated controllers work with. */
export interface World {
  cluster: Cluster;
  timeline: Timeline;
  random: () => number;
  logs: PodLogs;
  settings: SimulationSettings;
  /** What all measurements come to now, where that was set from outside. */
  measurements: () => string | undefined;
  /** How much later than usual new definitions are seen now, simulated milliseconds. */
  controllerLagMs: () => number;
  /** When a rollout last made headway, by uid. Times in the objects are too coarse to tell. */
  headway: Map<string, { key: string; atMs: number }>;
  /** Has the object looked at again after this much simulated time. */
  requeue(ref: ObjectRef, simulatedMs: number): void;
}

export interface SimulationSettings {
  /** Used where a workload sets none itself. Kubernetes says 600. */
  progressDeadlineSeconds: number;
  nodes: readonly string[];
}

/** Brings the cluster one step nearer to what the object asks for. Called after every change of the object or its children. */
export type Sync = (world: World, object: LiveObject) => void;
