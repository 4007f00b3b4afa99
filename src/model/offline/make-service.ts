import { findImage } from '../../manifest/image.ts';
import type { Edit } from '../../cdk8s/edit-kinds.ts';
import type { Catalog } from './catalog.ts';
import type { Desk } from './desk.ts';
import { toEditStep } from './draft.ts';
import type { Draft } from './draft.ts';
import { findKnownImage, findKnownPort } from './known-images.ts';
import { askImage, completeImage } from './make-image.ts';
import type { Value } from './value.ts';

/** A service to be made, collected from every clause that speaks of it. */
export interface NewService {
  name: string;
  /** The well-known image its name or the ticket stands for. */
  known: string | undefined;
  values: Value[];
  text: string;
  environments: readonly string[];
}

/** Adds the add_service step. Resources, routes and configuration follow as steps of their own. */
export function makeService(fresh: NewService, catalog: Catalog, desk: Desk, draft: Draft): void {
  if (!/^[a-z]([-a-z0-9]{0,61}[a-z0-9])?$/u.test(fresh.name)) {
    desk.refuse(
      `${JSON.stringify(fresh.name)} cannot be the name of a service: lower-case letters, digits and dashes, beginning with a letter.`,
    );
    return;
  }
  const image = toImage(fresh, desk);
  if (image === undefined) return;
  const replicas = findLast(fresh.values, 'replicas')?.change;
  if (replicas !== undefined && replicas.how !== 'to') {
    desk.refuse(`${fresh.name} is new and has no replicas yet to change; name the number it should have.`);
    return;
  }
  const storage = findLast(fresh.values, 'storage')?.size;
  const stateful = storage !== undefined || fresh.values.some(({ kind }) => kind === 'stateful');
  const port = findLast(fresh.values, 'port')?.port ?? toKnownPort(fresh, image, desk);
  const namespace = findLast(fresh.values, 'namespace')?.namespace ?? toNamespace(fresh, catalog);
  const env = toEnv(fresh, desk);
  if (env === undefined) return;
  const edit: Edit = {
    kind: 'add_service',
    service: fresh.name,
    image,
    workloadKind: stateful ? 'statefulset' : 'deployment',
    replicas: replicas?.value ?? 1,
    env,
    ...(port === undefined ? {} : { port }),
    ...(namespace === undefined ? {} : { namespace }),
    ...(storage === undefined ? {} : { storage }),
  };
  if (replicas === undefined) desk.assume(`${fresh.name} starts with one replica, since the ticket names no number.`);
  const count = `${edit.replicas} ${edit.replicas === 1 ? 'replica' : 'replicas'}`;
  const step = toEditStep(
    edit,
    `Add the service ${fresh.name}: ${image}, ${count}${storage === undefined ? '' : `, ${storage} of storage`}`,
    fresh.text,
  );
  if ('refused' in step) desk.refuse(`${step.refused}.`);
  else draft.put({ key: `${fresh.name}/add`, service: fresh.name, wish: JSON.stringify(edit), step: step.step });
}

function findLast<K extends Value['kind']>(values: readonly Value[], kind: K): Extract<Value, { kind: K }> | undefined {
  const isKind = (value: Value): value is Extract<Value, { kind: K }> => value.kind === kind;
  return values.findLast(isKind);
}

function toImage({ name, known, values }: NewService, desk: Desk): string | undefined {
  const image = findLast(values, 'image')?.image;
  const version = findLast(values, 'version')?.version ?? findLast(values, 'number')?.value.toString();
  if (image !== undefined) return completeImage(name, image, version, desk);
  const official = findKnownImage(known ?? name);
  if (official === undefined) return askImage(name, version, desk);
  if (version === undefined || /^(?:latest|newest)$/iu.test(version)) return askImage(known ?? name, undefined, desk);
  return `${official.image}:${version}`;
}

function toKnownPort({ name }: NewService, image: string, desk: Desk): number | undefined {
  const repository = findImage(image)?.repository;
  const port = repository === undefined ? undefined : findKnownPort(repository);
  if (port !== undefined) desk.assume(`${name} listens on ${port}, the usual port of its image.`);
  else desk.assume(`${name} gets no Service object, since the ticket names no port.`);
  return port;
}

// Where the ticket names an environment, the namespace its services share; elsewhere the repository's own default holds.
function toNamespace({ environments }: NewService, catalog: Catalog): string | undefined {
  const [environment] = environments;
  if (environment === undefined || catalog.environments.length < 2) return undefined;
  const namespaces = catalog.services
    .filter((service) => service.environment === environment)
    .flatMap(({ workloads }) => workloads.map(({ namespace }) => namespace))
    .filter((namespace) => namespace !== '');
  return new Set(namespaces).size === 1 ? namespaces[0] : undefined;
}

function toEnv({ name, values }: NewService, desk: Desk): Record<string, string> | undefined {
  const env: Record<string, string> = {};
  for (const value of values) {
    if (value.kind !== 'setting' || value.home === 'config') continue;
    if (
      /(?:PASSWORD|PASSWD|PWD|SECRET|TOKEN|API_?KEY|PRIVATE_?KEY|CREDENTIALS?)$/iu.test(value.key) &&
      !/^\d*$/u.test(value.value ?? '')
    )
      return desk.refuse(
        `${value.key} looks like a secret. Secrets are not written to git in the clear; keep it in a Secret of the cluster and refer to that.`,
      );
    const given =
      typeof value.value === 'string' && value.unclear === undefined
        ? value.value
        : desk.ask(
            { question: `What should ${value.key} of ${name} be set to?`, options: [], field: 'value' },
            (answer) => (answer === '' ? undefined : answer),
          );
    if (given === undefined) return undefined;
    Object.defineProperty(env, value.key, { value: given, enumerable: true, configurable: true, writable: true });
  }
  return env;
}
