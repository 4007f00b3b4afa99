import { toBounded, toCode, toCodeBlock, toTitle } from '../forge/markdown.ts';
import type { FieldChange, ObjectChange } from '../manifest/object.ts';
import { toRefLabel } from '../manifest/object.ts';
import type { StoredPlan } from '../ticket/plan.ts';

// Title and body of a pull request. The words of the ticket, of a model and of manifests are a stranger's: they stand in code.

const MAX_TITLE = 100;
/** GitHub takes 65,536 characters. */
const MAX_BODY = 50_000;
const MAX_PATCH_LINES = 80;
const MAX_OBJECTS = 40;

export interface PullTextInput {
  plan: StoredPlan;
  ticketTitle: string;
  isRevert: boolean;
  /** Why the change is taken back. */
  reason: string;
  /** Who approved exactly this; null where the policy needed nobody. */
  approvedBy: string | null;
}

export function toPullTitle({ plan, isRevert }: PullTextInput): string {
  return toTitle(isRevert ? `Take back: ${plan.intent.summary}` : plan.intent.summary, MAX_TITLE);
}

export function toPullBody(input: PullTextInput): string {
  const head = input.isRevert ? toRevertPart(input) : toPlanPart(input);
  const foot = [
    '---',
    'Merging deploys this; Tiphys then watches Argo CD until exactly that is live and healthy. Closing without merging ends the ticket. ' +
      'What is said here is shown in the ticket and changes nothing. A commit of somebody else on this branch makes Tiphys leave the branch alone.',
  ].join('\n\n');
  const room = MAX_BODY - head.length - foot.length;
  const difference = input.isRevert ? '' : toDifferencePart(input.plan.draft?.changes ?? [], room);
  return [head, difference, foot].filter((part) => part !== '').join('\n\n');
}

function toRevertPart({ plan, ticketTitle, reason }: PullTextInput): string {
  return [
    `This takes back what ticket ${toCode(plan.ticketId)} (${toCode(ticketTitle)}) changed, because it did not work:`,
    toCodeBlock(toBounded(reason, 4_000)),
  ].join('\n\n');
}

function toPlanPart({ plan, ticketTitle, approvedBy }: PullTextInput): string {
  const { intent, review } = plan;
  const { advice } = intent;
  const list = (items: readonly string[]) => items.map((item) => `- ${toCode(item, 500)}`).join('\n');
  const section = (title: string, text: string) => (text === '' ? [] : [`### ${title}`, text]);
  const approved =
    approvedBy === null ? 'The policy needs nobody for it' : `It was approved in Tiphys by ${toCode(approvedBy)}`;
  const warnings = (review?.findings ?? []).filter(({ severity }) => severity !== 'info').slice(0, 20);
  return [
    `For ticket ${toCode(plan.ticketId)}: ${toCode(ticketTitle)}`,
    `${approved}, hash ${toCode(review?.changeHash ?? 'none')}.`,
    ...section('Steps', intent.steps.map(({ title }, index) => `${index + 1}. ${toCode(title)}`).join('\n')),
    ...section(
      `Risk: ${review?.risk.level ?? 'unknown'}`,
      list((review?.risk.reasons ?? []).slice(0, 20).map(({ detail }) => detail)),
    ),
    ...section('Remarks of the checks', list(warnings.map(({ message, fix }) => `${message} ${fix}`))),
    ...section(
      'Memory',
      [toOdds(advice), list(advice.remembered.concat(advice.careReasons).slice(0, 20))].join('\n\n').trim(),
    ),
  ].join('\n\n');
}

function toOdds({ probability, low, high, strategy }: StoredPlan['intent']['advice']): string {
  if (probability === null || low === null || high === null) return `Strategy: ${toCode(strategy)}.`;
  const percent = (value: number) => `${(value * 100).toFixed(0)} %`;
  return `Fails with ${percent(probability)} (${percent(low)} to ${percent(high)}), as remembered. Strategy: ${toCode(strategy)}.`;
}

function toDifferencePart(changes: readonly ObjectChange[], room: number): string {
  const parts = [`### What changes, as rendered: ${changes.length} ${changes.length === 1 ? 'object' : 'objects'}`];
  let left = room - 200;
  for (const change of changes.slice(0, MAX_OBJECTS)) {
    const part = toObjectPart(change);
    if (part.length > left) break;
    parts.push(part);
    left -= part.length + 2;
  }
  const missing = changes.length - (parts.length - 1);
  if (missing > 0) parts.push(`And ${missing} more; the whole difference is in the ticket's plan.`);
  return parts.join('\n\n');
}

function toObjectPart(change: ObjectChange): string {
  const lines = change.patch.replace(/\n$/, '').split('\n');
  const from = Math.max(
    0,
    lines.findIndex((line) => line.startsWith('@@')),
  );
  const shown = lines.slice(from, from + MAX_PATCH_LINES);
  const more = lines.length - from - shown.length;
  return [
    `**${change.type}** ${toCode(toRefLabel(change.ref))} of ${toCode(change.service)}`,
    change.fields.slice(0, 10).map(toFieldLine).join('\n'),
    toCodeBlock([...shown, ...(more > 0 ? [`… ${more} more lines`] : [])].join('\n'), 'diff'),
  ]
    .filter((part) => part !== '')
    .join('\n\n');
}

function toFieldLine({ path, before, after }: FieldChange): string {
  const value = (given: unknown) => (given === undefined ? 'nothing' : toCode(JSON.stringify(given), 80));
  return `- ${toCode(path)}: ${value(before)} to ${value(after)}`;
}
