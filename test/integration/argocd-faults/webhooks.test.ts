import { createHmac } from 'node:crypto';
import { expect, it } from 'vitest';
import { openWatch } from '../../../src/argocd/watch.ts';
import { createSystemClock } from '../../../src/lib/clock.ts';
import { silentLogger } from '../../../src/lib/logger.ts';
import { describeSandbox } from '../../contract/argocd/backend.ts';
import { toConfigMap } from '../../contract/argocd/manifests.ts';

// The git host tells Argo CD of a push, and the product's client sees what comes of it, without having asked for anything.

const SECRET = 'shared with the git host';
const DAY_MS = 24 * 3_600_000;

describeSandbox(
  'an Argo CD that the git host tells of pushes',
  (backend) => {
    const announce = async (repository: string, { branch = 'main', secret = SECRET } = {}) => {
      const body = JSON.stringify({
        ref: `refs/heads/${branch}`,
        repository: { html_url: repository, default_branch: 'main' },
        commits: [],
      });
      const signature = createHmac('sha256', secret).update(body).digest('hex');
      const headers = { 'x-github-event': 'push', 'x-hub-signature-256': `sha256=${signature}` };
      return (await backend().call('POST', '/api/webhook', { body, headers, token: null })).status;
    };

    it('looks at the commit because of a push to its repository, however that is spelled, and of no other', async () => {
      await backend().push({ 'hooked/map.json': toConfigMap('hooked', 'one') });
      const name = await backend().createApplication('hooked', { automated: {} });
      await backend().until(
        name,
        'applied',
        ({ status, operation }) => operation === undefined && status.operationState?.phase === 'Succeeded',
      );
      const before = (await backend().get(name, 'refresh=normal')).status.sync.revision;
      const argo = backend().client();
      const watch = openWatch({ argo, clock: createSystemClock(), logger: silentLogger });
      try {
        const hints = watch.hints();
        await backend().find('connected', () => Promise.resolve(watch.isConnected() ? true : undefined));
        const signal = new AbortController().signal;
        const ref = backend().ref('hooked');
        const look = async () => (await argo.getApplication(ref)).status.sync.revision;
        await backend().push({ 'hooked/map.json': toConfigMap('hooked', 'two') });
        const { resourceVersion } = (await argo.getApplication(ref)).metadata;
        expect(await announce('https://git.example.com/acme/other')).toBe(200);
        expect(await announce('https://elsewhere.example.com/acme/infra')).toBe(200);
        expect(await announce('https://git.example.com/acme/infra', { branch: 'draft' })).toBe(200);
        expect(await announce('https://git.example.com/acme/infra', { secret: 'another' })).toBe(400);
        expect(await hints.wait(ref, 500, signal, resourceVersion)).toBe('time');
        expect(await look()).toBe(before);
        const woken = hints.wait(ref, backend().patienceMs, signal, resourceVersion);
        expect(await announce('https://git.example.com/acme/infra')).toBe(200);
        expect(await woken).toBe('hint');
        const head = await backend().head();
        await backend().find('at the commit', async () => ((await look()) === head ? true : undefined));
      } finally {
        await watch.close();
      }
    });
  },
  {
    repoUrl: 'ssh://git@git.example.com:2222/acme/infra.git',
    webhookSecrets: { github: SECRET },
    pollIntervalMs: DAY_MS,
  },
);
