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
                    metadata: { labels },
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

        new ApiObject(this, "web-config", {
            apiVersion: "v1",
            kind: "ConfigMap",
            metadata: { name: "web-config" },
            data: { level: "debug" },
        });
    }
}
