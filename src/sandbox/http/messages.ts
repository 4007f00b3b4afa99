import { z } from 'zod';
import { retrySchema } from '../argo/application-schema.ts';

// Messages of the API as clients send them: unknown fields are ignored, wrong types are refused.

const strategySchema = z.object({
  apply: z.object({ force: z.boolean().exactOptional() }).exactOptional(),
  hook: z.object({ force: z.boolean().exactOptional() }).exactOptional(),
});

export const syncSchema = z.object({
  appNamespace: z.string().optional(),
  project: z.string().optional(),
  revision: z.string().optional(),
  revisions: z.array(z.string()).optional(),
  sourcePositions: z.array(z.number().int()).optional(),
  prune: z.boolean().optional(),
  dryRun: z.boolean().optional(),
  strategy: strategySchema.optional(),
  resources: z
    .array(
      z.object({
        group: z.string().exactOptional(),
        kind: z.string(),
        name: z.string(),
        namespace: z.string().exactOptional(),
      }),
    )
    .optional(),
  syncOptions: z.object({ items: z.array(z.string()).optional() }).optional(),
  retryStrategy: retrySchema.optional(),
  infos: z.array(z.object({ name: z.string(), value: z.string() })).optional(),
});
