const MASK = '[redacted]';

// Shapes that are secrets wherever they stand. Each keeps what helps a reader (the scheme, the key name) and masks the value.
const SHAPES: readonly { name: string; pattern: RegExp; replace: string }[] = [
  {
    name: 'pem private key',
    pattern: /-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)/g,
    replace: MASK,
  },
  { name: 'jwt', pattern: /\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*/g, replace: MASK },
  { name: 'github token', pattern: /\b(?:gh[pousr]_[A-Za-z0-9]{20,}|github_pat_[A-Za-z0-9_]{20,})/g, replace: MASK },
  { name: 'gitlab token', pattern: /\bglpat-[A-Za-z0-9_-]{16,}/g, replace: MASK },
  { name: 'model api key', pattern: /\bsk-[A-Za-z0-9_-]{16,}/g, replace: MASK },
  { name: 'slack token', pattern: /\bxox[abposr]-[A-Za-z0-9-]{10,}/g, replace: MASK },
  { name: 'aws access key id', pattern: /\b(?:AKIA|ASIA)[A-Z0-9]{16}\b/g, replace: MASK },
  { name: 'url userinfo', pattern: /\b([a-z][a-z0-9+.-]*:\/\/)[^\s/@:]*(?::[^\s/@]*)?@/gi, replace: `$1${MASK}@` },
  { name: 'authorization header', pattern: /\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{8,}/gi, replace: `$1 ${MASK}` },
  {
    name: 'named value',
    pattern:
      /\b((?:[A-Za-z0-9]+[_.-])*(?:password|passwd|pwd|secret|token|api[_-]?key|access[_-]?key|private[_-]?key|credential)s?)(["']?\s*[:=]\s*["']?)([^\s"',;&]{4,})/gi,
    replace: `$1$2${MASK}`,
  },
];

const SECRET_KEY = /password|passwd|secret|token|api[_-]?key|authorization|private[_-]?key|credential|cookie/i;
// Counts and references named like secrets are not secrets: token budgets, secretName, secretKeyRef.
const NOT_SECRET_KEY =
  /^(?:(?:prompt|completion|input|output|total|max|used)_?tokens?|tokens|secretName|secretKeyRef|secretRef|tokenBudget)$/i;

export interface Redactor {
  /** Masks known secret values first, then anything shaped like one. */
  text(value: string): string;
  /** A deep copy with every string masked; values under secret-looking keys are masked whole. */
  deep(value: unknown): unknown;
}

/** One that can be told of secrets that become known later, such as a token that was rotated. */
export interface LearningRedactor extends Redactor {
  /** Masks this exact value too from now on. */
  learn(secret: string): void;
}

/**
 * @param secrets exact values to mask wherever they appear, also base64-encoded; values shorter than 6 characters
 * are ignored, since masking them would mangle ordinary text.
 */
export function createRedactor(secrets: readonly string[] = []): LearningRedactor {
  const known = new Set(secrets);
  let exact = toExact(known);
  const text = (value: string): string => {
    let result = value;
    for (const secret of exact) result = result.replaceAll(secret, MASK);
    for (const shape of SHAPES) result = result.replace(shape.pattern, shape.replace);
    return result;
  };
  const deep = (value: unknown, depth = 0): unknown => {
    if (typeof value === 'string') return text(value);
    if (value === null || typeof value !== 'object') return value;
    if (depth > 12) return '[too deep]';
    if (Array.isArray(value)) return value.map((item) => deep(item, depth + 1));
    if (value instanceof Error)
      return { name: value.name, message: text(value.message), stack: text(value.stack ?? '') };
    return Object.fromEntries(
      Object.entries(value).map(([key, field]) => {
        const secret = SECRET_KEY.test(key) && !NOT_SECRET_KEY.test(key) && typeof field === 'string' && field !== '';
        return [key, secret ? MASK : deep(field, depth + 1)];
      }),
    );
  };
  return {
    text,
    deep: (value) => deep(value),
    learn: (secret) => {
      if (known.has(secret)) return;
      known.add(secret);
      exact = toExact(known);
    },
  };
}

/** Every way the secrets are written, longest first. */
function toExact(secrets: Iterable<string>): string[] {
  return [...secrets]
    .filter((secret) => secret.length >= 6)
    .flatMap((secret) => [
      secret,
      Buffer.from(secret).toString('base64').replace(/=+$/, ''),
      encodeURIComponent(secret),
    ])
    .sort((a, b) => b.length - a.length);
}
