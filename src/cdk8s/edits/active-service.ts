import type { Service } from '../project.ts';
import type { Code } from '../source/code.ts';
import { evaluateText, findPath, toObject } from '../source/follow.ts';
import { listNodes, toWhere } from '../source/module.ts';
import { unsupported } from '../source/refusal.ts';
import { listCalls, listConstructs } from '../tree.ts';
import type { ConstructNode } from '../tree.ts';
import type { EditContext } from './context.ts';

/** The Service in front of a workload, and how to write a second one like it. */
export interface ActiveService {
  name: string;
  /** A generated class such as `k8s.KubeService`, whose own value classes the fields may hold; else an ApiObject does. */
  type?: string;
  selector: string;
  ports: Code;
}

export function findActiveService(context: EditContext, service: Service, workload: ConstructNode): ActiveService {
  const { project, modules, editor } = context;
  for (const call of workload.source === 'plus' ? listCalls(workload, ['exposeViaService']) : []) {
    const [options] = call.node.arguments;
    const object = options === undefined ? undefined : toObject(modules, { ...call, node: options })?.place;
    const name = object === undefined ? undefined : evaluateText(modules, findPath(modules, object, ['name']));
    const { parent } = call.node;
    const { compiler } = call.module;
    if (name === undefined) break;
    let variable =
      compiler.isVariableDeclaration(parent) && compiler.isIdentifier(parent.name) ? parent.name.text : undefined;
    if (variable === undefined && compiler.isExpressionStatement(parent)) {
      const taken = listNodes(compiler, call.module.file).some(
        (item) => compiler.isIdentifier(item) && item.text === 'service',
      );
      if (!taken) {
        editor.insertAt(call.module, call.node.getStart(call.module.file), 'const service = ');
        variable = 'service';
      }
    }
    if (variable === undefined) break;
    return { name, ...copyOf(variable) };
  }
  for (const construct of listConstructs(project, service)) {
    if (construct.kind !== 'Service' || construct.props === undefined || construct.name.endsWith('-preview')) continue;
    if (construct.source === 'plus') {
      if (construct.variable !== undefined && construct.module === workload.module)
        return { name: construct.name, ...copyOf(construct.variable) };
      continue;
    }
    const selector = findPath(modules, construct.props, ['spec', 'selector']);
    const ports = findPath(modules, construct.props, ['spec', 'ports']);
    if (selector === undefined || ports === undefined || selector.module !== workload.module) continue;
    return {
      name: construct.name,
      ...(construct.source === 'kube' ? { type: construct.node.expression.getText(construct.module.file) } : {}),
      selector: selector.node.getText(selector.module.file),
      ports: ports.node.getText(ports.module.file),
    };
  }
  throw unsupported(
    `${toWhere(workload.module, workload.node)}: blue-green needs a Service in front of ${workload.name}, and none can be read from the source`,
    'Expose it by a Service with a literal name first, or choose canary.',
  );

  /** Selector and ports of a cdk8s-plus Service, taken from the object it renders. */
  function copyOf(variable: string): { selector: string; ports: Code } {
    const type = editor.refer(workload.module, 'cdk8s', 'ApiObject');
    const lazy = editor.refer(workload.module, 'cdk8s', 'Lazy');
    const read = (field: string) => `${lazy}.any({ produce: () => ${type}.of(${variable}).toJson().spec.${field} })`;
    return { selector: read('selector'), ports: read('ports') };
  }
}

export function findPreview(constructs: readonly ConstructNode[], workload: ConstructNode): ConstructNode | undefined {
  return constructs.find(
    (item) => item.kind === 'Service' && item.module === workload.module && item.name.endsWith('-preview'),
  );
}
