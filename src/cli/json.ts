// What a terminal may act on and JSON leaves as it is: C1 controls, and signs that turn the writing direction.
const UNSAFE = /[\u007f-\u009f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g;

/** JSON that is safe to look at in a terminal and means the same to a program. */
export function toJsonText(value: unknown, indent?: number): string {
  const escape = (sign: string) => `\\u${sign.charCodeAt(0).toString(16).padStart(4, '0')}`;
  return JSON.stringify(value, null, indent).replace(UNSAFE, escape);
}
