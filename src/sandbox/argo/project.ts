import { isSameRepository } from './address.ts';
import { listSources } from './application.ts';
import type { Application } from './application.ts';

export interface SyncWindow {
  kind: 'allow' | 'deny';
  /** Five cron fields, in UTC. */
  schedule: string;
  /** Such as `2h` or `30m`. */
  duration: string;
  /** Names of Applications; `*` stands for anything. */
  applications: string[];
  /** Whether a person may sync while the window forbids it to the controller. */
  manualSync?: boolean;
}

export interface Project {
  name: string;
  sourceRepos: string[];
  sourceNamespaces: string[];
  syncWindows: SyncWindow[];
}

export interface WindowVerdict {
  active: SyncWindow[];
  assigned: SyncWindow[];
  mayAutoSync: boolean;
  mayManualSync: boolean;
}

/** No window that concerns the Application, or an open one that allows it and none that denies. */
export function toWindowVerdict(project: Project | undefined, application: Application, nowMs: number): WindowVerdict {
  const assigned = (project?.syncWindows ?? []).filter((window) =>
    window.applications.some((pattern) => isNameMatch(application.metadata.name, pattern)),
  );
  const active = assigned.filter((window) => isOpen(window, nowMs));
  const denies = active.filter((window) => window.kind === 'deny');
  const allows = assigned.filter((window) => window.kind === 'allow');
  const openAllows = active.filter((window) => window.kind === 'allow');
  const mayAutoSync = denies.length === 0 && (allows.length === 0 || openAllows.length > 0);
  const blockers = denies.length > 0 ? denies : mayAutoSync ? [] : allows;
  return {
    active,
    assigned,
    mayAutoSync,
    mayManualSync: mayAutoSync || blockers.every((window) => window.manualSync === true),
  };
}

/** Why the specification cannot be used, in Argo CD's words; undefined when it can. */
export function findInvalidSpec(
  application: Application,
  project: Project | undefined,
  controllerNamespace: string,
): string | undefined {
  const { spec } = application;
  if (project === undefined) return `Application referencing project ${spec.project} which does not exist`;
  const { name, namespace } = application.metadata;
  const isPermitted = project.sourceNamespaces.some((pattern) => isNameMatch(namespace, pattern));
  if (namespace !== controllerNamespace && !isPermitted) {
    return `application '${name}' in namespace '${namespace}' is not permitted to use project '${project.name}'`;
  }
  if (listSources(spec).length === 0)
    return 'spec.source.repoURL and either spec.source.path, spec.source.chart, or spec.source.ref are required';
  const stranger = listSources(spec).find(
    (source) => !project.sourceRepos.some((url) => url === '*' || isSameRepository(url, source.repoURL)),
  );
  if (stranger !== undefined)
    return `application repo ${stranger.repoURL} is not permitted in project '${project.name}'`;
  if (spec.destination.server === undefined && spec.destination.name === undefined)
    return 'Destination server missing from app spec';
  return undefined;
}

function isNameMatch(name: string, pattern: string): boolean {
  const source = pattern.replace(/[.+?^${}()|[\]\\]/g, '\\$&').replaceAll('*', '.*');
  return new RegExp(`^${source}$`).test(name);
}

function isOpen(window: SyncWindow, nowMs: number): boolean {
  const match = /^(?:(\d+)h)?(?:(\d+)m)?$/.exec(window.duration);
  const minutes = Number(match?.[1] ?? 0) * 60 + Number(match?.[2] ?? 0);
  const now = Math.floor(nowMs / 60_000) * 60_000;
  for (let back = 0; back < minutes; back += 1) {
    if (isCronMinute(window.schedule, new Date(now - back * 60_000))) return true;
  }
  return false;
}

function isCronMinute(schedule: string, time: Date): boolean {
  const fields = schedule.trim().split(/\s+/);
  const values = [
    time.getUTCMinutes(),
    time.getUTCHours(),
    time.getUTCDate(),
    time.getUTCMonth() + 1,
    time.getUTCDay(),
  ];
  return fields.length === 5 && fields.every((field, index) => isCronMatch(field, values[index] ?? 0));
}

function isCronMatch(field: string, value: number): boolean {
  return field.split(',').some((part) => {
    const [range = '*', step] = part.split('/');
    const [low, high] = range === '*' ? [0, 59] : range.split('-').map(Number);
    const from = low ?? 0;
    const to = high ?? (step === undefined ? from : 59);
    return value >= from && value <= to && (step === undefined || (value - from) % Number(step) === 0);
  });
}
