import { Chart, ChartProps, Size } from 'cdk8s';
import * as kplus from 'cdk8s-plus-28';
import { Construct } from 'constructs';

export class WebChart extends Chart {
  constructor(scope: Construct, id: string, props: ChartProps = {}) {
    super(scope, id, props);

    const deployment = new kplus.Deployment(this, 'deployment', {
      metadata: { name: 'web' },
      replicas: 3, // one per zone
      containers: [
        {
          name: 'web',
          // Pinned: 1.26 leaks memory.
          image: 'nginx:1.25', // see the upgrade notes
          portNumber: 8080,
          envVariables: {
            LOG_LEVEL: kplus.EnvValue.fromValue('info'),
            // Seconds.
            TIMEOUT: kplus.EnvValue.fromValue('30'), /* tuned by hand */
          },
          resources: {
            cpu: { request: kplus.Cpu.millis(100), limit: kplus.Cpu.millis(500) },
            memory: { request: Size.mebibytes(64), limit: Size.mebibytes(128) },
          },
        },
      ],
    });

    deployment.exposeViaService({ name: 'web', ports: [{ port: 80, targetPort: 8080 }] });
  }
}
