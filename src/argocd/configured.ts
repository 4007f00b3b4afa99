import type { Config } from '../config/schema.ts';
import type { Clock } from '../lib/clock.ts';
import { AppError } from '../lib/errors.ts';
import type { Logger } from '../lib/logger.ts';
import { createArgoClient, type ArgoClient } from './http.ts';

/** The client of the Argo CD that the configuration names. Throws `config_invalid` where it names none. */
export function createConfiguredArgo(
  { argocd }: Pick<Config, 'argocd'>,
  basics: { clock: Clock; logger: Logger },
): ArgoClient {
  if (argocd.server === null) throw new AppError('config_invalid', 'argocd.server is not set');
  const { token, username, password, caFile } = argocd;
  return createArgoClient({
    baseUrl: argocd.server,
    requestTimeoutMs: argocd.requestTimeoutMs,
    ...(token === null ? {} : { token }),
    ...(username === null || password === null ? {} : { session: { username, password } }),
    ...(caFile === null ? {} : { caFile }),
    random: Math.random,
    ...basics,
  });
}
