/** What a commit title says was deployed. */
export interface VersionBump {
  service: string;
  version: string;
  environment?: string;
}

const NAME = '(?<service>[\\w@][\\w@./-]*?)';
const VERSION = '(?<version>v?[\\w][\\w.+-]*)';
const WHERE = '(?:\\s+(?:for|in|to|on)\\s+(?<environment>[\\w-]+)|\\s+\\((?<place>[a-z][\\w-]*)\\))?';
/** `fix(container)!: `; the scope says what kind of thing is updated. */
const PREFIX = '(?:\\w*(?:\\((?<scope>[^)]*)\\))?!?:\\s*)?';
/** Words that bots put before or after the name. */
const KIND =
  '(?:(?:docker|container) (?:tag|image|digest)|image tag|image|helm (?:release|chart)|helmrelease|chart|dependency|container|release)';
const ARROW = '(?:→|➔|➜|->|=>)';

// Titles as bots and people write them: most specific first.
const TITLES: readonly RegExp[] = [
  `(?:bump|upgrade|update) (?:${KIND} )*${NAME}(?: ${KIND})? from \\S+ to ${VERSION}${WHERE}`,
  `(?:bump|upgrade|update) (?:${KIND} )*${NAME}(?: ${KIND})? \\(?\\s*\\S+ ${ARROW} ${VERSION}\\s*\\)?${WHERE}`,
  `(?:set|bump|upgrade|update) (?:${KIND} )*${NAME}(?: ${KIND}| version| tag)? to ${VERSION}${WHERE}`,
  `(?:deploy|release|promote|roll out) ${NAME}[ :@]${VERSION}${WHERE}`,
].map((title) => new RegExp(`^${PREFIX}${title}\\.?$`, 'i'));

/** What hosts and bots append: `(#123)`, `[ci skip]`, `(minor)`. */
const APPENDED = /\s*(?:\((?:#|!)\d+\)|\[[^\]]*\]|\((?:major|minor|patch|digest)\))$/i;
/** Updates of these are no deploys. */
const TOOLING =
  /^(?:github[- ]?actions?|github-release|actions?|ci|terraform|ansible|pre-commit|mise|asdf|devcontainer|deps-dev|dev-deps|devdeps|npm|pip)$/i;

/** A title without what hosts and bots append to it. */
export function toPlainTitle(subject: string): string {
  let title = subject.trim();
  for (let next = title.replace(APPENDED, ''); next !== title; next = title.replace(APPENDED, '')) title = next;
  return title;
}

/** The deploy a commit title speaks of; undefined for titles of anything else. */
export function parseBump(subject: string): VersionBump | undefined {
  const title = toPlainTitle(subject);
  for (const pattern of TITLES) {
    const groups = pattern.exec(title)?.groups;
    if (groups === undefined) continue;
    const { service, version, scope } = groups;
    // "update web to use the new cache" names no version: a version holds a digit.
    if (service === undefined || version === undefined || !/\d/.test(version)) continue;
    if (scope !== undefined && TOOLING.test(scope)) return undefined;
    const environment = groups['environment'] ?? groups['place'];
    const name = service.split('/').at(-1) ?? service;
    return { service: name, version, ...(environment === undefined ? {} : { environment }) };
  }
  return undefined;
}

/** The title that a revert takes back, where it repeats it. */
export function parseRevertedTitle(subject: string): string | undefined {
  const title = toPlainTitle(subject);
  const quoted = /^(?:\w+(?:\([^)]*\))?!?:\s*)?Revert "(.*)"$/i.exec(title)?.[1];
  const plain = /^revert(?:\([^)]*\))?!?:\s*(.*)$/i.exec(title)?.[1];
  const reverted = quoted ?? plain;
  return reverted === undefined ? undefined : toPlainTitle(reverted);
}
