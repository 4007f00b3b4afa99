import { findImage } from '../../manifest/image.ts';
import type { ImageRef } from '../../manifest/image.ts';
import { findWorkload } from '../../manifest/workload.ts';
import type { Workload, WorkloadContainer } from '../../manifest/workload.ts';
import type { ChangeCheck, ObjectCheck } from '../change.ts';
import { listTouched } from '../change.ts';
import type { Finding } from '../finding.ts';
import { findNearest } from '../../lib/nearest.ts';

const CHECK = 'images';
const FLOATING = new Set(['latest', 'stable', 'main', 'master', 'edge', 'nightly', 'dev', 'develop', 'canary']);
const REGISTRIES = [
  'docker.io',
  'registry-1.docker.io',
  'ghcr.io',
  'quay.io',
  'gcr.io',
  'us.gcr.io',
  'eu.gcr.io',
  'asia.gcr.io',
  'registry.k8s.io',
  'k8s.gcr.io',
  'public.ecr.aws',
  'mcr.microsoft.com',
  'registry.gitlab.com',
  'registry.access.redhat.com',
  'registry.redhat.io',
  'nvcr.io',
  'docker.elastic.co',
  'cgr.dev',
  'xpkg.upbound.io',
  'icr.io',
  'us.icr.io',
  'lscr.io',
  'ocr.io',
  'registry.hub.docker.com',
  'hub.docker.com',
];
const OFFICIAL = [
  'alpine', 'busybox', 'caddy', 'cassandra', 'debian', 'elasticsearch', 'golang', 'grafana', 'haproxy', 'httpd',
  'influxdb', 'kibana', 'mariadb', 'memcached', 'mongo', 'mysql', 'nats', 'nginx', 'node', 'openjdk', 'php', 'postgres',
  'python', 'rabbitmq', 'redis', 'registry', 'rethinkdb', 'ruby', 'rust', 'tomcat', 'traefik', 'ubuntu', 'varnish',
  'vault', 'wordpress', 'zookeeper', 'consul', 'couchdb', 'eclipse-temurin', 'docker', 'bash', 'perl', 'telegraf', 'ghost',
  'drupal', 'joomla', 'nextcloud', 'neo4j', 'solr', 'sonarqube', 'storm', 'flink', 'kong', 'logstash', 'mongo-express',
  'adminer', 'phpmyadmin', 'hello-world', 'fedora', 'centos', 'rockylinux', 'almalinux', 'amazonlinux', 'swift', 'julia',
  'erlang', 'elixir', 'haskell', 'clojure', 'gradle', 'maven', 'redmine', 'nats-streaming', 'chronograf', 'jetty',
]; // prettier-ignore

/** Image references by themselves: readable, pinned, and from the registry they seem to come from. */
export const imagesCheck: ObjectCheck = {
  name: CHECK,
  inspect: (object, { trustedRegistries = [] }) => {
    const workload = findWorkload(object);
    return (workload?.containers ?? []).flatMap((container) =>
      workload === undefined || container.image === '' ? [] : inspectImage(workload, container, trustedRegistries),
    );
  },
};

function inspectImage(workload: Workload, container: WorkloadContainer, trusted: readonly string[]): Finding[] {
  const image = findImage(container.image);
  const { name } = container;
  if (image === undefined)
    return [
      toFinding(workload, container, 'error', {
        message: `Container ${name}: ${JSON.stringify(container.image.slice(0, 120))} is not an image reference, so nothing could be pulled.`,
        fix: 'Write it as [registry/]repository[:tag][@digest].',
      }),
    ];
  const findings = [
    ...(trusted.includes(image.registry) ? [] : inspectRegistry(workload, container, image)),
    ...inspectOfficial(workload, container, image),
  ];
  if (image.digest !== undefined) return findings;
  if (image.tag === undefined || FLOATING.has(image.tag))
    findings.push(
      toFinding(workload, container, 'warning', {
        message: `Container ${name} runs ${container.image}, which ${image.tag === undefined ? 'has no tag' : 'moves'}: the same commit may run another program tomorrow, and going back does not bring the old one.`,
        fix: 'Name a version, or a digest.',
      }),
    );
  return findings;
}

function inspectRegistry(workload: Workload, container: WorkloadContainer, image: ImageRef): Finding[] {
  const host = image.registry.toLowerCase().replace(/:\d+$/, '');
  if (REGISTRIES.includes(host)) return [];
  const readable = host.replaceAll('0', 'o').replaceAll('1', 'l').replaceAll('rn', 'm').replaceAll('vv', 'w');
  const alike =
    REGISTRIES.find((known) => readable === known.replaceAll('rn', 'm')) ??
    // Short hosts are a letter apart by chance (gcr.io, ghcr.io, ocr.io); beyond one edit nothing can be said.
    REGISTRIES.find((known) => findNearest(host, [known], known.length > 8 ? 2 : 1) !== undefined) ??
    REGISTRIES.find((known) => host.startsWith(`${known}.`) || host.startsWith(`${known}-`)) ??
    REGISTRIES.find((known) => host.endsWith(`-${known}`));
  if (alike === undefined && !/(?:^|\.)xn--/.test(host)) return [];
  const like = alike === undefined ? 'letters that only look like Latin ones' : `a look-alike of ${alike}`;
  return [
    toFinding(workload, container, 'error', {
      message: `Container ${container.name} pulls from ${image.registry}, which is ${like}.`,
      fix: alike === undefined ? 'Use the registry under its plain name.' : `Did you mean ${alike}?`,
    }),
  ];
}

function inspectOfficial(workload: Workload, container: WorkloadContainer, image: ImageRef): Finding[] {
  const name = /^library\/(.+)$/.exec(image.repository)?.[1];
  if (image.registry !== 'docker.io' || name === undefined || name.length < 4 || OFFICIAL.includes(name)) return [];
  const nearest = findNearest(name, OFFICIAL, 1);
  if (nearest === undefined) return [];
  return [
    toFinding(workload, container, 'warning', {
      message: `Container ${container.name} pulls ${name}, a letter away from the official image ${nearest}.`,
      fix: `Did you mean ${nearest}?`,
    }),
  ];
}

/** What one sees only by comparing: another registry under the same name, another digest under the same tag. */
export const imageStepCheck: ChangeCheck = {
  name: CHECK,
  inspect: (input) =>
    listTouched(input).flatMap(({ before, after }) => {
      const [left, right] = [before && findWorkload(before), findWorkload(after)];
      if (!left || right === undefined) return [];
      return right.containers.flatMap((container) => {
        const old = left.containers.find((other) => other.name === container.name);
        return old === undefined ? [] : inspectStep(right, container, old);
      });
    }),
};

function inspectStep(workload: Workload, container: WorkloadContainer, old: WorkloadContainer): Finding[] {
  const [from, to] = [findImage(old.image), findImage(container.image)];
  if (from === undefined || to === undefined) return [];
  const isSameName = from.repository === to.repository;
  if (isSameName && from.registry !== to.registry)
    return [
      toFinding(workload, container, 'warning', {
        message: `Container ${container.name} takes ${to.repository} from ${to.registry} instead of ${from.registry}; someone else may own that name there.`,
        fix: 'Make sure the image was mirrored on purpose.',
      }),
    ];
  const isSameTag = isSameName && from.tag !== undefined && from.tag === to.tag;
  if (isSameTag && from.digest !== undefined && to.digest !== undefined && from.digest !== to.digest)
    return [
      toFinding(workload, container, 'warning', {
        message: `Container ${container.name} keeps tag ${to.tag ?? ''} but changes its digest: the tag was moved, or one of the two is wrong.`,
        fix: 'Check which digest the tag has in the registry, or use a new tag.',
      }),
    ];
  return [];
}

function toFinding(
  workload: Workload,
  container: WorkloadContainer,
  severity: Finding['severity'],
  text: { message: string; fix: string },
): Finding {
  const list = container.isInit ? 'initContainers' : 'containers';
  return {
    check: CHECK,
    severity,
    object: workload.ref,
    field: `spec.template.spec.${list}[${container.name}].image`,
    ...text,
  };
}
