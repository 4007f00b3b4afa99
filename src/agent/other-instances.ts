import { findAffectedApplications } from '../argocd/affected.ts';
import type { ArgoInstance } from '../argocd/instances.ts';
import { toAbortError } from '../lib/clock.ts';
import { toErrorMessage } from '../lib/errors.ts';
import type { AgentDeps, RunContext } from './deps.ts';
import type { AppliedPlan } from './draft.ts';

const TIMEOUT_MS = 10_000;

/**
 * One repository is shared by all instances, so the push of a ticket for one may change what runs at others. Says which of
 * their Applications, before anybody approves; they are not watched for this ticket.
 */
export async function tellOtherInstances(deps: AgentDeps, context: RunContext, applied: AppliedPlan): Promise<void> {
  const others = deps.instances.all.filter(({ name }) => name !== deps.instance);
  if (others.length === 0) return;
  const changedPaths = toChangedPaths(applied);
  const texts = await Promise.all(others.map(async (other) => await ask(deps, context, other, changedPaths)));
  await context.emit(
    'executor',
    texts.flatMap((text) => (text === undefined ? [] : [{ type: 'note', data: { node: 'executor', text } }])),
  );
}

async function ask(
  deps: AgentDeps,
  context: RunContext,
  { name, argo }: ArgoInstance,
  changedPaths: readonly string[],
): Promise<string | undefined> {
  const { url: repoUrl, branch } = deps.repo;
  const done = new AbortController();
  const late = new AbortController();
  deps.clock.sleep(TIMEOUT_MS, done.signal).then(
    () => late.abort(new Error(`no answer within ${TIMEOUT_MS / 1000} s`)),
    () => undefined,
  );
  try {
    const signal = AbortSignal.any([context.signal, late.signal]);
    const found = await findAffectedApplications(argo, { repoUrl, branch, changedPaths, signal });
    if (found.length === 0) return undefined;
    const names = found.map((one) => one.name).join(', ');
    return `Argo CD ${name} follows these paths too: the same push changes ${names} there. This ticket is for ${deps.instance} and watches only that.`;
  } catch (error) {
    if (context.signal.aborted) throw toAbortError(context.signal);
    return `Argo CD ${name} could not be asked whether it follows these paths too: ${toErrorMessage(error)}`;
  } finally {
    done.abort();
  }
}

/** Source files of the steps, and rendered files that came, went or differ. */
function toChangedPaths({ before, after, sourceFiles }: AppliedPlan): string[] {
  const was = new Map(before.map(({ path, content }) => [path, content]));
  const is = new Map(after.map(({ path, content }) => [path, content]));
  const rendered = [...new Set([...was.keys(), ...is.keys()])].filter((path) => was.get(path) !== is.get(path));
  return [...new Set([...sourceFiles.map(({ path }) => path), ...rendered])];
}
