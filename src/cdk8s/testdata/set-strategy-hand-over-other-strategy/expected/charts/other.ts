import { Chart } from 'cdk8s';
import * as kplus from 'cdk8s-plus-28';
import { Construct } from 'constructs';

// Stands beside the service that is changed, and must not notice.
export class OtherChart extends Chart {
  constructor(scope: Construct, id: string) {
    super(scope, id, { namespace: 'production' });
    new kplus.Deployment(this, 'deployment', {
      metadata: { name: 'other' },
      replicas: 2,
      containers: [{ name: 'other', image: 'other:1.0', portNumber: 8080 }],
    }).exposeViaService({ name: 'other' });
  }
}
