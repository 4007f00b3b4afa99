import type { Project } from './project.ts';
import { listConstructs } from './tree.ts';
import { findRollout, listContainers, listWorkloads, readField } from './workload.ts';

/** What can be told of a service from its source, for plans and questions. Fields that are computed are left out. */
export interface ServiceDescription {
  name: string;
  namespace?: string;
  /** The module of its chart. */
  file: string;
  workloads: {
    kind: string;
    name: string;
    replicas?: number;
    containers: { name: string; image?: string }[];
  }[];
  /** Kind and name of every object its chart makes with a library class. */
  objects: string[];
}

/** Undefined where there is no such service, or more than one. */
export function describeService(project: Project, name: string): ServiceDescription | undefined {
  const [service, other] = project.services.filter((candidate) => candidate.name === name);
  if (service === undefined || other !== undefined) return undefined;
  return {
    name,
    ...(service.namespace === undefined ? {} : { namespace: service.namespace }),
    file: service.file,
    workloads: listWorkloads(project, service).map((workload) => {
      const path = workload.source === 'plus' ? ['replicas'] : ['spec', 'replicas'];
      // A plain Deployment that a Rollout took over runs no pods of its own.
      const { props } = (workload.source === 'plus' ? undefined : findRollout(project, service, workload)) ?? workload;
      const replicas = props === undefined ? undefined : readField(project, props, path);
      return {
        kind: workload.kind,
        name: workload.name,
        ...(typeof replicas === 'number' ? { replicas } : {}),
        containers: listContainers(project, workload)
          .filter((container) => !container.init)
          .map((container) => {
            const image = readField(project, container.object, ['image']);
            return { name: container.name, ...(typeof image === 'string' ? { image } : {}) };
          }),
      };
    }),
    objects: listConstructs(project, service).map((construct) => `${construct.kind} ${construct.name}`),
  };
}
