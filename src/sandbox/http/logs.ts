import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Application } from '../argo/application.ts';
import { isLiveNode } from '../argo/tree.ts';
import type { LiveNode, TreeNode } from '../argo/tree.ts';
import { listAt, textAt } from '../json.ts';
import { toStamp } from '../timeline.ts';
import type { LogLine } from '../workloads/pod-logs.ts';
import { getProject } from './selection.ts';
import type { Backend } from './backend.ts';
import { GatewayError, GRPC, param, queryFlag, queryText } from './gateway.ts';
import { openStream } from './stream.ts';

const MAX_PODS = 10;

export function registerLogs(app: FastifyInstance, backend: Backend): void {
  app.get('/api/v1/applications/:name/logs', (request, reply) => sendLogs(backend, request, reply, undefined));
  app.get('/api/v1/applications/:name/pods/:podName/logs', (request, reply) =>
    sendLogs(backend, request, reply, param(request, 'podName')),
  );
}

interface LogItem extends LogLine {
  podName: string;
}

function sendLogs(backend: Backend, request: FastifyRequest, reply: FastifyReply, podName: string | undefined): void {
  const { access, timeline } = backend;
  const account = access.authenticate(request);
  const application = access.getApplication(account, 'get', {
    name: param(request, 'name'),
    appNamespace: queryText(request, 'appNamespace'),
    project: getProject(request),
  });
  access.enforce(account, 'logs', 'get', access.toObject(application));
  const pods = findPods(backend, application, request, podName);
  if (pods.length > MAX_PODS) {
    throw new GatewayError(
      GRPC.invalidArgument,
      'max pods to view logs are reached. Please provide more granular query',
    );
  }
  if (pods.length === 0) {
    // No pod is no error: the answer is simply empty.
    void reply.code(200).header('content-type', 'application/json').send('');
    return;
  }
  const matches = toFilter(request);
  const sinceSeconds = Number(queryText(request, 'sinceSeconds') ?? '0');
  const sinceMs = sinceSeconds > 0 ? timeline.now() - (sinceSeconds * 1000) / timeline.toSimulated(1) : -Infinity;
  const untilMs = Date.parse(queryText(request, 'untilTime') ?? '') || Infinity;
  const tailLines = Number(queryText(request, 'tailLines') ?? '0');
  const items = pods
    .flatMap((pod) => readPod(backend, pod, request).map((line): LogItem => ({ ...line, podName: pod.name })))
    .filter((item) => item.atMs >= sinceMs && item.atMs <= untilMs && matches(item.content))
    .sort((a, b) => a.atMs - b.atMs);
  const tail = tailLines > 0 ? items.slice(-tailLines) : items;
  if (queryFlag(request, 'download')) {
    const text = tail.map((item) => `${item.content}\n`).join('');
    void reply.code(200).header('content-type', 'text/plain; charset=utf-8').send(text);
    return;
  }
  const stream = openStream(backend, request, reply);
  for (const item of tail) stream.send(toEntry(item));
  if (!queryFlag(request, 'follow')) {
    stream.send({ ...toEntry({ atMs: timeline.now(), content: '', podName: pods[0]?.name ?? '' }), last: true });
    stream.end();
    return;
  }
  stream.onClose(
    backend.logs.follow((uid, container, line) => {
      const pod = pods.find((other) => other.uid === uid);
      if (pod === undefined || !matches(line.content)) return;
      if (container === toContainer(backend, pod, request)) stream.send(toEntry({ ...line, podName: pod.name }));
    }),
  );
}

function toEntry({ atMs, content, podName }: LogItem) {
  return { content, timeStamp: toStamp(atMs), last: false, timeStampStr: new Date(atMs).toISOString(), podName };
}

/** Pods named, or under the resource named, or all of them. */
function findPods(
  backend: Backend,
  application: Application,
  request: FastifyRequest,
  podName: string | undefined,
): LiveNode[] {
  const { nodes } = backend.trees.get(application);
  const namespace = queryText(request, 'namespace') ?? '';
  const wanted = podName ?? queryText(request, 'podName') ?? '';
  const kind = queryText(request, 'kind') ?? '';
  const group = queryText(request, 'group') ?? '';
  const resourceName = queryText(request, 'resourceName') ?? '';
  const isUnder = (node: TreeNode): boolean =>
    (node.kind === kind && (node.group ?? '') === group && (resourceName === '' || node.name === resourceName)) ||
    (node.parentRefs ?? []).some((parent) => {
      const above = nodes.find((other) => other.uid === parent.uid);
      return above !== undefined && isUnder(above);
    });
  return nodes
    .filter(isLiveNode)
    .filter(
      (node) =>
        node.kind === 'Pod' &&
        (namespace === '' || node.namespace === namespace) &&
        (wanted === '' || node.name === wanted) &&
        (kind === '' || isUnder(node)),
    );
}

function toContainer(backend: Backend, pod: LiveNode, request: FastifyRequest): string {
  const live = backend.cluster.findByUid(pod.uid);
  return queryText(request, 'container') ?? textAt(live, 'spec', 'containers', 0, 'name') ?? '';
}

/** Lines of one container. What Kubernetes has against it comes as a line, for want of a better place. */
function readPod(backend: Backend, pod: LiveNode, request: FastifyRequest): LogLine[] {
  const live = backend.cluster.findByUid(pod.uid);
  const names = [...listAt(live, 'spec', 'containers'), ...listAt(live, 'spec', 'initContainers')].map(
    (item) => textAt(item, 'name') ?? '',
  );
  const asked = queryText(request, 'container') ?? '';
  const atMs = backend.timeline.now();
  const complain = (content: string): LogLine[] => [{ atMs, content }];
  if (asked === '' && listAt(live, 'spec', 'containers').length > 1) {
    return complain(`a container name must be specified for pod ${pod.name}, choose one of: [${names.join(' ')}]`);
  }
  const container = asked === '' ? (names[0] ?? '') : asked;
  if (!names.includes(container)) return complain(`container ${container} is not valid for pod ${pod.name}`);
  const isPrevious = queryFlag(request, 'previous');
  const lines = backend.logs.read(pod.uid, container, isPrevious);
  if (lines !== undefined) return lines;
  if (isPrevious) return complain(`previous terminated container "${container}" in pod "${pod.name}" not found`);
  const status = listAt(live, 'status', 'containerStatuses').find((item) => textAt(item, 'name') === container);
  const reason = textAt(status, 'state', 'waiting', 'reason') ?? 'ContainerCreating';
  const why = reason === 'ErrImagePull' || reason === 'ImagePullBackOff' ? 'trying and failing to pull image' : reason;
  return complain(`container "${container}" in pod "${pod.name}" is waiting to start: ${why}`);
}

/** `text` keeps lines with it, `!text` those without. */
function toFilter(request: FastifyRequest): (line: string) => boolean {
  const filter = queryText(request, 'filter') ?? '';
  if (filter === '') return () => true;
  const isInverted = filter.startsWith('!');
  const matchesCase = queryFlag(request, 'matchCase');
  const fold = (text: string) => (matchesCase ? text : text.toLowerCase());
  const literal = fold(isInverted ? filter.slice(1) : filter);
  return (line) => fold(line).includes(literal) !== isInverted;
}
