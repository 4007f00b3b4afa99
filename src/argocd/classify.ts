import { createHash } from 'node:crypto';

export type DiagnosisClass =
  | 'image_pull'
  | 'crash_loop'
  | 'oom_killed'
  | 'probe_failed'
  | 'quota'
  | 'immutable_field'
  | 'render'
  | 'hook'
  | 'timeout'
  | 'scheduling'
  | 'config_missing'
  | 'analysis'
  | 'unknown';

/** What was seen of one failing object, in their words. */
export interface Symptoms {
  /** Waiting or status reasons of containers and pods. */
  reasons: readonly string[];
  /** Reasons and exit codes of containers that ended. */
  ended: readonly { reason: string; exitCode: number | undefined }[];
  /** Health and operation messages. */
  messages: readonly string[];
  /** `Reason: message` of warning events, oldest first. */
  events: readonly string[];
}

interface Rule {
  class: DiagnosisClass;
  reasons?: RegExp;
  ended?: (end: { reason: string; exitCode: number | undefined }) => boolean;
  /** Matched against messages and events. */
  texts?: RegExp;
}

// From the most telling to the most general: a container killed for its memory also loops, a looping pod also times out.
const RULES: readonly Rule[] = [
  { class: 'oom_killed', reasons: /OOMKilled/, ended: ({ reason }) => reason === 'OOMKilled', texts: /\bOOMKilled\b/ },
  {
    class: 'image_pull',
    reasons: /ErrImage|ImagePullBackOff|InvalidImageName|ImageInspectError/,
    texts: /ImagePullBackOff|ErrImagePull|Failed to pull image|InvalidImageName/,
  },
  {
    class: 'config_missing',
    reasons: /CreateContainerConfigError/,
    texts:
      /CreateContainerConfigError|FailedMount:.*(?:configmap|secret).*not found|(?:configmap|secret) "[^"]+" not found/i,
  },
  {
    class: 'immutable_field',
    texts: /field is immutable|may not (?:be )?changed? once set|updates to statefulset spec for fields other than/i,
  },
  {
    class: 'quota',
    texts: /exceeded quota|forbidden: maximum .* usage|must specify (?:limits|requests)\.(?:cpu|memory)/i,
  },
  { class: 'scheduling', reasons: /Unschedulable/, texts: /FailedScheduling|\d+\/\d+ nodes are available/ },
  // A probe that only delays readiness passes by itself: it counts when the container is killed for it or nothing else is wrong.
  { class: 'probe_failed', texts: /failed (?:liveness|startup) probe|(?:Liveness|Startup) probe failed/ },
  {
    class: 'analysis',
    texts: /metric ".*" assessed (?:Failed|Error|Inconclusive)|AnalysisRun .*(?:Failed|Error)|analysis.*failureLimit/i,
  },
  {
    class: 'crash_loop',
    reasons: /CrashLoopBackOff|^(?:Init:)?Error$|RunContainerError|StartError|ContainerCannotRun/,
    ended: ({ exitCode }) => exitCode !== undefined && exitCode !== 0,
    texts: /CrashLoopBackOff|Back-off restarting failed container|back-off .* restarting failed/i,
  },
  { class: 'probe_failed', texts: /Readiness probe failed/ },
  { class: 'timeout', texts: /progress deadline|ProgressDeadlineExceeded|timed out/i },
];

export interface Classification {
  class: DiagnosisClass;
  /** The reason or message that decided; empty for `unknown`. */
  because: string;
}

export function classify(symptoms: Symptoms): Classification {
  const texts = [...symptoms.events, ...symptoms.messages];
  for (const rule of RULES) {
    const reason = rule.reasons && symptoms.reasons.find((candidate) => rule.reasons?.test(candidate));
    if (reason !== undefined) return { class: rule.class, because: reason };
    const end = rule.ended && symptoms.ended.find(rule.ended);
    if (end !== undefined) return { class: rule.class, because: end.reason || `exit code ${end.exitCode ?? ''}` };
    const text = rule.texts && texts.findLast((candidate) => rule.texts?.test(candidate));
    if (text !== undefined) return { class: rule.class, because: text };
  }
  return { class: 'unknown', because: '' };
}

// What differs from one occurrence of a cause to the next. Order matters: the longer shapes first.
const VARIABLE: readonly [RegExp, string][] = [
  [/\d{4}-\d{2}-\d{2}[t ]\d{2}:\d{2}:\d{2}(?:[.,]\d+)?(?:z|[+-]\d{2}:?\d{2})?/g, '<time>'],
  [/\b\d{2}:\d{2}:\d{2}(?:[.,]\d+)?\b/g, '<time>'],
  [/\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b/g, '<uid>'],
  [/sha256:[0-9a-f]{8,64}/g, '<digest>'],
  [/-[0-9a-f]{6,10}-[a-z0-9]{5}\b/g, '-<pod>'],
  [/\b\d{1,3}(?:\.\d{1,3}){3}(?::\d+)?\b/g, '<address>'],
  [/\b(?=[0-9a-f]*\d)[0-9a-f]{7,}\b/g, '<hex>'],
  [/\b(?:\d+(?:\.\d+)?(?:ns|µs|us|ms|s|m|h))+\b/g, '<duration>'],
  [/\d+/g, '#'],
  [/\s+/g, ' '],
];

/** A text with everything stripped that differs between two occurrences of the same cause. */
export function toSignature(text: string): string {
  let result = text.toLowerCase();
  for (const [pattern, replacement] of VARIABLE) result = result.replace(pattern, replacement);
  const trimmed = result.trim();
  if (trimmed.length <= 240) return trimmed;
  // Long texts differ at their ends too; the digest keeps two of them apart.
  return `${trimmed.slice(0, 200)}… ${createHash('sha256').update(trimmed).digest('hex').slice(0, 12)}`;
}

const TELLING = /\b(?:error|fatal|panic|exception|traceback|cannot|failed|refused|denied|missing|invalid)\b/i;

/** `TypeError: x is undefined`, `panic: nil pointer`: names the fault itself and not only that there was one. */
const NAMING = /(?:\b[\w.$]*(?:Error|Exception)|\bpanic|\bfatal(?: error)?)\s*:\s*\S/i;

/** The line of a log tail that most likely names the cause: the last that names a fault, else that tells of one, else the last. */
export function findTellingLine(lines: readonly string[]): string | undefined {
  const filled = lines.filter((line) => line.trim() !== '');
  return filled.findLast((line) => NAMING.test(line)) ?? filled.findLast((line) => TELLING.test(line)) ?? filled.at(-1);
}
