import { servicesSchema } from '../../api/contract-memory.ts';
import type { ApiClient } from '../../client/api-client.ts';
import { AppError, isAppError } from '../../lib/errors.ts';
import { findNearest } from '../../lib/nearest.ts';

/** The remembered service that was most likely meant; undefined where none is near, or it is remembered itself. */
export async function findNearService(client: ApiClient, service: string): Promise<string | undefined> {
  const { items } = await client.request(servicesSchema, 'GET', '/api/memory/services');
  const names = new Set(items.map((one) => one.service));
  return names.has(service) ? undefined : findNearest(service, names);
}

/** What `ask` gives; where the service is unknown, a person is told which one is near. */
export async function askAbout<T>(client: ApiClient, service: string, ask: () => Promise<T>): Promise<T> {
  try {
    return await ask();
  } catch (error) {
    if (!isAppError(error, 'not_found')) throw error;
    const near = await findNearService(client, service);
    const hint = `${near === undefined ? '' : `Did you mean ${near}? `}${LIST_HINT}`;
    throw new AppError('not_found', error.message, { cause: error, hint });
  }
}

const LIST_HINT =
  '"tiphys memory services" lists what is remembered; --environment says what to expect of a first deploy there.';
