import { ApiObject, Chart, ChartProps, Size } from 'cdk8s';
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
        // The pods are described by the Deployment; its own stay beside these until it is given none.
        workloadRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web', scaleDown: 'never' },
        strategy: {
          canary: {
            steps: [
              { setWeight: 20 },
              { pause: { duration: '2m' } },
              { setWeight: 50 },
              { pause: { duration: '2m' } },
            ],
          },
        },
      },
    });
  }
}
