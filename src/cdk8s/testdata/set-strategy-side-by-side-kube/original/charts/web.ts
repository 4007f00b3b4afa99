import { Chart, ChartProps } from 'cdk8s';
import { k8s } from 'cdk8s-plus-28';
import { Construct } from 'constructs';

const labels = { app: 'web' };

export class WebChart extends Chart {
  constructor(scope: Construct, id: string, props: ChartProps = {}) {
    super(scope, id, props);

    new k8s.KubeDeployment(this, 'deployment', {
      metadata: { name: 'web' },
      spec: {
        replicas: 4,
        selector: { matchLabels: labels },
        template: {
          metadata: { labels },
          spec: {
            containers: [
              {
                name: 'web',
                image: 'nginx:1.25',
                ports: [{ name: 'http', containerPort: 8080 }],
                resources: {
                  requests: { cpu: k8s.Quantity.fromString('100m') },
                },
              },
            ],
          },
        },
      },
    });

    new k8s.KubeService(this, 'service', {
      metadata: { name: 'web' },
      spec: { selector: labels, ports: [{ port: 80, targetPort: k8s.IntOrString.fromString('http') }] },
    });
  }
}
