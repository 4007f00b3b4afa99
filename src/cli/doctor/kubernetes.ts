import type { ArgoInstanceSettings } from '../../config/instances.ts';
import { createClusterDoor } from '../../kubernetes/configured.ts';
import { createSystemClock } from '../../lib/clock.ts';
import type { LearningRedactor } from '../../lib/redact.ts';
import { broken, ok, toBroken, warning, type Check } from './check.ts';

/** The cluster behind every Argo CD that a kubeconfig is given for: the file is usable, the credentials are accepted, warnings may be read. */
export async function* checkKubernetes(
  instances: readonly ArgoInstanceSettings[],
  redactor: LearningRedactor,
): AsyncGenerator<Check> {
  for (const instance of instances) {
    const name = instances.length > 1 ? `cluster ${instance.name}` : 'cluster';
    try {
      const check = await checkOne(name, instance, redactor);
      if (check !== undefined) yield check;
    } catch (error) {
      yield toBroken(name, error);
    }
  }
}

async function checkOne(
  name: string,
  instance: ArgoInstanceSettings,
  redactor: LearningRedactor,
): Promise<Check | undefined> {
  const door = createClusterDoor(instance, { clock: createSystemClock(), redactor });
  if (door === null) return undefined;
  const cluster = await door.open();
  const own = await cluster.ownNamespace();
  if (own.kind === 'unread') return broken(name, own.sentence, null);
  const version = await cluster.version();
  if (version.kind === 'unread')
    return broken(name, version.sentence, `Look at the kubeconfig ${instance.kubeconfig ?? ''}.`);
  const events = await cluster.events(own.value);
  const found = `Kubernetes ${version.value}`;
  if (events.kind === 'read') return ok(name, `${found}; warnings of namespace ${own.value} can be read`);
  const fix =
    'Bind the ClusterRole view to its account, in the namespaces that are deployed to or in all of them; set the namespace of the context to one of them.';
  return warning(name, `${found}; ${events.sentence}`, fix);
}
