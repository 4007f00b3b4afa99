import { ApiObject, Chart, ChartProps, JsonPatch, Size } from 'cdk8s';
import * as kplus from 'cdk8s-plus-28';
import { Construct } from 'constructs';

export class WebChart extends Chart {
  constructor(scope: Construct, id: string, props: ChartProps = {}) {
    super(scope, id, props);

    const deployment = new kplus.Deployment(this, 'deployment', {
      metadata: { name: 'web' },
      replicas: 3, // one per zone
      containers: [
        {
          name: 'web',
          // Pinned: 1.26 leaks memory.
          image: 'nginx:1.25', // see the upgrade notes
          portNumber: 8080,
          envVariables: {
            LOG_LEVEL: kplus.EnvValue.fromValue('info'),
            // Seconds.
            TIMEOUT: kplus.EnvValue.fromValue('30'), /* tuned by hand */
          },
          resources: {
            cpu: { request: kplus.Cpu.millis(100), limit: kplus.Cpu.millis(500) },
            memory: { request: Size.mebibytes(64), limit: Size.mebibytes(128) },
          },
        },
      ],
    });

    deployment.exposeViaService({ name: 'web', ports: [{ port: 80, targetPort: 8080 }] });

    // The Rollout scales the Deployment down to nothing; a number here would scale it up again.
    ApiObject.of(deployment).addJsonPatch(JsonPatch.remove('/spec/replicas'));

    // What a new version has to show once requests reach it.
    new ApiObject(this, 'analysis', {
      apiVersion: 'argoproj.io/v1alpha1',
      kind: 'AnalysisTemplate',
      metadata: { name: 'web-analysis' },
      spec: {
        args: [{ name: 'namespace' }, { name: 'pod-hash' }],
        // Each has two conditions: without data, or with NaN, neither holds, and the Rollout waits for a person.
        metrics: [
          {
            name: 'success-rate',
            initialDelay: '1m',
            interval: '1m',
            count: 3,
            failureLimit: 1,
            inconclusiveLimit: 0,
            consecutiveErrorLimit: 30,
            successCondition: 'len(result) > 0 && all(result, {!isNaN(#) && !isInf(#) && # >= 0.95})',
            failureCondition: 'any(result, {!isNaN(#) && # < 0.95})',
            provider: {
              prometheus: {
                address: 'http://prometheus.monitoring:9090',
                query: '1 - (sum(rate(http_requests_total{namespace="{{args.namespace}}", pod=~"web-{{args.pod-hash}}-.*", code=~"5.."}[2m])) or vector(0)) / sum(rate(http_requests_total{namespace="{{args.namespace}}", pod=~"web-{{args.pod-hash}}-.*", code=~".+"}[2m]))',
              },
            },
          },
          {
            name: 'latency-p95',
            initialDelay: '1m',
            interval: '1m',
            count: 3,
            failureLimit: 1,
            inconclusiveLimit: 0,
            consecutiveErrorLimit: 30,
            successCondition: 'len(result) > 0 && all(result, {!isNaN(#) && !isInf(#) && # <= 0.5})',
            failureCondition: 'any(result, {!isNaN(#) && # > 0.5})',
            provider: {
              prometheus: {
                address: 'http://prometheus.monitoring:9090',
                query: 'histogram_quantile(0.95, sum by (le) (rate(http_request_duration_seconds_bucket{namespace="{{args.namespace}}", pod=~"web-{{args.pod-hash}}-.*"}[2m])))',
              },
            },
          },
        ],
      },
    });

    const analysis = {
      templates: [{ templateName: 'web-analysis' }],
      args: [
        { name: 'namespace', valueFrom: { fieldRef: { fieldPath: 'metadata.namespace' } } },
        { name: 'pod-hash', valueFrom: { podTemplateHashValue: 'Latest' } },
      ],
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
        replicas: deployment.replicas ?? 2,
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
              { setWeight: 20 },
              { pause: { duration: '2m' } },
              { analysis },
              { setWeight: 50 },
              { pause: { duration: '2m' } },
              { analysis },
            ],
          },
        },
      },
    });
  }
}
