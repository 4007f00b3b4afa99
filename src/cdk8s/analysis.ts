import { z } from 'zod';

// The `analysis` and `rollouts` sections of tiphys.yaml: what a new version is measured by while it takes over, and in which
// steps it does. Both become plain text in the charts, where people can read and tune them.

/** A Go duration of one unit, which is also what Argo Rollouts takes. */
const duration = z.string().regex(/^[1-9]\d{0,4}[smh]$/, 'a duration such as 30s, 5m or 1h');
const count = z.int().min(1).max(100);
const limit = z.int().min(0).max(99);

/** When a metric can tell something: once users' requests reach the new pods, before any do, or both. */
const whenSchema = z.enum(['with_traffic', 'before_traffic', 'always']);

const timing = {
  interval: duration.optional(),
  count: count.optional(),
  failureLimit: limit.optional(),
  inconclusiveLimit: limit.optional(),
  consecutiveErrorLimit: limit.optional(),
  initialDelay: duration.optional(),
};

const metricSchema = z.strictObject({
  name: z.string().regex(/^[a-z]([-a-z0-9]{0,38}[a-z0-9])?$/, 'lower-case letters, digits and dashes, at most 40'),
  query: z
    .string()
    .max(4000)
    .refine((text) => text.trim() !== '', 'a PromQL query')
    .superRefine((text, context) => {
      for (const message of listPlaceholderFaults(text)) context.addIssue({ code: 'custom', message });
    }),
  min: z.number().optional(),
  max: z.number().optional(),
  when: whenSchema.default('with_traffic'),
  ...timing,
});

/** One thing that is measured, with every default filled in. Durations are as Argo Rollouts writes them. */
export interface Metric {
  name: string;
  /** PromQL with our placeholders still in it. */
  query: string;
  /** At least one of the two bounds is there; a value on the bound is good. */
  min?: number;
  max?: number;
  when: z.infer<typeof whenSchema>;
  interval: string;
  count: number;
  failureLimit: number;
  inconclusiveLimit: number;
  consecutiveErrorLimit: number;
  initialDelay: string;
}

export interface Analysis {
  address: string;
  metrics: readonly Metric[];
}

export const analysisSchema = z
  .strictObject({
    prometheus: z.strictObject({
      address: z
        .string()
        .max(300)
        .refine(isPlainAddress, 'an http or https address without user, password, query or fragment'),
    }),
    ...timing,
    metrics: z.array(metricSchema).min(1).max(20).optional(),
  })
  .transform((section, context): Analysis => {
    const { prometheus, metrics: given, ...common } = section;
    const metrics = (given ?? DEFAULT_METRICS).map((metric) => fillIn(metric, common));
    const names = new Set<string>();
    for (const [index, metric] of metrics.entries()) {
      const faults = listMetricFaults(metric);
      if (names.has(metric.name)) faults.push(`${metric.name} is there twice`);
      names.add(metric.name);
      const path = given === undefined ? [] : ['metrics', index];
      for (const message of faults) context.addIssue({ code: 'custom', path, message });
    }
    return { address: prometheus.address, metrics };
  });

/** The two templates of a workload; the second judges pods that users cannot reach yet. */
export type TemplatePurpose = 'analysis' | 'preview-analysis';

/** The metrics that can tell something at that time. */
export function listMetrics(analysis: Analysis | undefined, purpose: TemplatePurpose): Metric[] {
  const other = purpose === 'analysis' ? 'before_traffic' : 'with_traffic';
  return (analysis?.metrics ?? []).filter(({ when }) => when !== other);
}

const PODS = 'namespace="{{namespace}}", pod=~"{{workload}}-{{pod_hash}}-.*"';

// The names the Prometheus client libraries use. Requests are counted only where they carry a status code, and the errors
// among them may be none at all: so a label of another name gives no data instead of a success rate of 1, and a new version
// that fails every request gives 0 instead of no data. Restarts say something about pods nobody has asked anything yet.
const DEFAULT_METRICS: readonly z.infer<typeof metricSchema>[] = [
  {
    name: 'success-rate',
    query: `1 - (sum(rate(http_requests_total{${PODS}, code=~"5.."}[{{window}}])) or vector(0)) / sum(rate(http_requests_total{${PODS}, code=~".+"}[{{window}}]))`,
    min: 0.95,
    when: 'with_traffic',
  },
  {
    name: 'latency-p95',
    query: `histogram_quantile(0.95, sum by (le) (rate(http_request_duration_seconds_bucket{${PODS}}[{{window}}])))`,
    max: 0.5,
    when: 'with_traffic',
  },
  {
    name: 'restarts',
    query: `sum(increase(kube_pod_container_status_restarts_total{${PODS}}[{{window}}]))`,
    max: 0,
    when: 'before_traffic',
  },
];

// Errors are repeated every ten seconds. Five minutes without Prometheus are no reason to give an update up.
const DEFAULT_ERRORS = 30;

type Timing = { [Key in keyof typeof timing]?: z.infer<(typeof timing)[Key]> };

function fillIn(metric: z.infer<typeof metricSchema>, common: Timing): Metric {
  const interval = metric.interval ?? common.interval ?? '1m';
  const taken = metric.count ?? common.count ?? 3;
  const inconclusiveLimit = metric.inconclusiveLimit ?? common.inconclusiveLimit ?? 0;
  const consecutiveErrorLimit = metric.consecutiveErrorLimit ?? common.consecutiveErrorLimit ?? DEFAULT_ERRORS;
  const failureLimit = metric.failureLimit ?? common.failureLimit ?? Math.max(0, Math.min(1, taken - 1));
  const { name, query, when, min, max } = metric;
  return {
    name,
    query: query.trim(),
    ...(min === undefined ? {} : { min }),
    ...(max === undefined ? {} : { max }),
    when,
    interval,
    count: taken,
    failureLimit,
    inconclusiveLimit,
    consecutiveErrorLimit,
    // A rate needs two scrapes of the new pods, so the first measurement is not taken at once.
    initialDelay: metric.initialDelay ?? common.initialDelay ?? interval,
  };
}

function listMetricFaults({ name, min, max, count: taken, failureLimit, inconclusiveLimit }: Metric): string[] {
  const faults: string[] = [];
  if (min === undefined && max === undefined)
    faults.push(`${name} needs \`min\` or \`max\`: without a bound nothing fails`);
  if (min !== undefined && max !== undefined && min > max) faults.push(`${name}: \`min\` is above \`max\``);
  // Argo Rollouts calls a metric successful once `count` measurements are taken and no limit is passed, whatever they were.
  if (failureLimit + inconclusiveLimit >= taken)
    faults.push(
      `${name}: failureLimit (${failureLimit}) and inconclusiveLimit (${inconclusiveLimit}) together must stay below count (${taken}), or it could succeed without one good measurement`,
    );
  return faults;
}

const PLACEHOLDERS = ['service', 'workload', 'namespace', 'pod_hash', 'window'];

function listPlaceholderFaults(text: string): string[] {
  const known = PLACEHOLDERS.map((name) => `{{${name}}}`).join(', ');
  const unknown = [...text.matchAll(/\{\{(.*?)\}\}/gs)].filter(([, name]) => !PLACEHOLDERS.includes(name ?? ''));
  const rest = text.replaceAll(/\{\{.*?\}\}/gs, '');
  const faults = unknown.map(([whole]) => `${whole.slice(0, 60)} is no placeholder; there are ${known}`);
  // Argo Rollouts would take what follows for the name of an argument and refuse the whole template.
  if (rest.includes('{{')) faults.push(`a \`{{\` is never closed; placeholders are ${known}`);
  return faults;
}

function isPlainAddress(text: string): boolean {
  // What URL parsing forgives, such as blanks and backslashes, would reach Prometheus's client as it stands.
  if (!/^https?:\/\/[^\s\\]+$/.test(text) || !URL.canParse(text)) return false;
  const url = new URL(text);
  return url.username === '' && url.password === '' && !/[?#@]/.test(text);
}

const pauseSchema = z.string().refine((text) => text === 'until_promoted' || duration.safeParse(text).success, {
  message: 'a duration such as 30s, 5m or 1h, or until_promoted',
});

const stepSchema = z.strictObject({
  /** Share of the pods, in percent. */
  weight: z.int().min(1).max(100),
  pause: pauseSchema.optional(),
});

/** One step of a canary: how much of the service is new, and how long it is then left alone. */
export type CanaryStep = z.infer<typeof stepSchema>;

export const rolloutsSchema = z.strictObject({
  canary: z
    .strictObject({
      steps: z
        .array(stepSchema)
        .min(1)
        .max(20)
        .superRefine((steps, context) => {
          for (const [index, step] of steps.entries())
            if (step.weight <= (steps[index - 1]?.weight ?? 0))
              context.addIssue({
                code: 'custom',
                path: [index, 'weight'],
                message: 'weights must rise from step to step',
              });
        }),
    })
    .optional(),
});

// Without a mesh the weight is kept by the number of pods, so small steps mean little on few replicas.
export const DEFAULT_CANARY_STEPS: readonly CanaryStep[] = [
  { weight: 20, pause: '2m' },
  { weight: 50, pause: '2m' },
];
