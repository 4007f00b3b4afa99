import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import type { FastifyRequest } from 'fastify';
import { sha256Hex } from '../../lib/ids.ts';
import type { Clock } from '../../lib/clock.ts';
import { textAt } from '../json.ts';
import type { Application } from '../argo/application.ts';
import type { Registry } from '../argo/registry.ts';
import { GatewayError, GRPC } from './gateway.ts';
import { isAllowed, isMatch, toRights } from './policy.ts';
import type { Right } from './policy.ts';

/** Someone who may use the sandbox, by token or by password. */
export interface SandboxAccount {
  name: string;
  token?: string;
  password?: string;
  /** `admin` is the administrator every Argo CD has; a policy is the text of a policy.csv. */
  rights: 'admin' | Right[] | { policy: string };
}

export interface Access {
  /** Who asks. Throws Unauthenticated. */
  authenticate(request: FastifyRequest): SandboxAccount;
  /** The same, but undefined instead of an error, for routes that are open to everyone. */
  recognise(request: FastifyRequest): SandboxAccount | undefined;
  logIn(username: string, password: string): string;
  /** Whether any namespace but the control plane's is heeded. */
  heedsOtherNamespaces: boolean;
  /** Whether Applications of this namespace are heeded at all. */
  isEnabled(namespace: string): boolean;
  may(account: SandboxAccount, resource: string, action: string, object: string): boolean;
  enforce(account: SandboxAccount, resource: string, action: string, object: string): void;
  /** What rights on an Application are given on. */
  toObject(application: Application): string;
  /** The Application, if this account may do this to it; 403 and 404 tell no more than Argo CD does. */
  getApplication(account: SandboxAccount, action: string, where: ApplicationQuery): Application;
}

export interface ApplicationQuery {
  name: string;
  appNamespace?: string | undefined;
  project?: string | undefined;
}

interface AccessOptions {
  accounts: readonly SandboxAccount[];
  clock: Clock;
  registry: Registry;
  controllerNamespace: string;
  applicationNamespaces: readonly string[];
}

const ANONYMOUS: SandboxAccount = { name: 'anonymous', rights: 'admin' };
const SESSION_SECONDS = 24 * 3600;
const MAX_FAILURES = 5;
const FAILURE_WINDOW_MS = 300_000;

/** Without any account everyone is let in, as an administrator: the sandbox listens on loopback only. */
export function createAccess(options: AccessOptions): Access {
  const { accounts, clock, registry, controllerNamespace } = options;
  const key = randomBytes(32);
  const failures = new Map<string, { count: number; lastMs: number }>();
  const sign = (text: string) => createHmac('sha256', key).update(text).digest('base64url');

  const findByToken = (token: string): SandboxAccount | undefined => {
    const known = accounts.find((account) => account.token !== undefined && isSameSecret(account.token, token));
    if (known !== undefined) return known;
    const [header = '', payload = '', signature = ''] = token.split('.');
    if (!isSameSecret(sign(`${header}.${payload}`), signature)) return undefined;
    const claims: unknown = JSON.parse(Buffer.from(payload, 'base64url').toString('utf8'));
    const expires = typeof claims === 'object' && claims !== null && 'exp' in claims ? Number(claims.exp) : 0;
    if (expires * 1000 <= clock.now()) {
      throw new GatewayError(GRPC.unauthenticated, 'invalid session: token has invalid claims: token is expired');
    }
    return accounts.find((account) => account.name === textAt(claims, 'sub'));
  };

  const recognise = (request: FastifyRequest) => {
    if (accounts.length === 0) return ANONYMOUS;
    const bearer = /^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1];
    const cookie = /(?:^|;\s*)argocd\.token=([^;]+)/.exec(request.headers.cookie ?? '')?.[1];
    for (const token of [bearer, cookie]) {
      const account = token === undefined ? undefined : findByToken(token);
      if (account !== undefined) return account;
    }
    return undefined;
  };

  const rightsOf = new Map([...accounts, ANONYMOUS].map((account) => [account, listRights(account)]));
  const may: Access['may'] = (account, resource, action, object) =>
    isAllowed(rightsOf.get(account) ?? [], resource, action, object);

  const enforce: Access['enforce'] = (account, resource, action, object) => {
    if (may(account, resource, action, object)) return;
    throw new GatewayError(
      GRPC.permissionDenied,
      `permission denied: ${resource}, ${action}, ${object}, sub: ${account.name}, iat: ${new Date(clock.now()).toISOString().slice(0, 19)}Z`,
    );
  };

  const toObject = (project: string, name: string, namespace: string) =>
    namespace === controllerNamespace ? `${project}/${name}` : `${project}/${namespace}/${name}`;

  const isEnabled = (namespace: string) =>
    namespace === controllerNamespace || options.applicationNamespaces.some((pattern) => isMatch(namespace, pattern));

  return {
    recognise,
    heedsOtherNamespaces: options.applicationNamespaces.length > 0,
    isEnabled,
    authenticate: (request) => {
      const account = recognise(request);
      if (account !== undefined) return account;
      const bearer = /^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1] ?? '';
      // What does not even look like a JWT is skipped without a word.
      const isJwt = bearer.split('.').length === 3;
      const message = isJwt
        ? 'invalid session: token signature is invalid: signature is invalid'
        : 'no session information';
      throw new GatewayError(GRPC.unauthenticated, message);
    },
    logIn: (username, password) => {
      const failed = failures.get(username);
      const isBlocked =
        failed !== undefined && failed.count >= MAX_FAILURES && clock.now() - failed.lastMs < FAILURE_WINDOW_MS;
      const account = accounts.find((other) => other.name === username && other.password !== undefined);
      if (isBlocked || account?.password === undefined || !isSameSecret(account.password, password)) {
        if (!isBlocked) failures.set(username, { count: (failed?.count ?? 0) + 1, lastMs: clock.now() });
        throw new GatewayError(GRPC.unauthenticated, 'Invalid username or password');
      }
      failures.delete(username);
      const iat = Math.floor(clock.now() / 1000);
      const claims = {
        sub: account.name,
        iss: 'argocd',
        iat,
        nbf: iat,
        exp: iat + SESSION_SECONDS,
        jti: randomBytes(8).toString('hex'),
      };
      const body = `${encode({ alg: 'HS256', typ: 'JWT' })}.${encode(claims)}`;
      return `${body}.${sign(body)}`;
    },
    may,
    enforce,
    toObject: ({ metadata, spec }) => toObject(spec.project, metadata.name, metadata.namespace),
    getApplication: (account, action, { name, appNamespace, project = '' }) => {
      const namespace = appNamespace === undefined || appNamespace === '' ? controllerNamespace : appNamespace;
      const mayIn = (ofProject: string) => may(account, 'applications', action, toObject(ofProject, name, namespace));
      const refuse = (isHidden: boolean): never => {
        if (isHidden) throw new GatewayError(GRPC.permissionDenied, 'permission denied');
        throw new GatewayError(GRPC.notFound, `applications.argoproj.io "${name}" not found`);
      };
      if (project !== '' && !mayIn(project)) return refuse(true);
      if (!isEnabled(namespace)) return refuse(true);
      const application = registry.find({ namespace, name });
      // Missing and hidden look the same: as refused to someone who names no project, as missing to someone who names one.
      if (application === undefined || !mayIn(application.spec.project)) return refuse(project === '');
      return project === '' || application.spec.project === project ? application : refuse(false);
    },
  };
}

function listRights({ name, rights }: SandboxAccount): Right[] {
  if (rights === 'admin') return toRights('admin');
  return Array.isArray(rights) ? rights : toRights(name, rights.policy);
}

/** Takes the same time whatever the difference is. */
function isSameSecret(a: string, b: string): boolean {
  return timingSafeEqual(Buffer.from(sha256Hex(a)), Buffer.from(sha256Hex(b)));
}

function encode(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}
