import { findField, toNumber, toRecord, toRecords, toStringMap, toText } from '../../manifest/fields.ts';
import { toObjectRef, toRefLabel } from '../../manifest/object.ts';
import type { ManifestObject, ObjectRef } from '../../manifest/object.ts';
import { toPodReferences, toWorkloads } from '../../manifest/workload.ts';
import type { Workload } from '../../manifest/workload.ts';
import type { SetCheck } from '../change.ts';
import type { Finding } from '../finding.ts';
import { findNearest } from '../../lib/nearest.ts';
import { listNamedTemplates } from './rollout.ts';

const CHECK = 'references';

/**
 * Names that lead nowhere, as far as the rendering of the touched services tells. What is named may live in another
 * repository, so a dead end is a warning; the engine raises it where the change itself cut the connection.
 */
export const referencesCheck: SetCheck = {
  name: CHECK,
  inspect: (objects, input) => {
    const workloads = toWorkloads(objects);
    const removed = new Set(
      input.changes.filter(({ type }) => type === 'removed').map(({ ref }) => `${ref.kind}/${ref.name}`),
    );
    return [
      ...listUnservedServices(objects, workloads),
      ...[
        ...listDeadBackends(objects),
        ...listMissingSources(objects, workloads, removed),
        ...listDeadTargets(objects, workloads),
        ...listMissingTemplates(objects),
      ].map(({ target, finding }) => (removed.has(target) ? { ...finding, severity: 'error' as const } : finding)),
    ];
  },
};

interface DeadEnd {
  /** Kind and name of what is not there. */
  target: string;
  finding: Finding;
}

function listUnservedServices(objects: readonly ManifestObject[], workloads: readonly Workload[]): Finding[] {
  return objects.filter(isService).flatMap((service) => {
    const selector = Object.entries(toStringMap(findField(service, 'spec', 'selector')));
    // Without a selector its endpoints are written by something else; an ExternalName has none.
    if (selector.length === 0 || findField(service, 'spec', 'type') === 'ExternalName') return [];
    const ref = toObjectRef(service);
    const served = workloads.filter(
      (workload) =>
        isNear(workload.ref, ref) && selector.every(([key, value]) => toPodLabels(workload, workloads)[key] === value),
    );
    if (served.length > 0) return listDeadPorts(service, ref, served);
    const wanted = selector.map(([key, value]) => `${key}=${value}`).join(', ');
    return [
      toFinding(ref, 'spec.selector', {
        message: `${toRefLabel(ref)} selects ${wanted}, which no pods here carry; it would have no endpoints.`,
        fix: 'Make the selector and the labels of the pods agree.',
      }),
    ];
  });
}

// A Rollout with a workloadRef runs the pods of the Deployment it names.
function toPodLabels(workload: Workload, workloads: readonly Workload[]): Record<string, string> {
  if (workload.workloadRef === undefined) return workload.podLabels;
  const { kind, name } = workload.workloadRef;
  return workloads.find((other) => other.kind === kind && other.name === name)?.podLabels ?? {};
}

function listDeadPorts(service: ManifestObject, ref: ObjectRef, served: readonly Workload[]): Finding[] {
  return toRecords(findField(service, 'spec', 'ports')).flatMap((port) => {
    const target = port['targetPort'];
    // Container ports are documentation, save for their names: a named target must exist.
    if (typeof target !== 'string') return [];
    const names = served.flatMap((workload) =>
      workload.containers.flatMap((container) =>
        toRecords(container.spec['ports']).flatMap((entry) => toText(entry['name']) ?? []),
      ),
    );
    if (names.includes(target) || served.every((workload) => workload.workloadRef !== undefined)) return [];
    const nearest = findNearest(target, names);
    return [
      toFinding(ref, `spec.ports[${toText(port['name']) ?? String(port['port'])}].targetPort`, {
        message: `${toRefLabel(ref)} sends traffic to a port named ${target}, which its pods do not have.`,
        fix: nearest === undefined ? 'Name a port of the container.' : `Did you mean ${nearest}?`,
      }),
    ];
  });
}

function listDeadBackends(objects: readonly ManifestObject[]): DeadEnd[] {
  const services = objects.filter(isService);
  return objects
    .filter((object) => object.kind === 'Ingress')
    .flatMap((ingress) => {
      const ref = toObjectRef(ingress);
      return toBackends(ingress).flatMap(({ name, port, path }) => {
        const near = services.filter((service) => isNear(toObjectRef(service), ref));
        const service = near.find((candidate) => candidate.metadata.name === name);
        if (service === undefined) {
          const nearest = findNearest(
            name,
            near.map((candidate) => candidate.metadata.name),
          );
          return [
            toDeadEnd(`Service/${name}`, ref, path, {
              message: `${toRefLabel(ref)} sends traffic to Service ${name}, which is not here.`,
              fix: nearest === undefined ? 'Add the Service, or correct its name.' : `Did you mean ${nearest}?`,
            }),
          ];
        }
        const ports = toRecords(findField(service, 'spec', 'ports'));
        const isOpen = port === undefined || ports.some((entry) => entry['port'] === port || entry['name'] === port);
        if (isOpen) return [];
        return [
          toDeadEnd(`Service/${name}`, ref, path, {
            message: `${toRefLabel(ref)} uses port ${port} of Service ${name}, which does not open it.`,
            fix: `Use one of ${ports.map((entry) => String(entry['port'])).join(', ')}.`,
          }),
        ];
      });
    });
}

interface Backend {
  name: string;
  port: number | string | undefined;
  path: string;
}

function toBackends(ingress: ManifestObject): Backend[] {
  const read = (backend: unknown, path: string): Backend[] => {
    const name = toText(findField(backend, 'service', 'name'));
    const port = findField(backend, 'service', 'port');
    if (name === undefined) return [];
    return [{ name, port: toNumber(findField(port, 'number')) ?? toText(findField(port, 'name')), path }];
  };
  const rules = toRecords(findField(ingress, 'spec', 'rules')).flatMap((rule, index) =>
    toRecords(findField(rule, 'http', 'paths')).flatMap((entry) =>
      read(
        entry['backend'],
        `spec.rules[${toText(rule['host']) ?? index}].http.paths[${toText(entry['path']) ?? ''}].backend`,
      ),
    ),
  );
  return [...read(findField(ingress, 'spec', 'defaultBackend'), 'spec.defaultBackend'), ...rules];
}

// A ConfigMap is nearly always rendered beside its user. Secrets and claims are often made elsewhere, and rightly so: they
// are only missed when this very change takes them away.
function listMissingSources(
  objects: readonly ManifestObject[],
  workloads: readonly Workload[],
  removed: ReadonlySet<string>,
): DeadEnd[] {
  return workloads.flatMap((workload) => {
    const { configMaps, secrets, claims } = toPodReferences(workload);
    const listMissing = (kind: string, names: readonly string[]) => {
      const near = objects
        .filter((object) => object.kind === kind && isNear(toObjectRef(object), workload.ref))
        .map((object) => object.metadata.name);
      return names.filter((name) => !near.includes(name)).map((name) => toMissing(workload.ref, kind, name, near));
    };
    const isRemoved = ({ target }: DeadEnd) => removed.has(target);
    return [
      ...listMissing('ConfigMap', configMaps).filter(({ target }) => target !== 'ConfigMap/kube-root-ca.crt'),
      ...listMissing('Secret', secrets).filter(isRemoved),
      ...listMissing('PersistentVolumeClaim', claims).filter(isRemoved),
    ];
  });
}

function toMissing(ref: ObjectRef, kind: string, name: string, near: readonly string[]): DeadEnd {
  const nearest = findNearest(name, near);
  return toDeadEnd(`${kind}/${name}`, ref, 'spec.template.spec', {
    message: `${toRefLabel(ref)} needs ${kind} ${name}, which is not here; its pods do not start without it.`,
    fix: nearest === undefined ? `Add the ${kind}, or mark the reference optional.` : `Did you mean ${nearest}?`,
  });
}

const SCALED = new Set(['Deployment', 'StatefulSet', 'Rollout']);

/** Autoscalers and Rollouts that point at a workload which is not there. */
function listDeadTargets(objects: readonly ManifestObject[], workloads: readonly Workload[]): DeadEnd[] {
  return objects.flatMap((object) => {
    const ref = toObjectRef(object);
    const field =
      ref.kind === 'HorizontalPodAutoscaler' ? 'scaleTargetRef' : ref.kind === 'Rollout' ? 'workloadRef' : undefined;
    const target = field === undefined ? undefined : toRecord(findField(object, 'spec', field));
    const kind = toText(target?.['kind']) ?? '';
    const name = toText(target?.['name']);
    if (field === undefined || name === undefined || !SCALED.has(kind)) return [];
    if (workloads.some((workload) => workload.kind === kind && workload.name === name && isNear(workload.ref, ref)))
      return [];
    return [
      toDeadEnd(`${kind}/${name}`, ref, `spec.${field}`, {
        message: `${toRefLabel(ref)} points at ${kind} ${name}, which is not here.`,
        fix: 'Correct the reference, or add the workload.',
      }),
    ];
  });
}

// A template of the whole cluster is rightly kept elsewhere.
function listMissingTemplates(objects: readonly ManifestObject[]): DeadEnd[] {
  return objects
    .filter((object) => object.kind === 'Rollout')
    .flatMap((rollout) => {
      const ref = toObjectRef(rollout);
      const near = objects
        .filter((object) => object.kind === 'AnalysisTemplate' && isNear(toObjectRef(object), ref))
        .map((object) => object.metadata.name);
      return listNamedTemplates(rollout)
        .filter(({ kind, name }) => kind === 'AnalysisTemplate' && !near.includes(name))
        .map(({ name, field }) => {
          const nearest = findNearest(name, near);
          return toDeadEnd(`AnalysisTemplate/${name}`, ref, field, {
            message: `${toRefLabel(ref)} is measured by AnalysisTemplate ${name}, which is not here; its updates stop there.`,
            fix: nearest === undefined ? 'Add the AnalysisTemplate, or correct its name.' : `Did you mean ${nearest}?`,
          });
        });
    });
}

function isService(object: ManifestObject): boolean {
  return object.kind === 'Service' && object.apiVersion === 'v1';
}

// An empty namespace is filled in by the Application, so it may be any.
function isNear(left: ObjectRef, right: ObjectRef): boolean {
  return left.namespace === right.namespace || left.namespace === '' || right.namespace === '';
}

function toDeadEnd(target: string, object: ObjectRef, field: string, text: { message: string; fix: string }): DeadEnd {
  return { target, finding: toFinding(object, field, text) };
}

function toFinding(object: ObjectRef, field: string, text: { message: string; fix: string }): Finding {
  return { check: CHECK, severity: 'warning', object, field, ...text };
}
