import type { NamedTarget } from './catalog.ts';
import type { Desk } from './desk.ts';
import { toEditStep } from './draft.ts';
import type { Draft } from './draft.ts';
import type { Value } from './value.ts';

const HOST = /(?:\*\.)?(?:[a-z0-9-]+\.)+[a-z][a-z0-9-]*/iu;

/** Adds an expose step, or asks for the host name. */
export function makeExpose(
  { service }: NamedTarget,
  values: readonly Value[],
  text: string,
  desk: Desk,
  draft: Draft,
): void {
  const said = values.find((value) => value.kind === 'host');
  const host =
    said?.host ??
    desk.ask(
      { question: `Under which host name should ${service.name} be reachable?`, options: service.hosts, field: 'host' },
      (answer) => HOST.exec(answer)?.[0].toLowerCase(),
    );
  if (host === undefined) return;
  const path = values.find((value) => value.kind === 'path')?.path ?? said?.path ?? '/';
  const port = values.find((value) => value.kind === 'port')?.port;
  const tls = values.find((value) => value.kind === 'tls')?.secret;
  if (tls === undefined && /\b(?:https|tls|ssl)\b/iu.test(text))
    desk.assume(`${host} is exposed without a certificate, since the ticket names no TLS secret.`);
  const step = toEditStep(
    {
      kind: 'expose',
      service: service.name,
      host,
      path,
      ...(port === undefined ? {} : { port }),
      ...(tls === undefined ? {} : { tlsSecret: tls }),
    },
    `Expose ${service.name} at ${host}${path === '/' ? '' : path}`,
    text,
  );
  if ('refused' in step) desk.refuse(`${step.refused}.`);
  else
    draft.put({
      key: `${service.name}/expose/${host}${path}`,
      service: service.name,
      wish: `${port ?? ''} ${tls ?? ''}`,
      step: step.step,
    });
}
