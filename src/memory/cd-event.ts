import { toIsoTime } from '../lib/clock.ts';
import { sha256Hex } from '../lib/ids.ts';
import type { DeployFact, OutcomeFact } from './facts.ts';

// CDEvents 0.4.1, whose vocabulary for what runs somewhere is `service` with these predicates, each in version 0.2.0.

const PREDICATE_VERSION = '0.2.0';
const SPEC_VERSION = '0.4.1';

type ServicePredicate = 'deployed' | 'upgraded' | 'rolledback' | 'removed';

/** One event as the specification's schemas want it: nothing may stand beside these fields but in `customData`. */
export interface CdEvent {
  context: {
    version: typeof SPEC_VERSION;
    id: string;
    /** A URI reference: who tells. */
    source: string;
    type: `dev.cdevents.service.${ServicePredicate}.${typeof PREDICATE_VERSION}`;
    timestamp: string;
    /** Events of one ticket belong together. */
    chainId?: string;
  };
  subject: {
    id: string;
    source: string;
    type: 'service';
    content: {
      environment: { id: string; source: string };
      /** A package URL; `removed` has none. */
      artifactId?: string;
    };
  };
  customData: Record<string, unknown>;
  customDataContentType: 'application/json';
}

/**
 * The event that tells of an ended deploy; undefined where nothing came to run that was not running before, which is what
 * the vocabulary speaks of. A failed deploy is told by the `rolledback` of its revert.
 * @param options.isFirst whether the service was never live in its environment before
 */
export function toCdEvent(
  { deploy, outcome }: { deploy: DeployFact; outcome: OutcomeFact },
  options: { source: string; isFirst: boolean },
): CdEvent | undefined {
  const predicate = toPredicate(deploy, outcome, options.isFirst);
  if (predicate === undefined) return undefined;
  const type = `dev.cdevents.service.${predicate}.${PREDICATE_VERSION}` as const;
  const cluster = `/clusters/${encodeURIComponent(deploy.cluster)}`;
  return {
    context: {
      version: SPEC_VERSION,
      id: `evt_${sha256Hex(`${deploy.id}/${type}`).slice(0, 32)}`,
      source: options.source,
      type,
      timestamp: toIsoTime(outcome.atMs),
      ...(deploy.ticket === undefined ? {} : { chainId: deploy.ticket }),
    },
    subject: {
      id: `${deploy.namespace}/${deploy.service}`,
      source: cluster,
      type: 'service',
      content: {
        environment: { id: deploy.environment, source: cluster },
        ...(predicate === 'removed' ? {} : { artifactId: toPackageUrl(deploy) }),
      },
    },
    customData: toCustomData(deploy, outcome),
    customDataContentType: 'application/json',
  };
}

function toPredicate(deploy: DeployFact, outcome: OutcomeFact, isFirst: boolean): ServicePredicate | undefined {
  if (outcome.outcome === 'rolled_back') return 'rolledback';
  if (outcome.outcome !== 'healthy') return undefined;
  if (deploy.changeKind === 'remove_service') return 'removed';
  if (deploy.changeKind === 'revert' || deploy.changeKind === 'rollback') return 'rolledback';
  return isFirst ? 'deployed' : 'upgraded';
}

/** `pkg:oci/web@sha256%3A…?repository_url=ghcr.io/acme/web&tag=1.4.2`; by the commit where no image is known. */
export function toPackageUrl(deploy: DeployFact): string {
  const { image, version, digest, commit, service } = deploy;
  const name = (image ?? service).split('/').at(-1)?.toLowerCase() ?? service;
  if (image === undefined && version === undefined && digest === undefined)
    return `pkg:generic/${encodeURIComponent(name)}${commit === undefined ? '' : `@${commit}`}`;
  const qualifiers = [
    ...(image === undefined ? [] : [`repository_url=${encodeURIComponent(image).replaceAll('%2F', '/')}`]),
    ...(version === undefined ? [] : [`tag=${encodeURIComponent(version)}`]),
  ];
  return (
    `pkg:oci/${encodeURIComponent(name)}${digest === undefined ? '' : `@${encodeURIComponent(digest)}`}` +
    (qualifiers.length === 0 ? '' : `?${qualifiers.join('&')}`)
  );
}

function toCustomData(deploy: DeployFact, outcome: OutcomeFact): Record<string, unknown> {
  const { id, service, namespace, cluster, environment, application, version, digest, image } = deploy;
  const { changeKind, strategy, commit, ticket } = deploy;
  const fields = {
    deployId: id,
    ...{ service, namespace, cluster, environment, application, image, version, digest, changeKind, strategy },
    ...{ commit, ticket },
    outcome: outcome.outcome,
    verdict: outcome.verdict,
    durationMs: outcome.durationMs,
  };
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}

/**
 * The headers of a CloudEvent 1.0 over HTTP in binary mode, as the CDEvents binding fills them; the event is the body. What a
 * header cannot hold is percent-encoded, as the HTTP binding says.
 */
export function toCloudEventHeaders({ context, subject }: CdEvent): Record<string, string> {
  const attributes = {
    'ce-specversion': '1.0',
    'ce-id': context.id,
    'ce-source': context.source,
    'ce-type': context.type,
    'ce-subject': subject.id,
    'ce-time': context.timestamp,
  };
  return Object.fromEntries(Object.entries(attributes).map(([name, value]) => [name, toHeaderValue(value)]));
}

function toHeaderValue(value: string): string {
  return value.replace(/[^\u0021\u0023\u0024\u0026-\u007e]/gu, (character) =>
    // A lone surrogate has no UTF-8 form; nothing is lost by leaving it out.
    character.isWellFormed() ? encodeURIComponent(character) : '',
  );
}
