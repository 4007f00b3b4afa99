/** What a verb asks for. One verb may ask for several things; what else stands in the sentence decides. */
export type Act =
  | 'deploy'
  | 'update'
  | 'set'
  | 'scale'
  | 'more'
  | 'less'
  | 'remove'
  | 'restart'
  | 'rollback'
  | 'expose'
  | 'stop'
  | 'investigate'
  | 'promote';

const BASE_VERBS: Readonly<Record<Act, string>> = {
  deploy:
    'deploy install launch create introduce provision onboard add ship release start spin-up stand-up bring-up set-up roll-out put-up',
  update:
    'update upgrade bump downgrade pin move switch change migrate ship release roll-out push rollout replace use swap take',
  set: 'set export add give make use assign define configure put change adjust modify replace edit apply run keep limit cap grant allocate tune override rename declare turn-on enable insert store write have',
  scale: 'scale resize size rescale run',
  more: 'increase raise grow boost scale-up scale-out bump up expand extend double triple quadruple add',
  less: 'decrease lower reduce shrink cut scale-down scale-in drop halve trim',
  remove:
    'remove delete decommission destroy uninstall retire drop tear-down get-rid-of unset clear eliminate purge kill undeploy phase-out scrap sunset discard erase throw-away throw-out take-out',
  restart: 'restart bounce reboot recycle cycle kick relaunch respawn redeploy',
  rollback: 'roll-back rollback revert undo back-out restore go-back put-back reverse bring-back switch-back unwind',
  expose: 'expose open publish route point map',
  stop: 'stop spin-down wind-down pause shut-down turn-off switch-off take-down suspend halt disable switch-down',
  investigate:
    'investigate diagnose troubleshoot debug look-into look-at check analyse analyze find-out explain inspect examine figure-out dig-into tell show display list describe summarize',
  promote: 'promote',
};

// Words that are as often a noun: "the last update". They count as verbs only where no article or adjective leads them.
export const VERB_OR_NOUN = new Set(
  'update upgrade release change deploy set run use restart host limit cap cut drop start check point route cycle kick rollback revert map push bump rollout boost switch move'.split(
    ' ',
  ),
);

const IRREGULAR: Readonly<Record<string, readonly string[]>> = {
  run: ['run', 'running', 'ran'],
  put: ['put', 'putting', 'put'],
  set: ['set', 'setting', 'set'],
  cut: ['cut', 'cutting', 'cut'],
  give: ['given', 'giving', 'gave'],
  make: ['made', 'making'],
  keep: ['kept', 'keeping'],
  grow: ['grown', 'growing', 'grew'],
  go: ['gone', 'going', 'went'],
  tear: ['torn', 'tearing', 'tore'],
  bring: ['brought', 'bringing'],
  shut: ['shut', 'shutting'],
  take: ['taken', 'taking', 'took'],
  spin: ['spun', 'spinning'],
  stand: ['stood', 'standing'],
  get: ['gotten', 'getting', 'got'],
  undo: ['undone', 'undoing', 'undid'],
  find: ['found', 'finding'],
  throw: ['thrown', 'throwing'],
  swap: ['swapped', 'swapping'],
  have: ['having'],
  write: ['written', 'writing'],
  tell: ['told', 'telling'],
};

/** How a form of a verb stands: to be obeyed as it is, only after "be", or only where a sentence begins with it. */
export type Form = 'base' | 'participle' | 'gerund';

export interface VerbEntry {
  base: string;
  form: Form;
  acts: readonly Act[];
}

/** Every form of every one-word verb, and the first words of those with a particle ("roll" ... "back"). */
export const VERB_FORMS: ReadonlyMap<string, VerbEntry> = buildForms(false);
/** Head word forms of verbs with a particle: `roll` -> [{ particles: ['back'], ... }]. */
export const PHRASAL: ReadonlyMap<string, readonly (VerbEntry & { particles: readonly string[] })[]> = buildPhrasal();

function collect(): Map<string, Act[]> {
  const acts = new Map<string, Act[]>();
  const entries = Object.entries(BASE_VERBS) as [Act, string][];
  for (const [act, verbs] of entries)
    for (const verb of verbs.split(' ')) acts.set(verb, [...(acts.get(verb) ?? []), act]);
  return acts;
}

function buildForms(phrasal: boolean): Map<string, VerbEntry> {
  const forms = new Map<string, VerbEntry>();
  for (const [base, acts] of collect()) {
    if (base.includes('-') !== phrasal) continue;
    for (const [form, kind] of inflect(base)) if (!forms.has(form)) forms.set(form, { base, form: kind, acts });
  }
  return forms;
}

function buildPhrasal(): Map<string, (VerbEntry & { particles: string[] })[]> {
  const result = new Map<string, (VerbEntry & { particles: string[] })[]>();
  for (const [base, acts] of collect()) {
    const [head = '', ...particles] = base.split('-');
    if (particles.length === 0) continue;
    for (const [form, kind] of inflect(head))
      result.set(form, [...(result.get(form) ?? []), { base, form: kind, acts, particles }]);
  }
  return result;
}

function inflect(verb: string): [string, Form][] {
  const irregular = IRREGULAR[verb];
  if (irregular !== undefined)
    return [
      [verb, 'base'],
      ...irregular
        .filter((form) => form !== verb)
        .map((form): [string, Form] => [form, form.endsWith('ing') ? 'gerund' : 'participle']),
    ];
  const consonantY = /[^aeiou]y$/u.test(verb);
  const stem = verb.endsWith('e') ? verb.slice(0, -1) : verb;
  const doubled = /^(?:drop|stop|pin|ship|trim|scrap|cap|swap|map|submit|cut)$/u.test(verb) ? verb.slice(-1) : '';
  const past = consonantY ? `${verb.slice(0, -1)}ied` : `${stem}${doubled}ed`;
  return [
    [verb, 'base'],
    [past, 'participle'],
    [`${stem}${doubled}ing`, 'gerund'],
  ];
}

const words = (text: string): ReadonlySet<string> => new Set(text.split(/\s+/u));

/** Lead a noun: the verb-like word after them is none. */
export const DETERMINERS = words(
  'the a an this that these those last latest previous its our my your recent every each any no new memory cpu their his her newest rolling current',
);

/** Make a sentence a request although its verb is not an imperative. */
export const REQUEST_CUES = words(
  "should must needs need want wants like shall ought ensure require requires lets let's gotta wish wishes deserves love let",
);

/** Make a sentence a report: what is, what was, what somebody did. */
export const REPORT_CUES = words(
  "is are was were has had have did does been being runs running ran got gets went seems seem looks keeps says said shows showed i'm we're it's there's it'll you're happened started stopped began yesterday already currently uses used isn't aren't wasn't hasn't didn't doesn't got fails failed crashed crashes",
);

export const NEGATIONS = words(
  "don't dont not never doesn't cannot can't mustn't shouldn't won't isn't aren't avoid refrain no-longer without",
);

export const SYMPTOMS = words(
  'unhealthy failing fails failed fail crash crashes crashing crashed crashloop crashlooping crashloopbackoff broken slow error errors erroring degraded stuck oomkilled oom restarting restarts timeout timeouts timing 500s 502 503 504 500 502s 503s 504s pending imagepullbackoff unavailable unreachable flapping dead wrong weird problem problems issue issues trouble hanging hangs unresponsive misbehaving progressing outofsync evicted sick red dying dies killed unready offline down sluggish logs status health',
);

export const QUESTION_WORDS = words(
  "why what what's whats who when where which how is are does did has have was were do",
);

export const CONDITION_CUES = words('if when whenever unless until once after before while provided assuming');
export const TIME_CUES = words(
  "tomorrow tonight later nightly daily hourly weekly monthly monday tuesday wednesday thursday friday saturday sunday midnight noon schedule weekend o'clock eod",
);
/** Begin a reason or a remark: nothing after them is asked for. */
export const REASON_CUES = words('because since due so cause cuz whereas although though considering given as');

/** Mean all services of the repository. */
export const EVERYTHING = words('everything everyone all every each');

export const ENVIRONMENT_WORDS: Readonly<Record<string, string>> = {
  production: 'production',
  prod: 'production',
  prd: 'production',
  live: 'production',
  staging: 'staging',
  stage: 'staging',
  stg: 'staging',
  preprod: 'preproduction',
  development: 'development',
  dev: 'development',
  testing: 'test',
  test: 'test',
  qa: 'qa',
  uat: 'uat',
  integration: 'integration',
};

const NUMBER_WORDS: Readonly<Record<string, number>> = {
  zero: 0,
  one: 1,
  two: 2,
  three: 3,
  four: 4,
  five: 5,
  six: 6,
  seven: 7,
  eight: 8,
  nine: 9,
  ten: 10,
  eleven: 11,
  twelve: 12,
  thirteen: 13,
  fourteen: 14,
  fifteen: 15,
  sixteen: 16,
  seventeen: 17,
  eighteen: 18,
  nineteen: 19,
  twenty: 20,
  thirty: 30,
  forty: 40,
  fifty: 50,
  hundred: 100,
  dozen: 12,
  couple: 2,
  single: 1,
};

/** A whole number in digits or words; undefined for anything else. */
export function findNumber(lower: string): number | undefined {
  if (/^\d{1,6}$/u.test(lower)) return Number(lower);
  if (Object.hasOwn(NUMBER_WORDS, lower)) return NUMBER_WORDS[lower];
  const [tens = '', ones = '', ...rest] = lower.split('-');
  const high = Object.hasOwn(NUMBER_WORDS, tens) ? NUMBER_WORDS[tens] : undefined;
  const low = Object.hasOwn(NUMBER_WORDS, ones) ? NUMBER_WORDS[ones] : undefined;
  if (rest.length > 0 || high === undefined || low === undefined || high < 20 || high > 50 || low < 1 || low > 9)
    return undefined;
  return high + low;
}

/** Words that carry no value of their own: not service names, and no loss when nothing was made of them. */
export const COMMON = words(
  `a an the this that these those and or but then also plus please kindly just only now right away immediately asap thanks thank you hi hello hey dear team folks everyone regards cheers
  to of for on in at by with from into onto as be is are was were will would should could can may might must shall have has had do does did so such there here its it they them their our my your we i us me he she
  service services app apps application applications deployment deployments workload workloads statefulset statefulsets daemonset component microservice system cluster platform repo repository pod pods replica replicas instance instances copy copies container containers node nodes
  image images tag version versions release releases build env environment environments variable variables var vars envvar config configs configmap configmaps configuration setting settings key value values option parameter flag property entry file
  memory mem ram cpu cpus core cores vcpu millicore millicores limit limits request requests resource resources quota more less fewer extra additional another half quarter double triple up down out off back over about around
  ingress host hostname domain url address dns path route port ports traffic internet public publicly outside external externally available reachable accessible web-address https http tls ssl certificate cert secret
  rollout strategy rolling update recreate canary blue green blue-green bluegreen deployment-strategy way method
  storage disk volume persistent persistence space size namespace ns called named name using new latest newest current currently last previous old older recent change changes everything all every each both same
  need needs want wants like let lets let's make sure ensure required possible time soon quick quickly urgent urgently priority again still too very well really actually instead rather than not no don't dont if when because since
  get go going gone ticket task todo request story issue jira task: hotfix fix following below above day today morning afternoon good great best way thing things something anything people users customers
  i'd we'd i'll we'll i'm we're it's that's what's there's who what where which why how number amount count total least most maximum minimum max min exactly least per stateful stateless default proper whole entire second first third small little big see bring via under forget commit again anymore nice help able question support running run use used uses step steps side both part mode level let`,
);
