import type { FastifyRequest } from 'fastify';
import { isSameRepository } from '../argo/address.ts';
import { listSources } from '../argo/application.ts';
import type { Application } from '../argo/application.ts';
import type { SandboxAccount } from './access.ts';
import type { Backend } from './backend.ts';
import { GatewayError, GRPC, queryText, queryTexts } from './gateway.ts';

/** The one project a request names, if any. */
export function getProject(request: FastifyRequest): string | undefined {
  const names = [...queryTexts(request, 'project'), ...queryTexts(request, 'projects')].filter((name) => name !== '');
  if (names.length > 1)
    throw new GatewayError(
      GRPC.invalidArgument,
      'multiple projects specified - the get endpoint accepts either zero or one project',
    );
  return names[0];
}

/** Filters of lists and streams. */
export function isWanted(
  backend: Backend,
  account: SandboxAccount,
  application: Application,
  request: FastifyRequest,
): boolean {
  const { name, namespace, labels = {} } = application.metadata;
  const projects = [...queryTexts(request, 'projects'), ...queryTexts(request, 'project')].filter(
    (project) => project !== '',
  );
  const wantedName = queryText(request, 'name') ?? '';
  const wantedNamespace = queryText(request, 'appNamespace') ?? '';
  const repo = queryText(request, 'repo') ?? '';
  // Asked for by name without a namespace, only the control plane's own namespace is meant.
  const wantsHere =
    wantedNamespace !== ''
      ? namespace === wantedNamespace
      : wantedName === '' || namespace === backend.controllerNamespace;
  return (
    (wantedName === '' || wantedName === name) &&
    wantsHere &&
    backend.access.isEnabled(namespace) &&
    (projects.length === 0 || projects.includes(application.spec.project)) &&
    (repo === '' || listSources(application.spec).some((source) => isSameRepository(source.repoURL, repo))) &&
    isSelectorMatch(labels, queryText(request, 'selector') ?? '') &&
    backend.access.may(account, 'applications', 'get', backend.access.toObject(application))
  );
}

function isSelectorMatch(labels: Record<string, string>, selector: string): boolean {
  return selector
    .split(/,(?![^(]*\))/)
    .map((part) => part.trim())
    .filter((part) => part !== '')
    .every((part) => {
      const set = /^(\S+)\s+(in|notin)\s+\(([^)]*)\)$/.exec(part);
      if (set !== null) {
        const values = (set[3] ?? '').split(',').map((value) => value.trim());
        const isIn = values.includes(labels[set[1] ?? ''] ?? '');
        return set[2] === 'in' ? isIn : !isIn;
      }
      const pair = /^([^=!]+?)\s*(!=|==?)\s*(.*)$/.exec(part);
      if (pair !== null) return (labels[pair[1] ?? ''] === pair[3]) === (pair[2] !== '!=');
      return part.startsWith('!') ? labels[part.slice(1)] === undefined : labels[part] !== undefined;
    });
}
