import type { Clock } from '../lib/clock.ts';
import type { Redactor } from '../lib/redact.ts';
import { type ObjectRef, toRefLabel } from '../manifest/object.ts';
import { type ApplicationRef, isSameObject, toResourceRef } from './application.ts';
import { classify, type DiagnosisClass, findTellingLine, type Symptoms, toSignature } from './classify.ts';
import { evidence } from './context.ts';
import { type HealthItem, listHealthItems } from './health-items.ts';
import type { Evidence } from './outcome.ts';
import { type Attempt, createAttempt, type PodReport, readEvents, readPod } from './pod-report.ts';
import type { ArgoReads } from './reads.ts';
import type { Application, OperationState, ResourceTree } from './schema.ts';
import { type ApplicationSnapshot, toBaselineKey } from './snapshot.ts';
import { sortResults } from './sync-results.ts';
import { isBadPod, listCurrentPods, listOwners } from './tree.ts';

/** Why an application is not well, concluded from what Argo CD shows. */
export interface Diagnosis {
  class: DiagnosisClass;
  sentence: string;
  /** The managed object to blame. */
  object?: ObjectRef;
  /** Their short word: CrashLoopBackOff, SyncFailed. */
  reason: string;
  /** Their sentence. */
  message: string;
  exitCode?: number;
  /** The last lines of the failing container, oldest first, redacted. */
  logTail: string[];
  evidence: Evidence[];
}

export interface DiagnoseInput {
  /** Looked at first. */
  changed: readonly ObjectRef[];
  /** Faults that were there before, on objects not changed, are looked at last. */
  baseline?: ApplicationSnapshot;
  redactor: Redactor;
  clock?: Clock;
  tailLines?: number;
  signal?: AbortSignal;
}

const TAIL_LINES = 50;
const MAX_OBJECTS = 4;
const MAX_PODS = 2;

/** Reads only, a bounded number of times. What cannot be read is left out and said in the evidence. */
export async function diagnose(argo: ArgoReads, ref: ApplicationRef, input: DiagnoseInput): Promise<Diagnosis> {
  const { signal } = input;
  const gaps: Evidence[] = [];
  const attempt = createAttempt(signal, (entry) => gaps.push(entry));
  const application = await argo.getApplication(ref, { signal });
  const tree = (await attempt('resource tree', () => argo.resourceTree(ref, { signal }))) ?? { nodes: [] };
  const reading: Reading = { argo, ref, attempt, tailLines: input.tailLines ?? TAIL_LINES, signal, tree, application };
  const found =
    fromConditions(application) ??
    (await fromOperation(reading, application.status.operationState)) ??
    (await fromObjects(reading, input)) ??
    fromNothing(application);
  return redact({ ...found, evidence: [...found.evidence, ...gaps] }, input.redactor);
}

interface Reading {
  argo: ArgoReads;
  ref: ApplicationRef;
  attempt: Attempt;
  tailLines: number;
  signal: AbortSignal | undefined;
  tree: ResourceTree;
  application: Application;
}

function fromConditions({ status, metadata }: Application): Diagnosis | undefined {
  const condition = status.conditions.find(({ type }) => type === 'ComparisonError' || type === 'InvalidSpecError');
  if (condition === undefined) return undefined;
  return {
    class: 'render',
    sentence: `Argo CD cannot make the manifests: ${condition.message}`,
    reason: condition.type,
    message: condition.message,
    logTail: [],
    evidence: [evidence(`Application ${metadata.name}`, `status.conditions[${condition.type}]`, condition.message)],
  };
}

async function fromOperation(reading: Reading, state: OperationState | undefined): Promise<Diagnosis | undefined> {
  if (state === undefined || (state.phase !== 'Failed' && state.phase !== 'Error')) return undefined;
  const { reason, results } = sortResults(state);
  // What turned bad in its wave is read like any other unhealthy object.
  if (reason === 'degraded') return undefined;
  const [refused] = results;
  if (reason === 'hook' && refused !== undefined)
    return await fromHook(reading, toResourceRef(refused), refused.message || state.message);
  const message = refused?.message || state.message;
  const { class: named, because } = classify({ reasons: [], ended: [], messages: [message], events: [] });
  const label = refused === undefined ? 'the application' : toRefLabel(toResourceRef(refused));
  return {
    class: named,
    sentence: `Argo CD could not apply ${label}: ${message}`,
    ...(refused === undefined ? {} : { object: toResourceRef(refused) }),
    reason: refused?.status ?? state.phase,
    message: because === '' ? message : because,
    logTail: [],
    evidence: [
      evidence('operation', 'status.operationState.phase', state.phase),
      evidence('operation', 'status.operationState.message', state.message),
      evidence(label, 'syncResult.message', message),
    ],
  };
}

async function fromHook(reading: Reading, hook: ObjectRef, message: string): Promise<Diagnosis> {
  const pod = listCurrentPods(reading.tree, hook).at(-1);
  const report = pod === undefined ? undefined : await readPod(reading, pod.node);
  const line = findTellingLine(report?.logTail ?? []);
  return {
    class: 'hook',
    sentence: `The hook ${toRefLabel(hook)} failed: ${message}${line === undefined ? '' : ` Its log says: ${toSentenceEnd(line)}`}`,
    object: hook,
    reason: 'HookFailed',
    message,
    ...(report?.exitCode === undefined ? {} : { exitCode: report.exitCode }),
    logTail: report?.logTail ?? [],
    evidence: [evidence(toRefLabel(hook), 'hookPhase', message), ...(report?.evidence ?? [])],
  };
}

/** The unhealthy objects, the most telling first; the first that can be named decides. */
async function fromObjects(reading: Reading, input: DiagnoseInput): Promise<Diagnosis | undefined> {
  const items = listSuspects(reading, input).slice(0, MAX_OBJECTS);
  let vague: Diagnosis | undefined;
  for (const item of items) {
    const diagnosis = await fromObject(reading, item);
    if (diagnosis.class !== 'unknown' && diagnosis.class !== 'timeout') return diagnosis;
    if (vague === undefined || (vague.class === 'unknown' && diagnosis.class === 'timeout')) vague = diagnosis;
  }
  return vague;
}

const SEVERITY = ['Degraded', 'Unknown', 'Missing', 'Progressing', 'Suspended'];

function listSuspects({ application, tree }: Reading, { changed, baseline }: DiagnoseInput): HealthItem[] {
  const isOurs = (item: HealthItem) => changed.some((ref) => isSameObject(ref, item.ref));
  const isOld = (item: HealthItem) => {
    const before = baseline?.resources[toBaselineKey(item.ref, undefined)];
    return before?.health === item.status && before.message === item.message;
  };
  const hasBadPod = (item: HealthItem) => listCurrentPods(tree, item.ref).some(isTroubled);
  const rank = (item: HealthItem) =>
    (isOurs(item) ? 0 : isOld(item) ? 200 : 100) + (hasBadPod(item) ? 0 : 10) + SEVERITY.indexOf(item.status);
  return listHealthItems(
    { nowMs: 0, reading: { state: 'read', application }, tree, unreadable: {}, ancestry: {} },
    application,
  )
    .filter((item) => SEVERITY.includes(item.status) || hasBadPod(item))
    .sort((a, b) => rank(a) - rank(b));
}

function isTroubled(pod: Parameters<typeof isBadPod>[0]): boolean {
  return isBadPod(pod) || pod.restarts > 0;
}

async function fromObject(reading: Reading, item: HealthItem): Promise<Diagnosis> {
  const pods = listCurrentPods(reading.tree, item.ref).sort((a, b) => toTrouble(b) - toTrouble(a));
  const reports: PodReport[] = [];
  for (const pod of pods.slice(0, MAX_PODS)) reports.push(await readPod(reading, pod.node));
  const owners = await readOwnerEvents(reading, item.ref);
  const symptoms = merge(item, reports, owners);
  const { class: named, because } = classify(symptoms);
  const report = reports.find(({ logTail }) => logTail.length > 0) ?? reports[0];
  const exitCode = reports.find((one) => one.exitCode !== undefined)?.exitCode;
  const message = [...symptoms.messages, ...symptoms.events].find((text) => text !== '') ?? '';
  const line = named === 'crash_loop' || named === 'oom_killed' ? findTellingLine(report?.logTail ?? []) : undefined;
  return {
    class: named,
    sentence: toSentence(item, named, { because, exitCode, line }),
    object: item.ref,
    reason: symptoms.reasons[0] ?? item.status,
    message: because === '' || symptoms.reasons.includes(because) ? message : because,
    ...(exitCode === undefined ? {} : { exitCode }),
    logTail: report?.logTail ?? [],
    evidence: [
      evidence(toRefLabel(item.ref), 'health.status', item.status),
      evidence(toRefLabel(item.ref), 'health.message', item.message),
      ...reports.flatMap((one) => one.evidence),
      ...owners.slice(-3).map((event) => evidence(toRefLabel(item.ref), 'event', event)),
    ],
  };
}

function toTrouble(pod: Parameters<typeof isBadPod>[0]): number {
  return (isBadPod(pod) ? 1_000 : 0) + Math.min(pod.restarts, 999);
}

/** Pods that were never made leave their trace on the controller above: quota and admission are told there only. */
async function readOwnerEvents(reading: Reading, ref: ObjectRef): Promise<string[]> {
  const events: string[] = [];
  for (const owner of listOwners(reading.tree, ref)) events.push(...(await readEvents(reading, owner)));
  return events;
}

function merge(item: HealthItem, reports: readonly PodReport[], events: readonly string[]): Symptoms {
  return {
    reasons: reports.flatMap(({ symptoms }) => symptoms.reasons),
    ended: reports.flatMap(({ symptoms }) => symptoms.ended),
    messages: [...reports.flatMap(({ symptoms }) => symptoms.messages), item.message].filter(Boolean),
    events: [...events, ...reports.flatMap(({ symptoms }) => symptoms.events)],
  };
}

const WORDS: Record<DiagnosisClass, string> = {
  image_pull: 'its image cannot be pulled',
  crash_loop: 'its container crashes again and again',
  oom_killed: 'its container was killed because it used more memory than its limit',
  probe_failed: 'its probe fails',
  quota: 'a quota or limit of the namespace forbids its pods',
  immutable_field: 'a field that cannot be changed was changed',
  render: 'its manifests cannot be made',
  hook: 'its hook failed',
  timeout: 'it did not become ready in time',
  scheduling: 'no node can take its pods',
  config_missing: 'a ConfigMap or Secret it needs is missing',
  analysis: 'the analysis of its rollout failed',
  unknown: 'the cause does not show',
};

function toSentence(
  item: HealthItem,
  named: DiagnosisClass,
  { because, exitCode, line }: { because: string; exitCode: number | undefined; line: string | undefined },
): string {
  const code = exitCode === undefined ? '' : ` with exit code ${exitCode}`;
  const why = because === '' ? item.message : because;
  const log = line === undefined ? '' : ` Its log says: ${toSentenceEnd(line)}`;
  return `${toRefLabel(item.ref)} is ${item.status || 'not well'}: ${WORDS[named]}${code}${why === '' ? '' : ` (${why})`}.${log}`;
}

/** A line of others as the end of a sentence of ours: what follows it begins a new one. */
function toSentenceEnd(line: string): string {
  const text = line.trim();
  return /[.!?]$/.test(text) ? text : `${text}.`;
}

function fromNothing({ status, metadata }: Application): Diagnosis {
  const label = `Application ${metadata.name}`;
  return {
    class: 'unknown',
    sentence: `${label} is ${status.health.status || 'without a health status'} and ${status.sync.status || 'not compared'}; no object of it shows why.`,
    reason: status.health.status,
    message: status.health.message,
    logTail: [],
    evidence: [
      evidence(label, 'status.health.status', status.health.status),
      evidence(label, 'status.sync.status', status.sync.status),
    ],
  };
}

/** Logs, events and messages are written by anyone: nothing of them leaves unmasked. */
function redact(diagnosis: Diagnosis, redactor: Redactor): Diagnosis {
  return {
    ...diagnosis,
    sentence: redactor.text(diagnosis.sentence),
    message: redactor.text(diagnosis.message),
    logTail: diagnosis.logTail.map((line) => redactor.text(line)),
    evidence: diagnosis.evidence.map((entry) => ({ ...entry, value: redactor.text(entry.value) })),
  };
}

/** The same cause gives the same pair, whatever pod, time, address or number it came with. */
export function toFingerprint(diagnosis: Diagnosis): { class: DiagnosisClass; signature: string } {
  const { class: named, reason, message, exitCode, logTail, object } = diagnosis;
  const kind = object?.kind ?? '';
  // What a crashing program says is its cause; the back-off message around it is the same for every crash.
  const telling = named === 'crash_loop' ? findTellingLine(logTail) : undefined;
  const parts = [kind, named === 'crash_loop' ? '' : reason, telling ?? message];
  const code = exitCode === undefined ? '' : ` exit ${exitCode}`;
  return { class: named, signature: `${toSignature(parts.filter(Boolean).join(' '))}${code}` };
}
