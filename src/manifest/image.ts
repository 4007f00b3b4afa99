import { AppError } from '../lib/errors.ts';

/** An image reference with the defaults of the container runtimes written out. */
export interface ImageRef {
  /** Host and, where given, port: `docker.io`, `ghcr.io`, `registry.local:5000`. */
  registry: string;
  /** Without the registry; official images carry `library/`. */
  repository: string;
  tag?: string;
  /** Algorithm and hex digits: `sha256:...`. */
  digest?: string;
}

const DOCKER_HUB = 'docker.io';
const COMPONENT = /^[a-z0-9]+(?:(?:\.|_{1,2}|-+)[a-z0-9]+)*$/;
const HOST = /^(?:[a-zA-Z0-9](?:[a-zA-Z0-9.-]*[a-zA-Z0-9])?|\[[0-9a-fA-F:]+\])(?::\d{1,5})?$/;
const TAG = /^\w[\w.-]{0,127}$/;
const DIGEST = /^[a-z0-9]+(?:[.+_-][a-z0-9]+)*:[0-9a-fA-F]{32,}$/;
const MAX_LENGTH = 512;

function refuse(text: string, why: string): never {
  throw new AppError('invalid_input', `not an image reference: ${JSON.stringify(text.slice(0, 120))}: ${why}`, {
    hint: 'Write it as [registry/]repository[:tag][@digest], such as ghcr.io/acme/web:1.4.2.',
  });
}

/** Reads an image reference as a container runtime would; throws `invalid_input` for what none would pull. */
export function parseImage(text: string): ImageRef {
  if (text === '' || text.length > MAX_LENGTH) refuse(text, text === '' ? 'it is empty' : 'it is too long');
  const [named = '', digest, ...rest] = text.split('@');
  if (rest.length > 0) refuse(text, 'more than one "@"');
  if (digest !== undefined && !DIGEST.test(digest)) refuse(text, 'the digest is malformed');
  // A colon after the last slash begins the tag; one before it belongs to the registry's port.
  const colon = named.lastIndexOf(':');
  const hasTag = colon > named.lastIndexOf('/');
  const tag = hasTag ? named.slice(colon + 1) : undefined;
  if (tag !== undefined && !TAG.test(tag)) refuse(text, 'the tag is malformed');
  const { registry, repository } = toRegistry(hasTag ? named.slice(0, colon) : named);
  if (!HOST.test(registry)) refuse(text, 'the registry is malformed');
  if (!repository.split('/').every((component) => COMPONENT.test(component)))
    refuse(text, 'a repository is lower-case letters, digits and separators');
  return {
    registry,
    repository,
    ...(tag === undefined ? {} : { tag }),
    ...(digest === undefined ? {} : { digest }),
  };
}

function toRegistry(name: string): { registry: string; repository: string } {
  const slash = name.indexOf('/');
  const first = slash < 0 ? '' : name.slice(0, slash);
  // The runtimes' rule: the first part is a host only if it could not be a Docker Hub account.
  const isHost = first.includes('.') || first.includes(':') || first === 'localhost' || first !== first.toLowerCase();
  const host = isHost ? first : DOCKER_HUB;
  const path = isHost ? name.slice(slash + 1) : name;
  const registry = host === 'index.docker.io' ? DOCKER_HUB : host;
  return { registry, repository: registry === DOCKER_HUB && !path.includes('/') ? `library/${path}` : path };
}

/** Like `parseImage`, with undefined for what is not an image reference. */
export function findImage(text: string): ImageRef | undefined {
  try {
    return parseImage(text);
  } catch {
    return undefined;
  }
}

/** The reference as people write it, Docker Hub's defaults left out; `parseImage` reads it back unchanged. */
export function toImageRef(image: ImageRef): string {
  const isHub = image.registry === DOCKER_HUB;
  const official = /^library\/([^/]+)$/.exec(image.repository)?.[1];
  const name = isHub ? (official ?? image.repository) : `${image.registry}/${image.repository}`;
  return `${name}${image.tag === undefined ? '' : `:${image.tag}`}${image.digest === undefined ? '' : `@${image.digest}`}`;
}
