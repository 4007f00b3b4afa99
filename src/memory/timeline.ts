/** A deploy counts as under way for at most this long: an outcome may be told days later. */
const MAX_UNDER_WAY_MS = 30 * 60_000;

const OPEN = 0;
const HEALTHY = 1;
const FAILED = 2;
const SILENT = 3;

/** When which service of an environment was deploying, in columns, since there may be millions. Plain data. */
export interface Timeline {
  length: number;
  startMs: Float64Array;
  /** End of the time it was under way. */
  endMs: Float64Array;
  who: Uint32Array;
  state: Uint8Array;
  /** The row of the same service before, or -1: the deploys of a service are walked from the newest to the oldest. */
  before: Int32Array;
  /** By service: its name, its newest row, and when its first one began. */
  names: string[];
  newest: number[];
  firstMs: number[];
  ids: Map<string, number>;
  /** Rows that failed, ascending. */
  failed: number[];
  /** Scratch: by service the last search that found or wanted it, so that services are told apart without a set. */
  marks: number[];
  mark: number;
}

export function createTimeline(): Timeline {
  return {
    length: 0,
    startMs: new Float64Array(64),
    endMs: new Float64Array(64),
    who: new Uint32Array(64),
    state: new Uint8Array(64),
    before: new Int32Array(64),
    names: [],
    newest: [],
    firstMs: [],
    ids: new Map(),
    failed: [],
    marks: [],
    mark: 0,
  };
}

/** The number of a service, a new one where it has none. */
export function addService(line: Timeline, name: string): number {
  const known = line.ids.get(name);
  if (known !== undefined) return known;
  const id = line.names.length;
  line.ids.set(name, id);
  line.names.push(name);
  line.newest.push(-1);
  line.firstMs.push(0);
  line.marks.push(0);
  return id;
}

/** Adds a deploy that begins; answers its row. A start before the newest one is moved up to it. */
export function beginDeploy(line: Timeline, service: number, startMs: number): number {
  const row = line.length;
  if (row === line.startMs.length) grow(line);
  const start = row === 0 ? startMs : Math.max(startMs, line.startMs[row - 1] ?? startMs);
  const newest = line.newest[service] ?? -1;
  if (newest < 0) line.firstMs[service] = start;
  line.startMs[row] = start;
  line.endMs[row] = start + MAX_UNDER_WAY_MS;
  line.who[row] = service;
  line.state[row] = OPEN;
  line.before[row] = newest;
  line.newest[service] = row;
  line.length += 1;
  return row;
}

/** @param failed undefined for an end that says nothing about the change */
export function endDeploy(line: Timeline, row: number, endMs: number, failed: boolean | undefined): void {
  line.endMs[row] = Math.max(line.startMs[row] ?? endMs, Math.min(endMs, line.endMs[row] ?? endMs));
  line.state[row] = failed === undefined ? SILENT : failed ? FAILED : HEALTHY;
  if (failed === true) addFailed(line, row);
}

/** What had ended well turned out to have failed; when it was under way stays as it was. */
export function failLater(line: Timeline, row: number): void {
  if (line.state[row] === FAILED) return;
  line.state[row] = FAILED;
  addFailed(line, row);
}

function addFailed(line: Timeline, row: number): void {
  // Failures are told nearly in order of their starts, so the place is near the end.
  let at = line.failed.length;
  while (at > 0 && (line.failed[at - 1] ?? 0) > row) at -= 1;
  line.failed.splice(at, 0, row);
}

function grow(line: Timeline): void {
  const size = line.startMs.length * 2;
  const startMs = new Float64Array(size);
  const endMs = new Float64Array(size);
  const who = new Uint32Array(size);
  const state = new Uint8Array(size);
  const before = new Int32Array(size);
  startMs.set(line.startMs);
  endMs.set(line.endMs);
  who.set(line.who);
  state.set(line.state);
  before.set(line.before);
  Object.assign(line, { startMs, endMs, who, state, before });
}

/** True and false as it ended; undefined while open and for an end that says nothing. */
export function rowFailed(line: Timeline, row: number): boolean | undefined {
  const state = line.state[row];
  return state === FAILED ? true : state === HEALTHY ? false : undefined;
}

/** Services other than its own that were under way at any moment of the row's time, each once, as they are found. */
export function servicesBeside(line: Timeline, row: number): number[] {
  const found: number[] = [];
  const { startMs, endMs, who } = line;
  const start = startMs[row] ?? 0;
  const end = endMs[row] ?? 0;
  const mark = beginSearch(line, who[row]);
  for (let other = row - 1; other >= 0 && startMs[other]! > start - MAX_UNDER_WAY_MS; other -= 1)
    if (endMs[other]! >= start) addFound(line, mark, who[other]!, found);
  for (let other = row + 1; other < line.length && startMs[other]! <= end; other += 1)
    addFound(line, mark, who[other]!, found);
  return found;
}

/** Those of some other services that were under way at any moment of the row's time, each once, as they are found. */
export function besideAmong(line: Timeline, row: number, others: readonly number[]): number[] {
  const found: number[] = [];
  const { startMs, endMs, who } = line;
  const start = startMs[row] ?? 0;
  const end = endMs[row] ?? 0;
  const mark = markWanted(line, others);
  for (let other = row - 1; other >= 0 && startMs[other]! > start - MAX_UNDER_WAY_MS; other -= 1)
    if (isWanted(line, mark, who[other]!) && endMs[other]! >= start) addWanted(line, who[other]!, found);
  for (let other = row + 1; other < line.length && startMs[other]! <= end; other += 1)
    if (isWanted(line, mark, who[other]!)) addWanted(line, who[other]!, found);
  return found;
}

/** Those of some services that are under way at a time after the newest start. */
export function underWayAmong(line: Timeline, atMs: number, others: readonly number[]): number[] {
  const found: number[] = [];
  const { startMs, endMs, who, state } = line;
  const mark = markWanted(line, others);
  for (let row = line.length - 1; row >= 0 && startMs[row]! > atMs - MAX_UNDER_WAY_MS; row -= 1)
    if (isWanted(line, mark, who[row]!) && (state[row] === OPEN || endMs[row]! > atMs))
      addWanted(line, who[row]!, found);
  return found;
}

/**
 * Services other than its own with a failed deploy that began within the span around the row's start.
 * @param enough stops the search: in a mass failure there are hundreds
 */
export function servicesFailingAround(line: Timeline, row: number, spanMs: number, enough: number): number[] {
  const found: number[] = [];
  const start = line.startMs[row] ?? 0;
  const mark = beginSearch(line, line.who[row]);
  const { failed } = line;
  let low = 0;
  let high = failed.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (line.startMs[failed[middle]!]! < start - spanMs) low = middle + 1;
    else high = middle;
  }
  for (let at = low; at < failed.length && line.startMs[failed[at]!]! <= start + spanMs; at += 1) {
    addFound(line, mark, line.who[failed[at]!]!, found);
    if (found.length === enough) break;
  }
  return found;
}

/** Begins a search for distinct services; the excepted one counts as found already. */
function beginSearch(line: Timeline, except: number | undefined): number {
  line.mark += 1;
  if (except !== undefined) line.marks[except] = line.mark;
  return line.mark;
}

function addFound(line: Timeline, mark: number, service: number, found: number[]): void {
  if (line.marks[service] === mark) return;
  line.marks[service] = mark;
  found.push(service);
}

/** Begins a search for certain services only: a mark says that one is wanted, and is taken off when it is found. */
function markWanted(line: Timeline, wanted: readonly number[]): number {
  line.mark += 1;
  for (const service of wanted) line.marks[service] = line.mark;
  return line.mark;
}

function isWanted(line: Timeline, mark: number, service: number): boolean {
  return line.marks[service] === mark;
}

function addWanted(line: Timeline, service: number, found: number[]): void {
  line.marks[service] = 0;
  found.push(service);
}
