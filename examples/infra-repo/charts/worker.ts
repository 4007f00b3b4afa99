import { Chart, Size, type ChartProps } from 'cdk8s';
import * as kplus from 'cdk8s-plus-28';
import type { Construct } from 'constructs';

const labels = { 'app.kubernetes.io/name': 'worker' };

export interface WorkerChartProps extends ChartProps {
  readonly image: string;
  readonly replicas?: number;
}

/** Works off the order queue. It listens on no port. */
export class WorkerChart extends Chart {
  constructor(scope: Construct, id: string, props: WorkerChartProps) {
    super(scope, id, { ...props, labels });

    const deployment = new kplus.Deployment(this, 'deployment', {
      metadata: { name: 'worker' },
      podMetadata: { labels },
      select: false,
      replicas: props.replicas ?? 1,
      securityContext: { user: 10001, group: 10001 },
    });
    deployment.select(kplus.LabelSelector.of({ labels }));

    deployment.addContainer({
      name: 'worker',
      image: props.image,
      imagePullPolicy: kplus.ImagePullPolicy.IF_NOT_PRESENT,
      envVariables: {
        QUEUE: kplus.EnvValue.fromValue('orders'),
        CONCURRENCY: kplus.EnvValue.fromValue('4'),
      },
      resources: {
        cpu: { request: kplus.Cpu.millis(100), limit: kplus.Cpu.units(1) },
        memory: { request: Size.mebibytes(128), limit: Size.mebibytes(256) },
      },
      liveness: kplus.Probe.fromCommand(['/app/worker', 'ping']),
    });
  }
}
