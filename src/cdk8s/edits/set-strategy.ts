import type { RolloutStrategy } from '../edit-kinds.ts';
import type { Service } from '../project.ts';
import { guard } from '../source/assign.ts';
import { printCode, toCode } from '../source/code.ts';
import type { Code } from '../source/code.ts';
import { evaluateText, findPath } from '../source/follow.ts';
import { unchanged, unsupported } from '../source/refusal.ts';
import type { ConstructNode } from '../tree.ts';
import { findRollout, findService, findWorkload, readField, setFields } from '../workload.ts';
import type { EditContext, EditOf } from './context.ts';
import { handOver, isSideBySide } from './hand-over.ts';
import { addRollout, changeRollout, isMeasured, removeRollout } from './rollout.ts';

/**
 * Sets how a Deployment replaces its pods. Canary and blue-green add an Argo Rollouts `Rollout` that takes over the pods
 * of the Deployment, which stays the home of their template; the other two take it away again.
 */
export function setStrategy(context: EditContext, edit: EditOf<'set_strategy'>): string {
  const { project } = context;
  const { strategy } = edit;
  const service = findService(project, edit.service);
  const workload = findWorkload(project, service, edit.workload, ['Deployment']);
  const rollout = findRollout(project, service, workload);
  const current = readStrategy(context, workload, rollout);
  const summary = `Deployment ${workload.name}: strategy ${current ?? 'unknown'} -> ${strategy}`;
  if (strategy === 'canary' || strategy === 'blue_green')
    return setByRollout(context, { service, workload, rollout, current, strategy, summary, edit });
  if (edit.sideBySide === true)
    throw unsupported(
      `${strategy} has no second set of pods that could run side by side`,
      'Leave `sideBySide` out, or choose canary or blue_green.',
    );
  if (current === strategy) throw unchanged(`Deployment ${workload.name} is deployed by ${strategy} already`);
  if (rollout !== undefined) removeRollout(context, service, workload, rollout);
  if (readOwnStrategy(context, workload) !== strategy) setOwnStrategy(context, workload, strategy);
  return summary;
}

interface Wanted {
  service: Service;
  workload: ConstructNode;
  rollout: ConstructNode | undefined;
  current: RolloutStrategy | undefined;
  strategy: 'canary' | 'blue_green';
  /** What is changed, without how it is measured. */
  summary: string;
  edit: EditOf<'set_strategy'>;
}

function setByRollout(context: EditContext, wanted: Wanted): string {
  const { service, workload, rollout, current, strategy, summary, edit } = wanted;
  const { name } = workload;
  if (rollout === undefined) {
    const sideBySide = edit.sideBySide === true;
    const measured = addRollout(context, service, workload, { strategy, sideBySide });
    return `${summary} (${measured})${toCapacityNote(context, workload, sideBySide)}`;
  }
  const ends = edit.sideBySide !== true && isSideBySide(context, workload, rollout);
  if (ends) handOver(context, service, workload);
  const handed = `Deployment ${name}: runs no pods of its own any more, Rollout ${rollout.name} runs them`;
  if (current === strategy && (ends || isMeasured(context, strategy, rollout))) {
    if (ends) return handed;
    throw unchanged(`Deployment ${name} is deployed by ${strategy} already`);
  }
  const measured = changeRollout(context, service, workload, rollout, strategy);
  const changed =
    current === strategy
      ? `Rollout ${rollout.name}: steps and analysis as in tiphys.yaml (${measured})`
      : `${summary} (${measured})`;
  return ends ? `${handed}; ${changed}` : changed;
}

/** What becomes of the pods that serve now, until those of the Rollout are ready. */
function toCapacityNote({ project }: EditContext, workload: ConstructNode, sideBySide: boolean): string {
  if (sideBySide)
    return '; the Deployment keeps its own pods beside those of the Rollout until the strategy is set once more';
  const path = workload.source === 'plus' ? ['replicas'] : ['spec', 'replicas'];
  const replicas = workload.props === undefined ? undefined : readField(project, workload.props, path);
  const fallback = workload.source === 'plus' ? 2 : 1;
  const isMissing = workload.propsState !== 'opaque' && replicas === undefined;
  if ((isMissing ? fallback : replicas) === 1) return '';
  return '; one pod of the Deployment serves until the first of the Rollout are ready';
}

function readStrategy(
  context: EditContext,
  workload: ConstructNode,
  rollout: ConstructNode | undefined,
): RolloutStrategy | undefined {
  if (rollout?.props === undefined) return readOwnStrategy(context, workload);
  if (findPath(context.modules, rollout.props, ['spec', 'strategy', 'canary']) !== undefined) return 'canary';
  if (findPath(context.modules, rollout.props, ['spec', 'strategy', 'blueGreen']) !== undefined) return 'blue_green';
  return undefined;
}

/** The Deployment's own strategy; undefined when it is written in a way that cannot be read. */
function readOwnStrategy({ modules }: EditContext, workload: ConstructNode): RolloutStrategy | undefined {
  if (workload.props === undefined) return workload.propsState === 'absent' ? 'rolling_update' : undefined;
  const path = workload.source === 'plus' ? ['strategy'] : ['spec', 'strategy'];
  const place = findPath(modules, workload.props, path);
  if (place === undefined) return 'rolling_update';
  if (workload.source !== 'plus') {
    const type = findPath(modules, workload.props, [...path, 'type']);
    const text = evaluateText(modules, type);
    return text === 'Recreate'
      ? 'recreate'
      : text === 'RollingUpdate' || type === undefined
        ? 'rolling_update'
        : undefined;
  }
  const method = /\.(recreate|rollingUpdate)\s*\(/.exec(place.node.getText(place.module.file))?.[1];
  return method === 'recreate' ? 'recreate' : method === 'rollingUpdate' ? 'rolling_update' : undefined;
}

function setOwnStrategy(context: EditContext, workload: ConstructNode, strategy: 'rolling_update' | 'recreate'): void {
  const { editor } = context;
  const style = editor.style(workload.module);
  if (workload.source === 'plus') {
    const type = editor.refer(workload.module, workload.specifier, 'DeploymentStrategy');
    const method = strategy === 'recreate' ? 'recreate' : 'rollingUpdate';
    setFields(context, workload, [{ path: ['strategy'], code: `${type}.${method}()` }]);
    return;
  }
  // The whole object: `rollingUpdate` beside `type: Recreate` is refused by the API server.
  const code: Code = toCode({ type: strategy === 'recreate' ? 'Recreate' : 'RollingUpdate' }, style);
  const object = workload.props;
  const existing = object === undefined ? undefined : findPath(context.modules, object, ['spec', 'strategy']);
  if (existing === undefined) setFields(context, workload, [{ path: ['spec', 'strategy'], code }]);
  else {
    guard(existing);
    editor.replace(existing.module, existing.node, printCode(code, style));
  }
}
