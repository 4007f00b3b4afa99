import { z } from 'zod';

// The closed set of changes that are made to construct source by syntax tree, without a model. A "service" is a chart
// instance in the infrastructure repository: its id is the folder of its rendered objects and the name people use.

const DNS_LABEL = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;
const dnsLabel = z.string().regex(DNS_LABEL, 'lower-case letters, digits and dashes, at most 63 characters');
const serviceName = dnsLabel;
const envName = z.string().regex(/^[A-Za-z_][A-Za-z0-9_]{0,127}$/, 'an environment variable name');
const imageRef = z
  .string()
  .max(512)
  .regex(/^[a-zA-Z0-9][\w.-]*(:\d+)?(\/[\w.-]+)*(:[\w][\w.-]{0,127})?(@sha256:[0-9a-f]{64})?$/, 'an image reference');
const quantity = z
  .string()
  .regex(/^\d+(\.\d+)?(m|k|K|Ki|M|Mi|G|Gi|T|Ti)?$/, 'a Kubernetes quantity such as 250m or 512Mi');
const singleLine = z.string().max(4096);

/** Narrows an edit to one workload or container of the service; needed only where the service has several. */
const target = {
  service: serviceName,
  workload: dnsLabel.optional(),
  container: dnsLabel.optional(),
};

export const rolloutStrategySchema = z.enum(['rolling_update', 'recreate', 'canary', 'blue_green']);
export type RolloutStrategy = z.infer<typeof rolloutStrategySchema>;

export const editSchema = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('add_service'),
    service: serviceName,
    image: imageRef,
    workloadKind: z.enum(['deployment', 'statefulset']).default('deployment'),
    replicas: z.number().int().min(0).max(1000).default(1),
    /** Container port; a Service object is made when it is given. */
    port: z.number().int().min(1).max(65535).optional(),
    namespace: dnsLabel.optional(),
    env: z.record(envName, singleLine).default({}),
    /** Size of the persistent volume of a stateful service, such as 1Gi. */
    storage: quantity.optional(),
  }),
  z.strictObject({ kind: z.literal('set_image'), ...target, image: imageRef }),
  z.strictObject({ kind: z.literal('scale'), ...target, replicas: z.number().int().min(0).max(1000) }),
  /** A null value removes the variable. */
  z.strictObject({ kind: z.literal('set_env'), ...target, name: envName, value: singleLine.nullable() }),
  z.strictObject({
    kind: z.literal('set_resources'),
    ...target,
    requests: z.strictObject({ cpu: quantity.optional(), memory: quantity.optional() }).optional(),
    limits: z.strictObject({ cpu: quantity.optional(), memory: quantity.optional() }).optional(),
  }),
  z.strictObject({
    kind: z.literal('expose'),
    service: serviceName,
    host: z.string().regex(/^(\*\.)?[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/, 'a host name'),
    path: z.string().startsWith('/').max(256).default('/'),
    port: z.number().int().min(1).max(65535).optional(),
    tlsSecret: dnsLabel.optional(),
  }),
  /** Adds or changes one key of a ConfigMap of the service; a null value removes the key. The ConfigMap is made when missing. */
  z.strictObject({
    kind: z.literal('set_config'),
    service: serviceName,
    configMap: dnsLabel.optional(),
    key: z.string().regex(/^[-._A-Za-z0-9]{1,253}$/, 'a ConfigMap key'),
    value: z.string().max(65_536).nullable(),
  }),
  /** Changes the pod template's restart annotation, so that the pods are replaced. `at` is an RFC 3339 time. */
  z.strictObject({
    kind: z.literal('restart'),
    service: serviceName,
    workload: dnsLabel.optional(),
    at: z.iso.datetime(),
  }),
  z.strictObject({
    kind: z.literal('set_strategy'),
    service: serviceName,
    workload: dnsLabel.optional(),
    strategy: rolloutStrategySchema,
    /**
     * For the first change to canary or blue-green: the Deployment keeps its own pods beside those of the Rollout until
     * the same strategy is set once more without this, so that no moment has fewer pods. Set it again, and only so, once
     * the Rollout was seen healthy.
     */
    sideBySide: z.boolean().optional(),
  }),
  z.strictObject({ kind: z.literal('remove_service'), service: serviceName }),
]);

export type Edit = z.infer<typeof editSchema>;
export type EditKind = Edit['kind'];
