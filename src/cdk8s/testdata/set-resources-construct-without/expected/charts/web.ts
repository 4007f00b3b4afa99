import { Chart, ChartProps, Size } from 'cdk8s';
import { Cpu, Deployment, EnvValue } from 'cdk8s-plus-28';
import { Construct } from 'constructs';

export interface WebChartProps extends ChartProps {
  readonly image?: string;
  readonly replicas?: number;
}

export class WebChart extends Chart {
  constructor(scope: Construct, id: string, { image = 'nginx:1.25', replicas, ...props }: WebChartProps) {
    super(scope, id, props);

    const deployment = new Deployment(this, 'deployment', { metadata: { name: 'web' }, replicas: replicas ?? 2 });
    deployment.addContainer({
      name: 'web',
      image,
      port: 8080,
      envVariables: { LOG_LEVEL: EnvValue.fromValue('info') },
      resources: {
        cpu: { request: Cpu.millis(1000), limit: Cpu.millis(1500) },
        memory: { request: Size.mebibytes(512), limit: Size.gibibytes(4) },
      },
    });
  }
}
