import type { RunnableConfig } from '@langchain/core/runnables';
import { AppError } from '../lib/errors.ts';
import { toAbortError } from '../lib/clock.ts';
import type { RunContext } from './deps.ts';

const KEY = 'tiphysRun';

/** Hands the run to the graph. The checkpoint saver ignores it: only `thread_id` and its kin are stored. */
export function toConfigurable(context: RunContext): Record<string, unknown> {
  return { [KEY]: context };
}

export function toRunContext(config: RunnableConfig): RunContext {
  const context: unknown = config.configurable?.[KEY];
  if (context === undefined) throw new AppError('internal', 'the graph was started without a run context');
  return context as RunContext;
}

/** Throws when the work is no longer wanted. For the places where stopping is safe. */
export function checkWanted(context: RunContext): void {
  if (context.signal.aborted) throw toAbortError(context.signal);
}
