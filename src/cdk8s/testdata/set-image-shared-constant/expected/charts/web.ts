import { Chart, ChartProps } from 'cdk8s';
import * as kplus from 'cdk8s-plus-28';
import { Construct } from 'constructs';
import { IMAGES } from '../images';

const nginx = 'nginx:1.25';

export class WebChart extends Chart {
  constructor(scope: Construct, id: string, props: ChartProps = {}) {
    super(scope, id, props);
    new kplus.Deployment(this, 'web', { metadata: { name: 'web' }, containers: [{ image: 'nginx:1.27' }] });
    new kplus.Deployment(this, 'admin', { metadata: { name: 'admin' }, containers: [{ image: nginx }] });
    new kplus.Deployment(this, 'jobs', { metadata: { name: 'jobs' }, containers: [{ image: IMAGES.jobs }] });
  }
}
