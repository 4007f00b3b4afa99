import type { Catalog, NamedTarget } from './catalog.ts';
import type { Desk } from './desk.ts';
import type { Request } from './request.ts';

const ALL = 'all of them';

/** What resolving a request's name needs to know of the rest of the ticket. */
export interface Scope {
  catalog: Catalog;
  desk: Desk;
  /** From the ticket's own target field. */
  environment: string | undefined;
  /** Environments named by the sentences before. */
  named: readonly string[];
}

/** The services a request means; undefined when that has to be asked first. */
export function resolveTargets(request: Request, scope: Scope): NamedTarget[] | undefined {
  const { target } = request;
  const environments = resolveEnvironments(request, scope);
  if (environments === undefined) return undefined;
  switch (target.kind) {
    case 'named':
      return narrow(target.text, target.candidates, environments, scope);
    case 'unknown':
      return resolveUnknown(target.text, request, environments, scope);
    case 'all': {
      const except = new Set(target.except.map(({ service }) => service.name));
      const chosen = scope.catalog.services.filter(
        (service) =>
          !except.has(service.name) && (environments.length === 0 || environments.includes(service.environment)),
      );
      if (request.action === 'remove')
        return scope.desk.refuse(
          'Removing every service at once is not done from one sentence; name the services to remove.',
        );
      return chosen.map((service) => ({ service }));
    }
    case 'context':
      return askService(request, scope);
    case 'new':
      return [];
  }
}

/** The environments a request is for, none where it names none; undefined when an unknown one has to be asked about. */
export function resolveEnvironments(
  request: Request,
  { catalog, desk, environment, named }: Scope,
): string[] | undefined {
  const wished =
    request.environments.length > 0
      ? request.environments
      : named.length > 0
        ? [...named]
        : environment === undefined
          ? []
          : [environment];
  const unknown = wished.find((name) => !catalog.environments.includes(name));
  if (unknown === undefined || catalog.services.length === 0) return wished;
  const answer = desk.ask(
    {
      question: `There is no environment "${unknown}" in this repository. Which one is meant?`,
      options: catalog.environments,
      field: 'environment',
    },
    (text) =>
      catalog.environments.find((name) =>
        text
          .toLowerCase()
          .split(/[^\w-]+/u)
          .includes(name.toLowerCase()),
      ),
  );
  return answer === undefined ? undefined : [...wished.filter((name) => name !== unknown), answer];
}

function narrow(
  text: string,
  candidates: readonly NamedTarget[],
  environments: readonly string[],
  { catalog, desk }: Scope,
): NamedTarget[] | undefined {
  const inside =
    environments.length === 0
      ? [...candidates]
      : candidates.filter(({ service }) => environments.includes(service.environment));
  if (inside.length === 0) {
    const there = [...new Set(candidates.map(({ service }) => service.environment))];
    const sibling = catalog.services
      .filter((service) => environments.includes(service.environment))
      .map((service) => service.name);
    const chosen = desk.ask(
      {
        question: `${text} is in ${there.join(' and ')}, not in ${environments.join(' or ')}. Which service is meant?`,
        options: [...candidates.map(({ service }) => service.name), ...sibling],
        field: 'service',
      },
      (answer) => findExactly(answer, catalog),
    );
    return chosen === undefined ? undefined : [chosen];
  }
  const perEnvironment = new Map(inside.map((target) => [target.service.environment, target]));
  if (inside.length === 1 || (environments.length > 1 && perEnvironment.size === inside.length)) return inside;
  const answer = desk.ask(
    {
      question: `${text} may mean ${inside.map(toLabel).join(' or ')}. Which one?`,
      options: [...inside.map(({ service, workload }) => workload ?? service.name), ALL],
      field: 'service',
    },
    (answer): NamedTarget[] | undefined => {
      if (/^(?:all|both|every|each)\b/iu.test(answer)) return [...inside];
      const said = answer.toLowerCase();
      const matches = inside.filter(({ service, workload }) =>
        [workload ?? service.name, service.environment].some((name) => name.toLowerCase() === said),
      );
      return matches.length > 0 ? matches : undefined;
    },
  );
  return answer;
}

function toLabel({ service, workload }: NamedTarget): string {
  return workload === undefined ? `${service.name} (${service.environment})` : `${workload} of ${service.name}`;
}

// A typing mistake is forgiven, and said, where it cannot do much harm; otherwise it is asked about.
function resolveUnknown(
  text: string,
  { action, makesNew }: Request,
  environments: readonly string[],
  scope: Scope,
): NamedTarget[] | undefined {
  const { catalog, desk } = scope;
  const near = catalog.listNear(text);
  const [nearest, second] = near;
  const harmless = action === 'apply' || action === 'restart' || action === 'investigate';
  if (
    nearest !== undefined &&
    text.length >= 5 &&
    harmless &&
    (second === undefined || second.distance > nearest.distance)
  ) {
    desk.assume(`Read "${text}" as ${nearest.name}.`);
    return narrow(nearest.name, catalog.findByName(nearest.name), environments, scope);
  }
  if (catalog.services.length === 0)
    return desk.refuse(`The repository holds no services yet, so there is no "${text}".`);
  if (makesNew && near.length === 0) return refuseUnnamed(desk);
  const names = catalog.services.map((service) => service.name);
  const meant =
    near.length > 0 ? ` Did you mean ${near.map(({ name }) => name).join(' or ')}?` : ' Which service is meant?';
  const chosen = desk.ask(
    {
      question: `There is no service "${text}" in the repository.${meant}`,
      options: [...near.map(({ name }) => name), ...names],
      field: 'service',
    },
    (answer) =>
      /^(?:y|yes|yep|right|correct)\b/iu.test(answer) && near.length === 1
        ? findExactly(near[0]?.name ?? '', catalog)
        : findExactly(answer, catalog),
  );
  return chosen === undefined ? undefined : [chosen];
}

function refuseUnnamed(desk: Desk): undefined {
  return desk.refuse('The ticket does not say what to deploy. Name it with its version or image, such as "redis 7.2".');
}

function askService(request: Request, { catalog, desk }: Scope): NamedTarget[] | undefined {
  if (catalog.services.length === 0)
    return desk.refuse('The repository holds no services yet. The first thing to ask for is a new one.');
  if (request.makesNew) return refuseUnnamed(desk);
  const chosen = desk.ask(
    {
      question: `Which service is this about: "${request.text}"?`,
      options: catalog.services.map((service) => service.name),
      field: 'service',
    },
    (answer) => findExactly(answer, catalog),
  );
  return chosen === undefined ? undefined : [chosen];
}

/** The one service an answer names, alone or within a short sentence. */
function findExactly(answer: string, catalog: Catalog): NamedTarget | undefined {
  const whole = catalog.findByName(answer.replace(/[.!]$/u, ''));
  if (whole.length === 1) return whole[0];
  const words = answer.split(/[\s,.;:!?"'`]+/u).filter((word) => word !== '');
  const found = new Map(
    words
      .flatMap((word) => catalog.services.filter((service) => service.name === word.toLowerCase()))
      .map((service) => [service.name, { service }]),
  );
  return found.size === 1 ? [...found.values()][0] : undefined;
}
