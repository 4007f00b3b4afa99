import { Chart, Size, type ChartProps } from "cdk8s";
import * as kplus from "cdk8s-plus-28";
import type { Construct } from "constructs";

const labels = { "app.kubernetes.io/name": "cache" };

export class CacheChart extends Chart {
    constructor(scope: Construct, id: string, props: ChartProps = {}) {
        super(scope, id, { ...props, labels });

        const deployment = new kplus.Deployment(this, "deployment", {
            metadata: { name: "cache" },
            podMetadata: { labels },
            // Labels of our own: the selector of a Deployment cannot change later, so it must not depend on construct paths.
            select: false,
            replicas: 1,
            // The image decides its user. Set `user` and drop ensureNonRoot once it is known to run without root.
            securityContext: { ensureNonRoot: false },
            containers: [
                {
                    name: "cache",
                    image: "registry.example.com/a/cache:1",
                    imagePullPolicy: kplus.ImagePullPolicy.IF_NOT_PRESENT,
                    envVariables: { MODE: kplus.EnvValue.fromValue("fast") },
                    resources: {
                        cpu: { request: kplus.Cpu.millis(100), limit: kplus.Cpu.millis(500) },
                        memory: { request: Size.mebibytes(128), limit: Size.mebibytes(256) },
                    },
                    securityContext: { ensureNonRoot: false, readOnlyRootFilesystem: false },
                },
            ],
        });
        deployment.select(kplus.LabelSelector.of({ labels }));
    }
}
