import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { toObjectRef } from '../../manifest/object.ts';
import type { ManifestObject } from '../../manifest/object.ts';
import { faultSettingsSchema } from '../faults.ts';
import { mergePatch } from '../json.ts';
import type { Backend } from './backend.ts';
import { GatewayError, GRPC, parseBody } from './gateway.ts';

const refSchema = z.object({
  group: z.string().default(''),
  kind: z.string(),
  namespace: z.string().default(''),
  name: z.string(),
});
const patchSchema = refSchema.extend({ patch: z.record(z.string(), z.unknown()) });
const disturbSchema = refSchema.extend({
  behaviour: z.enum(['healthy', 'slow', 'crash', 'oom', 'pull_failure', 'flapping', 'never_ready']),
});

/**
 * What a person does to the sandbox itself: set faults, change live objects behind git's back, trouble running pods.
 * Not part of Argo CD, hence outside /api, and answered on loopback only.
 */
export function registerAdmin(app: FastifyInstance, backend: Backend): void {
  const { cluster, faults } = backend;
  const find = (ref: z.infer<typeof refSchema>) => {
    const object = cluster.find(ref);
    if (object === undefined)
      throw new GatewayError(GRPC.notFound, `${ref.kind} ${ref.namespace}/${ref.name} is not in the cluster`);
    return object;
  };

  app.addHook('onRequest', async (request) => {
    if (!request.url.startsWith('/sandbox/')) return;
    const peer = request.socket.remoteAddress ?? '';
    const isLocal = peer === '127.0.0.1' || peer === '::1' || peer === '::ffff:127.0.0.1';
    // A page in a browser can reach loopback through a name of its own; the Host header gives it away.
    const isNamedLocal = /^(127\.0\.0\.1|localhost|\[::1\])(:\d+)?$/.test(request.headers.host ?? '');
    if (!isLocal || !isNamedLocal)
      throw new GatewayError(GRPC.permissionDenied, 'the sandbox is steered from its own machine only');
  });

  app.get('/sandbox/faults', () => faults.get());
  app.patch('/sandbox/faults', (request) => {
    const change = parseBody(request, faultSettingsSchema.partial());
    // What was left out of the body stays as it is.
    faults.set(Object.fromEntries(Object.entries(change).filter(([, value]) => value !== undefined)));
    return faults.get();
  });
  app.delete('/sandbox/faults', () => {
    faults.reset();
    return faults.get();
  });
  app.get('/sandbox/objects', () => ({ items: cluster.list() }));
  app.patch('/sandbox/objects', (request) => {
    const body = parseBody(request, patchSchema);
    const object = find(body);
    return cluster.update(toObjectRef(object), (live) => mergePatch(live, body.patch) as ManifestObject);
  });
  app.post('/sandbox/objects/delete', (request) => {
    const object = find(parseBody(request, refSchema));
    cluster.delete(toObjectRef(object));
    return {};
  });
  app.post('/sandbox/disturb', (request) => {
    const { behaviour, ...ref } = parseBody(request, disturbSchema);
    const uids = listPodUids(backend, find(ref).metadata.uid);
    return { pods: uids.filter((uid) => backend.disturb(uid, behaviour)).length };
  });
}

function listPodUids(backend: Backend, uid: string): string[] {
  if (backend.cluster.findByUid(uid)?.kind === 'Pod') return [uid];
  return backend.cluster.childrenOf(uid).flatMap((child) => listPodUids(backend, child.metadata.uid));
}
