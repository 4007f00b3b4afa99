import { choice, choices, decimal, flag, integer, json, list, optionalDecimal, optionalText, text } from './setting.ts';
import type { Setting } from './setting.ts';
import { isDnsLabel, isGitRemote, isHttpUrl } from './text-kinds.ts';

const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;
const DAY_SECONDS = 86_400;

const httpUrl = {
  test: isHttpUrl,
  allowed: 'an http:// or https:// URL without a user in it',
};
const apiKey = { test: (value: string) => !/\s/.test(value), allowed: 'keys without white space' };
const dnsLabel = {
  test: isDnsLabel,
  allowed: 'Kubernetes namespace names',
};
const remote = {
  test: isGitRemote,
  allowed: 'an https, http, ssh or file URL, a path, or user@host:path; without a password in it (that is git.token)',
};
const branch = {
  test: (value: string) => /^[^\s~^:?*[\\-][^\s~^:?*[\\]*$/.test(value) && !value.includes('..'),
  allowed: 'a branch name',
};

const uriReference = {
  allowed: 'a URI or a path without white space, in ASCII',
  isValid: (value: unknown) => typeof value === 'string' && /^[!-~]+$/.test(value) && URL.canParse(value, 'http://x'),
};

const seconds = (doc: string, fallback: number, min = 0) => integer(doc, fallback, { min, max: 7 * DAY_SECONDS });

const SOAK_MINUTES = { min: 0, max: 1_440 };

/** Every setting there is. The path of a setting gives the name of its environment variable. */
export const SETTINGS = {
  server: {
    host: text('Address to listen on. Any other than a loopback address needs server.apiKeys.', '127.0.0.1'),
    port: integer('Port to listen on; 0 takes a free one.', 3000, { min: 0, max: 65_535 }),
    apiKeys: list('Keys that clients send as bearer tokens. Once set, every route but health needs one.', [], {
      matches: apiKey,
      sensitive: 'all',
    }),
    readOnlyApiKeys: list('Further keys, which may read and do nothing else.', [], {
      matches: apiKey,
      sensitive: 'all',
    }),
  },
  data: {
    dir: text('Folder for the database file, work trees and caches; made when missing.', './data'),
  },
  db: {
    client: choice('Which database to use.', ['sqlite3', 'pg'], 'sqlite3'),
    connection: optionalText(
      'File path for sqlite3 (tiphys.db in data.dir when not set), postgres://USER:PASSWORD@HOST:PORT/NAME for pg.',
      { sensitive: 'url' },
    ),
  },
  git: {
    repoUrl: optionalText('The infrastructure repository. Not set: a sandbox is started with one of its own.', {
      matches: remote,
      sensitive: 'url',
    }),
    branch: { ...text('Branch that is read and pushed to.', 'main'), allowed: branch.allowed, isValid: isBranch },
    token: optionalText('Password or access token for http and https remotes.', { sensitive: 'all' }),
    username: optionalText('User name that goes with the token, where the server wants one.'),
    sshKeyFile: optionalText('Private key file for ssh remotes.'),
    knownHostsFile: optionalText('Known hosts file for ssh remotes; host keys are always checked.'),
    authorName: text('Name in commits.', 'Tiphys'),
    authorEmail: text('E-mail address in commits.', 'tiphys@localhost'),
    delivery: choice(
      'How a change reaches the branch: pushed to it, or proposed as a pull request that somebody merges.',
      ['push', 'pull_request'],
      'push',
    ),
    revertDelivery: choice(
      'How a revert reaches the branch: the same way as the change, or pushed, so that nobody has to merge it first.',
      ['same', 'push'],
      'same',
    ),
    forge: choice(
      'Which API the git host has; auto knows github.com, *.ghe.com, gitlab.com, codeberg.org and gitea.com.',
      ['auto', 'github', 'gitlab', 'gitea', 'forgejo'],
      'auto',
    ),
    apiUrl: optionalText('Address of that API, where it is not at its usual place on the host of git.repoUrl.', {
      matches: httpUrl,
      sensitive: 'url',
    }),
    apiToken: optionalText('Token for that API. Not set: git.token, where the API is on the host it belongs to.', {
      matches: { test: (value) => /^[!-~]+$/.test(value), allowed: 'a token without white space' },
      sensitive: 'all',
    }),
    apiCaFile: optionalText('File with the certificate authority of that API, in PEM form.'),
    branchPrefix: {
      ...text(
        'What the names of branches begin with that Tiphys makes: for pull requests, and for argocd.renderGate.',
        'tiphys/',
      ),
      allowed: 'the beginning of a branch name',
      isValid: (value: unknown) => isBranch(`${String(value)}x`),
    },
    pullRequestPollSeconds: integer(
      'How often a pull request is looked at; less often the longer nothing happens. Webhooks are faster.',
      60,
      { min: 1, max: 3_600 },
    ),
    webhookSecret: optionalText('Secret of the webhook of the git host; without it webhooks are refused.', {
      matches: { test: (value) => value.length >= 16, allowed: 'a text of at least 16 characters' },
      sensitive: 'all',
    }),
  },
  argocd: {
    name: {
      ...text('What tickets call the Argo CD of argocd.server.', 'default'),
      allowed: 'lower case letters, digits and dashes, 63 at most',
      isValid: (value: unknown) => typeof value === 'string' && isDnsLabel(value),
    },
    server: optionalText('Address of the Argo CD API server. Not set: a sandbox is started.', {
      matches: httpUrl,
      sensitive: 'url',
    }),
    cluster: optionalText(
      'The name under which memory keeps what happens there. Not set: host and port of the server.',
    ),
    token: optionalText('API token of an Argo CD account.', { sensitive: 'all' }),
    tokenFile: optionalText('File with that token instead; read again when Argo CD refuses it.'),
    username: optionalText('Argo CD user to sign in as, where there is no token.'),
    password: optionalText('Password of that user.', { sensitive: 'all' }),
    caFile: optionalText('File with the certificate authority of the server, in PEM form.'),
    requestTimeoutMs: integer('Time for one request.', 30 * SECOND_MS, { min: 100, max: 10 * MINUTE_MS }),
    mayRequestSync: flag('May ask for a sync where an Application does not sync by itself.', true),
    mayTerminate: flag('May end an older sync operation that is stuck.', false),
    renderGate: choice(
      'Whether Argo CD is asked what it would render before a plan is approved, over a branch that is pushed for it and removed: a difference is a warning, or an error that blocks the plan.',
      ['off', 'warn', 'block'],
      'off',
    ),
    instances: {
      ...json<readonly Readonly<Record<string, unknown>>[]>(
        'More Argo CD instances, each with name, server and where its token stands; see above.',
        [],
        'a list of instances',
        (value) => Array.isArray(value) && value.every(isRecord),
      ),
      sensitive: 'fields',
    },
  },
  kubernetes: {
    kubeconfig: optionalText(
      'File that says how the cluster behind argocd.server is read, beside what Argo CD shows of it. Not set: it is not.',
    ),
    context: optionalText('Context of that file. Not set: the one it calls current.'),
  },
  llm: {
    provider: choice(
      'Who plans: the built-in rules, or a model behind an OpenAI-compatible API.',
      ['offline', 'openai'],
      'offline',
    ),
    baseUrl: optionalText('Address of the OpenAI-compatible API, such as http://localhost:11434/v1.', {
      matches: httpUrl,
      sensitive: 'url',
    }),
    apiKey: optionalText('Key for that API.', { sensitive: 'all' }),
    model: optionalText('Name of the model.'),
    timeoutMs: integer('Time for one model call.', 2 * MINUTE_MS, { min: 100, max: 60 * MINUTE_MS }),
    maxTokensPerTicket: integer('Tokens a ticket may use, prompts and answers together.', 200_000, { min: 0 }),
    maxCallsPerTicket: integer('Model calls a ticket may make.', 40, { min: 0 }),
    maxWallClockMs: integer('Time a ticket may spend waiting for the model.', 15 * MINUTE_MS, { min: 0 }),
    inputPricePerMillion: optionalDecimal('Price of a million prompt tokens, to show costs.', { min: 0 }),
    outputPricePerMillion: optionalDecimal('Price of a million answer tokens, to show costs.', { min: 0 }),
  },
  log: {
    level: choice('How much is logged.', ['debug', 'info', 'warn', 'error', 'silent'], 'info'),
  },
  agent: {
    concurrency: integer('Tickets worked on at the same time.', 4, { min: 1, max: 64 }),
    recursionLimit: integer('Steps of the agent graph in one run before it stops.', 100, { min: 10, max: 10_000 }),
    approvalTtlHours: decimal('How long an approval may wait before it expires.', 24, { min: 0.01, max: 8_760 }),
    plannerAttempts: integer('How often a plan that does not validate is made anew.', 3, { min: 1, max: 10 }),
    autoApprove: choices('Risk levels of plans that need no person. Empty: every plan needs one.', [
      'low',
      'medium',
      'high',
    ]),
  },
  policy: {
    revertApproval: choice(
      'When a revert of our own commit needs a person.',
      ['never', 'high_risk', 'always'],
      'never',
    ),
    promotionApproval: choice(
      'When moving a paused rollout on needs a person.',
      ['never', 'high_risk', 'always'],
      'always',
    ),
    onRegression: choice(
      'What follows when a change goes bad after it was found live: report it; revert opens a ticket that takes it back, under revertApproval; ask opens the same one, and a person always decides.',
      ['report', 'revert', 'ask'],
      'report',
    ),
    maxAutoProbability: decimal(
      'Above this remembered probability of failure no plan goes ahead without a person.',
      0.2,
      {
        min: 0,
        max: 1,
      },
    ),
    protectedKinds: list('Kinds that are never changed.', [
      'MutatingWebhookConfiguration',
      'ValidatingWebhookConfiguration',
      'APIService',
      'Node',
    ]),
    freezeWindows: json<readonly Readonly<Record<string, unknown>>[]>(
      'Times in which nothing is deployed without a person; see the policy page for their form.',
      [],
      'a list of freeze windows',
      (value) => Array.isArray(value) && value.every(isRecord),
    ),
    protectedNamespaces: list(
      'Namespaces that are never changed.',
      ['kube-system', 'kube-public', 'kube-node-lease', 'argocd', 'argo-rollouts'],
      { matches: dnsLabel },
    ),
  },
  observation: {
    pollSeconds: seconds('How often an Application is read while a deploy is watched.', 10, 1),
    refreshSeconds: seconds('How often Argo CD is asked to compare again while undecided.', 60, 1),
    revisionTimeoutSeconds: seconds('Time for Argo CD to see the pushed commit.', 180, 1),
    syncGraceSeconds: seconds('Time for an automated sync to start before one is asked for.', 30),
    operationTimeoutSeconds: seconds('Time for a sync operation that waits without progress.', 600, 1),
    unknownTimeoutSeconds: seconds('Time a resource may have unknown health.', 60),
    degradedConfirmSeconds: seconds('Time a resource must stay degraded before it counts.', 30),
    earlyFailureSeconds: seconds('Time new pods may fail to start before it counts.', 45),
    healthMarginSeconds: seconds('Time added to the progress deadline of a workload.', 60),
    settleSeconds: seconds('Time everything must stay healthy before a deploy counts as live.', 10),
    settleCustomSeconds: seconds('The same where there are custom resources without a health check.', 30),
    soakMinutes: decimal(
      'How long a change is watched on after it was found live; 0 for not at all.',
      10,
      SOAK_MINUTES,
    ),
    soakEnvironments: json<Readonly<Record<string, number>>>(
      'The same for some environments.',
      {},
      'environments with numbers of minutes from 0 to 1440, such as {"staging": 2}',
      isSoakTimes,
    ),
  },
  rollouts: {
    controller: choice(
      'Whether Argo Rollouts runs where Argo CD deploys; auto looks for Rollouts among the Applications.',
      ['auto', 'installed', 'absent'],
      'auto',
    ),
  },
  memory: {
    costs: json<CostSettings>(
      'What failure, delay and attention cost, by environment; * stands for those not named. Fractions of the cost of a failed deploy.',
      {},
      `environments, each with any of ${'canaryDelay, canaryResidual, blueGreenDelay, blueGreenResidual, attention, attentionResidual'} as numbers from 0`,
      isCosts,
    ),
  },
  events: {
    cdeventsEndpoint: optionalText(
      'Address that CDEvents are sent to, as CloudEvents over HTTP. Not set: none are sent.',
      {
        matches: httpUrl,
        sensitive: 'url',
      },
    ),
    cdeventsToken: optionalText('Bearer token for that address.', { sensitive: 'all' }),
    cdeventsSource: { ...text('Who the events say they come from: a URI reference.', '/tiphys'), ...uriReference },
    cdeventsMaxAttempts: integer('How often an event is tried before it is given up.', 15, { min: 1, max: 100 }),
    cdeventsTimeoutMs: integer('Time for one attempt.', 10 * SECOND_MS, { min: 100, max: 5 * MINUTE_MS }),
  },
  sandbox: {
    speed: decimal('Simulated seconds per second in the embedded Argo CD stand-in.', 10, { min: 0.1, max: 1_000 }),
    port: integer('Port of the stand-in; 0 takes a free one.', 0, { min: 0, max: 65_535 }),
  },
  cdk8s: {
    synthTimeoutMs: integer('Time for rendering the repository once.', MINUTE_MS, {
      min: SECOND_MS,
      max: 30 * MINUTE_MS,
    }),
    maxMemoryMb: integer('Memory for rendering, in megabytes.', 512, { min: 192, max: 65_536 }),
    maxOutputBytes: integer('Size of everything rendered.', 32 * 1024 * 1024, { min: 1024 }),
    allowedGlobs: list('Files a model may write.', ['charts/**/*.ts', 'main.ts']),
  },
} as const satisfies SettingTree;

export interface SettingTree {
  readonly [name: string]: Setting<unknown> | SettingTree;
}

type ConfigOf<Tree> = {
  readonly [Name in keyof Tree]: Tree[Name] extends Setting<infer T> ? T : ConfigOf<Tree[Name]>;
};

/** The effective configuration, frozen. Optional values that are not set are null. */
export type Config = ConfigOf<typeof SETTINGS>;

const COST_NAMES = [
  'canaryDelay',
  'canaryResidual',
  'blueGreenDelay',
  'blueGreenResidual',
  'attention',
  'attentionResidual',
] as const;
type CostSettings = Readonly<Record<string, Readonly<Partial<Record<(typeof COST_NAMES)[number], number>>>>>;

function isCosts(value: unknown): boolean {
  return (
    isRecord(value) &&
    Object.values(value).every(
      (costs) =>
        isRecord(costs) &&
        Object.entries(costs).every(
          ([name, cost]) => COST_NAMES.some((known) => known === name) && typeof cost === 'number' && cost >= 0,
        ),
    )
  );
}

function isSoakTimes(value: unknown): boolean {
  return (
    isRecord(value) &&
    Object.values(value).every(
      (minutes) => typeof minutes === 'number' && minutes >= SOAK_MINUTES.min && minutes <= SOAK_MINUTES.max,
    )
  );
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isBranch(value: unknown): boolean {
  return typeof value === 'string' && branch.test(value);
}
