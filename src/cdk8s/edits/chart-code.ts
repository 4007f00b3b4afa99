import { printCode, toStringCode } from '../source/code.ts';
import type { Code } from '../source/code.ts';
import { listMissingEnv, toSecretKey, toSecretName, toVolumeName } from './chart-facts.ts';
import type { ChartOptions, Entry } from './chart-facts.ts';
import type { KnownImage } from './known-images.ts';
import { toStatefulBody } from './stateful-code.ts';

/** The source of a chart module for a new service. */
export function printChart(options: ChartOptions): string {
  const { edit, className, style } = options;
  const stateful = edit.workloadKind === 'statefulset';
  const text = (value: string) => toStringCode(value, style);
  const u = style.unit;
  const imports = stateful
    ? [`import { ApiObject, Chart, type ChartProps } from ${text('cdk8s')};`]
    : [
        `import { Chart, Size, type ChartProps } from ${text('cdk8s')};`,
        `import * as kplus from ${text('cdk8s-plus-28')};`,
      ];
  const body = stateful ? toStatefulBody(options) : toDeploymentBody(options);
  return `${[
    ...imports,
    `import type { Construct } from ${text('constructs')};`,
    '',
    `const labels = { ${text('app.kubernetes.io/name')}: ${text(edit.service)} };`,
    '',
    `export class ${className} extends Chart {`,
    `${u}constructor(scope: Construct, id: string, props: ChartProps = {}) {`,
    `${u}${u}super(scope, id, { ...props, labels });`,
    '',
    ...body.map((line) => (line === '' ? '' : `${u}${u}${line}`)),
    `${u}}`,
    '}',
  ].join('\n')}\n`;
}

function toDeploymentBody({ edit, known, style }: ChartOptions): string[] {
  const text = (value: string) => toStringCode(value, style);
  const indent = style.unit.repeat(2);
  const { service, port } = edit;
  const missing = listMissingEnv(edit, known);
  const env: Entry[] = [
    ...Object.entries({ ...known?.env, ...edit.env }).map(([name, value]): Entry => [
      name,
      `kplus.EnvValue.fromValue(${text(value)})`,
    ]),
    ...missing.map((name): Entry => [
      name,
      `kplus.EnvValue.fromSecretValue({ secret: credentials, key: ${text(toSecretKey(name))} })`,
    ]),
  ];
  const probe = toProbe(known, port, text);
  const paths = [
    ...(known?.dataPath === undefined ? [] : [known.dataPath]),
    ...(known?.readOnlyRoot === true ? known.scratchPaths : []),
  ];
  const mounts = paths.map((path): Code => {
    const name = text(toVolumeName(path, known));
    return {
      object: [
        ['path', text(path)],
        ['volume', `kplus.Volume.fromEmptyDir(this, ${name}, ${name})`],
      ],
    };
  });
  const small = known?.large !== true;
  const container: Entry[] = [
    ['name', text(service)],
    ['image', text(edit.image)],
    ['imagePullPolicy', 'kplus.ImagePullPolicy.IF_NOT_PRESENT'],
    ...(port === undefined ? [] : [['portNumber', String(port)] as const]),
    ...(env.length === 0 ? [] : [['envVariables', { object: env }] as const]),
    [
      'resources',
      {
        object: [
          [
            'cpu',
            small
              ? '{ request: kplus.Cpu.millis(100), limit: kplus.Cpu.millis(500) }'
              : '{ request: kplus.Cpu.millis(250), limit: kplus.Cpu.units(1) }',
          ],
          [
            'memory',
            small
              ? '{ request: Size.mebibytes(128), limit: Size.mebibytes(256) }'
              : '{ request: Size.mebibytes(512), limit: Size.gibibytes(1) }',
          ],
        ],
      },
    ],
    ...(probe === undefined ? [] : [['readiness', probe] as const, ['liveness', probe] as const]),
    ...(known?.readOnlyRoot === true
      ? []
      : [
          [
            'securityContext',
            {
              object: [
                ...(known === undefined ? ([['ensureNonRoot', 'false']] as const) : []),
                ['readOnlyRootFilesystem', 'false'],
              ],
            },
          ] as const,
        ]),
    ...(mounts.length === 0 ? [] : [['volumeMounts', { array: mounts }] as const]),
  ];
  const props: Code = {
    object: [
      ['metadata', { object: [['name', text(service)]] }],
      ['podMetadata', { object: [['labels', 'labels']] }],
      [
        '// Labels of our own: the selector of a Deployment cannot change later, so it must not depend on construct paths.',
        '',
      ],
      ['select', 'false'],
      ['replicas', String(edit.replicas)],
      ...toPodSecurity(known),
      ['containers', { array: [{ object: container }] }],
    ],
  };
  const credentials = `const credentials = kplus.Secret.fromSecretName(this, ${text('credentials')}, ${text(toSecretName(service))});`;
  const lines = printCode(props, style, indent, 0).split('\n');
  return [
    ...(missing.length === 0 ? [] : ['// Made outside this repository.', credentials, '']),
    `const deployment = new kplus.Deployment(this, ${text('deployment')}, ${lines[0] ?? ''}`,
    ...lines
      .slice(1)
      .map((line) => line.slice(indent.length))
      .map((line, index, all) => (index === all.length - 1 ? `${line});` : line)),
    'deployment.select(kplus.LabelSelector.of({ labels }));',
    ...(port === undefined ? [] : [`deployment.exposeViaService({ name: ${text(service)} });`]),
  ];
}

function toPodSecurity(known: KnownImage | undefined): Entry[] {
  if (known === undefined)
    return [
      ['// The image decides its user. Set `user` and drop ensureNonRoot once it is known to run without root.', ''],
      ['securityContext', '{ ensureNonRoot: false }'],
    ];
  const { user, group } = known;
  const volume = known.dataPath === undefined ? '' : `, fsGroup: ${group}`;
  return [
    ['// The image starts as root unless told otherwise; this is its own user.', ''],
    ['securityContext', `{ user: ${user}, group: ${group}${volume} }`],
  ];
}

function toProbe(
  known: KnownImage | undefined,
  port: number | undefined,
  text: (value: string) => string,
): string | undefined {
  if (known?.probe !== undefined) return `kplus.Probe.fromCommand([${known.probe.map(text).join(', ')}])`;
  return port === undefined ? undefined : `kplus.Probe.fromTcpSocket({ port: ${port} })`;
}
