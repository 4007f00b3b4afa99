import { toWhere } from '../source/module.ts';
import { unchanged, unsupported } from '../source/refusal.ts';
import { evaluateText, findPath } from '../source/follow.ts';
import { listConstructs } from '../tree.ts';
import type { ConstructNode } from '../tree.ts';
import type { Service } from '../project.ts';
import { findRollout, findService, findWorkload, readField, setFields } from '../workload.ts';
import type { EditContext, EditOf } from './context.ts';

/** Sets the number of replicas. Refused where an autoscaler owns that number. */
export function scale(context: EditContext, edit: EditOf<'scale'>): string {
  const { project } = context;
  const service = findService(project, edit.service);
  const found = findWorkload(project, service, edit.workload, ['Deployment', 'StatefulSet', 'ReplicaSet', 'Rollout']);
  refuseAutoscaled(context, service, found);
  // A Rollout that has taken over a plain Deployment carries the number; a cdk8s-plus one hands it on.
  const workload = found.source === 'plus' ? found : (findRollout(project, service, found) ?? found);
  const path = workload.source === 'plus' ? ['replicas'] : ['spec', 'replicas'];
  const before = workload.props === undefined ? undefined : readField(project, workload.props, path);
  if (before === edit.replicas)
    throw unchanged(`${workload.kind} ${workload.name} has ${edit.replicas} replicas already`);
  setFields(context, workload, [{ path, code: String(edit.replicas) }]);
  return `${workload.kind} ${workload.name}: replicas ${before === undefined ? '' : `${String(before)} -> `}${edit.replicas}`;
}

/** Refuses to touch the replicas of a workload that an autoscaler of the service owns. */
export function refuseAutoscaled({ project }: EditContext, service: Service, workload: ConstructNode): void {
  const { modules } = project;
  const scaler = listConstructs(project, service).find((construct) => {
    if (construct.kind !== 'HorizontalPodAutoscaler' || construct.props === undefined) return false;
    if (construct.source === 'plus') {
      const target = findPath(modules, construct.props, ['target']);
      return target !== undefined && target.node.getText(target.module.file) === workload.variable;
    }
    return (
      evaluateText(modules, findPath(modules, construct.props, ['spec', 'scaleTargetRef', 'name'])) === workload.name
    );
  });
  if (scaler === undefined) return;
  throw unsupported(
    `${toWhere(scaler.module, scaler.node)}: ${workload.kind} ${workload.name} is scaled by HorizontalPodAutoscaler ${scaler.name}`,
    'Change its minimum and maximum, or remove it first.',
  );
}
