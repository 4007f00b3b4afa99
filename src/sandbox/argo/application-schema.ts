import { z } from 'zod';
import type { Application, ApplicationSpec } from './application.ts';

// Applications as people and other programs write them: unknown fields are ignored, wrong types are refused.

export const retrySchema = z.object({
  limit: z.number().int().exactOptional(),
  backoff: z
    .object({
      duration: z.string().exactOptional(),
      factor: z.number().int().exactOptional(),
      maxDuration: z.string().exactOptional(),
    })
    .exactOptional(),
  refresh: z.boolean().exactOptional(),
});

const sourceSchema = z.object({
  repoURL: z.string(),
  path: z.string().exactOptional(),
  targetRevision: z.string().exactOptional(),
  directory: z
    .object({
      recurse: z.boolean().exactOptional(),
      include: z.string().exactOptional(),
      exclude: z.string().exactOptional(),
    })
    .exactOptional(),
  chart: z.string().exactOptional(),
  ref: z.string().exactOptional(),
});

export const specSchema: z.ZodType<ApplicationSpec> = z.object({
  project: z.string().default('default'),
  source: sourceSchema.exactOptional(),
  sources: z.array(sourceSchema).exactOptional(),
  destination: z.object({
    server: z.string().exactOptional(),
    name: z.string().exactOptional(),
    namespace: z.string().exactOptional(),
  }),
  syncPolicy: z
    .object({
      automated: z
        .object({
          prune: z.boolean().exactOptional(),
          selfHeal: z.boolean().exactOptional(),
          allowEmpty: z.boolean().exactOptional(),
          enabled: z.boolean().exactOptional(),
        })
        .exactOptional(),
      syncOptions: z.array(z.string()).exactOptional(),
      retry: retrySchema.exactOptional(),
    })
    .exactOptional(),
  ignoreDifferences: z
    .array(
      z.object({
        group: z.string().exactOptional(),
        kind: z.string(),
        name: z.string().exactOptional(),
        namespace: z.string().exactOptional(),
        jsonPointers: z.array(z.string()).exactOptional(),
      }),
    )
    .exactOptional(),
  revisionHistoryLimit: z.number().int().exactOptional(),
});

export const applicationSchema: z.ZodType<{
  metadata: Pick<Application['metadata'], 'name' | 'labels' | 'annotations' | 'finalizers'> & { namespace?: string };
  spec: ApplicationSpec;
}> = z.object({
  metadata: z.object({
    name: z.string().min(1),
    namespace: z.string().exactOptional(),
    labels: z.record(z.string(), z.string()).exactOptional(),
    annotations: z.record(z.string(), z.string()).exactOptional(),
    finalizers: z.array(z.string()).exactOptional(),
  }),
  spec: specSchema,
});
