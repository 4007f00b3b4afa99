import { Chart, Duration, Size, type ChartProps } from 'cdk8s';
import * as kplus from 'cdk8s-plus-28';
import type { Construct } from 'constructs';

const labels = { 'app.kubernetes.io/name': 'web' };

/** The shop's storefront: static pages behind nginx, reachable from outside. */
export class WebChart extends Chart {
  constructor(scope: Construct, id: string, props: ChartProps = {}) {
    super(scope, id, { ...props, labels });

    const config = new kplus.ConfigMap(this, 'config', {
      metadata: { name: 'web-config' },
      data: {
        API_URL: 'http://api:8080',
        LOG_LEVEL: 'info',
      },
    });

    const deployment = new kplus.Deployment(this, 'deployment', {
      metadata: { name: 'web' },
      podMetadata: { labels },
      // Labels of our own: the selector of a Deployment cannot change later, so it must not depend on construct paths.
      select: false,
      replicas: 3,
      securityContext: { user: 101, group: 101, fsGroup: 101 },
      containers: [
        {
          name: 'web',
          image: 'nginxinc/nginx-unprivileged:1.27.3',
          imagePullPolicy: kplus.ImagePullPolicy.IF_NOT_PRESENT,
          portNumber: 8080,
          envFrom: [kplus.Env.fromConfigMap(config)],
          resources: {
            cpu: { request: kplus.Cpu.millis(50), limit: kplus.Cpu.millis(500) },
            memory: { request: Size.mebibytes(64), limit: Size.mebibytes(128) },
          },
          readiness: kplus.Probe.fromHttpGet('/', { port: 8080, periodSeconds: Duration.seconds(5) }),
          liveness: kplus.Probe.fromTcpSocket({ port: 8080 }),
          volumeMounts: [
            // nginx writes its process id and its buffers here; the rest of the image is read-only.
            { path: '/tmp', volume: kplus.Volume.fromEmptyDir(this, 'tmp', 'tmp') },
          ],
        },
      ],
    });
    deployment.select(kplus.LabelSelector.of({ labels }));

    const service = deployment.exposeViaService({ name: 'web', ports: [{ port: 80, targetPort: 8080 }] });

    new kplus.Ingress(this, 'ingress', {
      metadata: { name: 'web' },
      className: 'nginx',
      rules: [{ host: 'shop.example.com', path: '/', backend: kplus.IngressBackend.fromService(service) }],
    });
  }
}
