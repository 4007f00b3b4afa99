import type { CommitSha } from '../lib/ids.ts';
import type { ObjectRef } from '../manifest/object.ts';
import { toRefLabel } from '../manifest/object.ts';
import { toResourceRef } from './application.ts';
import { type Context, evidence, fail, hasBaseline, isChanged, type Step, toSeconds } from './context.ts';
import type { ResourceTree } from './schema.ts';
import { isBadPod, listAllPods, listCurrentPods, type PodState, toRoot } from './tree.ts';

/**
 * A crash loop or a failing image pull shows in the pods at once, while the workload counts as Progressing until its deadline.
 * Judged are the newest pods of what we changed, and pods that are new and bad elsewhere in the application.
 */
export function judgePods(context: Context, tree: ResourceTree, via: CommitSha): Step | undefined {
  const { budgets, nowMs, since } = context;
  for (const { pod, owner } of listSuspects(context, tree)) {
    const fresh = Math.max(0, pod.restarts - (toBefore(context, pod)?.restarts ?? 0));
    const looping = fresh >= budgets.earlyRestarts;
    const bad = isBadPod(pod);
    if (!looping && !bad) continue;
    // The timer runs from the first look at which this pod was bad and ends when it recovers.
    const lasting = bad && nowMs - since(`pod:${pod.node.uid}`) >= budgets.earlyMs;
    if (!looping && !lasting) continue;
    const label = toRefLabel(toResourceRef(pod.node));
    const how = looping ? `restarted ${fresh} times` : `has been in ${pod.reason} for ${toSeconds(budgets.earlyMs)}`;
    return fail(context, via, {
      reason: 'early',
      object: owner,
      sentence: `${label} of ${toRefLabel(owner)} ${how}${pod.message === '' ? '' : `: ${pod.message}`}.`,
      message: pod.message === '' ? pod.reason : pod.message,
      evidence: [
        evidence(label, 'Status Reason', pod.reason),
        evidence(label, 'Restart Count', String(pod.restarts)),
        evidence(label, 'health.message', pod.message),
      ],
    });
  }
  return undefined;
}

function toBefore(context: Context, pod: PodState) {
  return hasBaseline(context) ? context.input.snapshot.pods[pod.node.uid] : undefined;
}

interface Suspect {
  pod: PodState;
  owner: ObjectRef;
}

function listSuspects(context: Context, tree: ResourceTree): Suspect[] {
  const { changed } = context.input;
  const ours = changed.flatMap((owner) => listCurrentPods(tree, owner).map((pod) => ({ pod, owner })));
  const seen = new Set(ours.map(({ pod }) => pod.node.uid));
  const others = listAllPods(tree)
    .filter((pod) => !seen.has(pod.node.uid) && toBefore(context, pod) === undefined)
    .map((pod) => ({ pod, owner: toResourceRef(toRoot(tree, pod.node)) }))
    // Pods of a workload we changed that are not its current ones belong to the version being replaced.
    .filter(({ owner }) => !isChanged(context, owner));
  const current = others.filter(({ pod, owner }) =>
    listCurrentPods(tree, owner).some(({ node }) => node.uid === pod.node.uid),
  );
  return [...ours, ...current];
}
