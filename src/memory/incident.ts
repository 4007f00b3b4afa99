const HOUR_MS = 3_600_000;

/** Whether something is wrong with the environment itself just now, so that deploys fail whatever they change. Plain data. */
export interface IncidentWatch {
  /** Probability that an incident is going on, as of `atMs`. */
  probability: number;
  atMs: number;
}

/** During an incident this share of the deploys fails that would otherwise have been well. */
const SEVERITY = 0.5;
/** An incident begins about every ten days and lasts about two hours. */
const BEGINS_PER_MS = 1 / (10 * 24 * HOUR_MS);
const ENDS_PER_MS = 1 / (2 * HOUR_MS);

export function createIncidentWatch(): IncidentWatch {
  return { probability: BEGINS_PER_MS / (BEGINS_PER_MS + ENDS_PER_MS), atMs: 0 };
}

/** What is believed at a later time when nothing more is heard. */
export function incidentAt(watch: IncidentWatch, atMs: number): number {
  const rest = BEGINS_PER_MS / (BEGINS_PER_MS + ENDS_PER_MS);
  const kept = Math.exp(-(BEGINS_PER_MS + ENDS_PER_MS) * Math.max(0, atMs - watch.atMs));
  return rest + (watch.probability - rest) * kept;
}

/**
 * Hears of an outcome. A failure of a service that fails often is weak evidence, one of a service that never does is strong.
 * @param usual the probability with which this deploy would have failed without an incident
 */
export function hearOutcome(watch: IncidentWatch, atMs: number, failed: boolean, usual: number): void {
  const before = incidentAt(watch, atMs);
  const during = withIncident(usual);
  const likelyDuring = before * (failed ? during : 1 - during);
  const likelyUsual = (1 - before) * (failed ? usual : 1 - usual);
  watch.probability = likelyDuring / (likelyDuring + likelyUsual);
  watch.atMs = Math.max(watch.atMs, atMs);
}

/** The probability of failure during an incident of what would otherwise fail this often. */
export function withIncident(usual: number): number {
  return 1 - (1 - usual) * (1 - SEVERITY);
}
