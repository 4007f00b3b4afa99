import { ApiObject, Chart, type ChartProps } from 'cdk8s';
import type { Construct } from 'constructs';

const labels = { 'app.kubernetes.io/name': 'cache' };

export class CacheChart extends Chart {
  constructor(scope: Construct, id: string, props: ChartProps = {}) {
    super(scope, id, { ...props, labels });

    new ApiObject(this, 'service', {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'cache' },
      spec: {
        clusterIP: 'None',
        selector: labels,
        ports: [{ name: 'main', port: 5432, targetPort: 5432 }],
      },
    });

    new ApiObject(this, 'statefulset', {
      apiVersion: 'apps/v1',
      kind: 'StatefulSet',
      metadata: { name: 'cache' },
      spec: {
        serviceName: 'cache',
        replicas: 1,
        selector: { matchLabels: labels },
        template: {
          metadata: { labels },
          spec: {
            automountServiceAccountToken: false,
            // The image starts as root unless told otherwise; this is its own user.
            securityContext: { runAsNonRoot: true, runAsUser: 999, runAsGroup: 999, fsGroup: 999 },
            containers: [
              {
                name: 'cache',
                image: 'postgres:16.4',
                imagePullPolicy: 'IfNotPresent',
                ports: [{ name: 'main', containerPort: 5432 }],
                env: [
                  { name: 'PGDATA', value: '/var/lib/postgresql/data/pgdata' },
                  {
                    name: 'POSTGRES_PASSWORD',
                    valueFrom: {
                      secretKeyRef: { name: 'cache-credentials', key: 'postgres-password' },
                    },
                  },
                ],
                resources: {
                  requests: { cpu: '250m', memory: '512Mi' },
                  limits: { cpu: '1', memory: '1Gi' },
                },
                readinessProbe: { exec: { command: ['pg_isready', '-U', 'postgres'] } },
                livenessProbe: {
                  exec: { command: ['pg_isready', '-U', 'postgres'] },
                  initialDelaySeconds: 30,
                },
                securityContext: {
                  allowPrivilegeEscalation: false,
                  capabilities: { drop: ['ALL'] },
                  readOnlyRootFilesystem: true,
                },
                volumeMounts: [
                  { name: 'data', mountPath: '/var/lib/postgresql/data' },
                  { name: 'var-run-postgresql', mountPath: '/var/run/postgresql' },
                  { name: 'tmp', mountPath: '/tmp' },
                ],
              },
            ],
            volumes: [{ name: 'var-run-postgresql', emptyDir: {} }, { name: 'tmp', emptyDir: {} }],
          },
        },
        volumeClaimTemplates: [
          {
            metadata: { name: 'data' },
            spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '10Gi' } } },
          },
        ],
      },
    });
  }
}
