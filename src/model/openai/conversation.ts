import { AppError } from '../../lib/errors.ts';
import type { Redactor } from '../../lib/redact.ts';
import type { PlanResult } from '../planning.ts';
import { toRefusal } from '../refusal.ts';
import { askModel, toRecordText } from './ask-model.ts';
import type { ChatAnswer, ChatCall, ChatMessage } from './chat.ts';
import { NUDGES, SYSTEM_PROMPT, toTask } from './prompts.ts';
import { runTool } from './run-tool.ts';
import type { ToolOutcome } from './run-tool.ts';
import type { ConversationLimits, Session } from './session.ts';

// A bounded loop: ask the model, run the reads it wants, until it proposes a plan or asks a person. Every way in which a
// model goes astray has a counter of its own and an ending with a name; nothing here waits or repeats without bound.

interface Counts {
  silent: number;
  faults: number;
  invalidPlans: number;
  toolCalls: number;
  sameCall: Map<string, number>;
}

/** Runs until a result. Throws `model_failed`, `model_unavailable`, `budget_exhausted`, or the signal's reason. */
export async function runConversation(session: Session): Promise<PlanResult> {
  const { redactor, limits, input } = session;
  const messages: ChatMessage[] = [
    { role: 'system', text: SYSTEM_PROMPT },
    { role: 'user', text: redactor.text(toTask(input)) },
  ];
  const counts: Counts = { silent: 0, faults: 0, invalidPlans: 0, toolCalls: 0, sameCall: new Map() };
  for (let turn = 0; turn < limits.maxTurns; turn += 1) {
    const answer = await askModel(session, messages);
    const calls = withUniqueIds(answer.calls, turn);
    messages.push({
      role: 'assistant',
      text: redactor.text(answer.text),
      calls: calls.map((call) => maskCall(call, redactor)),
    });
    const ended =
      calls.length === 0
        ? answerSilence(session, answer, messages, counts)
        : await runCalls(session, calls, messages, counts, answer.finish);
    if (ended !== undefined) return ended;
  }
  throw failed('too_many_turns', `the model made ${limits.maxTurns} answers without proposing a plan`);
}

function failed(ending: string, message: string): AppError {
  return new AppError('model_failed', message, {
    details: { ending },
    hint: 'Write the ticket more plainly, or plan it with the planner that needs no model.',
  });
}

// Servers that number calls anew in each answer would make the history ambiguous.
function withUniqueIds(calls: readonly ChatCall[], turn: number): ChatCall[] {
  return calls.map((call, index) => ({ ...call, id: `t${turn}c${index}` }));
}

function maskCall(call: ChatCall, redactor: Redactor): ChatCall {
  return { ...call, arguments: redactor.text(call.arguments) };
}

const DECLINED =
  /^\s*(?:i['’]?m (?:sorry|unable)|sorry|i can(?:no|['’])t|i cannot|i won['’]t|i am (?:unable|not able))/iu;

// An answer without a call does nothing, whatever it claims.
function answerSilence(
  { limits, redactor }: Session,
  answer: ChatAnswer,
  messages: ChatMessage[],
  counts: Counts,
): PlanResult | undefined {
  const text = redactor.text((answer.refusal ?? answer.text).trim()).slice(0, 400);
  if (answer.refusal !== undefined || answer.finish === 'content_filter')
    return toRefusal(`The model declined to plan this ticket: ${JSON.stringify(text || 'no reason given')}`);
  counts.silent += 1;
  if (counts.silent >= limits.maxSilentTurns) {
    if (DECLINED.test(text)) return toRefusal(`The model declined to plan this ticket: ${JSON.stringify(text)}`);
    if (answer.finish === 'length')
      throw failed('truncated', 'the answers of the model were cut off again and again before a plan was proposed');
    if (text === '') throw failed('empty', 'the model answered with nothing, again and again');
    throw failed(
      'no_proposal',
      `the model ended without proposing a plan; nothing was done. It said: ${JSON.stringify(text)}`,
    );
  }
  messages.push({
    role: 'user',
    text: answer.finish === 'length' ? NUDGES.truncated : text === '' ? NUDGES.empty : NUDGES.silent,
  });
  return undefined;
}

async function runCalls(
  session: Session,
  calls: readonly ChatCall[],
  messages: ChatMessage[],
  counts: Counts,
  finish: string,
): Promise<PlanResult | undefined> {
  const { limits } = session;
  counts.silent = 0;
  let ended: PlanResult | undefined;
  for (const [index, call] of calls.entries()) {
    const reply = (text: string) => messages.push({ role: 'tool', callId: call.id, text });
    // Every call needs a reply, or the next request is malformed.
    if (ended !== undefined) reply(NUDGES.ended);
    else if (index >= limits.maxCallsPerTurn) reply(NUDGES.crowded);
    else if (finish === 'length' && index === calls.length - 1) {
      reply(NUDGES.truncated);
      countFault(counts, limits, 'truncated');
    } else {
      const outcome = await runOne(session, call, counts);
      if (outcome.kind === 'end') ended = outcome.result;
      else reply(outcome.text);
    }
  }
  return ended;
}

async function runOne(session: Session, call: ChatCall, counts: Counts): Promise<ToolOutcome> {
  const { limits, clock, hooks, redactor } = session;
  counts.toolCalls += 1;
  if (counts.toolCalls > limits.maxToolCalls)
    throw failed(
      'too_many_calls',
      `the model made more than ${limits.maxToolCalls} tool calls without proposing a plan`,
    );
  const key = `${call.name} ${call.arguments}`;
  const same = (counts.sameCall.get(key) ?? 0) + 1;
  counts.sameCall.set(key, same);
  if (same > limits.maxSameCall)
    throw failed('repeats', `the model repeats itself: it called ${call.name} with the same arguments ${same} times`);
  const startedAt = clock.now();
  const isRepeat = same >= 3 && call.name !== 'propose_plan';
  const outcome: ToolOutcome = isRepeat
    ? { kind: 'output', text: NUDGES.repeated, ok: false }
    : await runTool(call, {
        tools: session.tools,
        input: session.input,
        timeoutMs: limits.toolTimeoutMs,
        clock,
        signal: session.signal,
        maxChars: limits.maxToolChars,
        redactor,
      });
  await hooks.onToolCall({
    tool: call.name.slice(0, 80),
    input: toRecordText(call.arguments, redactor),
    output: toRecordText(outcome.kind === 'end' ? outcome.result.kind : outcome.text, redactor),
    durationMs: clock.now() - startedAt,
    ok: outcome.kind === 'end' || (outcome.kind === 'output' && outcome.ok),
  });
  if (outcome.kind !== 'fault') counts.faults = 0;
  else if (outcome.fault === 'invalid_plan') {
    counts.invalidPlans += 1;
    if (counts.invalidPlans >= limits.maxInvalidPlans)
      throw failed(
        'invalid_plan',
        `the model proposed ${counts.invalidPlans} plans that could not be taken. The last one: ${redactor.text(outcome.text).slice(0, 600)}`,
      );
  } else countFault(counts, limits, outcome.fault);
  return outcome;
}

function countFault(counts: Counts, limits: ConversationLimits, fault: string): void {
  counts.faults += 1;
  if (counts.faults >= limits.maxFaults)
    throw failed(
      fault,
      `the model made ${counts.faults} faulty tool calls in a row, the last one for ${fault.replaceAll('_', ' ')}`,
    );
}
