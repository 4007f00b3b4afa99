import { unchanged } from '../source/refusal.ts';
import { toStringCode } from '../source/code.ts';
import { listCalls } from '../tree.ts';
import { evaluateText } from '../source/follow.ts';
import { assign } from '../source/assign.ts';
import { findService, findWorkload, readField, setFields } from '../workload.ts';
import type { EditContext, EditOf } from './context.ts';

/** The annotation whose change replaces the pods; kubectl's own would be fought over by both. */
const RESTARTED_AT = 'tiphys.dev/restarted-at';

/** Changes the pod template's restart annotation. */
export function restart(context: EditContext, edit: EditOf<'restart'>): string {
  const { project, editor, modules } = context;
  const service = findService(project, edit.service);
  const workload = findWorkload(project, service, edit.workload, ['Deployment', 'StatefulSet', 'DaemonSet', 'Rollout']);
  const pod = workload.source === 'plus' ? ['podMetadata'] : ['spec', 'template', 'metadata'];
  const path = [...pod, 'annotations', RESTARTED_AT];
  const code = toStringCode(edit.at, editor.style(workload.module));
  const summary = `${workload.kind} ${workload.name}: restart (${edit.at})`;
  if (workload.props !== undefined && readField(project, workload.props, path) === edit.at)
    throw unchanged(`${workload.kind} ${workload.name} was restarted for ${edit.at} already`);
  const { module, frame } = workload;
  const added = [`${workload.variable}.podMetadata`].flatMap((variable) =>
    listCalls({ ...workload, variable }, ['addAnnotation']).filter(({ node }) => {
      const [key] = node.arguments;
      return key !== undefined && evaluateText(modules, { module, node: key, frame }) === RESTARTED_AT;
    }),
  );
  const value = added[0]?.node.arguments[1];
  if (workload.source === 'plus' && value !== undefined) {
    if (evaluateText(modules, { module, node: value, frame }) === edit.at)
      throw unchanged(`${workload.kind} ${workload.name} was restarted for ${edit.at} already`);
    assign(context, { module, node: value, frame }, code);
    return summary;
  }
  setFields(context, workload, [{ path, code }]);
  return summary;
}
