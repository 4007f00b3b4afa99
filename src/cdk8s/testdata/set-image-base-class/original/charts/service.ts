import { Chart } from 'cdk8s';
import * as kplus from 'cdk8s-plus-28';
import { Construct } from 'constructs';

export abstract class ServiceChart extends Chart {
  constructor(scope: Construct, id: string, options: { name: string; image: string }) {
    super(scope, id, { namespace: 'production' });
    const { name, image } = options;
    new kplus.Deployment(this, 'deployment', { metadata: { name }, containers: [{ name, image }] });
  }
}
