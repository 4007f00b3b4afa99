import { AIMessage, HumanMessage, SystemMessage, ToolMessage } from '@langchain/core/messages';
import type { AIMessageChunk, BaseMessage } from '@langchain/core/messages';
import { ChatOpenAICompletions } from '@langchain/openai';
import { z } from 'zod';
import type { Clock } from '../../lib/clock.ts';
import { toAbortError } from '../../lib/clock.ts';
import { estimateTokens } from '../budget.ts';
import { toChatFailure } from './failure.ts';
import type { ChatFailure } from './failure.ts';

// The one file that knows the model library. Its objects stay in here: in and out go plain texts, since the library
// brings to life whatever stored JSON looks like one of its own objects.

/** One message of a conversation. */
export type ChatMessage =
  | { role: 'system' | 'user'; text: string }
  | { role: 'assistant'; text: string; calls: ChatCall[] }
  | { role: 'tool'; callId: string; text: string };

/** A tool call as the model wrote it: the arguments are unread JSON text. */
export interface ChatCall {
  id: string;
  name: string;
  arguments: string;
}

export interface ChatTool {
  name: string;
  description: string;
  /** JSON Schema of the arguments. */
  parameters: Record<string, unknown>;
}

export interface ChatAnswer {
  kind: 'answered';
  text: string;
  calls: ChatCall[];
  usage: { promptTokens: number; completionTokens: number };
  /** `length` means that the answer was cut at the limit of tokens. */
  finish: string;
  /** What a model says instead of answering, where the server tells it apart. */
  refusal: string | undefined;
}

export interface Chat {
  /** One request. Ends in an answer or a named failure; throws only when the signal is aborted. Never retries by itself. */
  send(
    messages: readonly ChatMessage[],
    tools: readonly ChatTool[],
    options: SendOptions,
  ): Promise<ChatAnswer | ChatFailure>;
}

export interface SendOptions {
  timeoutMs: number;
  signal: AbortSignal;
}

export interface ChatSettings {
  baseUrl: string;
  apiKey: string;
  model: string;
  maxCompletionTokens: number;
  clock: Clock;
}

/** A chat with one model at an OpenAI-compatible endpoint. Opens no connection by itself. */
export function createChat(settings: ChatSettings): Chat {
  const client = new ChatOpenAICompletions({
    model: settings.model,
    apiKey: settings.apiKey,
    maxTokens: settings.maxCompletionTokens,
    streaming: true,
    streamUsage: true,
    // The library drops the field in which a model declines; it is read from the raw chunks.
    __includeRawResponse: true,
    // Retries are made and counted by the caller: hidden ones would pass the budget by.
    maxRetries: 0,
    // The library would otherwise take the account from the environment, and print answers it cannot read to the console.
    configuration: { baseURL: settings.baseUrl, organization: null, project: null, logLevel: 'off' },
  });
  return {
    send: async (messages, tools, options) => {
      const limit = new AbortController();
      const done = new AbortController();
      settings.clock.sleep(options.timeoutMs, done.signal).then(
        () => limit.abort(),
        () => undefined,
      );
      const partial: { answer: AIMessageChunk | undefined; refusal: string } = { answer: undefined, refusal: '' };
      try {
        const stream = await client.stream(messages.map(toLibraryMessage), {
          signal: AbortSignal.any([options.signal, limit.signal]),
          ...(tools.length === 0 ? {} : { tools: tools.map(toLibraryTool) }),
        });
        for await (const chunk of stream) {
          partial.refusal += takeRefusal(chunk);
          partial.answer = partial.answer === undefined ? chunk : partial.answer.concat(chunk);
        }
        if (limit.signal.aborted)
          return { kind: 'failed', reason: 'timed_out', message: 'no answer in time', text: textOf(partial.answer) };
        return toAnswer(partial.answer, partial.refusal, messages);
      } catch (error) {
        if (options.signal.aborted) throw toAbortError(options.signal);
        return toChatFailure(error, { timedOut: limit.signal.aborted, text: textOf(partial.answer) });
      } finally {
        done.abort();
      }
    },
  };
}

function toLibraryTool({ name, description, parameters }: ChatTool) {
  return { type: 'function' as const, function: { name, description, parameters } };
}

function toLibraryMessage(message: ChatMessage): BaseMessage {
  switch (message.role) {
    case 'system':
      return new SystemMessage(message.text);
    case 'user':
      return new HumanMessage(message.text);
    case 'assistant':
      return new AIMessage({
        content: message.text,
        tool_calls: message.calls.map(({ id, name, arguments: text }) => ({
          id,
          name,
          args: toObject(text),
          type: 'tool_call' as const,
        })),
      });
    case 'tool':
      return new ToolMessage({ content: message.text, tool_call_id: message.callId });
  }
}

// Servers read the arguments in the history as JSON, some strictly: what was malformed goes back as an empty object, and the
// answer to the call says what was wrong.
function toObject(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    return value !== null && typeof value === 'object' && !Array.isArray(value) ? { ...value } : {};
  } catch {
    return {};
  }
}

function textOf(answer: AIMessageChunk | undefined): string {
  return answer?.text ?? '';
}

const rawSchema = z.object({ choices: z.array(z.object({ delta: z.object({ refusal: z.string().nullish() }) })) });

// Taken out of the chunk as well, so that the raw chunks are not merged into the message.
function takeRefusal(chunk: AIMessageChunk): string {
  const raw = rawSchema.safeParse(chunk.additional_kwargs['__raw_response']);
  delete chunk.additional_kwargs['__raw_response'];
  return raw.data?.choices.map(({ delta }) => delta.refusal ?? '').join('') ?? '';
}

function toAnswer(
  answer: AIMessageChunk | undefined,
  refusal: string,
  messages: readonly ChatMessage[],
): ChatAnswer | ChatFailure {
  if (answer === undefined)
    return { kind: 'failed', reason: 'malformed', message: 'the answer holds no message', text: '' };
  const finish: unknown = answer.response_metadata['finish_reason'];
  // The library guesses the end of arguments that were cut off; only the text that was really sent is used.
  const calls = (answer.tool_call_chunks ?? []).map(({ id, name, args }, index) => ({
    id: id === undefined || id === '' ? `call_${index}` : id,
    name: name ?? '',
    arguments: args ?? '',
  }));
  const usage = toUsage(answer.usage_metadata);
  const sent = messages.map((message) => message.text).join('');
  return {
    kind: 'answered',
    text: textOf(answer),
    calls,
    usage: {
      promptTokens: usage?.input_tokens ?? estimateTokens(sent),
      completionTokens:
        usage?.output_tokens ?? estimateTokens(textOf(answer) + calls.map((call) => call.arguments).join('')),
    },
    finish: typeof finish === 'string' ? finish : '',
    refusal: refusal === '' ? undefined : refusal,
  };
}

const usageSchema = z.object({ input_tokens: z.number().min(0), output_tokens: z.number().min(0) });

// Servers differ in whether and how they report usage; what has another shape counts as not reported.
function toUsage(value: unknown): z.infer<typeof usageSchema> | undefined {
  return usageSchema.safeParse(value).data;
}
