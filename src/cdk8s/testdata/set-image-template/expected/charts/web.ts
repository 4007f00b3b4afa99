import { Chart, ChartProps } from 'cdk8s';
import * as kplus from 'cdk8s-plus-28';
import { Construct } from 'constructs';

const registry = 'registry.example.com/shop';
const version = '2.0.0';

export class WebChart extends Chart {
  private readonly deployment: kplus.Deployment;

  constructor(scope: Construct, id: string, props: ChartProps = {}) {
    super(scope, id, props);
    const container: kplus.ContainerProps = { name: 'web', image: `${registry}/web:${version}` };
    this.deployment = new kplus.Deployment(this, 'deployment', { metadata: { name: 'web' } });
    this.deployment.addContainer(container);
  }
}
