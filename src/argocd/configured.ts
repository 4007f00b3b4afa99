import type { ArgoInstanceSettings } from '../config/instances.ts';
import type { Clock } from '../lib/clock.ts';
import type { Logger } from '../lib/logger.ts';
import type { LearningRedactor } from '../lib/redact.ts';
import { createArgoClient, type ArgoClient } from './http.ts';

/** The client of one configured Argo CD. */
export function createConfiguredArgo(
  instance: Omit<ArgoInstanceSettings, 'name' | 'isDefault' | 'cluster'>,
  basics: { requestTimeoutMs: number; clock: Clock; logger: Logger; redactor: LearningRedactor },
): ArgoClient {
  const { server, token, tokenFile, session, caFile } = instance;
  const { redactor, ...rest } = basics;
  return createArgoClient({
    baseUrl: server,
    ...(token === null ? {} : { token }),
    ...(tokenFile === null ? {} : { tokenFile, learn: (secret) => redactor.learn(secret) }),
    ...(session === null ? {} : { session }),
    ...(caFile === null ? {} : { caFile }),
    random: Math.random,
    ...rest,
  });
}
