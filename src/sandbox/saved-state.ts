import { readFile, rename, writeFile } from 'node:fs/promises';
import { z } from 'zod';
import { AppError, toErrorMessage } from '../lib/errors.ts';
import type { Application } from './argo/application.ts';
import type { ClusterState } from './cluster/cluster.ts';

/** What a restart must not lose: the live objects and the Applications. Pods that were starting start over. */
export interface SavedState {
  format: 1;
  applications: Application[];
  cluster: ClusterState;
}

const schema = z.object({
  format: z.literal(1),
  applications: z.array(z.custom<Application>((value) => typeof value === 'object' && value !== null)),
  cluster: z.custom<ClusterState>((value) => typeof value === 'object' && value !== null && 'objects' in value),
});

/** Undefined when nothing was saved yet; a file that cannot be read is an error, never an empty start. */
export async function loadState(path: string): Promise<SavedState | undefined> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
  try {
    return schema.parse(JSON.parse(text));
  } catch (error) {
    throw new AppError('config_invalid', `the sandbox state in ${path} cannot be read: ${toErrorMessage(error)}`, {
      hint: 'Delete the file to start with an empty cluster.',
      cause: error,
    });
  }
}

/** Written beside and renamed, so that a crash leaves the old state or the new one. */
export async function saveState(path: string, state: SavedState): Promise<void> {
  const draft = `${path}.new`;
  await writeFile(draft, JSON.stringify(state), { mode: 0o600 });
  await rename(draft, path);
}
