import { findField, toStringMap } from '../../manifest/fields.ts';
import type { Workload, WorkloadContainer } from '../../manifest/workload.ts';
import { toWorkloads } from '../../manifest/workload.ts';
import type { RepositoryFacts, ServiceFacts } from '../planning.ts';

/** A service of the repository with what planning asks of it. */
export interface Service {
  name: string;
  environment: string;
  workloads: Workload[];
  configMaps: { name: string; data: Record<string, string> }[];
  hosts: string[];
  /** Workloads whose number of replicas an autoscaler decides. */
  autoscaled: string[];
}

/** What a word in a ticket may stand for. */
export interface NamedTarget {
  service: Service;
  /** Set when the word names one workload of several. */
  workload?: string;
}

export interface Catalog {
  services: Service[];
  environments: string[];
  /** Everything that goes by exactly this name, the most direct meaning only. */
  findByName(name: string): NamedTarget[];
  /** Names within a typing mistake of this one, nearest first. */
  listNear(name: string): { name: string; distance: number }[];
}

export function createCatalog(facts: RepositoryFacts): Catalog {
  const services = facts.services.map(toService);
  const environments = [...new Set(services.map((service) => service.environment))].sort();
  // Three meanings of a word, tried in this order: the service itself, one of its workloads, its name without the environment.
  const levels = [new Map<string, NamedTarget[]>(), new Map<string, NamedTarget[]>(), new Map<string, NamedTarget[]>()];
  const put = (level: number, name: string, target: NamedTarget) => {
    const map = levels[level];
    if (map === undefined || name === '') return;
    const before = map.get(toKey(name)) ?? [];
    if (before.some((other) => other.service === target.service && other.workload === target.workload)) return;
    map.set(toKey(name), [...before, target]);
  };
  for (const service of services) {
    put(0, service.name, { service });
    for (const { name } of service.workloads)
      if (name !== service.name) put(1, name, service.workloads.length > 1 ? { service, workload: name } : { service });
    put(2, withoutEnvironment(service), { service });
    put(2, withoutEnvironment(service).replace(/-(?:service|svc|app)$/u, ''), { service });
  }
  const names = [...new Set(services.flatMap((service) => [service.name, withoutEnvironment(service)]))];
  return {
    services,
    environments,
    findByName: (name) => {
      const key = toKey(name);
      // Plurals and a trailing "service" are tried after the word itself, since a service may well end in "s".
      const keys = [
        key,
        key.replace(/s$/u, ''),
        key.replace(/es$/u, ''),
        key.replace(/(?:service|app|deployment)s?$/u, ''),
      ];
      for (const candidate of [...new Set(keys)])
        for (const level of levels) {
          const found = candidate === '' ? undefined : level.get(candidate);
          if (found !== undefined) return found;
        }
      return [];
    },
    listNear: (name) => {
      const key = toKey(name);
      const limit = key.length >= 8 ? 2 : 1;
      return names
        .map((candidate) => ({ name: candidate, distance: editDistance(key, toKey(candidate), 3) }))
        .filter(({ name: candidate, distance }) => distance <= limit && key.length >= 3 && candidate.length >= 3)
        .sort((a, b) => a.distance - b.distance || (a.name < b.name ? -1 : 1));
    },
  };
}

function toService({ service, environment, objects }: ServiceFacts): Service {
  return {
    name: service,
    environment,
    workloads: toWorkloads(objects),
    configMaps: objects
      .filter((object) => object.kind === 'ConfigMap' && object.apiVersion === 'v1')
      .map((object) => ({ name: object.metadata.name, data: toStringMap(object['data']) })),
    hosts: objects
      .filter((object) => object.kind === 'Ingress')
      .flatMap((object) => {
        const rules = findField(object, 'spec', 'rules');
        return Array.isArray(rules) ? rules.map((rule) => String(findField(rule, 'host') ?? '')) : [];
      })
      .filter((host) => host !== ''),
    autoscaled: objects
      .filter(({ kind }) => kind === 'HorizontalPodAutoscaler' || kind === 'ScaledObject')
      .map((object) => String(findField(object, 'spec', 'scaleTargetRef', 'name') ?? '')),
  };
}

// Hyphens, underscores, spaces and dots are one and the same to a person who types a name.
function toKey(name: string): string {
  return name.toLowerCase().replace(/[\s_.-]+/gu, '');
}

function withoutEnvironment({ name, environment }: Service): string {
  if (environment !== '' && name.endsWith(`-${environment}`)) return name.slice(0, -environment.length - 1);
  if (environment !== '' && name.startsWith(`${environment}-`)) return name.slice(environment.length + 1);
  return name;
}

/** Insertions, deletions, replacements and swaps of neighbours between two words; at most `limit` is told apart. */
function editDistance(a: string, b: string, limit: number): number {
  if (Math.abs(a.length - b.length) > limit || a.length > 80 || b.length > 80) return limit;
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i += 1) {
    const row = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const cost = a[i - 1] === b[j - 1] ? 0 : 1;
      let best = Math.min((last[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, (last[j - 1] ?? 0) + cost);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        best = Math.min(best, (beforeLast[j - 2] ?? 0) + 1);
      row.push(best);
    }
    beforeLast = last;
    last = row;
  }
  return Math.min(last[b.length] ?? limit, limit);
}

/** The workloads of a service an edit can mean: those that run all the time, jobs left out where others exist. */
export function listMainWorkloads(service: Service): Workload[] {
  const lasting = service.workloads.filter(({ kind }) => kind !== 'Job' && kind !== 'CronJob');
  // A Rollout that takes its pods from a Deployment is the same workload seen twice; the Deployment holds the template.
  const referenced = lasting.filter((workload) => workload.workloadRef === undefined);
  const candidates = referenced.length > 0 ? referenced : lasting.length > 0 ? lasting : service.workloads;
  return candidates;
}

/** The containers of a workload that are not set-up steps. */
export function listMainContainers(workload: Workload): WorkloadContainer[] {
  return workload.containers.filter((container) => !container.isInit);
}
