/** The environment of this process. Everything else takes it as an argument. */
export function processEnvironment(): Record<string, string | undefined> {
  return { ...process.env };
}
