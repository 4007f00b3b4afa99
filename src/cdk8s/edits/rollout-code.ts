import type { ts } from 'ts-morph';
import type { Service } from '../project.ts';
import { printCode, toCode, toStringCode } from '../source/code.ts';
import type { Code } from '../source/code.ts';
import { evaluateText, findPath, toObject } from '../source/follow.ts';
import { listNodes, toWhere } from '../source/module.ts';
import { unsupported } from '../source/refusal.ts';
import { listCalls, listConstructs } from '../tree.ts';
import type { ConstructNode } from '../tree.ts';
import type { EditContext } from './context.ts';

interface RolloutCode {
  strategy: Code;
  /** The Service that shows the new version of a blue-green rollout before it is promoted. */
  preview: string | undefined;
  /** The statements that add the Rollout, given the expression for its replicas. */
  statements(replicas: string): string[];
}

// Without a mesh the weight is kept by the number of pods, so small steps mean little on few replicas.
const CANARY_STEPS = [
  { setWeight: 20 },
  { pause: { duration: '2m' } },
  { setWeight: 50 },
  { pause: { duration: '2m' } },
];

export function toRolloutCode(
  context: EditContext,
  service: Service,
  workload: ConstructNode,
  strategy: 'canary' | 'blue_green',
  at: { scope: string; indent: string },
): RolloutCode {
  const { editor } = context;
  const { module, name } = workload;
  const style = editor.style(module);
  const type = editor.refer(module, 'cdk8s', 'ApiObject');
  const active = strategy === 'blue_green' ? findActiveService(context, service, workload) : undefined;
  const code: Code =
    active === undefined
      ? { object: [['canary', { object: [['steps', toCode(CANARY_STEPS, style)]] }]] }
      : {
          object: [
            [
              'blueGreen',
              // Promoted by whoever watches it, after the preview has been looked at.
              {
                object: [
                  ['activeService', toCode(active.name, style)],
                  ['previewService', toCode(`${active.name}-preview`, style)],
                  ['autoPromotionEnabled', 'false'],
                ],
              },
            ],
          ],
        };
  const preview =
    active === undefined
      ? undefined
      : `new ${active.type ?? type}(${at.scope}, ${toStringCode('preview', style)}, ${printCode(
          {
            object: [
              ...(active.type === undefined
                ? ([
                    ['apiVersion', toCode('v1', style)],
                    ['kind', toCode('Service', style)],
                  ] as const)
                : []),
              ['metadata', toCode({ name: `${active.name}-preview` }, style)],
              [
                'spec',
                {
                  object: [
                    ['selector', active.selector],
                    ['ports', active.ports],
                  ],
                },
              ],
            ],
          },
          style,
          at.indent,
          120,
        )});`;
  return {
    strategy: code,
    preview,
    statements: (replicas) => {
      const rollout: Code = {
        object: [
          ['apiVersion', toCode('argoproj.io/v1alpha1', style)],
          ['kind', toCode('Rollout', style)],
          [
            'metadata',
            {
              object: [
                ['name', toCode(name, style)],
                ['// Should the Rollout ever be removed: only after the Deployment has its own pods back.', ''],
                ['annotations', toCode({ 'argocd.argoproj.io/sync-options': 'PruneLast=true' }, style)],
              ],
            },
          ],
          [
            'spec',
            {
              object: [
                ['replicas', replicas],
                ['// The pods are described by the Deployment, whose own are taken down as these become ready.', ''],
                [
                  'workloadRef',
                  toCode({ apiVersion: 'apps/v1', kind: 'Deployment', name, scaleDown: 'progressively' }, style),
                ],
                ['strategy', code],
              ],
            },
          ],
        ],
      };
      const statement = `new ${type}(${at.scope}, ${toStringCode('rollout', style)}, ${printCode(rollout, style, at.indent, 120)});`;
      return preview === undefined ? [statement] : [preview, statement];
    },
  };
}

/** The Service in front of a workload, and how to write a second one like it. */
interface ActiveService {
  name: string;
  /** A generated class such as `k8s.KubeService`, whose own value classes the fields may hold; else an ApiObject does. */
  type?: string;
  selector: string;
  ports: Code;
}

function findActiveService(context: EditContext, service: Service, workload: ConstructNode): ActiveService {
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

/** `ApiObject.of(deployment).addJsonPatch(JsonPatch.remove('/spec/replicas'))` statements. */
export function listReplicaPatches(workload: ConstructNode): ts.Statement[] {
  const { module } = workload;
  const { compiler } = module;
  return listNodes(compiler, workload.frame.owner ?? module.file).filter((node): node is ts.ExpressionStatement => {
    if (!compiler.isExpressionStatement(node)) return false;
    const text = node.getText(module.file).replace(/\s/g, '');
    return (
      text.includes(`.of(${workload.variable ?? ''}).addJsonPatch(`) && /remove\(['"]\/spec\/replicas['"]\)/.test(text)
    );
  });
}
