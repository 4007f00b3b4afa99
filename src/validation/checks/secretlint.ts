import type { SecretMatch } from './secret-shapes.ts';

const NAMES: readonly [RegExp, string][] = [
  [/private-?key/, 'a private key'],
  [/aws/, 'an AWS key'],
  [/gcp/, 'a Google Cloud key'],
  [/database-connection/, 'a database address with a password'],
  [/basicauth/, 'a password inside a URL'],
  [/npm/, 'an npm token'],
  [/slack/, 'a Slack token'],
  [/github/, 'a GitHub token'],
  [/openai|anthropic/, 'an API key of a model provider'],
];

/** Runs the recommended rules of secretlint over a text. Their own messages are not used: some quote what they found. */
export async function lintSecrets(text: string, path: string): Promise<SecretMatch[]> {
  const [{ lintSource }, preset] = await Promise.all([
    import('@secretlint/core'),
    import('@secretlint/secretlint-rule-preset-recommend'),
  ]);
  const dot = path.lastIndexOf('.');
  const result = await lintSource({
    source: { content: text, filePath: path, ext: dot < 0 ? '' : path.slice(dot), contentType: 'text' },
    options: {
      config: { rules: [{ id: '@secretlint/secretlint-rule-preset-recommend', rule: preset.creator }] },
      noPhysicFilePath: true,
      maskSecrets: true,
    },
  });
  return result.messages.map((message) => {
    const rule = message.ruleId.replace(/^@secretlint\/secretlint-rule-/, '');
    const what = NAMES.find(([pattern]) => pattern.test(rule))?.[1] ?? `a secret (${rule})`;
    const [start, end] = message.range;
    return { what, value: text.slice(start, end), index: start, certainty: 'certain' };
  });
}
