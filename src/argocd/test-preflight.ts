import { expect, onTestFinished } from 'vitest';
import type { ArgoInstanceSettings } from '../config/instances.ts';
import { createSystemClock } from '../lib/clock.ts';
import type { Logger } from '../lib/logger.ts';
import { silentLogger } from '../lib/logger.ts';
import { createRedactor } from '../lib/redact.ts';
import { createArgoInstances } from './instances.ts';
import { createPreflightDesk, type PreflightDesk } from './preflight-desk.ts';
import type { InstanceReport } from './preflight-report.ts';

/** Masked wherever they come up. */
export const TOKENS = {
  admin: 'token-of-the-administrator',
  agent: 'token-of-an-agent-with-all-it-needs',
  reader: 'token-of-somebody-who-reads',
  blind: 'token-of-somebody-who-sees-nothing',
};

/** One instance as the test means it. */
interface Given extends Partial<ArgoInstanceSettings> {
  server: string;
}

interface DeskOptions {
  timeoutMs?: number;
  logger?: Logger;
  mayAct?: boolean;
}

/** The preflight of these instances, without anything being kept between two looks. */
export function createTestDesk(repository: string, given: readonly Given[], more: DeskOptions = {}): PreflightDesk {
  const rest = { token: null, tokenFile: null, session: null, caFile: null, kubeconfig: null, kubeContext: null };
  const redactor = createRedactor(Object.values(TOKENS));
  const clock = createSystemClock();
  const instances = createArgoInstances(
    given.map((one, index) => ({ ...rest, name: `i${index}`, cluster: `c${index}`, isDefault: index === 0, ...one })),
    { requestTimeoutMs: 10_000, rollouts: 'installed', clock, logger: silentLogger, redactor },
  );
  const desk = createPreflightDesk({
    instances,
    repository: { url: repository, branch: 'main' },
    ...{ mayAct: more.mayAct ?? true, timeoutMs: more.timeoutMs ?? 20_000, freshMs: 0 },
    ...{ clock, redactor, logger: more.logger ?? silentLogger },
  });
  onTestFinished(async () => {
    await desk.close();
    await instances.close();
  });
  return desk;
}

/** The report about one instance, in which none of the tokens stands. */
export async function checkOne(repository: string, given: Given, more: DeskOptions = {}): Promise<InstanceReport> {
  const [report] = await createTestDesk(repository, [given], more).check();
  if (report === undefined) throw new Error('no report');
  for (const token of Object.values(TOKENS)) expect(JSON.stringify(report)).not.toContain(token);
  return report;
}

export const toStates = ({ rights }: InstanceReport) => Object.fromEntries(rights.map((one) => [one.right, one.state]));
export const toLines = ({ problems }: InstanceReport) => problems.flatMap(({ rbac }) => rbac);
