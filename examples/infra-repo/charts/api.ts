import { Chart, Duration, Size, type ChartProps } from 'cdk8s';
import * as kplus from 'cdk8s-plus-28';
import type { Construct } from 'constructs';

const labels = { 'app.kubernetes.io/name': 'api' };

/** The shop's HTTP API. */
export class ApiChart extends Chart {
  constructor(scope: Construct, id: string, props: ChartProps = {}) {
    super(scope, id, { ...props, labels });

    const database = kplus.Secret.fromSecretName(this, 'database', 'api-database');

    const deployment = new kplus.Deployment(this, 'deployment', {
      metadata: { name: 'api' },
      podMetadata: { labels },
      select: false,
      replicas: 2,
      securityContext: { user: 10001, group: 10001 },
      containers: [
        {
          name: 'api',
          image: 'registry.example.com/shop/api:1.8.0',
          imagePullPolicy: kplus.ImagePullPolicy.IF_NOT_PRESENT,
          portNumber: 8080,
          envVariables: {
            LOG_LEVEL: kplus.EnvValue.fromValue('info'),
            // The pool of one replica; the database allows 100 connections in all.
            DATABASE_POOL_SIZE: kplus.EnvValue.fromValue('10'),
            DATABASE_URL: kplus.EnvValue.fromSecretValue({ secret: database, key: 'url' }),
          },
          resources: {
            cpu: { request: kplus.Cpu.millis(250), limit: kplus.Cpu.units(1) },
            memory: { request: Size.mebibytes(256), limit: Size.mebibytes(512) },
          },
          readiness: kplus.Probe.fromHttpGet('/readyz', { port: 8080, periodSeconds: Duration.seconds(5) }),
          liveness: kplus.Probe.fromHttpGet('/healthz', { port: 8080, initialDelaySeconds: Duration.seconds(10) }),
        },
      ],
    });
    deployment.select(kplus.LabelSelector.of({ labels }));
    deployment.exposeViaService({ name: 'api' });
  }
}
