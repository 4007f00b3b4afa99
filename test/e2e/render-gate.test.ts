import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { git } from '../support/git-run.ts';
import { startProduct, untilStatus, untilTicket, type Product } from '../support/product.ts';

// Before a plan is approved, Argo CD is asked what it would make of its commit: the product with the gate on, a repository
// that keeps a log of every branch, and the stand-in that renders otherwise where it is told to.

const PATIENCE_MS = 240_000;
let product: Product;

const start = async (renderGate: 'warn' | 'block') => {
  const started = await startProduct((embedded) =>
    Promise.resolve({ argocd: { server: embedded.url, token: embedded.token, renderGate } }),
  );
  // So that a branch that came and went is seen.
  await git(started.embedded.repository, ['config', 'core.logAllRefUpdates', 'always']);
  return started;
};
const setFaults = async (change: object) => {
  const response = await fetch(`${product.embedded.url}/sandbox/faults`, {
    method: 'PATCH',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(change),
  });
  if (!response.ok) throw new Error(await response.text());
};
const renderPatches = (patch: object) => ({ renderPatches: [{ kind: 'Deployment', name: 'worker', patch }] });
const branches = async () =>
  (await git(product.embedded.repository, ['branch', '--list', '--format=%(refname:short)'])).trim().split('\n');
const effects = async (id: string) => {
  const events = await product.client.listEvents(id);
  return events.flatMap((one) => (one.type === 'tool_call' && one.data.tool === 'argocd.manifests' ? [one.data] : []));
};
const findings = async (id: string) =>
  (await product.client.getPlan(id)).findings.filter(({ check }) => check === 'argocd_render');
const plan = async (title: string) => {
  const { id } = await product.client.createTicket({ title });
  return await untilTicket(product.client, id, (one) => one.endedAt !== null || one.hold !== null, PATIENCE_MS);
};

describe('with the gate at warn', () => {
  beforeAll(async () => {
    product = await start('warn');
  });
  afterAll(async () => await product.close());

  it(
    'a plan that Argo CD renders the same goes its way, and no branch stays',
    async () => {
      const ticket = await plan('Scale worker to 3');
      expect(ticket.status).toBe('pending_plan_approval');
      expect(await findings(ticket.id)).toEqual([]);
      expect(await effects(ticket.id)).toMatchObject([{ output: 'the same as the plan', ok: true }]);
      expect(await branches()).toEqual(['main']);
      if (ticket.hold?.kind !== 'plan_approval') throw new Error('no approval waits');
      await product.client.approvePlan(ticket.id, ticket.hold.changeHash);
      const ended = await untilTicket(product.client, ticket.id, (one) => one.endedAt !== null, PATIENCE_MS);
      expect(ended.status, ended.reason).toBe('resolved');
      // What was shown to Argo CD was another commit than what was approved and pushed.
      expect(await git(product.embedded.repository, ['log', '--format=%s', 'main'])).not.toContain('review:');
    },
    PATIENCE_MS,
  );

  it(
    'what Argo CD would render otherwise is a finding in the plan, by object and field',
    async () => {
      await setFaults(renderPatches({ spec: { replicas: 7 } }));
      const ticket = await plan('Scale worker to 4');
      expect(ticket.status).toBe('pending_plan_approval');
      expect(await findings(ticket.id)).toMatchObject([
        {
          severity: 'warning',
          object: { kind: 'Deployment', name: 'worker' },
          field: 'spec.replicas',
          message: 'Argo CD renders 7 here for Application worker; the plan has 4.',
        },
      ]);
      await product.client.cancel(ticket.id, 'not so');
      expect(await branches()).toEqual(['main']);
    },
    PATIENCE_MS,
  );

  it(
    'what it rendered otherwise before as well counts less',
    async () => {
      await setFaults(renderPatches({ metadata: { labels: { team: 'platform' } } }));
      const ticket = await plan('Scale worker to 5');
      expect(await findings(ticket.id)).toMatchObject([{ severity: 'info', field: 'metadata.labels.team' }]);
      await setFaults({ renderPatches: [] });
    },
    PATIENCE_MS,
  );

  it(
    'an Argo CD that cannot be asked is a finding, and so is a commit it cannot render',
    async () => {
      await setFaults({ gitError: 'repository not accessible' });
      const ticket = await plan('Scale worker to 6');
      expect(ticket.status).toBe('pending_plan_approval');
      expect(await findings(ticket.id)).toMatchObject([
        {
          severity: 'warning',
          message: expect.stringMatching(/^Argo CD cannot render Application worker .*repository not accessible$/),
        },
      ]);
      await setFaults({ gitError: null, unavailable: -1 });
      const other = await plan('Scale api to 4');
      expect(await findings(other.id)).toMatchObject([
        { severity: 'warning', message: expect.stringMatching(/^What Argo CD would render .* was not compared/) },
      ]);
      await setFaults({ unavailable: 0 });
      expect(await branches()).toEqual(['main']);
    },
    PATIENCE_MS,
  );

  it(
    'a git host that refuses the branch is a finding too, and nothing was shown to anybody',
    async () => {
      await git(product.embedded.repository, ['config', 'receive.maxInputSize', '1']);
      const ticket = await plan('Scale mailer to 3');
      await git(product.embedded.repository, ['config', '--unset', 'receive.maxInputSize']);
      expect(await findings(ticket.id)).toMatchObject([
        { severity: 'warning', message: expect.stringMatching(/was not compared.*refused branch tiphys\/review\//) },
      ]);
      expect(await branches()).toEqual(['main']);
    },
    PATIENCE_MS,
  );
});

describe('with the gate at block', () => {
  beforeAll(async () => {
    product = await start('block');
  });
  afterAll(async () => await product.close());

  it(
    'a plan that Argo CD renders otherwise ends, and says in what',
    async () => {
      await setFaults(renderPatches({ spec: { replicas: 7 } }));
      const ticket = await plan('Scale worker to 4');
      expect(ticket).toMatchObject({ status: 'failed', ending: { code: 'validation', commits: [] } });
      expect(ticket.ending?.sentence).toContain('Argo CD renders 7 here for Application worker; the plan has 4.');
      await setFaults({ renderPatches: [] });
      expect(
        (await untilStatus(product.client, (await plan('Scale worker to 4')).id, 'pending_plan_approval')).status,
      ).toBe('pending_plan_approval');
    },
    PATIENCE_MS,
  );

  it(
    'a plan that is refused anyway is shown to nobody',
    async () => {
      const ticket = await plan('Set the image of worker to docker.oi/acme/worker:2.0.0');
      expect(ticket, ticket.reason).toMatchObject({ status: 'failed', ending: { code: 'validation' } });
      expect(await effects(ticket.id)).toEqual([]);
    },
    PATIENCE_MS,
  );
});
