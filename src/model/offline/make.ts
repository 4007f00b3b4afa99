import { toIsoTime } from '../../lib/clock.ts';
import type { RolloutStrategy } from '../../cdk8s/edit-kinds.ts';
import type { NamedTarget } from './catalog.ts';
import type { Desk } from './desk.ts';
import { limit } from '../refusal.ts';
import { toEditStep, toWhy } from './draft.ts';
import type { Draft } from './draft.ts';
import { makeExpose } from './make-expose.ts';
import { makeImage } from './make-image.ts';
import { makeResources } from './make-resources.ts';
import { makeScale } from './make-scale.ts';
import { makeSetting } from './make-settings.ts';
import { listMainWorkloads } from './catalog.ts';
import type { Request } from './request.ts';
import type { Value } from './value.ts';

export interface Bench {
  desk: Desk;
  draft: Draft;
  now: number;
  /** Told of a way of rolling out that goes with other changes. */
  wish(strategy: RolloutStrategy): void;
}

/** Makes the steps of one request for one service that exists, or asks. */
export function makeSteps(request: Request, target: NamedTarget, bench: Bench): void {
  const { desk, draft } = bench;
  const name = target.service.name;
  const text = request.text;
  switch (request.action) {
    case 'apply':
    case 'deploy':
      makeChanges(request, target, bench);
      return;
    case 'restart':
      put(
        bench,
        name,
        'restart',
        { kind: 'restart', service: name, ...narrowing(target), at: toIsoTime(bench.now) },
        `Restart ${name}`,
        text,
      );
      return;
    case 'remove':
      put(bench, name, 'remove', { kind: 'remove_service', service: name }, `Remove the service ${name}`, text);
      return;
    case 'rollback':
      draft.put({
        key: `${name}/rollback`,
        service: name,
        wish: 'rollback',
        step: { kind: 'rollback', service: name, title: `Take back the last change of ${name}`, why: toWhy(text) },
      });
      return;
    case 'investigate':
      draft.put({ key: `${name}/investigate`, service: name, wish: 'investigate', step: toInvestigation(name, text) });
      return;
    case 'stop':
      makeStop(target, text, bench);
      return;
    case 'promote':
      desk.refuse(`To promote ${name}, name the version it should have.`);
      return;
  }
}

function toInvestigation(service: string, text: string) {
  return {
    kind: 'investigate' as const,
    service,
    question: limit(text, 1900),
    title: `Find out what is the matter with ${service}`,
    why: toWhy(text),
  };
}

function put(
  { desk, draft }: Bench,
  service: string,
  key: string,
  edit: Parameters<typeof toEditStep>[0],
  title: string,
  text: string,
): void {
  const step = toEditStep(edit, title, text);
  if ('refused' in step) desk.refuse(`${step.refused}.`);
  else draft.put({ key: `${service}/${key}`, service, wish: title, step: step.step });
}

const narrowing = ({ workload }: NamedTarget) => (workload === undefined ? {} : { workload });

function makeChanges({ values, wants, text }: Request, target: NamedTarget, bench: Bench): void {
  const { desk, draft } = bench;
  const name = target.service.name;
  const of = <K extends Value['kind']>(kind: K) =>
    values.filter((value): value is Extract<Value, { kind: K }> => value.kind === kind);
  const from = of('from')[0]?.text;
  const numbers = of('number').map(({ value }) => askMeaning(name, value, desk));
  const version = of('version').at(-1)?.version ?? numbers.find((one) => one?.kind === 'version')?.text;
  const image = of('image').at(-1)?.image;
  if (image !== undefined || version !== undefined || wants.includes('version'))
    makeImage(
      target,
      {
        ...(image === undefined ? {} : { image }),
        ...(version === undefined ? {} : { version }),
        ...(from === undefined ? {} : { from }),
        text,
      },
      desk,
      draft,
    );
  const counts = [
    ...of('replicas').map(({ change }) => change),
    ...numbers.flatMap((one) => (one?.kind === 'replicas' ? [{ how: 'to' as const, value: one.value }] : [])),
  ];
  for (const change of counts) makeScale(target, change, text, desk, draft);
  if (counts.length === 0 && wants.includes('replicas')) makeScale(target, undefined, text, desk, draft);
  for (const setting of of('setting')) makeSetting(target, setting, text, desk, draft);
  if (wants.includes('setting'))
    desk.ask(
      {
        question: `Which variable or configuration key of ${name} should be set, and to what? Write it as NAME=value and name the service.`,
        options: [],
        field: 'setting',
      },
      () => undefined,
    );
  if (of('resource').length > 0 || wants.includes('resource')) makeResources(target, of('resource'), text, desk, draft);
  const routed = of('host').length > 0 || wants.includes('host');
  if (routed) makeExpose(target, values, text, desk, draft);
  else if (of('port').length > 0)
    desk.refuse(
      `The port of ${name} is part of its source and is not changed by itself; a route to it can name a port.`,
    );
  makeStrategy(values, target, text, bench);
  const fixed = values.find(({ kind }) => kind === 'storage' || kind === 'namespace' || kind === 'stateful');
  if (fixed !== undefined)
    desk.refuse(
      `${name} exists already; its ${fixed.kind === 'stateful' ? 'kind' : fixed.kind} is not changed by a step, since Kubernetes would have to make it anew.`,
    );
}

// A strategy with nothing else is the wish itself; with another change it is how that change should roll out.
function makeStrategy(values: readonly Value[], target: NamedTarget, text: string, bench: Bench): void {
  const strategy = values.flatMap((value) => (value.kind === 'strategy' ? [value.strategy] : [])).at(-1);
  if (strategy === undefined) return;
  const name = target.service.name;
  if (values.some(({ kind }) => kind === 'image' || kind === 'version' || kind === 'setting' || kind === 'resource')) {
    bench.wish(strategy);
    return;
  }
  put(
    bench,
    name,
    'strategy',
    { kind: 'set_strategy', service: name, ...narrowing(target), strategy },
    `Roll out ${name} by ${strategy.replace('_', ' ')}`,
    text,
  );
}

function askMeaning(
  service: string,
  value: number,
  desk: Desk,
): { kind: 'version'; text: string } | { kind: 'replicas'; value: number } | undefined {
  return desk.ask(
    {
      question: `Is ${value} the version of ${service} or its number of replicas?`,
      options: ['version', 'replicas'],
      field: 'meaning',
    },
    (answer) =>
      /version|tag|image/iu.test(answer)
        ? { kind: 'version', text: String(value) }
        : /replica|instance|pod|cop/iu.test(answer)
          ? { kind: 'replicas', value }
          : undefined,
  );
}

function makeStop(target: NamedTarget, text: string, bench: Bench): void {
  const name = target.service.name;
  const scalable = listMainWorkloads(target.service).every(({ kind }) => kind !== 'DaemonSet');
  const choice = bench.desk.ask(
    {
      question: `Should ${name} be scaled to 0 (it stays in the repository and can be started again) or removed?`,
      options: [...(scalable ? ['scale to 0'] : []), 'remove it'],
      field: 'stop',
    },
    (answer) =>
      /\bremove|\bdelete/iu.test(answer) ? 'remove' : /\b(?:0|zero|scale)\b/iu.test(answer) ? 'scale' : undefined,
  );
  if (choice === 'scale') makeScale(target, { how: 'to', value: 0 }, text, bench.desk, bench.draft);
  if (choice === 'remove')
    put(bench, name, 'remove', { kind: 'remove_service', service: name }, `Remove the service ${name}`, text);
}
