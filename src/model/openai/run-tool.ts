import type { z } from 'zod';
import { isAppError, toErrorMessage } from '../../lib/errors.ts';
import { toAbortError } from '../../lib/clock.ts';
import type { Clock } from '../../lib/clock.ts';
import type { Redactor } from '../../lib/redact.ts';
import type { PlanningInput, PlanResult } from '../planning.ts';
import type { ChatCall } from './chat.ts';
import { toData, toServiceList } from './prompts.ts';
import { toFaults, toPlan } from './proposal.ts';
import { isToolName, toChatTools, TOOL_ARGUMENTS } from './tools.ts';
import type { PlannerTools, ToolContext } from './tools.ts';

/** What a call came to. */
export type ToolOutcome =
  | { kind: 'output'; text: string; ok: boolean }
  /** The call was no use: an invented tool, malformed or wrong arguments. */
  | { kind: 'fault'; fault: 'unknown_tool' | 'malformed_arguments' | 'wrong_arguments' | 'invalid_plan'; text: string }
  | { kind: 'end'; result: PlanResult };

export interface ToolRun {
  tools: PlannerTools;
  input: PlanningInput;
  timeoutMs: number;
  /** Cap on what one read gives the model. */
  maxChars: number;
  redactor: Redactor;
  clock: Clock;
  signal: AbortSignal;
}

/** Runs one call. Throws only when the signal is aborted. */
export async function runTool(call: ChatCall, run: ToolRun): Promise<ToolOutcome> {
  const hasCluster = run.tools.readCluster !== undefined;
  if (!isToolName(call.name) || (call.name === 'read_cluster' && !hasCluster)) {
    const names = toChatTools({ hasCluster })
      .map(({ name }) => name)
      .join(', ');
    return {
      kind: 'fault',
      fault: 'unknown_tool',
      text: `There is no tool ${JSON.stringify(call.name.slice(0, 80))}. The tools are: ${names}.`,
    };
  }
  const args = parseArguments(call.arguments);
  if ('fault' in args)
    return {
      kind: 'fault',
      fault: 'malformed_arguments',
      text: `The arguments are not JSON (${args.fault}). Send one JSON object.`,
    };
  const wrong = (faults: readonly string[]): ToolOutcome => ({
    kind: 'fault',
    fault: 'wrong_arguments',
    text: `Wrong arguments: ${faults.join('; ')}`,
  });
  if (call.name === 'propose_plan') {
    const proposal = TOOL_ARGUMENTS.propose_plan.safeParse(args.value);
    const plan = proposal.success ? toPlan(proposal.data, run.input.facts) : { faults: toFaults(proposal.error) };
    if ('plan' in plan) return { kind: 'end', result: plan.plan };
    return {
      kind: 'fault',
      fault: 'invalid_plan',
      text: `The plan was not taken: ${plan.faults.join('; ')}. Correct it and call propose_plan again.`,
    };
  }
  if (call.name === 'ask_person') {
    const question = TOOL_ARGUMENTS.ask_person.safeParse(args.value);
    return question.success ? toQuestion(question.data, run) : wrong(toFaults(question.error));
  }
  try {
    const read = await withTimeout(run, (context) => readWith(call.name, args.value, run, context));
    return typeof read === 'string'
      ? { kind: 'output', text: toData(call.name, bound(read, run)), ok: true }
      : wrong(read.faults);
  } catch (error) {
    if (run.signal.aborted) throw toAbortError(run.signal);
    // Our own errors are written for readers; those of others may hold anything.
    const why = isAppError(error) ? `${error.message}${error.hint === undefined ? '' : ` ${error.hint}`}` : 'it broke';
    return { kind: 'output', text: `The call failed: ${toData('error', bound(why, run))}`, ok: false };
  }
}

// Keys that would bring stored JSON to life, or reach into JavaScript's own objects, are dropped while reading.
function parseArguments(text: string): { value: unknown } | { fault: string } {
  try {
    const drop = new Set(['lc', '__proto__', 'constructor', 'prototype']);
    const value: unknown = JSON.parse(text.trim() === '' ? '{}' : text, (key, field: unknown) =>
      drop.has(key) ? undefined : field,
    );
    return value !== null && typeof value === 'object' && !Array.isArray(value)
      ? { value }
      : { fault: 'not an object' };
  } catch (error) {
    return { fault: toErrorMessage(error).slice(0, 120) };
  }
}

function toQuestion({ question, options }: { question: string; options: string[] }, run: ToolRun): ToolOutcome {
  const same = run.input.answers.find((known) => known.question.trim().toLowerCase() === question.toLowerCase());
  if (same !== undefined)
    return {
      kind: 'output',
      text: `This was asked before. The answer was: ${toData('answer', bound(same.answer, run))}`,
      ok: true,
    };
  return { kind: 'end', result: { kind: 'question', question, options, field: 'model' } };
}

type Read = string | { faults: string[] };

async function readWith(name: string, args: unknown, run: ToolRun, context: ToolContext): Promise<Read> {
  const { tools, input } = run;
  const schemas = TOOL_ARGUMENTS;
  switch (name) {
    case 'list_files':
      return await checked(schemas.list_files, args, (data) => tools.listFiles(data, context));
    case 'read_file':
      return await checked(schemas.read_file, args, (data) => tools.readFile(data, context));
    case 'search_files':
      return await checked(schemas.search_files, args, (data) => tools.searchFiles(data, context));
    case 'list_services':
      return await checked(schemas.list_services, args, () => Promise.resolve(toServiceList(input.facts)));
    case 'read_application':
      return await checked(schemas.read_application, args, (data) => tools.readApplication(data, context));
    case 'read_resource_tree':
      return await checked(schemas.read_resource_tree, args, (data) => tools.readResourceTree(data, context));
    case 'read_events':
      return await checked(schemas.read_events, args, (data) => tools.readEvents(data, context));
    case 'read_logs':
      return await checked(schemas.read_logs, args, (data) => tools.readLogs(data, context));
    case 'read_cluster':
      return await checked(schemas.read_cluster, args, async (data) => {
        return (await tools.readCluster?.(data, context)) ?? 'there is no kubeconfig';
      });
    default:
      return await checked(schemas.recall_memory, args, (data) => tools.recallMemory(data, context));
  }
}

async function checked<T>(schema: z.ZodType<T>, args: unknown, read: (data: T) => Promise<string>): Promise<Read> {
  const parsed = schema.safeParse(args);
  return parsed.success ? await read(parsed.data) : { faults: toFaults(parsed.error) };
}

// Masked before it is cut, so that no secret escapes by standing across the cut; cut before it is marked as data, so that
// the closing mark stays.
function bound(text: string, { maxChars, redactor }: ToolRun): string {
  const clean = redactor.text(text);
  return clean.length > maxChars
    ? `${clean.slice(0, maxChars)}\n[cut: ${clean.length - maxChars} more characters; read a part of it]`
    : clean;
}

async function withTimeout<T>(
  { input, timeoutMs, clock, signal }: ToolRun,
  read: (context: ToolContext) => Promise<T>,
): Promise<T> {
  const limit = new AbortController();
  const done = new AbortController();
  const late = clock.sleep(timeoutMs, AbortSignal.any([done.signal, signal])).then(() => {
    limit.abort();
    throw new Error('timed out');
  });
  // When the read wins, the timer ends with an abort nobody waits for.
  late.catch(() => undefined);
  try {
    const context = { commit: input.facts.commit, signal: AbortSignal.any([signal, limit.signal]) };
    return await Promise.race([read(context), late]);
  } finally {
    done.abort();
  }
}
