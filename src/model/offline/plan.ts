import type { RolloutStrategy } from '../../cdk8s/edit-kinds.ts';
import type { PlanningInput, PlanResult } from '../planning.ts';
import { createCatalog } from './catalog.ts';
import type { Catalog, Service } from './catalog.ts';
import { limit, toRefusal } from '../refusal.ts';
import { createDesk } from './desk.ts';
import type { Desk } from './desk.ts';
import { createDraft } from './draft.ts';
import type { Draft } from './draft.ts';
import { makeService } from './make-service.ts';
import type { NewService } from './make-service.ts';
import { makeSteps } from './make.ts';
import type { Bench } from './make.ts';
import type { Request, Target } from './request.ts';
import { resolveEnvironments, resolveTargets } from './targets.ts';
import type { Scope } from './targets.ts';
import { understand } from './understand.ts';
import type { Understanding } from './understand.ts';

const MAX_CHARS = 32_000;
const MAX_STEPS = 50;
const MAX_REQUESTS = 200;
/** Begins the question that follows a plan which could not be carried out; its answer is read as a change of the ticket. */
const REPAIR = 'The plan could not be carried out:';

/** The plan for a ticket, by rules alone. */
export function planOffline(input: PlanningInput): PlanResult {
  const { ticket } = input;
  const text = `\n${ticket.title}\n${ticket.description}`;
  if (text.trim() === '') return toRefusal('The ticket is empty.');
  if (text.length > MAX_CHARS)
    return toRefusal(
      `The ticket has ${text.length} characters; only up to ${MAX_CHARS} are read, and half a ticket is not carried out. Put the change itself into a short ticket.`,
    );
  const catalog = createCatalog(input.facts);
  const desk = createDesk(input.answers);
  const fallback = toFallback(input, catalog);
  const main = understand(text, catalog, fallback);
  const repairs = input.answers
    .filter(({ question }) => question.startsWith(REPAIR))
    .map(({ answer }) => understand(`\n${answer}`, catalog, fallback ?? firstTarget(main)));
  if (main.requests.length + repairs.length > MAX_REQUESTS)
    return toRefusal('The ticket asks for more changes than one plan holds.');
  const strategies = new Set<RolloutStrategy>();
  let amending = false;
  const draft = createDraft(desk, () => amending);
  const bench: Bench = { desk, draft, now: input.now, wish: (strategy) => strategies.add(strategy) };
  makeAll(main, input, catalog, bench);
  amending = true;
  for (const repair of repairs) makeAll(repair, input, catalog, bench);
  if (desk.pending === undefined && input.feedback.length > 0) askForRepair(input.feedback, desk);
  return toResult({ main, desk, draft, strategies, catalog });
}

function toFallback({ ticket }: PlanningInput, catalog: Catalog): Target | undefined {
  const application = ticket.target?.application;
  if (application === undefined || application === '') return undefined;
  const candidates = catalog.findByName(application);
  return candidates.length > 0 ? { kind: 'named', text: application, candidates } : undefined;
}

function firstTarget({ requests }: Understanding): Target | undefined {
  return requests.map(({ target }) => target).find(({ kind }) => kind === 'named' || kind === 'new');
}

function makeAll(understanding: Understanding, input: PlanningInput, catalog: Catalog, bench: Bench): void {
  const { desk, draft } = bench;
  const requests = understanding.requests.filter((request) => mayGoAhead(request, desk));
  const scope = { catalog, desk, environment: input.ticket.target?.environment, named: [] };
  const fresh = toNewServices(requests, scope);
  for (const service of fresh.values()) makeService(service, catalog, desk, draft);
  const complete = requests.filter((request) => request.wants.length === 0);
  const incomplete = requests.filter((request) => request.wants.length > 0);
  // What one sentence leaves out another may say, so the incomplete ones come last.
  for (const request of [...complete, ...incomplete]) {
    // A heading such as "Release 2026-11" over a list that says the rest.
    if (
      request.target.kind === 'context' &&
      request.values.length === 0 &&
      request.action === 'apply' &&
      complete.length > 0
    ) {
      desk.assume(`Nothing was made of this: ${JSON.stringify(request.text)}.`);
      continue;
    }
    const targets =
      request.target.kind === 'new'
        ? [{ service: toPlannedService(request.target.name) }]
        : resolveTargets(request, scope);
    for (const target of targets ?? []) {
      const own = request.target.kind === 'new' ? withoutServiceValues(request) : request;
      if (own === undefined || isAnswered(own, target.service.name, draft)) continue;
      if (own.wants.includes('anything') && own.values.length === 0) askAboutNothing(own, desk, complete.length > 0);
      else makeSteps(own, target, bench);
    }
    if (request.leftover.length > 0 && request.wants.length === 0)
      desk.assume(`Nothing was made of these words: ${request.leftover.join(', ')}.`);
  }
  makeInvestigations(understanding, draft, scope, bench);
  const quoted = new Set(requests.map(({ text }) => text));
  for (const remark of new Set(understanding.remarks))
    if (requests.length > 0 && !quoted.has(remark))
      desk.assume(`Read as background, not as a request: ${JSON.stringify(remark)}.`);
  for (const { text, why } of understanding.unsupported) askWithout(text, why, desk, requests.length > 0);
  checkKept(understanding, draft, desk);
}

const NOW = 'do it now';

// A condition or a time cannot be watched for: whether to act is asked.
function mayGoAhead({ condition, time, text, action }: Request, desk: Desk): boolean {
  if (condition !== undefined && action === 'rollback') {
    desk.assume(`A change that goes bad is taken back without being asked, so no step is made for "${condition}".`);
    return false;
  }
  const depends = condition === undefined ? (time === undefined ? undefined : `a time ("${time}")`) : `"${condition}"`;
  if (depends === undefined) return true;
  const answer = desk.ask(
    {
      question: `"${limit(text, 200)}" depends on ${depends}, which I do not wait for. Should it be done now all the same?`,
      options: [NOW, 'do nothing'],
      field: 'condition',
    },
    (said) => (/^(?:y|yes|ok|sure|go|do it|now)\b/iu.test(said) ? 'now' : /^no\b/iu.test(said) ? 'no' : undefined),
  );
  return answer === 'now';
}

function toNewServices(requests: readonly Request[], scope: Scope): Map<string, NewService> {
  const fresh = new Map<string, NewService>();
  for (const request of requests) {
    const { target, values, text, action } = request;
    if (target.kind !== 'new' || action !== 'deploy') continue;
    const environments = resolveEnvironments(request, scope) ?? [];
    const before = fresh.get(target.name);
    fresh.set(target.name, {
      name: target.name,
      known: before?.known ?? target.known,
      values: [...(before?.values ?? []), ...values],
      text: before?.text ?? text,
      environments: before === undefined || before.environments.length === 0 ? environments : before.environments,
    });
  }
  return fresh;
}

function toPlannedService(name: string): Service {
  return { name, environment: '', workloads: [], configMaps: [], hosts: [], autoscaled: [] };
}

// What is not part of making a service: its resources, routes and configuration keys are steps after it.
function withoutServiceValues(request: Request): Request | undefined {
  const kinds = new Set(['resource', 'host', 'path', 'tls', 'strategy']);
  const values = request.values.filter(
    (value) => kinds.has(value.kind) || (value.kind === 'setting' && value.home === 'config'),
  );
  const exposed = values.some(({ kind }) => kind === 'host');
  const port = exposed ? request.values.filter(({ kind }) => kind === 'port') : [];
  if (request.action !== 'deploy') return request;
  return values.length === 0 ? undefined : { ...request, values: [...values, ...port], wants: [] };
}

function isAnswered({ wants }: Request, service: string, draft: Draft): boolean {
  const families = {
    version: ['image', 'add'],
    replicas: ['scale', 'add'],
    resource: ['resources'],
    setting: ['env', 'config'],
    host: ['expose'],
    strategy: ['strategy'],
    anything: [''],
  };
  return wants.length > 0 && wants.every((want) => families[want].some((family) => draft.has(service, family)));
}

function askAboutNothing({ text }: Request, desk: Desk, others: boolean): void {
  if (!others) desk.refuse(`I do not understand what should change: ${JSON.stringify(text)}.`);
  else desk.assume(`Nothing was made of this: ${JSON.stringify(text)}.`);
}

function askWithout(text: string, why: string, desk: Desk, others: boolean): void {
  if (!others) {
    desk.refuse(`I have no step for this (${why}): ${JSON.stringify(text)}.`);
    return;
  }
  const go = desk.ask(
    {
      question: `I have no step for this part of the ticket (${why}): "${limit(text, 200)}". Should the rest be done without it?`,
      options: ['do the rest', 'do nothing'],
      field: 'unsupported',
    },
    (answer) => (/^(?:y|yes|ok|sure|do the rest|go|rest)\b/iu.test(answer) ? true : undefined),
  );
  if (go) desk.assume(`Left out: ${JSON.stringify(text)}.`);
}

// Somebody who asks for a change has drawn a conclusion already; only a bare complaint or question is looked into.
function makeInvestigations(
  { concerns, requests }: Understanding,
  draft: Draft,
  scope: Parameters<typeof resolveTargets>[1],
  bench: Bench,
): void {
  if (requests.length > 0 && !requests.every(({ action }) => action === 'investigate')) return;
  for (const { target, text } of concerns) {
    const request: Request = {
      action: 'investigate',
      target,
      values: [],
      wants: [],
      environments: [],
      leftover: [],
      makesNew: false,
      text,
    };
    if (target.kind === 'new') continue;
    for (const one of resolveTargets(request, scope) ?? [])
      if (!draft.has(one.service.name, 'investigate')) makeSteps(request, one, bench);
  }
}

function checkKept({ kept }: Understanding, draft: Draft, desk: Desk): void {
  for (const { targets, text } of kept)
    for (const { service } of targets)
      if (draft.has(service.name, '')) {
        desk.refuse(`The ticket asks to change ${service.name} and also not to: ${JSON.stringify(text)}.`);
        return;
      }
}

function askForRepair(feedback: readonly string[], desk: Desk): void {
  const said = limit(
    feedback
      .map((line) => line.trim())
      .filter(Boolean)
      .join('; '),
    1200,
  );
  desk.ask(
    {
      question: `${REPAIR} ${said}. What should be different? Write it as a sentence with the name of the service.`,
      options: ['do nothing'],
      field: 'repair',
    },
    (answer) => answer,
  );
}

interface Made {
  main: Understanding;
  desk: Desk;
  draft: Draft;
  strategies: ReadonlySet<RolloutStrategy>;
  catalog: Catalog;
}

function toResult({ main, desk, draft, strategies, catalog }: Made): PlanResult {
  const steps = desk.pending === undefined ? draft.finish() : [];
  if (desk.pending !== undefined) return desk.pending;
  if (strategies.size > 1)
    return toRefusal(`The ticket wishes for more than one way of rolling out: ${[...strategies].join(', ')}.`);
  if (steps.length > MAX_STEPS)
    return toRefusal(`The ticket asks for ${steps.length} changes; one plan holds ${MAX_STEPS}.`);
  const settled = draft.settled();
  if (steps.length === 0) {
    const refusal = toRefusal(toEmptyReason(main, settled, catalog));
    return settled.length > 0 ? { ...refusal, isAlreadySo: true, canDo: [] } : refusal;
  }
  const [strategy] = strategies;
  return {
    kind: 'plan',
    version: 1,
    summary: limit(steps.map(({ title }) => title).join('; '), 1900),
    steps,
    wishes: strategy === undefined ? {} : { strategy },
    assumptions: [...settled.map((sentence) => `No step for this: ${sentence}`), ...desk.assumptions].slice(0, 100),
  };
}

function toEmptyReason(
  { kept, isEmpty, requests }: Understanding,
  settled: readonly string[],
  catalog: Catalog,
): string {
  if (settled.length > 0) return `There is nothing to change: ${settled.join(' ')}`;
  if (requests.length > 0) return 'Nothing is left to do.';
  if (kept.length > 0) return 'The ticket only says what not to do, so there is nothing to do.';
  const names = catalog.services.map(({ name }) => name);
  const known =
    names.length === 0 ? 'The repository holds no services yet.' : `Services I know: ${names.slice(0, 20).join(', ')}.`;
  return isEmpty
    ? `I do not understand what should be changed. ${known}`
    : `I found no change I could make in this ticket. ${known}`;
}
