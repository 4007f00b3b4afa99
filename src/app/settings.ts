import type { GraphDeps, Proposals, RenderGateSettings } from '../agent/deps.ts';
import { join } from 'node:path';
import { createBudgets, type ObservationBudgets } from '../argocd/observation.ts';
import type { Config } from '../config/schema.ts';
import type { Forge } from '../forge/forge.ts';
import { parseFreezeWindows } from '../policy/freeze-window.ts';
import { parsePolicySettings } from '../policy/settings.ts';

// From the configuration's units and names to those of the agent.

export function toAgentSettings(config: Config): GraphDeps['settings'] {
  return {
    allowedGlobs: config.cdk8s.allowedGlobs,
    occurrencesDir: toOccurrencesDir(config),
    approvalTtlMs: config.agent.approvalTtlHours * 3_600_000,
    plannerAttempts: config.agent.plannerAttempts,
    plannerCanRevise: config.llm.provider === 'openai',
    pushAttempts: 8,
    budgets: toBudgets(config),
    soak: {
      minutes: config.observation.soakMinutes,
      environments: config.observation.soakEnvironments,
      onRegression: config.policy.onRegression,
    },
    mayRequestSync: config.argocd.mayRequestSync,
    mayTerminate: config.argocd.mayTerminate,
    renderGate: toRenderGate(config),
  };
}

export function toOccurrencesDir({ data }: Config): string {
  return join(data.dir, 'occurrences');
}

export function toPolicy({ agent, policy }: Config): GraphDeps['policy'] {
  const { revertApproval, promotionApproval, maxAutoProbability, protectedKinds, protectedNamespaces } = policy;
  const settings = parsePolicySettings({
    autoApprove: agent.autoApprove,
    ...{ revertApproval, promotionApproval, maxAutoProbability, protectedKinds, protectedNamespaces },
  });
  return { settings, freezeWindows: parseFreezeWindows(policy.freezeWindows) };
}

function toBudgets({ observation }: Config): ObservationBudgets {
  const ms = (seconds: number) => seconds * 1000;
  return createBudgets({
    tickMs: ms(observation.pollSeconds),
    refreshEveryMs: ms(observation.refreshSeconds),
    revisionMs: ms(observation.revisionTimeoutSeconds),
    declinedMs: ms(observation.syncGraceSeconds),
    operationMs: ms(observation.operationTimeoutSeconds),
    unknownMs: ms(observation.unknownTimeoutSeconds),
    confirmMs: ms(observation.degradedConfirmSeconds),
    earlyMs: ms(observation.earlyFailureSeconds),
    healthMarginMs: ms(observation.healthMarginSeconds),
    settleMs: ms(observation.settleSeconds),
    settleCustomMs: ms(observation.settleCustomSeconds),
  });
}

export function toProposals({ git }: Config, forge: Forge): Proposals {
  return {
    forge,
    branchPrefix: git.branchPrefix,
    proposesReverts: git.revertDelivery === 'same',
    pollMs: git.pullRequestPollSeconds * 1000,
  };
}

function toRenderGate({ argocd: { renderGate: mode }, git }: Config): RenderGateSettings | null {
  return mode === 'off' ? null : { mode, branchPrefix: `${git.branchPrefix}review/` };
}
