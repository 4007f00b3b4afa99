import { deserialize, serialize } from 'node:v8';
import { AppError } from '../lib/errors.ts';
import type { CoDeploys } from './co-deploy.ts';
import type { ConfirmedPattern } from './pair-evidence.ts';
import { addEnded, claimsOf, companyOf, createCoDeploys, testIfDue } from './co-deploy.ts';
import type { EnvironmentModel, Forecast } from './estimator.ts';
import { createEnvironmentModel, forecast, learnForecast } from './estimator.ts';
import { toSignals } from './explain.ts';
import type { DeployFact, DeployRecord, OutcomeFact, RegressionFact, Scope } from './facts.ts';
import { isFailure, toEnvironmentKey } from './facts.ts';
import type { Observation } from './features.ts';
import type { IncidentWatch } from './incident.ts';
import { createIncidentWatch, hearOutcome, incidentAt } from './incident.ts';
import type { RiskInput, RiskSignal } from './risk.ts';
import type { ServiceState } from './service-state.ts';
import { createScopeIndex, findScope } from './scope-index.ts';
import { addEnd, addRegressed, addStart, createServiceState, listRecent, toAnywhereKey } from './service-state.ts';
import { hearPair } from './suspicion.ts';
import type { Timeline } from './timeline.ts';
import { addService, beginDeploy, createTimeline, endDeploy, failLater } from './timeline.ts';
import type { EnvironmentOrder } from './versions.ts';
import { addVersion, addVersionFailure, createEnvironmentOrder, viewVersion } from './versions.ts';
import type { EventWindow } from './window.ts';
import { addToWindow, advanceWindow, countEntries, countOthers, createWindow } from './window.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** One environment: what was learned, and who failed lately. */
interface Environment {
  /** `toEnvironmentKey` of its scopes. */
  key: string;
  model: EnvironmentModel;
  hour: EventWindow;
  /** Everything that ended within the hour, well or not. */
  ended: EventWindow;
  sixHours: EventWindow;
  day: EventWindow;
  timeline: Timeline;
  pairs: CoDeploys;
  incident: IncidentWatch;
}

interface OpenDeploy {
  record: DeployRecord;
  made: Forecast;
  /** Its place in the timeline of its environment. */
  row: number;
  state: ServiceState;
  environment: Environment;
}

/** All that is remembered; plain data, so that it can be written down and read back. */
export interface ProjectionState {
  /** In the order of their first deploys. */
  services: ServiceState[];
  environments: Map<string, Environment>;
  /** Failures anywhere within the hour, by environment and service. */
  everywhere: EventWindow;
  order: EnvironmentOrder;
  open: Map<string, OpenDeploy>;
  /** The newest that ended well, oldest first: one of them may yet turn out bad, and its forecast is to learn from that. */
  healthy: Map<string, OpenDeploy>;
}

const KEPT_HEALTHY = 1_000;
/** Dropped many at a time: a map is slow at giving up its first entry again and again. */
const DROPPED_AT_ONCE = 250;

export interface Projection {
  /** What is to be expected of a deploy begun now. Changes nothing. */
  assess(input: RiskInput): { made: Forecast; signals: RiskSignal[]; state: ServiceState | undefined };
  addDeploy(fact: DeployFact): Forecast;
  addOutcome(fact: OutcomeFact): boolean;
  addRegression(fact: RegressionFact): boolean;
  /** All of it as bytes of this version of the program; a shortcut for start-up, never the record. */
  snapshot(): Uint8Array;
  isOpen(deployId: string): boolean;
  find(scope: Scope): ServiceState | undefined;
  states(): readonly ServiceState[];
  /** What is claimed about deploying beside other services. */
  patterns(scope: Scope): ConfirmedPattern[];
}

/**
 * @param snapshot what an earlier `snapshot` gave; without it nothing is remembered yet
 * @param ignored signals that count for nothing, by name
 */
export function createProjection(snapshot?: Uint8Array, ignored: ReadonlySet<string> = new Set()): Projection {
  const all: ProjectionState = snapshot === undefined ? createProjectionState() : readSnapshot(snapshot);
  const index = createScopeIndex(all.services);
  const unknown = createEnvironment('');
  const find = (scope: Scope) => findScope(index.namesakes(scope.service), scope);

  const getEnvironment = (key: string) => {
    const known = all.environments.get(key);
    if (known !== undefined) return known;
    const created = createEnvironment(key);
    all.environments.set(key, created);
    return created;
  };
  const addState = (fact: DeployFact, { timeline }: Environment) => {
    const created = createServiceState(fact, addService(timeline, `${fact.namespace}/${fact.service}`));
    all.services.push(created);
    index.add(created);
    return created;
  };

  return {
    assess: (input) => {
      const namesakes = index.namesakes(input.scope.service);
      const state = findScope(namesakes, input.scope);
      const environment = all.environments.get(state?.environment ?? toEnvironmentKey(input.scope)) ?? unknown;
      const seen = observe(all, environment, state, namesakes, input);
      const made = forecast(environment.model, seen, input.atMs, ignored);
      return { made, signals: toSignals(environment.model, made, seen, input), state };
    },
    addDeploy: (fact) => {
      const namesakes = index.namesakes(fact.service);
      const known = findScope(namesakes, fact);
      const environment = getEnvironment(known?.environment ?? toEnvironmentKey(fact));
      const { timeline, pairs } = environment;
      testIfDue(pairs, timeline, fact.startedAtMs);
      const seen = observe(all, environment, known, namesakes, toRiskInput(fact));
      const made = forecast(environment.model, seen, fact.startedAtMs, ignored);
      const state = known ?? addState(fact, environment);
      const record: DeployRecord = { deploy: fact };
      const row = beginDeploy(timeline, state.place, fact.startedAtMs);
      all.open.set(fact.id, { record, made, row, state, environment });
      addStart(state, record);
      const version = versionOf(fact);
      if (version !== undefined)
        addVersion(state, version, fact.startedAtMs, seen.version, index.namesakes(fact.service), all.order);
      return made;
    },
    addOutcome: (fact) => {
      const found = all.open.get(fact.deployId);
      if (found === undefined) return false;
      all.open.delete(fact.deployId);
      const { record, state, environment } = found;
      record.outcome = fact;
      const failed = isFailure(fact.outcome);
      endDeploy(environment.timeline, found.row, fact.atMs, failed);
      if (failed === undefined) return true;
      const others = countCompany(found, fact);
      addToWindow(environment.ended, fact.atMs, '');
      addEnd(state, record.deploy, fact, toOwnWeight(fact, others));
      learnEnd(all, found, fact, { failed, others, isLater: false });
      if (!failed) keepHealthy(all.healthy, found);
      return true;
    },
    addRegression: (fact) => {
      const found = all.healthy.get(fact.deployId);
      if (found === undefined) return false;
      all.healthy.delete(fact.deployId);
      const { record, state, environment } = found;
      record.regression = fact;
      failLater(environment.timeline, found.row);
      const others = countCompany(found, fact);
      const isNewest = !listRecent(state).some(
        ({ deploy, outcome }) =>
          outcome !== undefined &&
          isFailure(outcome.outcome) !== undefined &&
          deploy.id !== fact.deployId &&
          outcome.atMs >= (record.outcome?.atMs ?? 0),
      );
      addRegressed(state, record.deploy, fact, { weight: toOwnWeight(fact, others), isNewest });
      learnEnd(all, found, fact, { failed: true, others, isLater: true });
      return true;
    },
    snapshot: () => serialize({ format: SNAPSHOT_FORMAT, state: all }),
    isOpen: (deployId) => all.open.has(deployId),
    find,
    states: () => all.services,
    patterns: (scope) => {
      const state = find(scope);
      const environment = state === undefined ? undefined : all.environments.get(state.environment);
      return state === undefined || environment === undefined
        ? []
        : claimsOf(environment.pairs, environment.timeline, state.place);
    },
  };
}

/** Failures of the environment within the hour that are beyond its usual rate: a busy one always has some. */
function countCompany({ made, environment }: OpenDeploy, { atMs, weight = 1 }: End): number {
  advanceWindow(environment.hour, atMs);
  const expected = made.base.rate * countEntries(environment.ended);
  return (1 + Math.max(0, countEntries(environment.hour) - expected)) / weight - 1;
}

type End = Pick<OutcomeFact, 'atMs' | 'weight'>;

/** Beside others a failure says less about the service; not as little as about the environment, since it did fail. */
function toOwnWeight({ weight = 1 }: End, others: number): number {
  return Math.sqrt(weight / (1 + others));
}

/** What everything but the service's own counts learns from an end, or from a failure that became known later. */
function learnEnd(
  all: ProjectionState,
  { record, made, row, state, environment }: OpenDeploy,
  { atMs }: End,
  how: { failed: boolean; others: number; isLater: boolean },
): void {
  const { failed, others } = how;
  const { pairs, timeline } = environment;
  addEnded(pairs, timeline, row, failed);
  learnForecast(environment.model, made, failed, others, how.isLater);
  const usual = Math.max(made.opinions[2], made.probability);
  hearPair(pairs.suspicions, timeline, row, failed, usual, 1 / (1 + others));
  hearOutcome(environment.incident, atMs, failed, made.opinions[2]);
  if (!failed) return;
  const { service } = record.deploy;
  const version = versionOf(record.deploy);
  if (version !== undefined) addVersionFailure(state, version);
  for (const window of [environment.hour, environment.sixHours, environment.day]) addToWindow(window, atMs, service);
  addToWindow(all.everywhere, atMs, state.anywhere);
}

function keepHealthy(healthy: Map<string, OpenDeploy>, ended: OpenDeploy): void {
  healthy.set(ended.record.deploy.id, ended);
  if (healthy.size < KEPT_HEALTHY + DROPPED_AT_ONCE) return;
  for (const id of healthy.keys()) {
    if (healthy.size <= KEPT_HEALTHY) break;
    healthy.delete(id);
  }
}

function createProjectionState(): ProjectionState {
  return {
    services: [],
    environments: new Map(),
    everywhere: createWindow(HOUR_MS),
    order: createEnvironmentOrder(),
    open: new Map(),
    healthy: new Map(),
  };
}

/** Raised whenever the shape of the state or the meaning of a number in it changes. */
const SNAPSHOT_FORMAT = 5;

function readSnapshot(bytes: Uint8Array): ProjectionState {
  let value: unknown;
  try {
    value = deserialize(bytes);
  } catch (error) {
    throw staleSnapshot(error);
  }
  const state = toState(value);
  if (state === undefined) throw staleSnapshot(undefined);
  return state;
}

/** Trusts the format number: the bytes were written by this very program. */
function toState(value: unknown): ProjectionState | undefined {
  const { format, state } = (value ?? {}) as { format?: unknown; state?: ProjectionState };
  return format === SNAPSHOT_FORMAT ? state : undefined;
}

function staleSnapshot(cause: unknown): AppError {
  return new AppError('invalid_input', 'the snapshot of the memory cannot be read', {
    cause,
    hint: 'Leave it away: the memory is rebuilt from the recorded deploys.',
  });
}

function createEnvironment(key: string): Environment {
  return {
    key,
    model: createEnvironmentModel(),
    hour: createWindow(HOUR_MS),
    ended: createWindow(HOUR_MS),
    sixHours: createWindow(6 * HOUR_MS),
    day: createWindow(DAY_MS),
    timeline: createTimeline(),
    pairs: createCoDeploys(),
    incident: createIncidentWatch(),
  };
}

function observe(
  all: ProjectionState,
  environment: Environment,
  state: ServiceState | undefined,
  namesakes: readonly ServiceState[],
  input: RiskInput,
): Observation {
  const { atMs, scope } = input;
  const failedHour = countOthers(environment.hour, atMs, scope.service);
  const anywhere = state?.anywhere ?? toAnywhereKey(environment.key, scope.service);
  return {
    state,
    version: viewVersion(input.version, atMs, environment.key, state, namesakes, all.order),
    startsToday: state === undefined ? 0 : countSince(state.startsMs, atMs - DAY_MS),
    failedHour,
    incident: incidentAt(environment.incident, atMs),
    failedSixHours: countOthers(environment.sixHours, atMs, scope.service),
    failedDay: countOthers(environment.day, atMs, scope.service),
    failedElsewhere: Math.max(0, countOthers(all.everywhere, atMs, anywhere) - failedHour),
    changeKind: input.changeKind,
    size: input.size,
    stateful: input.stateful ?? false,
    company: companyOf(environment.pairs, environment.timeline, state?.place, atMs),
  };
}

function countSince(timesMs: readonly number[], sinceMs: number): number {
  let count = 0;
  for (let index = timesMs.length - 1; index >= 0 && (timesMs[index] ?? 0) > sinceMs; index -= 1) count += 1;
  return count;
}

function versionOf(fact: DeployFact): string | undefined {
  return fact.version ?? fact.digest;
}

function toRiskInput(fact: DeployFact): RiskInput {
  // Built for every deploy ever told: plain assignments, no spreads.
  const input: RiskInput = { scope: fact, atMs: fact.startedAtMs, changeKind: fact.changeKind };
  const version = versionOf(fact);
  if (version !== undefined) input.version = version;
  if (fact.size !== undefined) input.size = fact.size;
  return input;
}
