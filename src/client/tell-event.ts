import type { TicketEvent } from '../ticket/event.ts';
import { toCount, toShortHash, toStatusWord, type Tone } from './words.ts';

/** One event as a reader is told it. Texts of others are as they came: whoever shows them makes them safe. */
export interface Telling {
  who: string;
  text: string;
  tone?: Tone;
  /** Further lines under it. */
  more?: { text: string; tone?: Tone }[];
}

const MAX_OUTPUT_LINES = 6;

/** One event as a sentence, and what a reader may want to see under it. */
export function tellEvent(event: TicketEvent): Telling {
  const { type, data } = event;
  switch (type) {
    case 'status':
      return {
        who: 'status',
        text: `${data.to.replaceAll('_', ' ')}: ${data.reason}`,
        tone: toStatusWord(data.to).tone,
      };
    case 'plan':
      return {
        who: 'plan',
        text: `${data.summary} (${toCount(data.changedObjects, 'object')}, risk ${data.risk}, ${data.strategy})`,
        tone: 'bold',
        more: [
          ...data.steps.map((step, index) => ({ text: `${index + 1}. ${step.title}` })),
          ...data.careReasons.map((reason) => ({ text: reason, tone: 'warn' as const })),
        ],
      };
    case 'model_call':
      return {
        who: 'model',
        text: `${data.model}: ${data.purpose}, ${data.promptTokens + data.completionTokens} tokens, ${data.outcome}`,
        tone: 'dim',
      };
    case 'tool_call':
      return {
        who: 'tool',
        text: `${data.tool}${data.ok ? '' : ' failed'}`,
        tone: data.ok ? 'dim' : 'bad',
        more: toOutput(data.output),
      };
    case 'finding':
      return {
        who: data.severity,
        text: data.message,
        tone: data.severity === 'error' ? 'bad' : data.severity === 'warning' ? 'warn' : 'dim',
        more: data.fix === '' ? [] : [{ text: data.fix, tone: 'dim' }],
      };
    case 'approval':
      return {
        who: 'approval',
        text: `${data.kind} ${data.state}${toBy(data.by)}, hash ${toShortHash(data.changeHash)}`,
        tone: data.state === 'pending' ? 'warn' : data.state === 'granted' ? 'good' : 'dim',
        more: data.reason === undefined || data.reason === '' ? [] : [{ text: data.reason }],
      };
    case 'question':
      return data.answer === undefined
        ? {
            who: 'question',
            text: data.question,
            tone: 'warn',
            more: data.options.map((text) => ({ text: `- ${text}` })),
          }
        : { who: 'answer', text: `${data.answer}${toBy(data.by)}` };
    case 'commit':
      return {
        who: 'commit',
        text: `${data.sha.slice(0, 9)} ${data.subject} (${toCount(data.files, 'file')})`,
        tone: toPurposeTone(data.purpose),
      };
    case 'push':
      return {
        who: 'push',
        text: `${data.branch}: ${data.base.slice(0, 9)}..${data.head.slice(0, 9)} ${data.outcome}${toDetail(data.detail)}`,
        tone: toPurposeTone(data.purpose),
      };
    case 'pull_request':
      return {
        who: 'pull request',
        text: `${data.number} ${data.state}${toBy(data.by)}, ${data.url}`,
        tone: data.state === 'edited' || data.state === 'conflict' || data.state === 'unreadable' ? 'warn' : 'plain',
        more: data.detail === undefined ? [] : [{ text: data.detail }],
      };
    case 'review':
      return {
        who: 'review',
        text: `${data.author}: ${data.verdict.replace('_', ' ')}${toPlace(data)}`,
        tone: data.verdict === 'changes_requested' ? 'warn' : data.verdict === 'approved' ? 'good' : 'plain',
        more: toOutput(data.text),
      };
    case 'sync':
      return {
        who: 'sync',
        text: `${data.application} ${data.status} at ${data.revision.slice(0, 9)}${toDetail(data.operationPhase)}${toDetail(data.message)}`,
      };
    case 'health':
      return {
        who: 'health',
        text: `${data.application} ${data.status}${toDetail(data.message)}`,
        tone: data.status === 'Healthy' ? 'good' : data.status === 'Degraded' ? 'bad' : 'plain',
      };
    case 'verdict':
      return {
        who: 'verdict',
        text: data.sentence,
        tone: data.outcome.startsWith('live') ? 'good' : 'bad',
        more: toEvidence(data.evidence),
      };
    case 'soak':
      return { who: 'soak', text: data.sentence, tone: data.state === 'quiet' ? 'good' : 'dim' };
    case 'regressed':
      return {
        who: 'regressed',
        text: data.sentence,
        tone: 'bad',
        more: [
          ...(data.followUp === undefined ? [] : [{ text: `${data.followUp} takes it back` }]),
          ...toEvidence(data.evidence),
        ],
      };
    case 'memory':
      return {
        who: 'memory',
        text: data.sentences[0] ?? `${data.service} ${data.what}`,
        more: data.sentences.slice(1).map((text) => ({ text })),
      };
    case 'note':
      return {
        who: 'note',
        text: data.text.split('\n')[0] ?? '',
        tone: 'dim',
        more: toOutput(data.text.split('\n').slice(1).join('\n')),
      };
    case 'error':
      return {
        who: 'error',
        text: data.message,
        tone: 'bad',
        more: data.hint === undefined ? [] : [{ text: data.hint }],
      };
  }
}

function toOutput(text: string): { text: string; tone: Tone }[] {
  const lines = text.split(/\r\n|[\n\r\u2028\u2029]/).filter((one) => one.trim() !== '');
  const shown = lines.slice(0, MAX_OUTPUT_LINES).map((one) => ({ text: one, tone: 'dim' as const }));
  const missing = lines.length - shown.length;
  return missing > 0 ? [...shown, { text: `... ${missing} more lines`, tone: 'dim' }] : shown;
}

function toEvidence(evidence: readonly { object: string; field: string; value: string }[]) {
  return evidence
    .slice(0, 5)
    .map((one) => ({ text: `${one.object} ${one.field}: ${one.value}`, tone: 'dim' as const }));
}

function toBy(by: string | undefined): string {
  return by === undefined ? '' : ` by ${by.replace(/^person:/, '')}`;
}

function toPlace({ path, line }: { path?: string | undefined; line?: number | undefined }): string {
  return path === undefined ? '' : ` at ${path}${line === undefined ? '' : `:${line}`}`;
}

function toDetail(detail: string | undefined): string {
  return detail === undefined || detail === '' ? '' : `, ${detail}`;
}

function toPurposeTone(purpose: 'change' | 'revert'): Tone {
  return purpose === 'revert' ? 'warn' : 'plain';
}
