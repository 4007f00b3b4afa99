import { assign, setPaths } from '../source/assign.ts';
import { toStringCode } from '../source/code.ts';
import { findProperty } from '../source/place.ts';
import { unchanged } from '../source/refusal.ts';
import { findContainer, findService, findWorkload, readField } from '../workload.ts';
import type { EditContext, EditOf } from './context.ts';

/** Gives a container another image. */
export function setImage(context: EditContext, edit: EditOf<'set_image'>): string {
  const { project, editor } = context;
  const service = findService(project, edit.service);
  const kinds = ['Deployment', 'StatefulSet', 'DaemonSet', 'Job', 'CronJob', 'ReplicaSet', 'Rollout'];
  const workload = findWorkload(project, service, edit.workload, kinds);
  const container = findContainer(project, service, workload, edit.container);
  const before = readField(project, container.object, ['image']);
  if (before === edit.image) throw unchanged(`${edit.service} runs ${edit.image} already`);
  const code = toStringCode(edit.image, editor.style(container.object.module));
  const image = findProperty(container.object, 'image');
  if (image.kind === 'found') assign(context, image.value, code);
  else setPaths(context, container.object, [{ path: ['image'], code }]);
  return `${workload.kind} ${workload.name}: image ${before === undefined ? '' : `${String(before)} -> `}${edit.image}`;
}
