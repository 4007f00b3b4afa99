import * as kplus from 'cdk8s-plus-28';
import { Construct } from 'constructs';

export class Website extends Construct {
  constructor(scope: Construct, id: string, props: { name: string; image: string; replicas?: number }) {
    super(scope, id);
    new kplus.Deployment(this, 'deployment', {
      metadata: { name: props.name },
      replicas: props.replicas ?? 1,
      containers: [{ image: props.image }],
    });
  }
}
