import { diagnose } from '../argocd/diagnose.ts';
import { toErrorMessage } from '../lib/errors.ts';
import type { PlannedStep } from '../model/planning.ts';
import type { StoredPlan } from '../ticket/plan.ts';
import type { TicketEventBody } from '../ticket/event.ts';
import type { AgentDeps, RunContext } from './deps.ts';
import { readCluster } from './read-cluster.ts';
import type { AgentUpdate } from './state.ts';

/** Answers the questions of a ticket that asks why, from what Argo CD shows. Changes nothing. */
export async function investigate(deps: AgentDeps, plan: StoredPlan, context: RunContext): Promise<AgentUpdate> {
  const answers: string[] = [];
  for (const step of plan.intent.steps)
    if (step.kind === 'investigate') answers.push(await answer(deps, step, context));
  const text = answers.join('\n\n');
  await context.emit('executor', [{ type: 'note', data: { node: 'executor', text } }]);
  const [first = 'Nothing was found.'] = text.split('\n');
  return {
    ending: {
      status: 'resolved',
      code: 'answered',
      sentence: first,
      commits: [],
      reverted: false,
      revertCommits: [],
      answer: text,
    },
  };
}

async function answer(
  deps: AgentDeps,
  step: Extract<PlannedStep, { kind: 'investigate' }>,
  context: RunContext,
): Promise<string> {
  const started = deps.clock.now();
  const applications = await deps.argo.listApplications({ signal: context.signal });
  // A rendered folder is named after its service, whatever folder it stands in.
  const isOf = (path: string | undefined) => path?.replace(/\/+$/, '').split('/').at(-1) === step.service;
  const found = applications.filter((one) => one.metadata.name === step.service || isOf(one.spec.source?.path));
  if (found.length === 0) {
    const names = applications.map((one) => one.metadata.name).join(', ');
    return `Argo CD shows no Application for ${step.service}. It shows: ${names || 'none'}.`;
  }
  const parts: string[] = [];
  const around: TicketEventBody[] = [];
  for (const application of found) {
    const { name, namespace } = application.metadata;
    const ref = { name, ...(namespace === undefined ? {} : { namespace }), project: application.spec.project };
    const status = `${name} is ${application.status?.health?.status ?? 'Unknown'} and ${application.status?.sync?.status ?? 'Unknown'}`;
    if (application.status?.health?.status === 'Healthy') {
      parts.push(`${status}: nothing is wrong with it now.`);
      continue;
    }
    try {
      const diagnosis = await diagnose(deps.argo, ref, {
        changed: [],
        redactor: deps.redactor,
        clock: deps.clock,
        signal: context.signal,
      });
      const tail = diagnosis.logTail.slice(-12).map((line) => `    ${line}`);
      parts.push(
        [`${status}: ${diagnosis.sentence}`, ...(tail.length === 0 ? [] : ['Last log lines:', ...tail])].join('\n'),
      );
    } catch (error) {
      parts.push(`${status}; reading why failed: ${toErrorMessage(error)}`);
    }
    const read = await readCluster(deps, ref, context.signal);
    if (read === undefined) continue;
    around.push(read);
    parts.push(`In the cluster around it:\n${read.data.output}`);
  }
  const text = parts.join('\n');
  await context.emit('executor', [
    {
      type: 'tool_call',
      data: {
        tool: 'argocd.diagnose',
        input: step.question,
        output: text,
        durationMs: deps.clock.now() - started,
        ok: true,
      },
    },
    ...around,
  ]);
  return text;
}
