import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import type { Backend } from './backend.ts';
import { GatewayError, GRPC, param, parseBody } from './gateway.ts';
import { ACTIONS, RESOURCES } from './policy.ts';

// What a client asks about the server before it trusts it: version, settings, session, rights, connections.

const loginSchema = z.object({ username: z.string().default(''), password: z.string().default('') });

export function registerServerInfo(app: FastifyInstance, backend: Backend): void {
  const { access } = backend;

  app.get('/healthz', (_request, reply) => reply.type('text/plain').send('ok'));

  app.get('/api/version', (request) => {
    const version = { Version: `v${backend.argoVersion}.0+sandbox` };
    if (access.recognise(request) === undefined) return version;
    return {
      ...version,
      Platform: 'linux/amd64',
      KustomizeVersion: 'not installed',
      HelmVersion: 'not installed',
      KubectlVersion: 'v0.34.0',
    };
  });

  app.get('/api/v1/settings', (request) => {
    const open = {
      url: '',
      userLoginsDisabled: false,
      trackingMethod: 'annotation',
      controllerNamespace: backend.controllerNamespace,
    };
    if (access.recognise(request) === undefined) return open;
    return {
      ...open,
      appLabelKey: 'app.kubernetes.io/instance',
      appsInAnyNamespaceEnabled: access.heedsOtherNamespaces,
      impersonationEnabled: false,
      hydratorEnabled: false,
      syncWithReplaceAllowed: true,
    };
  });

  app.post('/api/v1/session', (request, reply) => {
    const { username, password } = parseBody(request, loginSchema);
    const token = access.logIn(username, password);
    void reply.header('set-cookie', `argocd.token=${token}; path=/; SameSite=lax; httpOnly`);
    return { token };
  });

  app.delete('/api/v1/session', (_request, reply) => {
    void reply.header('set-cookie', 'argocd.token=; path=/; SameSite=lax; httpOnly');
    return {};
  });

  app.get('/api/v1/session/userinfo', (request) => {
    const account = access.recognise(request);
    return account === undefined ? {} : { loggedIn: true, username: account.name, iss: 'argocd', groups: [] };
  });

  app.get('/api/v1/account/can-i/:resource/:action/*', (request) => {
    const account = access.authenticate(request);
    const [resource, action] = [param(request, 'resource'), param(request, 'action')];
    for (const [known, given] of [
      [ACTIONS, action],
      [RESOURCES, resource],
    ] as const)
      if (!known.includes(given))
        throw new GatewayError(GRPC.invalidArgument, `[${known.join(' ')}] does not contain ${given}`);
    // Unless a setting says otherwise, a rollback is checked as a sync.
    const right = action === 'rollback' ? 'sync' : action;
    const object = toOwnObject(param(request, '*'), backend.controllerNamespace);
    return { value: access.may(account, resource, right, object) ? 'yes' : 'no' };
  });

  app.get('/api/v1/projects', (request) => {
    const account = access.authenticate(request);
    const items = backend.projects
      .filter((project) => access.may(account, 'projects', 'get', project.name))
      .map(toProject);
    return { metadata: {}, items };
  });

  const getProject = (name: string) => {
    const project = backend.projects.find((other) => other.name === name);
    if (project === undefined) throw new GatewayError(GRPC.notFound, `appprojects.argoproj.io "${name}" not found`);
    return toProject(project);
  };

  app.get('/api/v1/projects/:name', (request) => {
    access.enforce(access.authenticate(request), 'projects', 'get', param(request, 'name'));
    return getProject(param(request, 'name'));
  });

  app.get('/api/v1/projects/:name/detailed', (request) => {
    access.enforce(access.authenticate(request), 'projects', 'get', param(request, 'name'));
    return { project: getProject(param(request, 'name')), globalProjects: [], repositories: [], clusters: [] };
  });

  app.get('/api/v1/repositories', (request) => {
    const account = access.authenticate(request);
    const broken = backend.faults.get().gitError;
    const visible = backend.repositories.filter(({ url }) => access.may(account, 'repositories', 'get', url));
    const items = visible.map(({ url }) => {
      const isUp = broken === null && backend.git.isKnown(url);
      const message = isUp ? '' : (broken ?? 'repository not found');
      return {
        repo: url,
        type: 'git',
        connectionState: { status: isUp ? 'Successful' : 'Failed', message, attemptedAt: backend.timeline.stamp() },
      };
    });
    return { metadata: {}, items };
  });

  app.get('/api/v1/clusters', (request) => {
    const account = access.authenticate(request);
    const connectionState = { status: 'Successful', message: '', attemptedAt: backend.timeline.stamp() };
    const cluster = {
      server: 'https://kubernetes.default.svc',
      name: 'in-cluster',
      connectionState,
      serverVersion: '1.34',
      info: { connectionState, serverVersion: '1.34' },
    };
    return { metadata: {}, items: access.may(account, 'clusters', 'get', cluster.server) ? [cluster] : [] };
  });

  const toProject = (project: (typeof backend.projects)[number]) => ({
    metadata: { name: project.name, namespace: backend.controllerNamespace },
    spec: {
      sourceRepos: project.sourceRepos,
      sourceNamespaces: project.sourceNamespaces,
      destinations: [{ server: '*', namespace: '*' }],
      ...(project.syncWindows.length > 0 ? { syncWindows: project.syncWindows } : {}),
    },
    status: {},
  });
}

/** Objects of the control plane's own namespace may be asked about with it or without. */
function toOwnObject(object: string, controllerNamespace: string): string {
  const parts = object.split('/');
  return parts.length === 3 && parts[1] === controllerNamespace ? `${parts[0] ?? ''}/${parts[2] ?? ''}` : object;
}
