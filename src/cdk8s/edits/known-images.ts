// What widely used images need to run under a strict security context. An image that is not listed decides its own
// user, and a wrong guess here keeps a pod from starting, so only what the images document is written down.

/** How a well-known image wants to be run. */
export interface KnownImage {
  /** The port its program listens on. */
  port: number;
  /** Numeric user and group the image works under without root; fsGroup makes volumes writable to it. */
  user: number;
  group: number;
  /** Where it keeps what it writes; a volume in a stateful service. */
  dataPath: string | undefined;
  /** Other places it writes to, which a read-only root file system needs as scratch volumes. */
  scratchPaths: readonly string[];
  /** False where the image writes to more places than are known. */
  readOnlyRoot: boolean;
  /** True for databases and the like, which do not start in the memory of a small service. */
  large: boolean;
  /** A command that succeeds when the program answers; a TCP connection is tried otherwise. */
  probe: readonly string[] | undefined;
  /** Environment variables without which it refuses to start. */
  requiredEnv: readonly string[];
  /** Set for the service when it is not given. */
  env: Readonly<Record<string, string>>;
}

const base = {
  dataPath: undefined,
  scratchPaths: ['/tmp'],
  readOnlyRoot: true,
  large: false,
  probe: undefined,
  requiredEnv: [],
  env: {},
};
const database = { ...base, large: true, readOnlyRoot: false, scratchPaths: [] };

const POSTGRES: KnownImage = {
  ...base,
  large: true,
  port: 5432,
  user: 999,
  group: 999,
  dataPath: '/var/lib/postgresql/data',
  scratchPaths: ['/var/run/postgresql', '/tmp'],
  probe: ['pg_isready', '-U', 'postgres'],
  requiredEnv: ['POSTGRES_PASSWORD'],
  // A fresh volume holds lost+found; the database wants an empty folder of its own.
  env: { PGDATA: '/var/lib/postgresql/data/pgdata' },
};

const IMAGES: Readonly<Record<string, KnownImage>> = {
  redis: {
    ...base,
    port: 6379,
    user: 999,
    group: 999,
    dataPath: '/data',
    scratchPaths: [],
    probe: ['redis-cli', 'ping'],
  },
  valkey: {
    ...base,
    port: 6379,
    user: 999,
    group: 999,
    dataPath: '/data',
    scratchPaths: [],
    probe: ['valkey-cli', 'ping'],
  },
  memcached: { ...base, port: 11211, user: 11211, group: 11211, scratchPaths: [] },
  postgres: POSTGRES,
  mysql: {
    ...database,
    port: 3306,
    user: 999,
    group: 999,
    dataPath: '/var/lib/mysql',
    requiredEnv: ['MYSQL_ROOT_PASSWORD'],
  },
  mariadb: {
    ...database,
    port: 3306,
    user: 999,
    group: 999,
    dataPath: '/var/lib/mysql',
    requiredEnv: ['MARIADB_ROOT_PASSWORD'],
  },
  mongo: { ...database, port: 27017, user: 999, group: 999, dataPath: '/data/db' },
  rabbitmq: { ...database, port: 5672, user: 999, group: 999, dataPath: '/var/lib/rabbitmq' },
  'nginx-unprivileged': { ...base, port: 8080, user: 101, group: 101 },
};

// Alpine's package system counts users on its own, so the same program has another number there.
const ALPINE: Readonly<Record<string, { user: number; group: number }>> = {
  redis: { user: 999, group: 1000 },
  valkey: { user: 999, group: 1000 },
  postgres: { user: 70, group: 70 },
};

const OFFICIAL = /^(?:(?:docker\.io|index\.docker\.io|registry-1\.docker\.io)\/)?(?:library\/)?([a-z0-9-]+)$/;
const OF_PROJECTS: Readonly<Record<string, string>> = {
  'valkey/valkey': 'valkey',
  'nginxinc/nginx-unprivileged': 'nginx-unprivileged',
};

/** How a well-known image wants to be run; undefined for any other, private mirrors of the same name included. */
export function findKnownImage(image: string): KnownImage | undefined {
  const repository = image.replace(/@sha256:[0-9a-f]+$/, '').replace(/:[\w][\w.-]*$/, '');
  const tag = /:([\w][\w.-]*)(?:@|$)/.exec(image.slice(repository.length))?.[1] ?? '';
  const plain = repository.replace(/^docker\.io\//, '');
  const name = Object.hasOwn(OF_PROJECTS, plain) ? OF_PROJECTS[plain] : OFFICIAL.exec(repository)?.[1];
  // `nginx-unprivileged` and `valkey` are no official images: only the projects' own names count.
  if (name === undefined || (Object.values(OF_PROJECTS).includes(name) && OFFICIAL.test(repository))) return undefined;
  const known = Object.hasOwn(IMAGES, name) ? IMAGES[name] : undefined;
  if (name === 'rabbitmq' && tag.includes('alpine')) return undefined;
  const alpine = tag.includes('alpine') ? ALPINE[name] : undefined;
  return known === undefined || alpine === undefined ? known : { ...known, ...alpine };
}
