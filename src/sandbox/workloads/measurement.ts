import { textAt } from '../json.ts';
import { holds } from './condition.ts';

export type MeasurementPhase = 'Successful' | 'Failed' | 'Inconclusive' | 'Error';

export interface Measurement {
  phase: MeasurementPhase;
  value: string;
  message?: string;
}

const WORDS: Readonly<Record<string, Measurement>> = {
  successful: { phase: 'Successful', value: '[0.99]' },
  failed: { phase: 'Failed', value: '[0.42]' },
  inconclusive: { phase: 'Inconclusive', value: '[0.9]' },
  error: { phase: 'Error', value: '', message: 'Post "/api/v1/query": connection refused' },
};

/**
 * What the nth measurement of a metric (from 0) comes to. `script` stands in for the system that is asked:
 * `success-rate=0.99 0.97 [] error; latency=0.2`. Items follow one another, and the last one stays. A number or a list
 * is what the query gives, judged by the metric's own conditions; `successful`, `failed`, `inconclusive` and `error` are
 * the judgement itself. A part without a name is for every metric that has none of its own.
 */
export function takeMeasurement(script: string, metric: unknown, nth: number): Measurement {
  const items = findItems(script, textAt(metric, 'name') ?? '');
  const item = items[Math.min(nth, items.length - 1)] ?? 'successful';
  const word = Object.hasOwn(WORDS, item) ? WORDS[item] : undefined;
  return word ?? judge(metric, toResult(item));
}

function findItems(script: string, metric: string): string[] {
  const parts = script.split(';').map((part) => /^\s*(?:([\w-]+)=)?(.*)$/s.exec(part));
  const part = parts.find((match) => match?.[1] === metric) ?? parts.find((match) => match?.[1] === undefined);
  return (part?.[2] ?? '').match(/\[[^\]]*\]|\S+/g) ?? [];
}

function toResult(item: string): number[] {
  const inner = item.startsWith('[') ? item.slice(1, -1) : item;
  return inner
    .split(',')
    .map((text) => text.trim())
    .filter((text) => text !== '')
    .map((text) => (/^[+-]?Inf$/.test(text) ? (text.startsWith('-') ? -Infinity : Infinity) : Number(text)));
}

/** With one condition everything that is not good is bad, or the other way round; only with both can a value be neither. */
function judge(metric: unknown, result: number[]): Measurement {
  const value = `[${result.map((item) => (item === Infinity ? '+Inf' : String(item))).join(',')}]`;
  const [success, failure] = [textAt(metric, 'successCondition'), textAt(metric, 'failureCondition')];
  for (const [name, condition] of [
    ['successCondition', success],
    ['failureCondition', failure],
  ] as const) {
    const fault = findFault(condition, result);
    if (fault === undefined) continue;
    const why =
      result.length === 0 ? 'metric result is nil or empty: no data returned from the metric provider' : fault;
    return { phase: 'Error', value: '', message: `could not evaluate ${name} "${condition ?? ''}": ${why}` };
  }
  if (failure !== undefined && holds(failure, result)) return { phase: 'Failed', value };
  if (success === undefined || holds(success, result)) return { phase: 'Successful', value };
  return { phase: failure === undefined ? 'Failed' : 'Inconclusive', value };
}

function findFault(condition: string | undefined, result: number[]): string | undefined {
  if (condition === undefined) return undefined;
  try {
    holds(condition, result);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
