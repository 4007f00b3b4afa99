import { findImage, toImageRef } from '../../manifest/image.ts';
import type { NamedTarget } from './catalog.ts';
import type { Desk } from './desk.ts';
import { toEditStep } from './draft.ts';
import type { Draft } from './draft.ts';
import { findKnownImage } from './known-images.ts';
import { pickContainer } from './pick.ts';

const MOVING = /^(?:latest|newest|current|stable|edge|nightly|master|main)$/iu;
const VARIANT =
  /^(?<base>v?\d[\w.]*?)(?<variant>-(?:alpine|slim|bookworm|bullseye|trixie|jammy|noble|debian|ubuntu|distroless|management)(?:[\w.-]*))$/iu;

/** A wish for another image: a whole reference, or a version of the one that runs now. */
export interface ImageWish {
  image?: string;
  version?: string;
  /** What the ticket believes to run now. */
  from?: string;
  text: string;
}

/** Adds a set_image step for the service, or asks what is missing. */
export function makeImage(target: NamedTarget, wish: ImageWish, desk: Desk, draft: Draft): void {
  const picked = pickContainer(target, desk);
  if (picked === undefined) return;
  const name = target.service.name;
  const current = picked.container?.image;
  const image =
    wish.image === undefined
      ? toVersioned(name, current, wish.version, desk)
      : completeImage(name, wish.image, wish.version, desk);
  if (image === undefined) return;
  noteFrom(name, current, wish.from, desk);
  const key = `${name}/image/${picked.narrowing.workload ?? ''}/${picked.narrowing.container ?? ''}`;
  if (image === current) {
    draft.settle(name, key, `${name} already runs ${image}.`);
    return;
  }
  const step = toEditStep(
    { kind: 'set_image', service: name, ...picked.narrowing, image },
    `Set the image of ${name} to ${image}`,
    wish.text,
  );
  if ('refused' in step) desk.refuse(`${step.refused}.`);
  else draft.put({ key, service: name, wish: image, step: step.step });
}

// The version in place of the tag, keeping what people leave out in speech: a leading "v", a variant such as "-alpine".
function toVersioned(
  service: string,
  current: string | undefined,
  version: string | undefined,
  desk: Desk,
): string | undefined {
  const parsed = current === undefined ? undefined : findImage(current);
  if (parsed === undefined) return askImage(service, version, desk);
  const wished =
    version === undefined || MOVING.test(version) ? askVersion(service, current ?? '', version, desk) : version;
  if (wished === undefined) return undefined;
  const whole = /[/:@]/u.test(wished) ? findImage(wished) : undefined;
  if (whole !== undefined) return wished;
  const tag = toTagLike(parsed.tag, wished);
  if (tag !== wished)
    desk.assume(
      `Wrote the version ${wished} of ${service} as the tag ${tag}, in the manner of the present tag ${parsed.tag ?? ''}.`,
    );
  if (parsed.digest !== undefined)
    desk.assume(`The image of ${service} was pinned by digest; the new one is named by its tag only.`);
  const { digest: _, ...rest } = parsed;
  const named = toImageRef({ ...rest, tag });
  // The reference stays as it is written in the repository, only the tag changes.
  const written = current?.replace(/@.*$/u, '').replace(/:[^/:]+$/u, '');
  return written === undefined ? named : `${written}:${tag}`;
}

function toTagLike(present: string | undefined, wished: string): string {
  if (present === undefined) return wished;
  const variant = VARIANT.exec(present)?.groups?.['variant'] ?? '';
  const plain = /^v?\d+(?:\.\d+)*$/iu.test(wished);
  if (!plain) return wished;
  const led =
    /^v\d/u.test(present) && /^\d/u.test(wished)
      ? `v${wished}`
      : /^\d/u.test(present) && /^v\d/iu.test(wished)
        ? wished.slice(1)
        : wished;
  return `${led}${variant}`;
}

function askVersion(service: string, current: string, said: string | undefined, desk: Desk): string | undefined {
  const why =
    said === undefined ? '' : ` A moving tag such as "${said}" is not used, since nobody could say later what ran.`;
  return desk.ask(
    {
      question: `Which version of ${service} should be deployed? It runs ${current} now.${why}`,
      options: [],
      field: 'version',
    },
    findVersionIn,
  );
}

/** The version, tag or image an answer names. */
function findVersionIn(answer: string): string | undefined {
  const words = answer
    .split(/[\s,"'`]+/u)
    .filter((word) => word !== '')
    .map((word) => word.replace(/[.!?]+$/u, ''));
  const candidates = words.length === 1 ? words : words.filter((word) => /\d/u.test(word));
  const [only] = candidates;
  if (only === undefined || candidates.length > 1 || MOVING.test(only)) return undefined;
  if (findImage(only) !== undefined && /[/:@]/u.test(only)) return only;
  return /^\w[\w.-]{0,127}$/u.test(only) ? only : undefined;
}

/** Asks for an image where nothing in the repository or the ticket tells it. */
export function askImage(service: string, version: string | undefined, desk: Desk): string | undefined {
  const known = findKnownImage(service);
  const options = known === undefined ? [] : known.suggestedTags.map((tag) => `${known.image}:${tag}`);
  const image = desk.ask({ question: `Which image should I use for ${service}?`, options, field: 'image' }, (answer) =>
    findImageIn(answer),
  );
  return image === undefined ? undefined : completeImage(service, image, version, desk);
}

function findImageIn(answer: string): string | undefined {
  const words = answer
    .split(/[\s,"'`]+/u)
    .filter((word) => word !== '')
    .map((word) => word.replace(/[.!?]+$/u, ''));
  if (words.length === 1 && words[0] !== undefined) {
    const known = findKnownImage(words[0].toLowerCase());
    if (known !== undefined) return known.image;
    return findImage(words[0]) === undefined || !/[a-z]/iu.test(words[0]) ? undefined : words[0];
  }
  const named = words.filter((word) => /[/:@]/u.test(word) && findImage(word) !== undefined);
  if (named.length === 1) return named[0];
  const spoken = words.findIndex((word) => findKnownImage(word.toLowerCase()) !== undefined);
  const known = findKnownImage(words[spoken]?.toLowerCase() ?? '');
  const version = words[spoken + 1];
  return known === undefined || version === undefined || !/^v?\d/u.test(version)
    ? undefined
    : `${known.image}:${version}`;
}

/** An image with a tag or digest; the version of the ticket, or an answer, completes one without. */
export function completeImage(
  service: string,
  image: string,
  version: string | undefined,
  desk: Desk,
): string | undefined {
  const parsed = findImage(image);
  if (parsed === undefined) return desk.refuse(`${JSON.stringify(image)} is not an image reference.`);
  if (parsed.tag !== undefined || parsed.digest !== undefined) {
    if (version !== undefined && parsed.tag !== version && !MOVING.test(version))
      desk.assume(`${service} gets the image ${image} as it is named; the version ${version} beside it was not used.`);
    return image;
  }
  const wished =
    version !== undefined && !MOVING.test(version)
      ? version
      : desk.ask(
          {
            question: `Which version of the image ${image} should ${service} use?`,
            options: findKnownImage(image)?.suggestedTags.slice() ?? [],
            field: 'version',
          },
          findVersionIn,
        );
  return wished === undefined ? undefined : `${image}:${wished}`;
}

function noteFrom(service: string, current: string | undefined, from: string | undefined, desk: Desk): void {
  const tag = current === undefined ? undefined : findImage(current)?.tag;
  if (from === undefined || tag === undefined || tag.replace(/^v/u, '').startsWith(from.replace(/^v/u, ''))) return;
  desk.assume(`The ticket says ${service} is at ${from}; the repository says ${tag}.`);
}
