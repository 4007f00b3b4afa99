import { z } from 'zod';
import { countOr, listOf, text } from '../lib/loose.ts';

// Argo CD's own shapes, loosely: unknown fields pass, absent fields become undefined or empty, words stay verbatim.
// The server uses Go's plain encoder: an empty list may come as null, int64 are numbers, times have one second precision.

const optional = <T extends z.ZodType>(schema: T) => schema.nullish().transform((value) => value ?? undefined);
const flag = z
  .boolean()
  .nullish()
  .transform((value) => value ?? false);

const healthSchema = z.looseObject({ status: text, message: text, lastTransitionTime: text });

const sourceSchema = z.looseObject({
  repoURL: text,
  path: text,
  targetRevision: text,
  chart: text,
  /** Set on sources that only lend files to others and are never rendered themselves. */
  ref: text,
  helm: optional(z.looseObject({ valueFiles: listOf(z.string()) })),
});

const syncOperationSchema = z.looseObject({
  revision: text,
  revisions: listOf(z.string()),
  prune: flag,
  dryRun: flag,
  resources: listOf(z.looseObject({ group: text, kind: text, namespace: text, name: text })),
});

const operationSchema = z.looseObject({
  sync: optional(syncOperationSchema),
  info: listOf(z.looseObject({ name: text, value: text })),
  initiatedBy: optional(z.looseObject({ username: text, automated: flag })),
  retry: optional(z.looseObject({ limit: optional(z.number()) })),
});

const resourceResultSchema = z.looseObject({
  group: text,
  kind: text,
  namespace: text,
  name: text,
  status: text,
  message: text,
  hookType: text,
  hookPhase: text,
  syncPhase: text,
});

const operationStateSchema = z.looseObject({
  phase: text,
  message: text,
  startedAt: text,
  finishedAt: text,
  retryCount: countOr(0),
  operation: optional(operationSchema),
  syncResult: optional(
    z.looseObject({ revision: text, revisions: listOf(z.string()), resources: listOf(resourceResultSchema) }),
  ),
});

const resourceStatusSchema = z.looseObject({
  group: text,
  version: text,
  kind: text,
  namespace: text,
  name: text,
  status: text,
  health: optional(healthSchema),
  hook: flag,
  requiresPruning: flag,
  syncWave: optional(z.number()),
});

const historySchema = z.looseObject({
  id: countOr(0),
  revision: text,
  revisions: listOf(z.string()),
  deployedAt: text,
});

const statusSchema = z.looseObject({
  sync: z
    .looseObject({ status: text, revision: text, revisions: listOf(z.string()) })
    .nullish()
    .transform((value) => value ?? { status: '', revision: '', revisions: [] }),
  health: healthSchema.nullish().transform((value) => value ?? { status: '', message: '', lastTransitionTime: '' }),
  operationState: optional(operationStateSchema),
  reconciledAt: text,
  conditions: listOf(z.looseObject({ type: text, message: text, lastTransitionTime: text })),
  resources: listOf(resourceStatusSchema),
  history: listOf(historySchema),
  summary: z
    .looseObject({ images: listOf(z.string()) })
    .nullish()
    .transform((value) => value ?? { images: [] }),
});

const specSchema = z.looseObject({
  project: text,
  source: optional(sourceSchema),
  sources: listOf(sourceSchema),
  destination: optional(z.looseObject({ server: text, name: text, namespace: text })),
  sourceHydrator: z.unknown().optional(),
  syncPolicy: optional(
    z.looseObject({
      automated: optional(
        z.looseObject({
          prune: flag,
          selfHeal: flag,
          allowEmpty: flag,
          /** Absent means on: writing `automated: {}` was the only switch before this field existed. */
          enabled: z
            .boolean()
            .nullish()
            .transform((value) => value ?? true),
        }),
      ),
    }),
  ),
});

export const applicationSchema = z.looseObject({
  metadata: z.looseObject({
    name: z.string(),
    namespace: text,
    uid: text,
    resourceVersion: text,
    creationTimestamp: text,
    deletionTimestamp: text,
    annotations: z
      .record(z.string(), z.string())
      .nullish()
      .transform((value): Record<string, string> => value ?? {}),
  }),
  spec: specSchema.nullish().transform((value) => value ?? specSchema.parse({})),
  operation: optional(operationSchema),
  status: statusSchema.nullish().transform((value) => value ?? statusSchema.parse({})),
});

export type Application = z.output<typeof applicationSchema>;
export type ApplicationSource = z.output<typeof sourceSchema>;
export type OperationState = z.output<typeof operationStateSchema>;
export type ResourceStatus = z.output<typeof resourceStatusSchema>;

export const applicationListSchema = z.looseObject({ items: listOf(applicationSchema) });

const treeNodeSchema = z.looseObject({
  group: text,
  version: text,
  kind: text,
  namespace: text,
  name: text,
  uid: text,
  parentRefs: listOf(z.looseObject({ group: text, kind: text, namespace: text, name: text, uid: text })),
  info: listOf(z.looseObject({ name: text, value: text })),
  images: listOf(z.string()),
  health: optional(healthSchema),
  createdAt: text,
  resourceVersion: text,
});
export type TreeNode = z.output<typeof treeNodeSchema>;

export const resourceTreeSchema = z.looseObject({ nodes: listOf(treeNodeSchema) });
export type ResourceTree = z.output<typeof resourceTreeSchema>;

const managedResourceSchema = z.looseObject({
  group: text,
  version: text,
  kind: text,
  namespace: text,
  name: text,
  /** JSON texts; "null" or empty when there is no such object. */
  targetState: text,
  liveState: text,
  normalizedLiveState: text,
  predictedLiveState: text,
  modified: flag,
  hook: flag,
});
export type ManagedResource = z.output<typeof managedResourceSchema>;
export const managedResourcesSchema = z.looseObject({ items: listOf(managedResourceSchema) });

const eventSchema = z.looseObject({
  metadata: z
    .looseObject({ name: text, namespace: text, creationTimestamp: text })
    .nullish()
    .transform((value) => value ?? { name: '', namespace: '', creationTimestamp: '' }),
  type: text,
  reason: text,
  message: text,
  count: countOr(1),
  firstTimestamp: text,
  lastTimestamp: text,
  eventTime: text,
  involvedObject: z
    .looseObject({ kind: text, namespace: text, name: text, uid: text })
    .nullish()
    .transform((value) => value ?? { kind: '', namespace: '', name: '', uid: '' }),
});
export type ResourceEvent = z.output<typeof eventSchema>;
export const eventListSchema = z.looseObject({ items: listOf(eventSchema) });

export const resourceSchema = z.looseObject({ manifest: text });

export const logItemSchema = z.looseObject({
  result: optional(z.looseObject({ content: text, timeStampStr: text, last: flag, podName: text })),
});

export const manifestsSchema = z.looseObject({
  manifests: listOf(z.string()),
  revision: text,
  sourceType: text,
});
export type RenderedManifests = z.output<typeof manifestsSchema>;

const syncWindowSchema = z.looseObject({
  kind: text,
  schedule: text,
  duration: text,
  startTime: text,
  manualSync: flag,
});
export const syncWindowsSchema = z.looseObject({
  activeWindows: listOf(syncWindowSchema),
  assignedWindows: listOf(syncWindowSchema),
  canSync: z
    .boolean()
    .nullish()
    .transform((value) => value ?? false),
});
export type SyncWindows = z.output<typeof syncWindowsSchema>;

export const revisionMetadataSchema = z.looseObject({
  author: text,
  date: text,
  tags: listOf(z.string()),
  message: text,
});
export type RevisionMetadata = z.output<typeof revisionMetadataSchema>;

const resourceActionSchema = z.looseObject({ name: text, disabled: flag, displayName: text });
export type ResourceAction = z.output<typeof resourceActionSchema>;
export const resourceActionsSchema = z.looseObject({ actions: listOf(resourceActionSchema) });

export const versionSchema = z.looseObject({
  Version: text,
  KustomizeVersion: text,
  HelmVersion: text,
  KubectlVersion: text,
});
export type ArgoVersion = z.output<typeof versionSchema>;

export const settingsSchema = z.looseObject({
  controllerNamespace: text,
  appsInAnyNamespaceEnabled: flag,
  trackingMethod: text,
  appLabelKey: text,
  impersonationEnabled: flag,
  hydratorEnabled: flag,
  syncWithReplaceAllowed: flag,
});
export type ArgoSettings = z.output<typeof settingsSchema>;

export const userInfoSchema = z.looseObject({ loggedIn: flag, username: text, iss: text, groups: listOf(z.string()) });
export type UserInfo = z.output<typeof userInfoSchema>;

export const canISchema = z.looseObject({ value: text });
export const sessionSchema = z.looseObject({ token: z.string().min(1) });

const projectSchema = z.looseObject({
  metadata: z.looseObject({ name: z.string() }),
  spec: z
    .looseObject({ sourceRepos: listOf(z.string()), sourceNamespaces: listOf(z.string()) })
    .nullish()
    .transform((value) => value ?? { sourceRepos: [], sourceNamespaces: [] }),
});
export type Project = z.output<typeof projectSchema>;
export const projectListSchema = z.looseObject({ items: listOf(projectSchema) });

const connectionSchema = z.looseObject({
  name: text,
  /** The address: `repo` for repositories, `server` for clusters. */
  repo: text,
  server: text,
  connectionState: z
    .looseObject({ status: text, message: text })
    .nullish()
    .transform((value) => value ?? { status: 'Unknown', message: '' }),
});
export type Connection = z.output<typeof connectionSchema>;
export const connectionListSchema = z.looseObject({ items: listOf(connectionSchema) });

export const streamItemSchema = z.looseObject({
  result: optional(
    z.looseObject({
      type: text,
      application: z.looseObject({
        metadata: z.looseObject({ name: text, namespace: text, uid: text, resourceVersion: text }),
        spec: z
          .looseObject({ project: text })
          .nullish()
          .transform((value) => value ?? { project: '' }),
      }),
    }),
  ),
});
