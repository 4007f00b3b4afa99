import { ApiObject, Chart, ChartProps } from "cdk8s";
import { Construct } from "constructs";

const labels = { app: "web" };

export class WebChart extends Chart {
    constructor(scope: Construct, id: string, props: ChartProps = {}) {
        super(scope, id, props);

        new ApiObject(this, "deployment", {
            apiVersion: "apps/v1",
            kind: "Deployment",
            metadata: { name: "web" },
            spec: {
                selector: { matchLabels: labels },
                template: {
                    metadata: { labels, annotations: { "tiphys.dev/restarted-at": "2026-01-01T00:00:00Z" } },
                    spec: {
                        containers: [
                            {
                                name: "web",
                                image: "nginx:1.25",
                                ports: [{ containerPort: 8080 }],
                                env: [{ name: "LOG_LEVEL", value: "info" }],
                                resources: { limits: { memory: "128Mi" } },
                            },
                            { name: "proxy", image: "envoy:1.30" },
                        ],
                    },
                },
            },
        });
    }
}
