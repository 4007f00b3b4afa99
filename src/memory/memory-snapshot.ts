import { readFile } from 'node:fs/promises';
import { deserialize, serialize } from 'node:v8';
import { packageVersion } from '../lib/package.ts';
import { writeWhole } from './write-whole.ts';

/** A memory as it was after the fact `seen`, with what tells whether it is of these facts. */
export interface MemorySnapshot {
  seen: number;
  /** How many facts there were up to `seen`, and the newest deploy among them. */
  basis: { facts: number; newestDeploy: string };
  memory: Uint8Array;
}

/** Where a snapshot is kept between two runs. It saves time and nothing else: without it the memory is built from the facts. */
export interface SnapshotFile {
  /** Undefined where there is none, or none of this version. */
  read(): Promise<MemorySnapshot | undefined>;
  write(snapshot: MemorySnapshot): Promise<void>;
}

export function createSnapshotFile(path: string): SnapshotFile {
  return {
    read: async () => {
      try {
        const { version, ...snapshot } = deserialize(await readFile(path)) as MemorySnapshot & { version: string };
        return version === packageVersion ? snapshot : undefined;
      } catch {
        return undefined;
      }
    },
    write: async (snapshot) => await writeWhole(path, serialize({ ...snapshot, version: packageVersion })),
  };
}
