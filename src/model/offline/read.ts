import type { Catalog, NamedTarget } from './catalog.ts';
import { isCoordinator } from './clause.ts';
import type { Clause } from './clause.ts';
import { findKnownImage } from './known-images.ts';
import { COMMON, ENVIRONMENT_WORDS, EVERYTHING, NEGATIONS, SYMPTOMS, VERB_FORMS } from './lexicon.ts';
import { findNewName, listUnknownNames } from './new-name.ts';
import { readCounts } from './read-counts.ts';
import { readFrom, readImages } from './read-images.ts';
import { readResources } from './read-resources.ts';
import { readRoutes } from './read-routes.ts';
import { readSettings } from './read-settings.ts';
import type { Action, Reading, Request, Target, Want } from './request.ts';
import { pairUp } from './segments.ts';
import type { Value } from './value.ts';
import type { Word } from './words.ts';

const ROUTE_CUE =
  /^(?:ingress|ingresses|host|hosts|hostname|domain|dns|url|reachable|accessible|available|public|publicly|traffic|visible|internet|outside|externally|subdomain|reach|world)$/u;

/** What one clause asks for. Marks the words it uses. */
export function readClause(clause: Clause, catalog: Catalog): Reading {
  const { words } = clause;
  const environments = readEnvironments(words, catalog);
  const mentions = words.flatMap((word) => word.mention ?? []);
  const about = (): Extract<Reading, { kind: 'background' }> => {
    const target = toMentionTarget(words);
    const symptom = words.some((word) => SYMPTOMS.has(word.lower));
    const question = clause.mood === 'question';
    return {
      kind: 'background',
      ...(target === undefined ? {} : { target }),
      environments,
      symptom,
      question,
      text: clause.text,
    };
  };
  if (clause.negated) {
    if (isUnneeded(words)) return about();
    if (isReportOfFailure(words)) return { ...about(), symptom: true };
    if (isMixed(words)) return { kind: 'unsupported', text: clause.text, why: 'it both asks and denies' };
    return { kind: 'kept', targets: mentions, text: clause.text };
  }
  if (clause.mood === 'question' || clause.mood === 'report') return about();
  const values = readValues(clause, catalog);
  const action = toAction(clause, values);
  const unsupported = findUnsupported(clause, action, values);
  if (unsupported !== undefined) return { kind: 'unsupported', text: clause.text, why: unsupported };
  const requests = toRequests(clause, { action, values, environments });
  if (requests.length === 0) return about();
  const [first] = requests;
  const blind = first?.target.kind === 'context' && first.leftover.length > 0;
  if (blind && (action === 'remove' || action === 'stop'))
    return { kind: 'unsupported', text: clause.text, why: 'none of its words names a service' };
  return { kind: 'requests', requests };
}

function toMentionTarget(words: readonly Word[]): Target | undefined {
  const word = words.find((other) => other.mention !== undefined);
  return word?.mention === undefined
    ? undefined
    : { kind: 'named', text: word.mentionText ?? word.text, candidates: word.mention };
}

// "worker is no longer needed", "we don't need it any more": the reason for what follows.
function isUnneeded(words: readonly Word[]): boolean {
  return (
    words.some((word) => /^(?:needs?|needed|used?|uses|required?)$/u.test(word.lower)) &&
    !words.some((word) => word.verb?.base === 'set')
  );
}

// "scale web not api": a request with a denial inside it.
function isMixed(words: readonly Word[]): boolean {
  const at = words.findIndex((word) => word.kind === 'word' && NEGATIONS.has(word.lower));
  const before = words.slice(0, Math.max(0, at));
  return before.some((word) => word.verb !== undefined) && before.some((word) => word.mention !== undefined);
}

// "web does not start", "web can't connect": said of the service, not to us.
function isReportOfFailure(words: readonly Word[]): boolean {
  const at = words.findIndex(
    (word) => word.kind === 'word' && /^(?:not|never|cannot|can't|doesn't|won't|isn't|aren't)$/u.test(word.lower),
  );
  const before = words.slice(0, Math.max(0, at));
  if (at === 0 && /^(?:cannot|can't)$/u.test(words[0]?.lower ?? '')) return true;
  const subject = before.some(
    (word) => word.mention !== undefined || /^(?:it|they|users|customers|nobody|pods?)$/u.test(word.lower),
  );
  if (before.some((word) => word.verb !== undefined)) return false;
  return (
    subject &&
    !before.some((word) => /^(?:should|must|shall|may|need|needs|please)$/u.test(word.lower)) &&
    !words.some((word) => word.lower === 'longer')
  );
}

function readEnvironments(words: readonly Word[], catalog: Catalog): string[] {
  const found: string[] = [];
  for (const [at, word] of words.entries()) {
    if (word.kind !== 'word' || word.mention !== undefined || word.used) continue;
    const name = toEnvironment(word.lower, catalog);
    if (name === undefined) continue;
    const before = words[at - 1]?.lower ?? '';
    const next = words[at + 1];
    const led =
      /^(?:in|on|to|for|from|into|the|our|at|both|all|across|and|or|,|of)$/u.test(before) ||
      words[at - 1]?.mention !== undefined;
    const named = /^(?:environment|env|cluster|environments)$/u.test(next?.lower ?? '') || next?.mention !== undefined;
    if (!named && !led && !/^(?:production|staging)$/u.test(word.lower)) continue;
    word.used = true;
    if (!found.includes(name)) found.push(name);
  }
  return found;
}

function toEnvironment(lower: string, catalog: Catalog): string | undefined {
  if (catalog.environments.includes(lower)) return lower;
  const synonym = Object.hasOwn(ENVIRONMENT_WORDS, lower) ? ENVIRONMENT_WORDS[lower] : undefined;
  if (synonym === undefined) return undefined;
  const same = catalog.environments.find((name) => name === synonym || ENVIRONMENT_WORDS[name] === synonym);
  return same ?? synonym;
}

function readValues(clause: Clause, catalog: Catalog): Value[] {
  const { words, acts, verbs } = clause;
  const routed = acts.has('expose') || words.some((word) => word.kind === 'word' && ROUTE_CUE.test(word.lower));
  const settings = readSettings(words, acts, catalog);
  const from = readFrom(words);
  const early = routed ? readRoutes(words, acts) : [];
  const resources = readResources(words, acts);
  const images = readImages(words, acts, verbs);
  const late = routed ? [] : readRoutes(words, acts).filter((value) => isPlaceWithoutHost(value, words));
  const counts = readCounts(words, acts, verbs);
  const all = [...settings, ...from, ...early, ...resources, ...images, ...late, ...counts];
  return [...all, ...readBareNumber(clause, all)].sort((a, b) => a.at - b.at);
}

// Without a word about routing, a host name or a path is not something to expose.
function isPlaceWithoutHost(value: Value, words: readonly Word[]): boolean {
  const placed = /^(?:at|under|via)$/u.test(words[value.at - 1]?.lower ?? '');
  const drop = (value.kind === 'host' && !placed) || value.kind === 'path';
  const word = words[value.at];
  if (drop && word !== undefined) word.used = false;
  return !drop;
}

// "update web to 5": a number, but of what?
function readBareNumber({ words, acts }: Clause, values: readonly Value[]): Value[] {
  if (
    values.some((value) => value.kind !== 'from' && value.kind !== 'strategy') ||
    !(acts.has('update') || acts.has('set') || acts.has('deploy') || acts.has('rollback'))
  )
    return [];
  const at = words.findIndex(
    (word, index) =>
      word.kind === 'word' &&
      !word.used &&
      /^\d{1,4}$/u.test(word.lower) &&
      /^(?:to|at|on|->)$/u.test(words[index - 1]?.lower ?? ''),
  );
  const word = words[at];
  if (word === undefined) return [];
  word.used = true;
  return [{ at, kind: 'number', value: Number(word.lower) }];
}

function toAction({ acts, verbs, words }: Clause, values: readonly Value[]): Action {
  const has = (...kinds: Value['kind'][]) => values.some((value) => kinds.includes(value.kind));
  const changes = has('replicas', 'image', 'version', 'setting', 'resource', 'host', 'number');
  if (acts.has('rollback') && !changes && !has('strategy')) return 'rollback';
  if (acts.has('promote') && !has('version', 'image')) return 'promote';
  const restarts =
    acts.has('restart') && !acts.has('update') && !verbs.some((verb) => /^(?:redeploy|relaunch)$/u.test(verb));
  if (restarts && has('version') && !has('replicas', 'image', 'setting', 'resource', 'host')) return 'restart';
  if (changes) return 'apply';
  if (
    acts.has('remove') &&
    !acts.has('less') &&
    words.some((word) => /^(?:pods?|replicas?)$/u.test(word.lower)) &&
    verbs.some((verb) => /^(?:kill|delete)$/u.test(verb))
  )
    return 'restart';
  if (acts.has('remove')) return 'remove';
  if (acts.has('restart')) return 'restart';
  if (acts.has('stop')) return 'stop';
  if (acts.has('investigate') && !acts.has('deploy') && !acts.has('update')) return 'investigate';
  return 'apply';
}

const PARTS =
  /^(?:ingress|host|domain|route|port|limit|limits|request|requests|memory|cpu|strategy|namespace|database|table|data|volume|storage|configmap|secret|cluster|repository|branch|commit|history|image)$/u;

// "from the cluster" says where, not what.
function isPlaceless(words: readonly Word[], at: number): boolean {
  const before = words.slice(Math.max(0, at - 2), at).filter((word) => !/^(?:the|this|our|a)$/u.test(word.lower));
  return !/^(?:of|from|in|on|to)$/u.test(before.at(-1)?.lower ?? '');
}

function findUnsupported({ words, acts }: Clause, action: Action, values: readonly Value[]): string | undefined {
  const says = (pattern: RegExp) =>
    words.find((word) => word.kind === 'word' && word.mention === undefined && pattern.test(word.lower))?.text;
  if (says(/^(?:autoscale|autoscaling|autoscaler|hpa|keda|vpa|autoscales)$/u) !== undefined) return 'automatic scaling';
  const strange = says(
    /^(?:rbac|clusterrole|clusterrolebinding|networkpolicy|networkpolicies|cronjob|helm|terraform|configmap-reload|sidecar|initcontainer|probe|probes|liveness|readiness|affinity|toleration|tolerations|taint|nodeselector)$/u,
  );
  if (strange !== undefined && !values.some((value) => value.kind === 'setting')) return strange;
  const lost = values.find(({ kind }) => /^(?:host|path|port|version|image|resource|strategy|tls)$/u.test(kind));
  const removes =
    acts.has('remove') && !['less', 'set', 'update', 'deploy'].some((act) => [...acts].some((one) => one === act));
  if (removes && lost !== undefined) return `removing ${lost.kind === 'resource' ? 'a limit' : `a ${lost.kind}`}`;
  if (action !== 'remove') return undefined;
  const part = words.find(
    (word, at) =>
      word.kind === 'word' && word.mention === undefined && isPlaceless(words, at) && PARTS.test(word.lower),
  )?.text;
  return part === undefined || acts.has('less') ? undefined : `removing ${part}`;
}

interface Parts {
  action: Action;
  values: Value[];
  environments: string[];
}

function toRequests(clause: Clause, { action, values, environments }: Parts): Request[] {
  const { words, acts, mood } = clause;
  const excepted = readExcepted(words);
  const all = words.some(
    (word, at) => EVERYTHING.has(word.lower) && word.kind === 'word' && isAboutServices(words, at),
  );
  const fresh =
    acts.has('deploy') || mood === 'fragment' || isWishForNew(clause)
      ? findNewName(words, values, clause.acts)
      : undefined;
  const unknown = fresh === undefined ? listUnknownNames(words, acts) : [];
  const pairs =
    all && !words.some((word) => word.mention !== undefined && !excepted.includes(word))
      ? [
          {
            target: { kind: 'all', except: excepted.flatMap((word): NamedTarget[] => word.mention ?? []) } as Target,
            values,
          },
        ]
      : pairUp(words, values, { fresh, unknown, isSeparator: (word) => !word.used && isCoordinator(word) });
  const leftover = words.filter((word) => !word.used && isMeaningful(word)).map((word) => word.text);
  const complete = action !== 'apply' || values.some((value) => value.kind !== 'from' && value.kind !== 'strategy');
  const wants = complete || isStrategyAlone(clause, values) ? [] : toWants(clause, leftover.length > 0);
  return pairs.flatMap(({ target, values: own }): Request[] => {
    const request: Request = {
      action: target.kind === 'new' && action === 'apply' ? 'deploy' : action,
      target,
      values: own,
      wants: own.length > 0 && wants.length === 0 ? [] : wants,
      environments,
      ...(clause.condition === undefined ? {} : { condition: clause.condition }),
      ...(clause.time === undefined ? {} : { time: clause.time }),
      leftover,
      makesNew: acts.has('deploy') && !acts.has('update') && !acts.has('set'),
      text: clause.text,
    };
    return isRequest(request, clause) ? [request] : [];
  });
}

// "we need a redis 7.2", "I want to run a nats server": a wish for something well known that is not there.
function isWishForNew({ words, acts }: Clause): boolean {
  const wished = acts.has('set') || words.some((word) => /^(?:need|want|like|love|wish|require)$/u.test(word.lower));
  if (!wished || acts.has('update') || words.some((word) => word.mention !== undefined)) return false;
  return words.some((word) => word.kind === 'word' && !word.used && findKnownImage(word.lower) !== undefined);
}

// A fragment asks for something only when it names a service and a value and nothing else; a sentence with a weak verb
// only when something can be made of it.
function isRequest(request: Request, { mood, acts }: Clause): boolean {
  if (request.action !== 'apply') {
    if (mood === 'fragment') return request.values.length > 0 && request.leftover.length <= 1;
    return true;
  }
  const valued = request.values.some((value) => value.kind !== 'from');
  if (mood === 'fragment') return valued && request.leftover.length === 0;
  if (valued) return true;
  const strong =
    acts.has('deploy') ||
    acts.has('update') ||
    acts.has('scale') ||
    acts.has('more') ||
    acts.has('less') ||
    acts.has('expose');
  if (request.target.kind === 'context')
    return strong && request.wants.length > 0 && !request.wants.includes('anything') && request.leftover.length <= 2;
  return strong || request.wants.some((want) => want !== 'anything') || request.target.kind === 'named';
}

// "switch web to canary" is complete; "update web by canary" lacks the version.
function isStrategyAlone({ verbs }: Clause, values: readonly Value[]): boolean {
  return (
    values.some(({ kind }) => kind === 'strategy') &&
    !verbs.some((verb) => /^(?:update|upgrade|bump|deploy|ship|release|launch)$/u.test(verb))
  );
}

function toWants({ words, acts, verbs }: Clause, hasLeftover: boolean): Want[] {
  const says = (pattern: RegExp) => words.some((word) => word.kind === 'word' && pattern.test(word.lower));
  if (says(/^(?:memory|mem|ram|cpus?|resources?|cores?)$/u)) return ['resource'];
  if (says(/^(?:env|envs|envvar|variable|variables|config|configmap|configuration|setting|settings)$/u))
    return ['setting'];
  if (acts.has('expose') || says(/^(?:ingress|host|hostname|domain|reachable|accessible)$/u)) return ['host'];
  if (says(/^(?:replicas?|instances?|pods?|copies|capacity)$/u)) return ['replicas'];
  if (says(/^(?:version|image|tag|release|latest|newest)$/u)) return ['version'];
  if (says(/^(?:strategy)$/u)) return ['strategy'];
  // What is to be updated is a word nobody knows: "update the documentation of web".
  if (hasLeftover) return ['anything'];
  if (verbs.includes('start')) return ['replicas'];
  if (acts.has('scale') || ((acts.has('more') || acts.has('less')) && !acts.has('update') && !acts.has('set')))
    return ['replicas'];
  if (acts.has('update') || acts.has('deploy'))
    return acts.has('set') && !acts.has('deploy') ? ['anything'] : ['version'];
  return ['anything'];
}

function readExcepted(words: readonly Word[]): Word[] {
  const at = words.findIndex((word) => /^(?:except|excluding|besides|but)$/u.test(word.lower) && word.kind === 'word');
  return at < 0 ? [] : words.slice(at + 1).filter((word) => word.mention !== undefined);
}

function isAboutServices(words: readonly Word[], at: number): boolean {
  if (/^every(?:thing|one)$/u.test(words[at]?.lower ?? '')) return true;
  return words
    .slice(at + 1, at + 4)
    .some((word) => /^(?:services?|apps?|applications?|deployments?|workloads?|of)$/u.test(word.lower));
}

function isMeaningful(word: Word): boolean {
  if (word.kind === 'punct' || word.kind === 'break' || isCoordinator(word)) return false;
  if (word.kind !== 'word') return true;
  if (COMMON.has(word.lower) || VERB_FORMS.has(word.lower) || Object.hasOwn(ENVIRONMENT_WORDS, word.lower))
    return false;
  return /[\p{L}\p{N}]/u.test(word.text) && findKnownImage(word.lower) === undefined;
}
