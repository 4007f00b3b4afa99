/** What a class of failure usually means, for a person who has not seen it before. */
export interface FailureAdvice {
  whyItMatters: string;
  possibleCauses: readonly string[];
  suggestedFix: string;
}

const OLD_PODS_SERVE = 'New pods do not start; those of the version before go on serving while they last.';

// By the classes of failure fingerprints, most of which are those of the diagnosis of an Application.
const ADVICE: Readonly<Record<string, FailureAdvice>> = {
  image_pull: {
    whyItMatters: OLD_PODS_SERVE,
    possibleCauses: [
      'The tag or digest does not exist in the registry.',
      'The pull secret is missing in the namespace or may not read the image.',
      'The registry does not answer or limits the rate of pulls.',
    ],
    suggestedFix: 'Pull the image by hand with the credentials of the namespace; correct the tag or the pull secret.',
  },
  crash_loop: {
    whyItMatters: 'The new version ends again and again; what it should serve is served by old pods or not at all.',
    possibleCauses: [
      'The program ends with an error at its start; its last log lines say which.',
      'A setting, a secret or another service it needs is missing or has another form than it expects.',
      'The command or its arguments do not fit the image.',
    ],
    suggestedFix:
      'Read the last log lines of the container that ended, and compare its settings with the version before.',
  },
  oom_killed: {
    whyItMatters: 'The kernel ends the process without warning, in the middle of what it does.',
    possibleCauses: [
      'The memory limit is below what this version needs, perhaps only at its start.',
      'This version holds on to memory, so that any limit is reached in time.',
    ],
    suggestedFix: 'Compare its use of memory with the version before; raise the limit, or mend what grew.',
  },
  probe_failed: {
    whyItMatters: 'Pods run and get no traffic, or are restarted while they work.',
    possibleCauses: [
      'Path or port of the probe do not fit this version.',
      'It takes longer to start than the probe allows.',
      'It waits for another service that does not answer.',
    ],
    suggestedFix: 'Ask the probe address inside a pod; give the start a startup probe with enough time.',
  },
  quota: {
    whyItMatters: 'The namespace may not have more pods of this size, so a part of the rollout never starts.',
    possibleCauses: [
      'Requests or limits grew past what is left of the quota.',
      'Old and new pods together need more than the quota during the rollout.',
    ],
    suggestedFix: 'Look at the quota of the namespace; lower the requests, or ask for more.',
  },
  immutable_field: {
    whyItMatters: 'The cluster refuses the object as a whole, so nothing of the change to it is applied.',
    possibleCauses: ['The change touches a field that is fixed once the object exists, such as a selector.'],
    suggestedFix: 'Take that part of the change back, or plan to delete and create the object.',
  },
  render: {
    whyItMatters: 'Argo CD cannot make manifests of the commit, so nothing of it is applied.',
    possibleCauses: ['A rendered file is not valid, or a part it refers to is missing.'],
    suggestedFix: 'Render the repository at this commit and read the first error.',
  },
  hook: {
    whyItMatters: 'The sync stops at a hook, so what comes after it is not applied.',
    possibleCauses: ['The job of the hook failed or timed out; its pod has the reason.'],
    suggestedFix: 'Read the log of the pod of the hook, and whether it may run again.',
  },
  timeout: {
    whyItMatters: 'The wanted state was not reached in the time that was given; it may still come, or never.',
    possibleCauses: [
      'Pods start more slowly than the progress deadline allows.',
      'The rollout waits for something that does not happen, such as room on a node.',
    ],
    suggestedFix: 'Find out what the rollout waited for; raise the deadline only where it was still moving.',
  },
  scheduling: {
    whyItMatters: OLD_PODS_SERVE,
    possibleCauses: [
      'No node has the memory or processors that are requested.',
      'Node selectors, affinities or taints leave no node to choose.',
    ],
    suggestedFix: 'Read the scheduler event of the pod: it counts the nodes by what they lack.',
  },
  config_missing: {
    whyItMatters: OLD_PODS_SERVE,
    possibleCauses: [
      'A ConfigMap or Secret the pod refers to does not exist in its namespace.',
      'It exists, without the key that is asked for.',
    ],
    suggestedFix: 'Add what is missing before the workload that needs it, or correct the name.',
  },
  analysis: {
    whyItMatters: 'The new version did worse than was agreed, on real traffic.',
    possibleCauses: ['A metric of the analysis went past its limit.', 'The metric could not be measured.'],
    suggestedFix: 'Read the measurements of the analysis run; compare them with the stable version at the same time.',
  },
};

const UNKNOWN: FailureAdvice = {
  whyItMatters: 'The wanted state was not reached, and nothing that was seen says why.',
  possibleCauses: [],
  suggestedFix: 'Read the events and logs of the pods of this commit.',
};

export function findFailureAdvice(failureClass: string | undefined): FailureAdvice {
  return (failureClass === undefined ? undefined : ADVICE[failureClass]) ?? UNKNOWN;
}
