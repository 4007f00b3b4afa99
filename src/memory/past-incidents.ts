import type { ServiceState } from './service-state.ts';
import { listRecent } from './service-state.ts';
import { findFailure, toScopeKey } from './facts.ts';

/** A stretch of time in which several services of one environment failed, each within an hour of the one before. */
export interface PastIncident {
  cluster: string;
  environment: string;
  firstAtMs: number;
  lastAtMs: number;
  /** Scope keys of the services that failed, and how often each did. */
  hit: Map<string, number>;
}

const GAP_MS = 3_600_000;
const MIN_SERVICES = 3;

/** The incidents among the deploys that are still remembered in full, oldest first. */
export function listIncidents(states: Iterable<ServiceState>): PastIncident[] {
  const failures = [...states].flatMap((state) =>
    listRecent(state).flatMap((record) => {
      const failure = findFailure(record);
      return failure === undefined ? [] : [{ state, atMs: failure.atMs }];
    }),
  );
  failures.sort((a, b) => a.atMs - b.atMs || (toScopeKey(a.state.scope) < toScopeKey(b.state.scope) ? -1 : 1));
  const open = new Map<string, PastIncident>();
  const all: PastIncident[] = [];
  for (const { state, atMs } of failures) {
    const { cluster, environment } = state.scope;
    const place = `${cluster}/${environment}`;
    let incident = open.get(place);
    if (incident === undefined || atMs - incident.lastAtMs > GAP_MS) {
      incident = { cluster, environment, firstAtMs: atMs, lastAtMs: atMs, hit: new Map() };
      open.set(place, incident);
      all.push(incident);
    }
    incident.lastAtMs = atMs;
    const key = toScopeKey(state.scope);
    incident.hit.set(key, (incident.hit.get(key) ?? 0) + 1);
  }
  return all.filter(({ hit }) => hit.size >= MIN_SERVICES);
}
