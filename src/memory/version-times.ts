/** Versions kept per scope; the oldest are forgotten first. */
const MAX_VERSIONS = 128;

/**
 * The newest versions of a scope, with when each was first deployed there. Plain data.
 *
 * A ring of columns and not a map, since every deploy asks, nearly always about a version that is not there: comparing a
 * hundred numbers that stand side by side costs less than the places in memory a large map touches, replacing the oldest
 * is one write, and reading a snapshot need not fill thousands of maps.
 */
export interface VersionTimes {
  names: string[];
  hashes: number[];
  firstMs: number[];
  /** The place of the oldest one, once all are taken. */
  oldest: number;
}

export function createVersionTimes(): VersionTimes {
  return { names: [], hashes: [], firstMs: [], oldest: 0 };
}

/** The hash by which a version is looked for, a whole number of 32 bits (FNV-1a over UTF-16 units). */
export function hashVersion(version: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < version.length; index += 1)
    hash = Math.imul(hash ^ version.charCodeAt(index), 0x01000193);
  return hash | 0;
}

/** When the version was first deployed; undefined where it never was, or that is forgotten. @param hash `hashVersion` of it */
export function findVersionMs(times: VersionTimes, version: string, hash: number): number | undefined {
  const { names, hashes, firstMs } = times;
  for (let at = hashes.indexOf(hash); at >= 0; at = hashes.indexOf(hash, at + 1))
    if (names[at] === version) return firstMs[at];
  return undefined;
}

/** Takes note of a version that is not known yet. */
export function addVersionMs(times: VersionTimes, version: string, hash: number, atMs: number): void {
  const place = times.names.length < MAX_VERSIONS ? times.names.length : times.oldest;
  if (times.names.length === MAX_VERSIONS) times.oldest = (place + 1) % MAX_VERSIONS;
  times.names[place] = version;
  times.hashes[place] = hash;
  times.firstMs[place] = atMs;
}
