import { z } from 'zod';
import { countOr, listOf, text } from '../lib/loose.ts';

// Answers of a Kubernetes API server, loose: what is not used here may be anything.

export const versionSchema = z.looseObject({ gitVersion: z.string().min(1) });

/** The body of a refusal. */
export const statusSchema = z.looseObject({ message: text, reason: text });

const metadataSchema = z.looseObject({ name: text, namespace: text, uid: text });

const eventSchema = z.looseObject({
  reason: text,
  message: text,
  count: countOr(1),
  lastTimestamp: text,
  eventTime: text,
  metadata: z.looseObject({ creationTimestamp: text }),
  series: z.looseObject({ count: z.number().nullish(), lastObservedTime: text }).nullish(),
  involvedObject: z.looseObject({ kind: text, name: text, uid: text }),
});
export type ClusterEvent = z.output<typeof eventSchema>;

const listMeta = z
  .looseObject({ continue: text })
  .nullish()
  .transform((value) => value ?? { continue: '' });

export const eventListSchema = z.looseObject({ metadata: listMeta, items: listOf(eventSchema) });
export type ClusterEvents = z.output<typeof eventListSchema>;

export const usageSchema = z.looseObject({
  items: listOf(
    z.looseObject({
      metadata: metadataSchema,
      containers: listOf(z.looseObject({ name: text, usage: z.looseObject({ cpu: text, memory: text }) })),
    }),
  ),
});
export type PodUsage = z.output<typeof usageSchema>['items'][number];

const amounts = z
  .record(z.string(), z.string())
  .nullish()
  .transform((value) => value ?? {});
export const quotasSchema = z.looseObject({
  items: listOf(
    z.looseObject({
      metadata: metadataSchema,
      status: z
        .looseObject({ hard: amounts, used: amounts })
        .nullish()
        .transform((value) => value ?? { hard: {}, used: {} }),
    }),
  ),
});
export type ClusterQuota = z.output<typeof quotasSchema>['items'][number];

export const limitsSchema = z.looseObject({
  items: listOf(
    z.looseObject({
      metadata: metadataSchema,
      spec: z
        .looseObject({ limits: listOf(z.looseObject({ type: text })) })
        .nullish()
        .transform((value) => value ?? { limits: [] }),
    }),
  ),
});
export type ClusterLimits = z.output<typeof limitsSchema>['items'][number];

export const objectSchema = z.looseObject({ kind: z.string().min(1), metadata: metadataSchema });
export type ClusterObject = z.output<typeof objectSchema>;
