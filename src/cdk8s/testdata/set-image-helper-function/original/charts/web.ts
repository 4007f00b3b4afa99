import { Chart, ChartProps } from 'cdk8s';
import * as kplus from 'cdk8s-plus-28';
import { Construct } from 'constructs';

function addSite(scope: Construct, image: string): void {
  new kplus.Deployment(scope, 'deployment', { metadata: { name: 'web' }, containers: [{ image }] });
}

export class WebChart extends Chart {
  constructor(scope: Construct, id: string, props: ChartProps = {}) {
    super(scope, id, props);
    addSite(this, 'nginx:1.25');
  }
}
