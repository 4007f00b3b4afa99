/** What is known of images that people name without a registry. */
export interface KnownImage {
  /** Repository as it is pulled. */
  image: string;
  port?: number;
  /** Offered when the ticket names no version; never used unasked. */
  suggestedTags: readonly string[];
}

// Ports and repositories are those of the images' own documentation. Tags are suggestions to a person only.
const KNOWN: Readonly<Record<string, KnownImage>> = {
  redis: { image: 'redis', port: 6379, suggestedTags: ['7.2', '7.4', '8.0'] },
  valkey: { image: 'valkey/valkey', port: 6379, suggestedTags: ['8.0', '8.1'] },
  memcached: { image: 'memcached', port: 11211, suggestedTags: ['1.6'] },
  postgres: { image: 'postgres', port: 5432, suggestedTags: ['16', '17'] },
  mysql: { image: 'mysql', port: 3306, suggestedTags: ['8.0', '8.4'] },
  mariadb: { image: 'mariadb', port: 3306, suggestedTags: ['10.11', '11.4'] },
  mongo: { image: 'mongo', port: 27017, suggestedTags: ['7.0', '8.0'] },
  rabbitmq: { image: 'rabbitmq', port: 5672, suggestedTags: ['3.13', '4.0'] },
  nats: { image: 'nats', port: 4222, suggestedTags: ['2.10', '2.11'] },
  nginx: { image: 'nginx', port: 80, suggestedTags: ['1.27', '1.28'] },
  httpd: { image: 'httpd', port: 80, suggestedTags: ['2.4'] },
  caddy: { image: 'caddy', port: 80, suggestedTags: ['2.8', '2.9'] },
  traefik: { image: 'traefik', port: 80, suggestedTags: ['v3.2', 'v3.3'] },
  haproxy: { image: 'haproxy', port: 80, suggestedTags: ['3.0', '3.1'] },
  grafana: { image: 'grafana/grafana', port: 3000, suggestedTags: ['11.4.0'] },
  prometheus: { image: 'prom/prometheus', port: 9090, suggestedTags: ['v2.55.1', 'v3.1.0'] },
  elasticsearch: { image: 'elasticsearch', port: 9200, suggestedTags: ['8.17.0'] },
  minio: { image: 'minio/minio', port: 9000, suggestedTags: [] },
  etcd: { image: 'quay.io/coreos/etcd', port: 2379, suggestedTags: ['v3.5.17'] },
  vault: { image: 'hashicorp/vault', port: 8200, suggestedTags: ['1.18'] },
  consul: { image: 'hashicorp/consul', port: 8500, suggestedTags: ['1.20'] },
  zookeeper: { image: 'zookeeper', port: 2181, suggestedTags: ['3.9'] },
  kafka: { image: 'apache/kafka', port: 9092, suggestedTags: ['3.9.0'] },
  influxdb: { image: 'influxdb', port: 8086, suggestedTags: ['2.7'] },
  mosquitto: { image: 'eclipse-mosquitto', port: 1883, suggestedTags: ['2.0'] },
  jaeger: { image: 'jaegertracing/all-in-one', port: 16686, suggestedTags: ['1.62.0'] },
  keycloak: { image: 'quay.io/keycloak/keycloak', port: 8080, suggestedTags: ['26.0'] },
  adminer: { image: 'adminer', port: 8080, suggestedTags: ['4.8.1'] },
  whoami: { image: 'traefik/whoami', port: 80, suggestedTags: ['v1.10'] },
};

const ALIASES: Readonly<Record<string, string>> = {
  postgresql: 'postgres',
  pg: 'postgres',
  mongodb: 'mongo',
  apache: 'httpd',
  memcache: 'memcached',
  rabbit: 'rabbitmq',
  elastic: 'elasticsearch',
  maria: 'mariadb',
};

/** The well-known image of that name, with the name people give the service. */
export function findKnownImage(lower: string): (KnownImage & { name: string }) | undefined {
  const key = Object.hasOwn(ALIASES, lower) ? (ALIASES[lower] ?? lower) : lower;
  const known = Object.hasOwn(KNOWN, key) ? KNOWN[key] : undefined;
  return known === undefined ? undefined : { ...known, name: key };
}

/** The default port of an image reference, by its repository. */
export function findKnownPort(repository: string): number | undefined {
  const plain = repository.replace(/^library\//u, '');
  return Object.values(KNOWN).find((known) => known.image === plain || known.image.endsWith(`/${plain}`))?.port;
}
