/** Something in a text that looks like a secret; the secret itself is kept only to tell old ones from new ones. */
export interface SecretMatch {
  /** What it is, for a person: `a private key`. */
  what: string;
  value: string;
  /** Offset in the text. */
  index: number;
  /** A shape no ordinary value has, or one that ordinary values can have. */
  certainty: 'certain' | 'likely';
}

const PATTERNS: readonly { what: string; pattern: RegExp }[] = [
  { what: 'an AWS access key id', pattern: /(?<![A-Za-z0-9])(?:AKIA|ASIA)[A-Z2-7]{16}(?![A-Za-z0-9])/g },
  { what: 'a private key', pattern: /-----BEGIN (?:[A-Z0-9]{1,20} ){0,3}PRIVATE KEY(?: BLOCK)?-----/g },
  { what: 'a GitHub token', pattern: /\b(?:gh[pousr]_[A-Za-z0-9]{30,255}|github_pat_[A-Za-z0-9_]{30,255})/g },
  { what: 'a GitLab token', pattern: /\bglpat-[A-Za-z0-9_-]{16,64}/g },
  { what: 'a Slack token', pattern: /\bxox[abeposr]-[A-Za-z0-9-]{10,200}/g },
  { what: 'an API key of a model provider', pattern: /\bsk-(?:proj-|ant-)?[A-Za-z0-9_-]{20,200}/g },
  { what: 'a Stripe key', pattern: /\b[sr]k_(?:live|test)_[A-Za-z0-9]{16,200}/g },
  { what: 'a Google API key', pattern: /\bAIza[0-9A-Za-z_-]{35}/g },
  {
    what: 'a password inside a URL',
    // The user and password parts are bounded and exclude each other's separators, so that no input is tried twice.
    pattern: /\b[a-z][a-z0-9+.-]{1,20}:\/\/[^\s/@:"'<>]{0,100}:(?!\$[({])[^\s/@:"'<>$]{2,200}@/gi,
  },
];
const JWT = /\beyJ[A-Za-z0-9_-]{6,2000}\.eyJ[A-Za-z0-9_-]{2,8000}\.[A-Za-z0-9_-]{0,2000}/g;
const BASE64 = /(?<![A-Za-z0-9+/_=-])[A-Za-z0-9+/_-]{24,65536}={0,2}/g;
const MAX_DECODES = 2;

/** Every secret-shaped part of a text, also inside base64, two layers deep. */
export function findSecretShapes(text: string, depth = 0): SecretMatch[] {
  const found: SecretMatch[] = PATTERNS.flatMap(({ what, pattern }) =>
    [...text.matchAll(pattern)].map((match) => toMatch(what, match)),
  );
  for (const match of text.matchAll(JWT)) if (isJwt(match[0])) found.push(toMatch('a JSON Web Token', match));
  if (depth >= MAX_DECODES) return found;
  for (const match of text.matchAll(BASE64)) {
    const decoded = decodeText(match[0]);
    const inner = decoded === undefined ? [] : findSecretShapes(decoded, depth + 1);
    const first = inner[0];
    if (first !== undefined) found.push({ ...toMatch(`${first.what}, base64-encoded`, match) });
  }
  return found;
}

function toMatch(what: string, match: RegExpExecArray): SecretMatch {
  return { what, value: match[0], index: match.index, certainty: 'certain' };
}

function isJwt(token: string): boolean {
  try {
    const header: unknown = JSON.parse(Buffer.from(token.split('.')[0] ?? '', 'base64url').toString('utf8'));
    return typeof header === 'object' && header !== null && 'alg' in header;
  } catch {
    return false;
  }
}

/** The text behind base64 (either alphabet), or undefined when it is not text. */
export function decodeText(base64: string): string | undefined {
  const bytes = Buffer.from(base64.replace(/=+$/, ''), 'base64url');
  const text = bytes.toString('utf8');
  // eslint-disable-next-line no-control-regex -- control characters tell binary data from text
  return bytes.length === 0 || /[\x00-\x08\x0e-\x1f\ufffd]/.test(text) ? undefined : text;
}

const RANDOM = /(?<![A-Za-z0-9+/_=.:@-])[A-Za-z0-9+/_-]{32,512}={0,2}(?![A-Za-z0-9+/_=.:-])/g;

/**
 * Stretches too irregular for words, ids or paths. Digests in plain hex and UUIDs are left out: they are everywhere in
 * manifests, and what they are cannot be told by looking.
 */
export function findRandomText(text: string): SecretMatch[] {
  return [...text.matchAll(RANDOM)]
    .filter(([value]) => {
      const isMixed = /[a-z]/.test(value) && /[A-Z]/.test(value) && /\d/.test(value);
      const isPath = value.split('/').length > 4 || (value.includes('-') && value.split('-').length > 4);
      return isMixed && !isPath && toEntropy(value) >= 4.2 && !isReadable(value);
    })
    .map((match) => ({ ...toMatch('random text, as keys and tokens are', match), certainty: 'likely' as const }));
}

// Text in base64 is read by itself, and a bundle of certificates is public by design: webhooks and API services carry one.
function isReadable(value: string): boolean {
  return decodeText(value) !== undefined || value.startsWith('LS0tLS1CRUdJTiBD');
}

function toEntropy(text: string): number {
  const counts = new Map<string, number>();
  for (const char of text) counts.set(char, (counts.get(char) ?? 0) + 1);
  return [...counts.values()].reduce((sum, count) => sum - (count / text.length) * Math.log2(count / text.length), 0);
}

const SECRET_NAME =
  /pass(?:word|wd|phrase)|pwd$|(?:secret|token|credential)s?(?:_|$)|api_?key|access_?key|private_?key|_key$|_auth$/;
// Names that speak of a secret without holding it: where it lies, how long it lives, how it is called.
const ABOUT_NAME =
  /(?:_(?:file|path|dir|name|names|ref|id|ttl|url|uri|endpoint|host|type|algorithm|length|size|count|limit|timeout|expiry|expiration|seconds|minutes|hours|days|enabled|required|header|prefix|issuer|audience|rotation|policy|min|max|version|mount|namespace|provider|store|interval)|^(?:public|primary|partition|sort|cache|routing|foreign|max|min|total)_.*(?:keys?|tokens?)|tokens|public_key)$/;

/** Whether a variable or key of this name is expected to hold a secret. */
export function isSecretName(name: string): boolean {
  const words = name
    .replace(/([a-z0-9])([A-Z])/g, '$1_$2')
    .replace(/[^A-Za-z0-9]+/g, '_')
    .toLowerCase();
  return SECRET_NAME.test(words) && !ABOUT_NAME.test(words);
}

/** Whether a value is only a stand-in: empty, a switch, a number, a path, or a reference filled in elsewhere. */
export function isPlaceholder(value: string): boolean {
  const text = value.trim();
  if (text.length < 3 || /^(?:true|false|yes|no|on|off|none|null|nil|undefined|disabled|enabled|required)$/i.test(text))
    return true;
  if (/^\d{1,5}[a-z]{0,2}$/i.test(text) || /^\.{0,2}\/[\w./-]*$/.test(text)) return true;
  if (/^(?:\$\(\w+\)|\$\{[^}]*\}|\$\w+|%\w+%|\{\{.*\}\}|<[^>]*>|\*+|x{3,}|\[redacted\])$/i.test(text)) return true;
  // References of secret stores: the value is looked up when the pod starts.
  return /^(?:vault|ref\+|secretref|aws-?sm|gcp-?sm|awssm|gcpsm|op|doppler|file|env|projects)[:+]/i.test(text);
}

// `secret: 'database-credentials'` and `secretKey: 'url'` name a secret; only a password is ever a plain word.
function isMereName(name: string, value: string): boolean {
  return (
    !/pass(?:word|wd|phrase)$|pwd$/i.test(name) && /^[A-Za-z]+(?:[-_./][A-Za-z]+)*$/.test(value) && value.length < 40
  );
}

// `name: value` and `name=value` as they stand in configuration files and arguments.
const ASSIGNMENT =
  /(?<![\w-])["']?((?:--?)?[A-Za-z][\w.-]{0,80}?)["']?[ \t]{0,20}(?:=>|[:=])[ \t]{0,20}(?:"([^"\n]{3,400})"|'([^'\n]{3,400})'|([^\s"',;{}[\]()&|]{3,400}))/g;
const QUOTED_ASSIGNMENT =
  /(?<![\w-])["']?([A-Za-z][\w.-]{0,80}?)["']?[ \t]{0,20}[:=][ \t]{0,20}(?:"([^"\n$]{3,400})"|'([^'\n$]{3,400})')/g;

/** Literal values given to secret-looking names in a text; in program source only quoted ones, since the rest is code. */
export function findSecretAssignments(text: string, syntax: 'configuration' | 'program'): SecretMatch[] {
  const pattern = syntax === 'program' ? QUOTED_ASSIGNMENT : ASSIGNMENT;
  return [...text.matchAll(pattern)].flatMap((match) => {
    const name = match[1] ?? '';
    const value = match[2] ?? match[3] ?? match[4] ?? '';
    if (!isSecretName(name) || isPlaceholder(value) || (syntax === 'program' && /\s/.test(value))) return [];
    if (isMereName(name, value)) return [];
    return [
      { what: 'a literal value for a name that speaks of a secret', value, index: match.index, certainty: 'certain' },
    ];
  });
}
