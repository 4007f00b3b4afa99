import { printCode, toCode, toStringCode } from '../source/code.ts';
import type { Code, Style } from '../source/code.ts';
import { listMissingEnv, toSecretKey, toSecretName, toVolumeName } from './chart-facts.ts';
import type { ChartOptions, Entry } from './chart-facts.ts';

/** A StatefulSet with a volume per pod, which cdk8s-plus has no words for, so it is written as the plain object. */
export function toStatefulBody({ edit, known, style }: ChartOptions): string[] {
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
