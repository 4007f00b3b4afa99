import type { PlanResult } from './planning.ts';

/** What the planner without a model understands, as sentences a person can copy and change. */
const CAN_DO: readonly string[] = [
  'Deploy redis 7.2 with 3 replicas',
  'Update web to 1.5.0',
  'Update the image of api to ghcr.io/acme/api:2.0',
  'Scale worker to 5 replicas',
  'Set LOG_LEVEL=debug on api',
  'Remove the variable LOG_LEVEL from api',
  'Give api 512Mi memory and 250m cpu',
  'Expose web at shop.example.com',
  'Set the config key feature.search to "on" for web',
  'Restart web',
  'Roll back web',
  'Use canary for web',
  'Remove the service worker',
  'Why is api unhealthy?',
];

/** A refusal with what would be understood instead. */
export function toRefusal(reason: string): Extract<PlanResult, { kind: 'refusal' }> {
  return { kind: 'refusal', reason: limit(reason, 1900), canDo: [...CAN_DO] };
}

/** The text, cut to so many characters with a sign that it was. */
export function limit(text: string, max: number): string {
  return text.length > max ? `${text.slice(0, max - 3)}...` : text;
}
