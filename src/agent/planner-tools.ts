import { toApplicationRef, type ApplicationRef } from '../argocd/application.ts';
import type { ArgoClient } from '../argocd/http.ts';
import type { ClusterDoor } from '../kubernetes/configured.ts';
import { AppError } from '../lib/errors.ts';
import type { Clock } from '../lib/clock.ts';
import type { Scope } from '../memory/facts.ts';
import type { MemoryKeeper } from '../memory/memory-store.ts';
import type { PlannerTools } from '../model/openai/tools.ts';
import type { InfraRepo } from '../repo/infra-repo.ts';
import { askCluster } from './cluster-tool.ts';

interface ToolDeps {
  repo: InfraRepo;
  argo: ArgoClient;
  memory: MemoryKeeper;
  clock: Clock;
  /** The name under which the cluster of the ticket's Argo CD is remembered. */
  cluster: string;
  /** The way to that cluster; null where no kubeconfig is given. */
  kubernetes: ClusterDoor | null;
}

const PART_CHARS = 12_000;
const MAX_FILES = 400;
const MAX_HITS = 60;
const LOG_LINES = 60;

/** What a model may look at: the repository at one commit, Argo CD, memory, and the cluster where it may be read. Reads only. */
export function createPlannerTools(deps: ToolDeps): PlannerTools {
  const { repo, argo, kubernetes } = deps;
  return {
    ...(kubernetes === null
      ? {}
      : {
          readCluster: async ({ application, ...question }, { signal }) =>
            await askCluster(kubernetes, argo, await findRef(argo, application, signal), question, signal),
        }),
    listFiles: async ({ under }, { commit }) => {
      const files = await repo.listFiles(commit, under);
      const rest = files.length - MAX_FILES;
      return [...files.slice(0, MAX_FILES), ...(rest > 0 ? [`… ${rest} more; name a folder`] : [])].join('\n');
    },
    readFile: async ({ path, offset = 0 }, { commit }) => {
      const text = await repo.readFile(commit, path);
      if (text === undefined) throw new AppError('not_found', `there is no file ${path}`);
      const part = text.slice(offset, offset + PART_CHARS);
      const end = offset + part.length;
      return end < text.length ? `${part}\n… goes on; read with offset ${end} of ${text.length}` : part;
    },
    searchFiles: async ({ text, under }, { commit, signal }) => {
      const wanted = text.toLowerCase();
      const hits: string[] = [];
      for (const path of await repo.listFiles(commit, under)) {
        if (signal.aborted || hits.length >= MAX_HITS) break;
        const lines = ((await repo.readFile(commit, path)) ?? '').split('\n');
        for (const [index, line] of lines.entries()) {
          if (line.toLowerCase().includes(wanted)) hits.push(`${path}:${index + 1}: ${line.trim().slice(0, 200)}`);
        }
      }
      return hits.length === 0 ? 'nothing found' : hits.slice(0, MAX_HITS).join('\n');
    },
    readApplication: async ({ application }, { signal }) => {
      const { metadata, spec, status } = await argo.getApplication(await findRef(argo, application, signal), {
        signal,
      });
      const { sync, health, operationState, conditions, summary } = status;
      const facts = { name: metadata.name, project: spec.project, sync, health, operation: operationState, conditions };
      return JSON.stringify({ ...facts, images: summary.images }, null, 1);
    },
    readResourceTree: async ({ application }, { signal }) => {
      const { nodes } = await argo.resourceTree(await findRef(argo, application, signal), { signal });
      const lines = nodes.map(({ kind, namespace, name, health, info }) => {
        const state = health === undefined ? '' : `: ${health.status} ${health.message}`;
        return `${kind} ${namespace}/${name}${state} ${info.map((one) => `${one.name}=${one.value}`).join(' ')}`.trim();
      });
      return lines.length === 0 ? 'no live resources' : lines.join('\n');
    },
    readEvents: async ({ application, resource }, { signal }) => {
      const ref = await findRef(argo, application, signal);
      const target = resource === undefined ? undefined : await findNode(argo, ref, resource, signal);
      const events = await argo.events(ref, target, { signal });
      const lines = events.map(({ type, reason, message, count, lastTimestamp }) =>
        `${lastTimestamp} ${type} ${reason} (${count}x) ${message}`.trim(),
      );
      return lines.length === 0 ? 'no events' : lines.slice(-80).join('\n');
    },
    readLogs: async ({ application, pod, container, previous }, { signal }) => {
      const ref = await findRef(argo, application, signal);
      const { namespace } = await findNode(argo, ref, pod, signal);
      const lines = await argo.logs(ref, {
        podName: pod,
        namespace,
        tailLines: LOG_LINES,
        signal,
        ...(container === undefined ? {} : { container }),
        ...(previous === undefined ? {} : { previous }),
      });
      return lines.length === 0 ? 'no log lines' : lines.join('\n');
    },
    recallMemory: async ({ service }) => {
      const memory = await deps.memory.current();
      const scopes = await deps.memory.scopesOf(service);
      if (scopes.length === 0) return `nothing is remembered about ${service}`;
      const now = deps.clock.now();
      const isHere = (scope: Scope) => scope.cluster === deps.cluster;
      // What happened elsewhere may teach something too, as long as it says where it happened.
      return [...scopes.filter(isHere), ...scopes.filter((scope) => !isHere(scope))]
        .flatMap((scope) => {
          const known = memory.context(scope, now);
          const place = `${scope.environment}${isHere(scope) ? '' : ` on another cluster, ${scope.cluster}`}`;
          return [`${service} in ${place}:`, ...known.recommendations, ...known.strategy.reasons];
        })
        .join('\n');
    },
  };
}

async function findRef(argo: ArgoClient, name: string, signal: AbortSignal): Promise<ApplicationRef> {
  const applications = await argo.listApplications({ signal });
  const found = applications.find((one) => one.metadata.name === name);
  if (found !== undefined) return toApplicationRef(found);
  const names = applications.map((one) => one.metadata.name).join(', ');
  throw new AppError('not_found', `Argo CD shows no Application ${name}; it shows: ${names || 'none'}`);
}

async function findNode(argo: ArgoClient, ref: ApplicationRef, name: string, signal: AbortSignal) {
  const { nodes } = await argo.resourceTree(ref, { signal });
  const found = nodes.find((node) => node.name === name);
  if (found === undefined) throw new AppError('not_found', `${ref.name} has no live resource ${name}`);
  return { name: found.name, namespace: found.namespace, uid: found.uid };
}
