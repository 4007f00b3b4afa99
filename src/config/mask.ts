import type { Setting } from './setting.ts';

const MASK = '********';

/** A value as it may be shown: secrets hidden, everything else as it is. */
export function maskValue(setting: Setting<unknown> | undefined, value: unknown): unknown {
  if (value === null || value === undefined || setting?.sensitive === undefined) return value;
  if (setting.sensitive === 'url') return typeof value === 'string' ? maskPassword(value) : MASK;
  // What could not be read as JSON is one text, and may hold anything.
  if (setting.sensitive === 'fields') return typeof value === 'string' ? MASK : maskFields(value);
  return Array.isArray(value) ? value.map(() => MASK) : MASK;
}

/** The texts in a value that must never be shown. */
export function listSecrets(setting: Setting<unknown>, value: unknown): string[] {
  if (setting.sensitive === undefined || setting.sensitive === 'fields') return [];
  const texts = (Array.isArray(value) ? value : [value]).filter((item): item is string => typeof item === 'string');
  if (setting.sensitive === 'url') return texts.flatMap(listUrlSecrets);
  // API keys may be `NAME:SECRET`, and it is the part behind the name that clients send.
  return texts.flatMap((text) => (text.includes(':') ? [text, text.slice(text.indexOf(':') + 1)] : [text]));
}

const SECRET_FIELD = /token|password|secret|key/i;
const REFERENCE = /(?:Env|File)$/;

function maskFields(value: unknown): unknown {
  if (typeof value === 'string') return maskPassword(value);
  if (Array.isArray(value)) return value.map(maskFields);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, field]) => [
      key,
      SECRET_FIELD.test(key) && !REFERENCE.test(key) ? MASK : maskFields(field),
    ]),
  );
}

function listUrlSecrets(text: string): string[] {
  if (!URL.canParse(text)) return [];
  const { password } = new URL(text);
  if (password === '') return [];
  // Written with escapes in the URL, without them in what a driver prints.
  return [...new Set([password, decodeURIComponent(password)])];
}

// By pattern, not by URL: a URL that is wrong enough not to parse can hold a password all the same.
function maskPassword(text: string): string {
  return text
    .replace(/(:\/\/[^/?#@]*?:)[^/?#]*@/, `$1${MASK}@`)
    .replace(/([?&](?:password|sslpassword)=)[^&]*/gi, `$1${MASK}`);
}
