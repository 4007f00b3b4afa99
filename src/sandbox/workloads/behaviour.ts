import { toTag } from './pod-spec.ts';
import type { Container } from './pod-spec.ts';

/** How the containers of a pod fare once they are scheduled. */
export type Behaviour = 'healthy' | 'slow' | 'crash' | 'oom' | 'pull_failure' | 'flapping' | 'never_ready';

/** Annotations of a pod template that steer the simulation. Everything else about a pod is as in a cluster. */
const BEHAVIOUR_ANNOTATION = 'sandbox.tiphys.dev/behaviour';
export const EXIT_CODE_ANNOTATION = 'sandbox.tiphys.dev/exit-code';
/** Lines a crashing container prints before it ends, instead of the built-in ones. */
export const LOG_TAIL_ANNOTATION = 'sandbox.tiphys.dev/log-tail';

/** What measurements of a Rollout's analyses come to; `measurement.ts` reads it. */
export const ANALYSIS_ANNOTATION = 'sandbox.tiphys.dev/analysis';

// A word of the image tag, set off by dashes, dots or underscores, selects a behaviour: `1.4.0-crash`, `2.0_slow`.
const TAG_WORDS: readonly { pattern: RegExp; behaviour: Behaviour }[] = [
  { pattern: /(^|[-._])(crash|crashes|crashing|crashloop|broken)([-._]|$)/, behaviour: 'crash' },
  { pattern: /(^|[-._])(oom|leak)([-._]|$)/, behaviour: 'oom' },
  { pattern: /(^|[-._])(pull-?fail(ure)?|missing|not-?found)([-._]|$)/, behaviour: 'pull_failure' },
  { pattern: /(^|[-._])(never-?ready|unready)([-._]|$)/, behaviour: 'never_ready' },
  { pattern: /(^|[-._])(flapping|flaky)([-._]|$)/, behaviour: 'flapping' },
  { pattern: /(^|[-._])slow([-._]|$)/, behaviour: 'slow' },
];

// What the numbers of a version that starts well look like, by a word of its tag.
const MEASURED_WORDS: readonly { pattern: RegExp; script: string }[] = [
  { pattern: /(^|[-._])(regressed|regression)([-._]|$)/, script: 'failed' },
  { pattern: /(^|[-._])no-?data([-._]|$)/, script: '[]' },
  { pattern: /(^|[-._])unmeasured([-._]|$)/, script: 'error' },
];

/** What is measured of pods with these containers: what they do, unless the template or a tag says otherwise. */
export function toMeasurements(containers: readonly Container[], annotations: Record<string, string>): string {
  const given = annotations[ANALYSIS_ANNOTATION];
  if (given !== undefined) return given;
  const works = containers.every((container) => ['healthy', 'slow'].includes(toBehaviour(container, annotations)));
  if (!works) return 'failed';
  const tags = containers.map(({ image }) => toTag(image).toLowerCase());
  return MEASURED_WORDS.find(({ pattern }) => tags.some((tag) => pattern.test(tag)))?.script ?? 'successful';
}

const BEHAVIOURS: ReadonlySet<string> = new Set([...TAG_WORDS.map((word) => word.behaviour), 'healthy']);

function isBehaviour(text: string): text is Behaviour {
  return BEHAVIOURS.has(text);
}

/** The annotation wins over the image tag; an unknown word in either means healthy. */
export function toBehaviour(container: Container, annotations: Record<string, string>): Behaviour {
  const annotated = annotations[BEHAVIOUR_ANNOTATION];
  if (annotated !== undefined) return isBehaviour(annotated) ? annotated : 'healthy';
  const tag = toTag(container.image).toLowerCase();
  return TAG_WORDS.find(({ pattern }) => pattern.test(tag))?.behaviour ?? 'healthy';
}

/** Why an image name cannot be pulled at all, whatever the behaviour says. */
export function toImageFault(image: string): string | undefined {
  if (image === '') return 'no image is named';
  const name = image.split('@')[0]?.split(':')[0] ?? '';
  if (/[A-Z\s]/.test(name)) return `couldn't parse image name "${image}": invalid reference format`;
  return undefined;
}
