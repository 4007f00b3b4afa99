import { diffRendered, listRenderedObjects } from '../manifest/diff.ts';
import type { ChangeInput } from './change.ts';
import type { Finding } from './finding.ts';

/** The change from one service's YAML to another, as the checks receive it. For tests. */
export function toChangeInput(before: string, after: string, more: Partial<ChangeInput> = {}): ChangeInput {
  const [left, right] = [before, after].map((content) => [{ path: 'dist/web/all.k8s.yaml', content }]);
  return {
    changes: diffRendered(left ?? [], right ?? []),
    after: listRenderedObjects(right ?? []).map(({ object }) => object),
    sourceFiles: [],
    ...more,
  };
}

/** `severity check field` of each finding, which is what most tests look at. */
export function toLines(findings: readonly Finding[]): string[] {
  return findings.map(({ severity, check, field }) => `${severity} ${check} ${field ?? '-'}`);
}

interface DeploymentOptions {
  name?: string;
  image?: string;
  replicas?: number;
  /** Lines placed under `spec.template.spec`. */
  pod?: string;
  /** Lines placed under the container. */
  container?: string;
}

/** A Deployment no check has anything to say about, with lines of a test's own added. */
export function toDeployment(options: DeploymentOptions = {}): string {
  const { name = 'web', image = 'ghcr.io/acme/web:1.4.2', replicas = 2, pod = '', container = '' } = options;
  return `apiVersion: apps/v1
kind: Deployment
metadata:
  name: ${name}
  namespace: shop
spec:
  replicas: ${replicas}
  selector:
    matchLabels: { app: ${name} }
  template:
    metadata:
      labels: { app: ${name} }
    spec:
      securityContext: { runAsNonRoot: true }
${indent(pod, 6)}      containers:
        - name: ${name}
          image: ${image}
          ports: [{ name: http, containerPort: 8080 }]
          readinessProbe: { httpGet: { path: /, port: 8080 } }
          resources:
            requests: { cpu: 100m, memory: 128Mi }
            limits: { memory: 256Mi }
${indent(container, 10)}`;
}

function indent(lines: string, by: number): string {
  return lines === '' ? '' : `${lines.replace(/^(?=.)/gm, ' '.repeat(by)).trimEnd()}\n`;
}
