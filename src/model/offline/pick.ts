import type { Workload, WorkloadContainer } from '../../manifest/workload.ts';
import { listMainContainers, listMainWorkloads } from './catalog.ts';
import type { NamedTarget } from './catalog.ts';
import type { Desk } from './desk.ts';

/** The workload and container a change is made to, with the fields that narrow an edit down to them. */
export interface Picked {
  service: string;
  workload: Workload | undefined;
  container: WorkloadContainer | undefined;
  /** Empty where the service has one of each, so that the edit stays as plain as it can be. */
  narrowing: { workload?: string; container?: string };
}

/** Chooses by name and asks where names do not decide; undefined when it has to be asked. */
export function pickContainer(target: NamedTarget, desk: Desk): Picked | undefined {
  const picked = pickWorkload(target, desk);
  if (picked?.workload === undefined) return picked;
  const containers = listMainContainers(picked.workload);
  const [only] = containers;
  if (containers.length <= 1) return { ...picked, container: only };
  const named = containers.find(({ name }) => name === target.service.name || name === picked.workload?.name);
  if (named !== undefined)
    return { ...picked, container: named, narrowing: { ...picked.narrowing, container: named.name } };
  const chosen = desk.ask(
    {
      question: `${target.service.name} runs several containers. Which one is meant?`,
      options: containers.map(({ name }) => name),
      field: 'container',
    },
    (answer) => containers.find(({ name }) => name.toLowerCase() === answer.toLowerCase()),
  );
  return chosen === undefined
    ? undefined
    : { ...picked, container: chosen, narrowing: { ...picked.narrowing, container: chosen.name } };
}

/** As `pickContainer`, for changes to the workload as a whole. */
export function pickWorkload({ service, workload }: NamedTarget, desk: Desk): Picked | undefined {
  const workloads = listMainWorkloads(service);
  const [only] = workloads;
  const base = { service: service.name, container: undefined };
  if (workload !== undefined)
    return { ...base, workload: service.workloads.find(({ name }) => name === workload), narrowing: { workload } };
  if (workloads.length <= 1) return { ...base, workload: only, narrowing: {} };
  const same = workloads.find(({ name }) => name === service.name);
  if (same !== undefined) {
    desk.assume(`${service.name} has several workloads; the one of the same name is meant.`);
    return { ...base, workload: same, narrowing: { workload: same.name } };
  }
  const chosen = desk.ask(
    {
      question: `${service.name} has several workloads. Which one is meant?`,
      options: workloads.map(({ name }) => name),
      field: 'workload',
    },
    (answer) => workloads.find(({ name }) => name.toLowerCase() === answer.toLowerCase()),
  );
  return chosen === undefined ? undefined : { ...base, workload: chosen, narrowing: { workload: chosen.name } };
}
