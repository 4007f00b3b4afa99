import { ApiObject, Chart, ChartProps } from 'cdk8s';
import { k8s } from 'cdk8s-plus-28';
import { Construct } from 'constructs';

const labels = { app: 'web' };

export class WebChart extends Chart {
  constructor(scope: Construct, id: string, props: ChartProps = {}) {
    super(scope, id, props);

    new k8s.KubeDeployment(this, 'deployment', {
      metadata: { name: 'web' },
      spec: {
        replicas: 0,
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

    new k8s.KubeService(this, 'preview', {
      metadata: { name: 'web-preview' },
      spec: {
        selector: labels,
        ports: [{ port: 80, targetPort: k8s.IntOrString.fromString('http') }],
      },
    });

    new ApiObject(this, 'rollout', {
      apiVersion: 'argoproj.io/v1alpha1',
      kind: 'Rollout',
      metadata: {
        name: 'web',
        // Should the Rollout ever be removed: only after the Deployment has its own pods back.
        annotations: { 'argocd.argoproj.io/sync-options': 'PruneLast=true' },
      },
      spec: {
        replicas: 4,
        // The pods are described by the Deployment; its own stay beside these until it is given none.
        workloadRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web', scaleDown: 'never' },
        strategy: {
          blueGreen: {
            activeService: 'web',
            previewService: 'web-preview',
            autoPromotionEnabled: false,
          },
        },
      },
    });
  }
}
