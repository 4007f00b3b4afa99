import { z } from 'zod';

// What the preflight says of each Argo CD instance, on the wire.

const connectionSchema = z.object({
  name: z.string(),
  /** Argo CD's own word, or `not_visible` where the account may not see it. */
  state: z.enum(['Successful', 'Failed', 'Unknown', 'not_visible']),
  message: z.string(),
});

const problemSchema = z.object({
  about: z.enum(['server', 'account', 'rights', 'repository', 'cluster']),
  /** `error`: tickets for this instance will not come to a good end. `warning`: some will, or it will not last. */
  severity: z.enum(['error', 'warning']),
  sentence: z.string(),
  fix: z.string().nullable(),
  /** Lines to add to policy.csv, exactly as they belong there. */
  rbac: z.array(z.string()),
});

const argoInstanceSchema = z
  .object({
    name: z.string(),
    server: z.string(),
    default: z.boolean(),
    /** The name under which memory keeps what happens there. */
    cluster: z.string(),
    reachable: z.boolean(),
    version: z.string().nullable(),
    /** Null where Argo CD does not know who we are. */
    account: z
      .object({
        name: z.string(),
        kind: z.enum(['local', 'project_role', 'sso', 'anonymous']),
        /** Of the token in use; `never` also where it does not tell. */
        expiry: z.enum(['none', 'never', 'valid', 'expiring', 'expired']),
        expiresAt: z.string().nullable(),
      })
      .nullable(),
    settings: z
      .object({
        controllerNamespace: z.string(),
        appsInAnyNamespace: z.boolean(),
        impersonation: z.boolean(),
        trackingMethod: z.string(),
      })
      .nullable(),
    /** What the account sees, and how many of them follow our branch of our repository. */
    applications: z.object({ visible: z.number(), following: z.number() }).nullable(),
    rights: z.array(
      z.object({
        right: z.string(),
        use: z.string(),
        state: z.enum(['granted', 'missing', 'unknown', 'not_needed']),
        missingOn: z.array(z.string()),
      }),
    ),
    repository: connectionSchema.nullable(),
    clusters: z.array(connectionSchema),
    problems: z.array(problemSchema),
    checkedAt: z.string(),
  })
  .meta({ id: 'ArgoInstance' });
export type ArgoInstanceView = z.infer<typeof argoInstanceSchema>;

export const argoInstanceListSchema = z.object({ items: z.array(argoInstanceSchema) }).meta({ id: 'ArgoInstanceList' });
