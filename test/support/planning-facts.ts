import { parseCommitSha } from '../../src/lib/ids.ts';
import type { ManifestObject } from '../../src/manifest/object.ts';
import type { PlanningInput, RepositoryFacts, ServiceFacts } from '../../src/model/planning.ts';

interface Shape {
  kind?: 'Deployment' | 'StatefulSet' | 'DaemonSet';
  image: string;
  replicas?: number;
  env?: Record<string, string>;
  config?: Record<string, string>;
  resources?: { requests?: Record<string, string>; limits?: Record<string, string> };
  environment?: string;
  namespace?: string;
  sidecar?: string;
}

/** A service as it would be rendered: one workload and, where asked for, a ConfigMap. */
export function toServiceFacts(service: string, shape: Shape): ServiceFacts {
  const environment = shape.environment ?? 'production';
  const namespace = shape.namespace ?? environment;
  const container = {
    name: service,
    image: shape.image,
    env: Object.entries(shape.env ?? {}).map(([name, value]) => ({ name, value })),
    resources: shape.resources ?? {},
  };
  const sidecar = shape.sidecar === undefined ? [] : [{ name: 'sidecar', image: shape.sidecar }];
  const workload: ManifestObject = {
    apiVersion: 'apps/v1',
    kind: shape.kind ?? 'Deployment',
    metadata: { name: service, namespace },
    spec: {
      ...(shape.kind === 'DaemonSet' ? {} : { replicas: shape.replicas ?? 2 }),
      selector: { matchLabels: { app: service } },
      template: { metadata: { labels: { app: service } }, spec: { containers: [container, ...sidecar] } },
    },
  };
  const config: ManifestObject[] =
    shape.config === undefined
      ? []
      : [
          {
            apiVersion: 'v1',
            kind: 'ConfigMap',
            metadata: { name: `${service}-config`, namespace },
            data: shape.config,
          },
        ];
  return { service, environment, objects: [workload, ...config] };
}

/** A small shop: one environment, the usual suspects. */
export function toShopFacts(more: readonly ServiceFacts[] = []): RepositoryFacts {
  return {
    commit: parseCommitSha('0123456789abcdef0123456789abcdef01234567'),
    services: [
      toServiceFacts('web', {
        image: 'ghcr.io/acme/web:1.4.2',
        replicas: 2,
        env: { LOG_LEVEL: 'info' },
        config: { 'feature.search': 'off', theme: 'light' },
        resources: { requests: { cpu: '100m', memory: '256Mi' }, limits: { memory: '512Mi' } },
      }),
      toServiceFacts('api', {
        image: 'ghcr.io/acme/api:v2.1.0',
        replicas: 3,
        env: { LOG_LEVEL: 'info', CACHE_TTL: '60' },
        resources: { requests: { cpu: '250m', memory: '512Mi' }, limits: { cpu: '500m', memory: '512Mi' } },
      }),
      toServiceFacts('worker', { image: 'ghcr.io/acme/worker:0.9.0', replicas: 1 }),
      toServiceFacts('order-service', { image: 'ghcr.io/acme/orders:3.2.1-alpine', replicas: 4 }),
      toServiceFacts('postgres', {
        kind: 'StatefulSet',
        image: 'postgres:16.4',
        replicas: 1,
        config: { max_connections: '100' },
      }),
      toServiceFacts('node-exporter', { kind: 'DaemonSet', image: 'prom/node-exporter:v1.8.2' }),
      ...more,
    ],
  };
}

/** What a planner gets for a ticket with this text. */
export function toPlanningInput(
  title: string,
  over: Partial<Omit<PlanningInput, 'ticket'>> & { ticket?: Partial<PlanningInput['ticket']> } = {},
): PlanningInput {
  const { ticket, ...rest } = over;
  return {
    ticket: { title, description: '', ...ticket },
    facts: toShopFacts(),
    answers: [],
    feedback: [],
    now: Date.UTC(2026, 0, 2, 3, 4, 5),
    ...rest,
  };
}
