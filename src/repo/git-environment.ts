/**
 * Settings that hold for every git command, whatever the configuration files of the mirror or the machine say.
 * The contents of a repository cannot set configuration, but a damaged or meddled-with data folder could.
 */
const FIXED_CONFIG: readonly [key: string, value: string][] = [
  ['core.hooksPath', '/dev/null'],
  ['core.fsmonitor', 'false'],
  ['core.untrackedCache', 'false'],
  ['core.attributesFile', '/dev/null'],
  ['core.excludesFile', '/dev/null'],
  ['core.autocrlf', 'false'],
  ['core.quotePath', 'false'],
  // Refuse trees that other file systems would read as `.git`.
  ['core.protectHFS', 'true'],
  ['core.protectNTFS', 'true'],
  ['credential.helper', ''],
  ['submodule.recurse', 'false'],
  ['protocol.version', '2'],
  // Credentials must not follow a redirect to another host.
  ['http.followRedirects', 'false'],
  // A connection that moves less than 1000 bytes a second for a minute is dead.
  ['http.lowSpeedLimit', '1000'],
  ['http.lowSpeedTime', '60'],
  ['gc.auto', '0'],
  ['commit.gpgSign', 'false'],
];

// What the commands may take from the environment of our own process: where programs are, how to get out to the
// network, and whom to trust there.
const INHERITED = [
  'PATH',
  'TMPDIR',
  'SSH_AUTH_SOCK',
  'HTTP_PROXY',
  'HTTPS_PROXY',
  'ALL_PROXY',
  'NO_PROXY',
  'http_proxy',
  'https_proxy',
  'all_proxy',
  'no_proxy',
  'SSL_CERT_FILE',
  'SSL_CERT_DIR',
  'GIT_SSL_CAINFO',
] as const;

interface GitEnvironmentInput {
  /** An empty folder: no personal configuration, no `.netrc`. */
  home: string;
  protocol: string;
  sshCommand: string;
  host: Readonly<Record<string, string | undefined>>;
}

/** The environment of one git command. `config` wins over every configuration file and never shows in argv. */
export function toGitEnvironment(
  input: GitEnvironmentInput,
  config: readonly [key: string, value: string][],
): Record<string, string> {
  const env: Record<string, string> = { PATH: '/usr/local/bin:/usr/bin:/bin' };
  for (const name of INHERITED) {
    const value = input.host[name];
    if (value !== undefined && value !== '') env[name] = value;
  }
  const pairs = [...FIXED_CONFIG, ...config];
  pairs.forEach(([key, value], index) => {
    env[`GIT_CONFIG_KEY_${index}`] = key;
    env[`GIT_CONFIG_VALUE_${index}`] = value;
  });
  return {
    ...env,
    HOME: input.home,
    LC_ALL: 'C',
    TZ: 'UTC',
    GIT_CONFIG_COUNT: String(pairs.length),
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_CONFIG_GLOBAL: '/dev/null',
    GIT_ATTR_NOSYSTEM: '1',
    // Only the protocol of the configured address; `ext` and friends never.
    GIT_ALLOW_PROTOCOL: input.protocol,
    GIT_TERMINAL_PROMPT: '0',
    // An empty program name means that nobody is asked.
    GIT_ASKPASS: '',
    SSH_ASKPASS: '',
    GIT_SSH_COMMAND: input.sshCommand,
    GIT_SSH_VARIANT: 'ssh',
    GIT_LITERAL_PATHSPECS: '1',
    GIT_NO_REPLACE_OBJECTS: '1',
    GIT_EDITOR: 'true',
    GIT_PAGER: 'cat',
  };
}
