import { Chart, Size, type ChartProps } from 'cdk8s';
import * as kplus from 'cdk8s-plus-28';
import type { Construct } from 'constructs';

const labels = { 'app.kubernetes.io/name': 'cache' };

export class CacheChart extends Chart {
  constructor(scope: Construct, id: string, props: ChartProps = {}) {
    super(scope, id, { ...props, labels });

    const deployment = new kplus.Deployment(this, 'deployment', {
      metadata: { name: 'cache' },
      podMetadata: { labels },
      // Labels of our own: the selector of a Deployment cannot change later, so it must not depend on construct paths.
      select: false,
      replicas: 1,
      // The image starts as root unless told otherwise; this is its own user.
      securityContext: { user: 11211, group: 11211 },
      containers: [
        {
          name: 'cache',
          image: 'memcached:1.6.31',
          imagePullPolicy: kplus.ImagePullPolicy.IF_NOT_PRESENT,
          portNumber: 11211,
          resources: {
            cpu: { request: kplus.Cpu.millis(100), limit: kplus.Cpu.millis(500) },
            memory: { request: Size.mebibytes(128), limit: Size.mebibytes(256) },
          },
          readiness: kplus.Probe.fromTcpSocket({ port: 11211 }),
          liveness: kplus.Probe.fromTcpSocket({ port: 11211 }),
        },
      ],
    });
    deployment.select(kplus.LabelSelector.of({ labels }));
    deployment.exposeViaService({ name: 'cache' });
  }
}
