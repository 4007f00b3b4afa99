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

    // What a new version has to show once requests reach it.
    new ApiObject(this, 'analysis', {
      apiVersion: 'argoproj.io/v1alpha1',
      kind: 'AnalysisTemplate',
      metadata: { name: 'web-analysis' },
      spec: {
        args: [{ name: 'namespace' }],
        // Each has two conditions: without data, or with NaN, neither holds, and the Rollout waits for a person.
        metrics: [
          {
            name: 'errors',
            initialDelay: '2m',
            interval: '30s',
            count: 5,
            failureLimit: 2,
            inconclusiveLimit: 0,
            consecutiveErrorLimit: 30,
            successCondition: 'len(result) > 0 && all(result, {!isNaN(#) && !isInf(#) && # <= 0.2})',
            failureCondition: 'any(result, {!isNaN(#) && # > 0.2})',
            provider: {
              prometheus: {
                address: 'https://metrics.example.com/prometheus',
                query: 'sum(rate(errors_total{service="web", namespace="{{args.namespace}}"}[1m]))',
              },
            },
          },
          {
            name: 'saturation',
            initialDelay: '2m',
            interval: '30s',
            count: 3,
            failureLimit: 1,
            inconclusiveLimit: 0,
            consecutiveErrorLimit: 30,
            successCondition: 'len(result) > 0 && all(result, {!isNaN(#) && !isInf(#) && # >= 0.1 && # <= 0.9})',
            failureCondition: 'any(result, {!isNaN(#) && (# < 0.1 || # > 0.9)})',
            provider: {
              prometheus: {
                address: 'https://metrics.example.com/prometheus',
                query: 'avg(queue_saturation{workload="web"})',
              },
            },
          },
        ],
      },
    });

    const analysis = {
      templates: [{ templateName: 'web-analysis' }],
      args: [{ name: 'namespace', valueFrom: { fieldRef: { fieldPath: 'metadata.namespace' } } }],
    };

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
        // The pods are described by the Deployment, whose own are taken down as these become ready.
        workloadRef: {
          apiVersion: 'apps/v1',
          kind: 'Deployment',
          name: 'web',
          scaleDown: 'progressively',
        },
        strategy: {
          canary: {
            steps: [
              { setWeight: 10 },
              { analysis },
              { setWeight: 40 },
              { pause: { duration: '10m' } },
              { analysis },
              { setWeight: 80 },
              { pause: {} },
              { analysis },
            ],
          },
        },
      },
    });
  }
}
