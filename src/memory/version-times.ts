/** Versions kept per scope; the oldest are forgotten first. */
const MAX_VERSIONS = 128;

/**
 * The newest versions of a scope, with when each was first deployed there. Plain data. The times stand in a ring beside the
 * map: a map of times would hold every one as an object of its own, and finding its oldest entry means walking over all that
 * were removed before.
 */
export interface VersionTimes {
  /** Version to its place in the ring. */
  places: Map<string, number>;
  names: string[];
  firstMs: number[];
  /** The place of the oldest one, once all are taken. */
  oldest: number;
}

export function createVersionTimes(): VersionTimes {
  return { places: new Map(), names: [], firstMs: [], oldest: 0 };
}

/** When the version was first deployed; undefined where it never was, or that is forgotten. */
export function findVersionMs(times: VersionTimes, version: string): number | undefined {
  const place = times.places.get(version);
  return place === undefined ? undefined : times.firstMs[place];
}

/** Takes note of a version that is not known yet. */
export function addVersionMs(times: VersionTimes, version: string, atMs: number): void {
  const { places, names, firstMs } = times;
  let place = names.length;
  if (place === MAX_VERSIONS) {
    place = times.oldest;
    places.delete(names[place] ?? '');
    times.oldest = (place + 1) % MAX_VERSIONS;
  }
  names[place] = version;
  firstMs[place] = atMs;
  places.set(version, place);
}
