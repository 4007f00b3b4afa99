import type { PlanView } from '../../api/contract.ts';
import { toRefLabel } from '../../manifest/object.ts';
import { toCount } from '../../client/words.ts';
import type { TicketEvent } from '../../ticket/event.ts';
import { toPlain, type Style } from './style.ts';

/** Text of others, safe to print; lines after its first are set in, so that none of them looks like one of ours. */
function toInset(text: string): string {
  return toPlain(text.trimEnd()).replaceAll('\n', `\n${' '.repeat(INSET)}`);
}

const INSET = 12;

/** One line, or a few, for what happened; nothing for what a spectator need not see. */
export function renderEvent(event: TicketEvent, style: Style): string[] {
  const { type, data } = event;
  const line = (who: string, text: string) => `  ${style.dim(who.padEnd(9))} ${toInset(text)}`;
  switch (type) {
    case 'status': {
      const paint =
        data.to === 'resolved' ? style.green : data.to === 'failed' || data.to === 'errored' ? style.red : style.cyan;
      return [`  ${paint(data.to.padEnd(9))} ${toInset(data.reason)}`];
    }
    case 'plan':
      return [
        line(
          'plan',
          `${data.summary} (${toCount(data.changedObjects, 'object')}, risk ${data.risk}, ${data.strategy})`,
        ),
        ...data.steps.map((step, index) => line('', `${index + 1}. ${step.title}`)),
        ...data.careReasons.map((reason) => `  ${style.dim(''.padEnd(9))} ${style.yellow(toInset(reason))}`),
      ];
    case 'finding':
      return data.severity === 'info' ? [] : [line(data.severity, `${data.message} ${data.fix}`)];
    case 'approval':
      return [line('approval', `${data.kind} ${data.state}${data.by === undefined ? '' : ` by ${data.by}`}`)];
    case 'question':
      return [line('question', data.answer === undefined ? data.question : `answered: ${data.answer}`)];
    case 'commit':
      return [line('commit', `${data.sha.slice(0, 9)} ${data.subject} (${data.files} files)`)];
    case 'push':
      return [line('push', `${data.branch}: ${data.base.slice(0, 9)}..${data.head.slice(0, 9)} ${data.outcome}`)];
    case 'pull_request':
      return [
        line('pull req.', `${data.number} ${data.state}${data.by === undefined ? '' : ` by ${data.by}`}: ${data.url}`),
        ...(data.detail === undefined ? [] : [line('', data.detail)]),
      ];
    case 'review':
      return [
        line('review', `${data.author}: ${data.verdict.replace('_', ' ')}`),
        ...data.text
          .split('\n')
          .slice(0, 8)
          .map((text) => line('', text)),
      ];
    case 'sync':
      return [
        line(
          'sync',
          `${data.application} ${data.status} at ${data.revision.slice(0, 9)}${data.operationPhase === undefined ? '' : `, operation ${data.operationPhase}`}`,
        ),
      ];
    case 'health':
      return [
        line('health', `${data.application} ${data.status}`),
        ...data.resources
          .slice(0, 3)
          .map((one) =>
            line('', `${one.resource}: ${one.health}${one.message === undefined ? '' : ` (${one.message})`}`),
          ),
      ];
    case 'verdict':
      return [
        `  ${(data.outcome.startsWith('live') ? style.green : style.red)('verdict  ')} ${toInset(data.sentence)}`,
      ];
    case 'soak':
      return [line('soak', data.sentence)];
    case 'regressed':
      return [`  ${style.red('regressed')} ${toInset(data.sentence)}`];
    case 'memory':
      return data.sentences.slice(0, 3).map((sentence, index) => line(index === 0 ? 'memory' : '', sentence));
    case 'tool_call':
      return data.tool === 'argocd.diagnose'
        ? data.output
            .split('\n')
            .slice(0, 8)
            .map((text, index) => line(index === 0 ? 'diagnosis' : '', text))
        : [];
    case 'note':
      return [line('note', data.text.split('\n')[0] ?? '')];
    case 'error':
      return [`  ${style.red('error'.padEnd(9))} ${toInset(data.message)}`];
    case 'model_call':
      return [line('model', `${data.model}: ${data.promptTokens + data.completionTokens} tokens`)];
  }
}

/** The rendered difference as a reviewer reads it; of each object at most `maxLines`. */
export function renderDifference(plan: PlanView, style: Style, maxLines = MAX_PATCH_LINES): string[] {
  const lines: string[] = [];
  for (const change of plan.changes) {
    lines.push(`  ${style.bold(toInset(`${change.type} ${toRefLabel(change.ref)}`))}`);
    const all = change.patch.replace(/\n$/, '').split('\n');
    // The names of the files say nothing; from the first hunk on every line counts.
    const body = all.slice(
      Math.max(
        0,
        all.findIndex((text) => text.startsWith('@@')),
      ),
    );
    const shown = body.slice(0, maxLines);
    for (const text of shown) lines.push(`    ${paintPatch(toPlain(text), style)}`);
    if (body.length > shown.length) lines.push(style.dim(`    … ${body.length - shown.length} more lines`));
  }
  return lines;
}

const MAX_PATCH_LINES = 14;

function paintPatch(text: string, style: Style): string {
  if (text.startsWith('+')) return style.green(text);
  if (text.startsWith('-')) return style.red(text);
  return text.startsWith('@@') ? style.cyan(text) : style.dim(text);
}

/** A finished ticket as a short story: when each thing happened, counted from its first event. */
export function renderTimeline(events: readonly TicketEvent[], style: Style): string[] {
  const first = events[0];
  if (first === undefined) return [];
  const start = Date.parse(first.at);
  return events.flatMap((event) => {
    const summary = toTimelineText(event);
    if (summary === undefined) return [];
    const seconds = ((Date.parse(event.at) - start) / 1000).toFixed(1).padStart(6);
    return [`  ${style.dim(`${seconds} s`)}  ${toInset(summary)}`];
  });
}

function toTimelineText(event: TicketEvent): string | undefined {
  switch (event.type) {
    case 'status':
      return event.data.to;
    case 'commit':
      return `  commit ${event.data.sha.slice(0, 9)} ${event.data.subject}`;
    case 'push':
      return `  push ${event.data.outcome}`;
    case 'verdict':
      return `  verdict ${event.data.outcome}${event.data.reason === undefined ? '' : ` (${event.data.reason})`}`;
    case 'regressed':
      return `  regressed (${event.data.failureClass})`;
    default:
      return undefined;
  }
}
