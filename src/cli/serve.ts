import { loadProcessConfig } from './config-source.ts';
import { untilStopped, type Host } from './host.ts';

/** Runs the server until a signal stops it. */
export async function runServe(host: Host): Promise<void> {
  const app = await host.startApp(loadProcessConfig());
  const lines = [
    ...(app.mode === 'embedded_sandbox'
      ? [
          'No repository and no Argo CD are configured: this runs against an embedded sandbox.',
          'Nothing outside this machine is touched; deploys are simulated.',
        ]
      : []),
    `Tiphys listens on ${app.url}   API pages: ${app.url}/docs`,
    `repository ${app.repository.url} (${app.repository.branch})`,
    ...app.argocd.instances.map(
      ({ name, server }, _index, all) => `Argo CD    ${server}${all.length > 1 ? ` (${name})` : ''}`,
    ),
    `database   ${app.database}`,
    ...app.warnings.map((warning) => `warning: ${warning}`),
  ];
  process.stdout.write(`${lines.join('\n')}\n`);
  const signal = await untilStopped();
  process.stdout.write(`${signal}: stopping; unfinished tickets go on at the next start.\n`);
  await app.close();
}
