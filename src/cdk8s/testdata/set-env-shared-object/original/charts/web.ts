import { Chart, ChartProps } from 'cdk8s';
import * as kplus from 'cdk8s-plus-28';
import { Construct } from 'constructs';

const common = { LOG_LEVEL: kplus.EnvValue.fromValue('info') };

export class WebChart extends Chart {
  constructor(scope: Construct, id: string, props: ChartProps = {}) {
    super(scope, id, props);
    new kplus.Deployment(this, 'web', { metadata: { name: 'web' }, containers: [{ image: 'web:1', envVariables: common }] });
    new kplus.Deployment(this, 'jobs', { metadata: { name: 'jobs' }, containers: [{ image: 'web:1', envVariables: common }] });
  }
}
