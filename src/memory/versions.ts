import type { ServiceState } from './service-state.ts';
import { addVersionMs, findVersionMs, hashVersion } from './version-times.ts';

/** Failed versions kept per scope; the oldest are forgotten first. */
const MAX_FAILED_VERSIONS = 128;
/** How fast the usual shape of a service's versions changes, per deploy. */
const SHAPE_DECAY = 0.97;
/** An environment is below another once this many versions were seen in it first, and three times as many as the other way. */
const MIN_ORDER = 5;
/** A scope with fewer deploys says nothing about what usually passes through it. */
const MIN_LOWER_DEPLOYS = 3;

/**
 * What the form of a version says, with the changing parts taken out: releases of one service look alike (`v9.9.9`), and
 * one that does not was usually built by hand from a branch.
 */
export function toVersionShape(version: string): string {
  return version
    .replace(/(?<![0-9a-z])(?=[0-9a-f]*[a-f])(?=[a-f]*[0-9])[0-9a-f]{7,}(?![0-9a-z])/g, 'H')
    .replace(/\d+/g, '9');
}

/** In which order versions pass through the environments, learned from where they are seen first. */
export interface EnvironmentOrder {
  /** By environment, then by another one: how many versions the other one saw after it. */
  firstIn: Map<string, Map<string, number>>;
}

export function createEnvironmentOrder(): EnvironmentOrder {
  return { firstIn: new Map() };
}

function isLower(order: EnvironmentOrder, lower: string, higher: string): boolean {
  const forth = order.firstIn.get(lower)?.get(higher) ?? 0;
  const back = order.firstIn.get(higher)?.get(lower) ?? 0;
  return forth >= MIN_ORDER && forth > 3 * back;
}

/** What the versions say about a deploy that is about to begin. */
export interface VersionView {
  /** Deployed here before. */
  known: boolean;
  /** Seen here before, and not what runs now: going back. */
  older: boolean;
  /** How unusual the form of the version is here: 0 for the usual one, about 4 for one never seen among many. */
  surprise: number;
  /** The form; undefined where there is none yet to compare it with. */
  shape: string | undefined;
  /** Lower environments, of those the service usually passes, in which this version was never seen. */
  skipped: readonly string[];
  /** Failures of this version that are known from lower environments. */
  failedBelow: number;
  failedIn: readonly string[];
  /** Lower environments that were moved back to an older version last. */
  movedBack: readonly string[];
  /** A lower environment runs another version by now. */
  elsewhere: boolean;
  /** Hours since a lower environment saw this version; undefined where none did. */
  hoursBelow: number | undefined;
}

/** For most deploys there is nothing to list. */
const NONE: readonly string[] = [];

export function viewVersion(
  version: string | undefined,
  atMs: number,
  environment: string,
  state: ServiceState | undefined,
  siblings: readonly ServiceState[],
  order: EnvironmentOrder,
): VersionView {
  const view: VersionView = {
    known: false,
    older: false,
    surprise: 0,
    shape: undefined,
    skipped: NONE,
    failedBelow: 0,
    failedIn: NONE,
    movedBack: NONE,
    elsewhere: false,
    hoursBelow: undefined,
  };
  if (version === undefined) return view;
  const hash = hashVersion(version);
  if (state !== undefined) {
    view.known = findVersionMs(state.versions, version, hash) !== undefined;
    view.older = view.known && version !== state.lastVersion;
    view.shape = toVersionShape(version);
    view.surprise = surpriseOf(state, view.shape);
  }
  for (const sibling of siblings) {
    if (sibling === state || sibling.versions.names.length < MIN_LOWER_DEPLOYS) continue;
    if (!isLower(order, sibling.environment, environment)) continue;
    const name = sibling.scope.environment;
    const seenAtMs = findVersionMs(sibling.versions, version, hash);
    if (seenAtMs === undefined) view.skipped = [...view.skipped, name];
    else view.hoursBelow = Math.max(view.hoursBelow ?? 0, (atMs - seenAtMs) / 3_600_000);
    const failures = sibling.failedVersions.get(version) ?? 0;
    view.failedBelow += failures;
    if (failures > 0) view.failedIn = [...view.failedIn, name];
    if (sibling.lastVersion !== version) view.elsewhere = true;
    if (sibling.lastWasOlder) view.movedBack = [...view.movedBack, name];
  }
  return view;
}

function surpriseOf(state: ServiceState, shape: string): number {
  if (state.shapeTotal === 0) return 0;
  const seen = (state.shapes.get(shape)?.weight ?? 0) / state.shapeUnit;
  return Math.min(4, Math.max(0, -Math.log((seen + 0.5) / (state.shapeTotal / state.shapeUnit + 1))));
}

/** Takes note of a version that is being deployed. @param view what `viewVersion` said before */
export function addVersion(
  state: ServiceState,
  version: string,
  atMs: number,
  { known, older, shape }: VersionView,
  siblings: readonly ServiceState[],
  order: EnvironmentOrder,
): void {
  state.lastWasOlder = older;
  if (older) state.lastOlderAtMs = atMs;
  addShape(state, shape ?? toVersionShape(version));
  if (!known) {
    const hash = hashVersion(version);
    for (const sibling of siblings)
      if (sibling !== state && findVersionMs(sibling.versions, version, hash) !== undefined)
        addOrder(order, sibling.environment, state.environment);
    addVersionMs(state.versions, version, hash, atMs);
  }
  state.lastVersion = version;
}

function addOrder(order: EnvironmentOrder, first: string, then: string): void {
  const known = order.firstIn.get(first) ?? new Map<string, number>();
  order.firstIn.set(first, known);
  known.set(then, (known.get(then) ?? 0) + 1);
}

/** Fades all shapes by letting each new one weigh more; rescaled long before the weights grow too large. */
function addShape(state: ServiceState, shape: string): void {
  state.shapeUnit /= SHAPE_DECAY;
  const known = state.shapes.get(shape);
  if (known === undefined) state.shapes.set(shape, { weight: state.shapeUnit });
  else known.weight += state.shapeUnit;
  state.shapeTotal += state.shapeUnit;
  if (state.shapeUnit < 1e6) return;
  for (const [name, other] of state.shapes) {
    if (other.weight < 0.01 * state.shapeUnit) state.shapes.delete(name);
    else other.weight /= state.shapeUnit;
  }
  state.shapeTotal /= state.shapeUnit;
  state.shapeUnit = 1;
}

export function addVersionFailure(state: ServiceState, version: string): void {
  state.failedVersions.set(version, (state.failedVersions.get(version) ?? 0) + 1);
  if (state.failedVersions.size <= MAX_FAILED_VERSIONS) return;
  const oldest = state.failedVersions.keys().next();
  if (oldest.done !== true) state.failedVersions.delete(oldest.value);
}
