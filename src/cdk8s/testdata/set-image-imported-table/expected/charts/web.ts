import { Chart, ChartProps } from 'cdk8s';
import * as kplus from 'cdk8s-plus-28';
import { Construct } from 'constructs';
import { IMAGES } from '../images';

export class WebChart extends Chart {
  constructor(scope: Construct, id: string, props: ChartProps = {}) {
    super(scope, id, props);
    new kplus.Deployment(this, 'web', { metadata: { name: 'web' }, containers: [{ image: IMAGES.web }] });
    new kplus.Deployment(this, 'jobs', { metadata: { name: 'jobs' }, containers: [{ image: IMAGES['jobs'] }] });
  }
}
