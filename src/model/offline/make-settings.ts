import type { NamedTarget, Service } from './catalog.ts';
import type { Desk } from './desk.ts';
import { limit } from '../refusal.ts';
import { toEditStep } from './draft.ts';
import type { Draft } from './draft.ts';
import { pickContainer } from './pick.ts';
import type { Value } from './value.ts';

export type SettingWish = Extract<Value, { kind: 'setting' }>;

const SECRET_NAME = /(?:PASSWORD|PASSWD|PWD|SECRET|TOKEN|API_?KEY|PRIVATE_?KEY|ACCESS_?KEY|CREDENTIALS?)$/iu;
const ENV_NAME = /^[A-Za-z_][A-Za-z0-9_]{0,127}$/u;

/** Adds a set_env or set_config step for one key, or asks for what is missing. */
export function makeSetting(target: NamedTarget, wish: SettingWish, text: string, desk: Desk, draft: Draft): void {
  const home = wish.home === 'unknown' ? findHome(target.service, wish.key, desk) : wish.home;
  if (home === undefined) return;
  const value = toValue(target.service.name, wish, desk);
  if (value === undefined) return;
  if (SECRET_NAME.test(wish.key) && value !== null && value !== '' && !/^\d+$/u.test(value)) {
    desk.refuse(
      `${wish.key} looks like a secret. Secrets are not written to git in the clear; keep it in a Secret of the cluster and refer to that.`,
    );
    return;
  }
  if (home === 'env') makeEnv(target, wish.key, value, text, desk, draft);
  else makeConfig(target, wish.key, value, text, desk, draft);
}

function toValue(service: string, { key, value, unclear }: SettingWish, desk: Desk): string | null | undefined {
  if (value !== undefined && unclear === undefined) return value;
  const said =
    value === undefined || value === null
      ? ''
      : ` The ticket reads "${value} ${unclear ?? ''}"; in quotes it would be clear.`;
  const options = value === undefined || value === null ? [] : [value, `${value} ${unclear ?? ''}`];
  return desk.ask(
    { question: `What should ${key} of ${service} be set to?${said}`, options, field: 'value' },
    (answer) => {
      const plain = answer.replace(/^(["'`])(.*)\1$/su, '$2');
      return plain === '' || /[\r\n]/u.test(plain) ? undefined : plain;
    },
  );
}

// What is there already decides; a key nobody has seen is asked about.
function findHome({ name, workloads, configMaps }: Service, key: string, desk: Desk): 'env' | 'config' | undefined {
  const inEnv = workloads.some(({ containers }) =>
    containers.some(({ env }) => env.some((entry) => entry.name === key)),
  );
  const inConfig = configMaps.some(({ data }) => Object.hasOwn(data, key));
  if (inEnv !== inConfig) return inEnv ? 'env' : 'config';
  if (!ENV_NAME.test(key)) return 'config';
  return desk.ask(
    {
      question: `Is ${key} of ${name} an environment variable or a configuration key?`,
      options: ['environment variable', 'configuration key'],
      field: 'setting',
    },
    (answer) =>
      /\benv/iu.test(answer) || /\bvariable/iu.test(answer)
        ? 'env'
        : /\bconfig/iu.test(answer) || /\bkey/iu.test(answer)
          ? 'config'
          : undefined,
  );
}

function makeEnv(
  target: NamedTarget,
  name: string,
  value: string | null,
  text: string,
  desk: Desk,
  draft: Draft,
): void {
  const picked = pickContainer(target, desk);
  if (picked === undefined) return;
  const service = target.service.name;
  const present = picked.container?.env.find((entry) => entry.name === name);
  const key = `${service}/env/${name}/${picked.narrowing.container ?? ''}`;
  if (value === null && present === undefined && picked.container !== undefined) {
    const near = picked.container.env.find((entry) => entry.name.toLowerCase() === name.toLowerCase());
    desk.refuse(`${service} has no variable ${name} to remove.${near === undefined ? '' : ` It has ${near.name}.`}`);
    return;
  }
  if (value !== null && present?.value === value) {
    draft.settle(service, key, `${name} of ${service} already has this value.`);
    return;
  }
  const title =
    value === null
      ? `Remove the variable ${name} from ${service}`
      : `Set ${name} of ${service} to ${JSON.stringify(limit(value, 120))}`;
  const step = toEditStep({ kind: 'set_env', service, ...picked.narrowing, name, value }, title, text);
  if ('refused' in step) desk.refuse(`${step.refused}.`);
  else draft.put({ key, service, wish: JSON.stringify(value), step: step.step });
}

function makeConfig(
  { service }: NamedTarget,
  key: string,
  value: string | null,
  text: string,
  desk: Desk,
  draft: Draft,
): void {
  const holding = service.configMaps.filter(({ data }) => Object.hasOwn(data, key));
  const candidates = holding.length > 0 ? holding : service.configMaps;
  if (value === null && holding.length === 0) {
    desk.refuse(`No ConfigMap of ${service.name} holds the key ${key}.`);
    return;
  }
  const chosen =
    candidates.length <= 1
      ? candidates[0]
      : desk.ask(
          {
            question: `Which ConfigMap of ${service.name} should hold ${key}?`,
            options: candidates.map(({ name }) => name),
            field: 'configMap',
          },
          (answer) => candidates.find(({ name }) => name === answer.toLowerCase()),
        );
  if (candidates.length > 1 && chosen === undefined) return;
  const at = `${service.name}/config/${key}`;
  if (value !== null && chosen?.data[key] === value) {
    draft.settle(service.name, at, `The key ${key} of ${service.name} already has this value.`);
    return;
  }
  const configMap = service.configMaps.length > 1 && chosen !== undefined ? { configMap: chosen.name } : {};
  const title =
    value === null
      ? `Remove the config key ${key} from ${service.name}`
      : `Set the config key ${key} of ${service.name} to ${JSON.stringify(limit(value, 120))}`;
  const step = toEditStep({ kind: 'set_config', service: service.name, ...configMap, key, value }, title, text);
  if ('refused' in step) desk.refuse(`${step.refused}.`);
  else draft.put({ key: at, service: service.name, wish: JSON.stringify(value), step: step.step });
}
