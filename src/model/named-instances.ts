// Which Argo CD instance a ticket's words name: "... on west", "in cluster west", "on the west cluster". Read by rules, for
// whoever plans: where a change goes is not left to a guess.

interface Named {
  name: string;
  /** Where the words stand in the text. */
  start: number;
  end: number;
}

const CALLED = '(?:argo ?cd )?(?:cluster|instance|target)';
// After the bare name something else has to begin: "on west settings" is about settings.
const END = '(?=\\s*(?:$|[.,;:!?)\\]\\n]|(?:and|then|but|because|please|using|with|by|to|for|from|until|now)\\b))';
const QUOTE = '["\'`]?';

/**
 * The configured instances that the words name, each once, in the order they are named.
 *
 * @param taken names of services and environments: "on staging" means the environment there, "in cluster staging" does not
 */
export function listNamedInstances(text: string, names: readonly string[], taken: ReadonlySet<string>): string[] {
  return [...new Set(find(text, names, taken).map(({ name }) => name))];
}

/** The text without the words that name an instance, for those who read what is to be done. */
export function withoutNamedInstances(text: string, names: readonly string[], taken: ReadonlySet<string>): string {
  return find(text, names, taken).reduceRight((rest, { start, end }) => {
    const before = rest.slice(0, start).trimEnd();
    const after = rest.slice(end);
    // "On west: do this" begins with the words that go.
    return before === '' ? after.replace(/^\s*[:,]\s*/, '') : `${before}${after}`;
  }, text);
}

function find(text: string, names: readonly string[], taken: ReadonlySet<string>): Named[] {
  const found = names.flatMap((name) =>
    toPatterns(name, taken).flatMap((pattern) =>
      [...text.matchAll(pattern)].map((match) => ({ name, start: match.index, end: match.index + match[0].length })),
    ),
  );
  const inOrder = found.toSorted((a, b) => a.start - b.start || b.end - a.end);
  // Two patterns may fit the same words; the longer one counts.
  return inOrder.filter((one, index) => inOrder.slice(0, index).every(({ end }) => end <= one.start));
}

function toPatterns(name: string, taken: ReadonlySet<string>): RegExp[] {
  // Names are lower case letters, digits and dashes: nothing in them means anything to a pattern.
  const exact = `${QUOTE}${name}${QUOTE}(?![\\w-])`;
  const patterns = [
    `\\b(?:in|on|to|at)\\s+(?:the\\s+)?${CALLED}\\s+${exact}`,
    `\\b(?:in|on|to|at)\\s+(?:the\\s+)?${exact}\\s+${CALLED}\\b`,
  ];
  // "on default port" is about a port, and a service or an environment of that name was meant before there were instances.
  if (name !== 'default' && !taken.has(name)) patterns.push(`\\bon\\s+${exact}${END}`);
  return patterns.map((pattern) => new RegExp(pattern, 'gi'));
}
