/** The environment of this process. Everything else takes it as an argument. */
export function processEnvironment(): Record<string, string | undefined> {
  return { ...process.env };
}

/**
 * Removes the variables that make the model library report prompts and answers to a tracing service: what a ticket or a
 * repository says leaves this machine for the configured model alone.
 */
export function dropModelTracing(): void {
  for (const name of Object.keys(process.env)) if (/^LANG(SMITH|CHAIN)_/.test(name)) delete process.env[name];
}
