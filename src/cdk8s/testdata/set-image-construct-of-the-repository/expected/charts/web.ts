import { Chart, ChartProps } from 'cdk8s';
import { Construct } from 'constructs';
import { Website } from '../constructs/website';

export class WebChart extends Chart {
  constructor(scope: Construct, id: string, props: ChartProps = {}) {
    super(scope, id, props);
    new Website(this, 'site', { name: 'web', image: 'web:2' });
    new Website(this, 'docs', { name: 'docs', image: 'docs:1' });
  }
}
