import type { KnownImage } from './known-images.ts';
import { printCode, toCode, toStringCode } from '../source/code.ts';
import type { Code, Style } from '../source/code.ts';
import type { EditOf } from './context.ts';

/** What a new chart is written from. */
interface ChartOptions {
  edit: EditOf<'add_service'>;
  className: string;
  known: KnownImage | undefined;
  style: Style;
}

type Entry = readonly [string, Code];

/** The Secret a new service reads what must not stand in the repository from, and the key of each variable in it. */
export function toSecretName(service: string): string {
  return `${service}-credentials`;
}

export function toSecretKey(variable: string): string {
  return variable.toLowerCase().replaceAll('_', '-');
}

/** Variables the image insists on that the ticket did not give. */
export function listMissingEnv(edit: EditOf<'add_service'>, known: KnownImage | undefined): string[] {
  return (known?.requiredEnv ?? []).filter((name) => edit.env[name] === undefined);
}

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

function toVolumeName(path: string, known: KnownImage | undefined): string {
  return path === (known?.dataPath ?? '/data') ? 'data' : path.slice(1).replaceAll('/', '-');
}

/** A StatefulSet with a volume per pod, which cdk8s-plus has no words for, so it is written as the plain object. */
function toStatefulBody({ edit, known, style }: ChartOptions): string[] {
  const { service, port, storage } = edit;
  const dataPath = known?.dataPath ?? (storage === undefined ? undefined : '/data');
  const scratch = known?.readOnlyRoot === true ? known.scratchPaths : [];
  const small = known?.large !== true;
  const probe =
    known?.probe !== undefined
      ? { exec: { command: known.probe } }
      : port === undefined
        ? undefined
        : { tcpSocket: { port } };
  const env = [
    ...Object.entries({ ...known?.env, ...edit.env }).map(([name, value]) => ({ name, value })),
    ...listMissingEnv(edit, known).map((name) => ({
      name,
      valueFrom: { secretKeyRef: { name: toSecretName(service), key: toSecretKey(name) } },
    })),
  ];
  const mounts = [...(dataPath === undefined ? [] : [dataPath]), ...scratch].map((path) => ({
    name: path === dataPath ? 'data' : toVolumeName(path, known),
    mountPath: path,
  }));
  const volumes = mounts
    .filter(({ name }) => name !== 'data' || storage === undefined)
    .map(({ name }) => ({ name, emptyDir: {} }));
  const container = {
    name: service,
    image: edit.image,
    imagePullPolicy: 'IfNotPresent',
    ...(port === undefined ? {} : { ports: [{ name: 'main', containerPort: port }] }),
    ...(env.length === 0 ? {} : { env }),
    resources: {
      requests: small ? { cpu: '100m', memory: '128Mi' } : { cpu: '250m', memory: '512Mi' },
      limits: small ? { cpu: '500m', memory: '256Mi' } : { cpu: '1', memory: '1Gi' },
    },
    ...(probe === undefined ? {} : { readinessProbe: probe, livenessProbe: { ...probe, initialDelaySeconds: 30 } }),
    securityContext: {
      allowPrivilegeEscalation: false,
      ...(known === undefined ? {} : { capabilities: { drop: ['ALL'] } }),
      ...(known?.readOnlyRoot === true ? { readOnlyRootFilesystem: true } : {}),
    },
    ...(mounts.length === 0 ? {} : { volumeMounts: mounts }),
  };
  const podSecurity: Entry[] =
    known === undefined
      ? [['// The image decides its user. Set runAsUser and runAsNonRoot once it is known to run without root.', '']]
      : [
          ['// The image starts as root unless told otherwise; this is its own user.', ''],
          [
            'securityContext',
            toCode({ runAsNonRoot: true, runAsUser: known.user, runAsGroup: known.group, fsGroup: known.group }, style),
          ],
        ];
  const podSpec: Code = {
    object: [
      ['automountServiceAccountToken', 'false'],
      ...podSecurity,
      ['containers', toCode([container], style)],
      ...(volumes.length === 0 ? [] : [['volumes', toCode(volumes, style)] as const]),
    ],
  };
  const claim = {
    metadata: { name: 'data' },
    spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: storage ?? '' } } },
  };
  const spec: Code = {
    object: [
      ['serviceName', toCode(service, style)],
      ['replicas', String(edit.replicas)],
      ['selector', { object: [['matchLabels', 'labels']] }],
      [
        'template',
        {
          object: [
            ['metadata', { object: [['labels', 'labels']] }],
            ['spec', podSpec],
          ],
        },
      ],
      ...(storage === undefined ? [] : [['volumeClaimTemplates', toCode([claim], style)] as const]),
    ],
  };
  const ports =
    port === undefined ? [] : [['ports', toCode([{ name: 'main', port, targetPort: port }], style)] as const];
  const serviceSpec: Code = { object: [['clusterIP', toCode('None', style)], ['selector', 'labels'], ...ports] };
  return [
    // Governs the names of the pods, so it is there even without a port.
    ...printApiObject('service', 'v1', 'Service', service, serviceSpec, style),
    '',
    ...printApiObject('statefulset', 'apps/v1', 'StatefulSet', service, spec, style),
  ];
}

function printApiObject(
  id: string,
  apiVersion: string,
  kind: string,
  name: string,
  spec: Code,
  style: Style,
): string[] {
  const indent = style.unit.repeat(2);
  const code: Code = {
    object: [
      ['apiVersion', toCode(apiVersion, style)],
      ['kind', toCode(kind, style)],
      ['metadata', toCode({ name }, style)],
      ['spec', spec],
    ],
  };
  // Never on one line: it is read field by field.
  const lines = printCode(code, style, indent, 100)
    .split('\n')
    .map((line) => (line.startsWith(indent) ? line.slice(indent.length) : line));
  return `new ApiObject(this, ${toStringCode(id, style)}, ${lines.join('\n')});`.split('\n');
}
