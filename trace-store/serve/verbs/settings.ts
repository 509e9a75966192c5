/** Name, what it means, and its default and bounds, where it has any. A test holds them to what the configuration reads. */
const SETTINGS: readonly (readonly [name: string, means: string, bounds: string])[] = [
  ["DATABASE_URL", "Postgres of the store", "needed"],
  ["KAFKA_BROKERS", "host:port, with commas; without it spans come by OTLP only", ""],
  ["KAFKA_CLIENT_ID", "what the brokers know us by", "kafka-trail"],
  ["KAFKA_SSL", "true or false", "false, or true with a CA file"],
  ["KAFKA_SSL_CA_FILE", "whom to trust, PEM", ""],
  ["KAFKA_SSL_CERT_FILE", "our own certificate, PEM", ""],
  ["KAFKA_SSL_KEY_FILE", "its key, PEM", ""],
  ["KAFKA_SASL_MECHANISM", "plain, scram-sha-256 or scram-sha-512", "plain"],
  ["KAFKA_SASL_USERNAME", "SASL is used where it is set", ""],
  ["KAFKA_SASL_PASSWORD", "goes with it", ""],
  ["KAFKA_TRAIL_SPAN_TOPIC", "topic of the collector's exports", "otlp_spans"],
  ["KAFKA_TRAIL_SPAN_TOPIC_PARTITIONS", "where we make it", "12, 1 to 10000"],
  ["KAFKA_TRAIL_INDEXER_GROUP", "consumer group of all indexers of one store", "kafka-trail-indexer"],
  [
    "KAFKA_TRAIL_INDEXER_SESSION_TIMEOUT_MS",
    "a silent indexer loses its partitions",
    "30000, 6000 to 300000",
  ],
  ["KAFKA_TRAIL_CLUSTER", "name of the cluster that is watched, as the apps call it", ""],
  ["KAFKA_TRAIL_HTTP_HOST", "where questions are taken", "127.0.0.1"],
  ["KAFKA_TRAIL_HTTP_PORT", "", "8712"],
  ["KAFKA_TRAIL_OTLP_GRPC_HOST", "where spans are taken by OTLP/gRPC", "127.0.0.1"],
  ["KAFKA_TRAIL_OTLP_GRPC_PORT", "", "4317"],
  ["KAFKA_TRAIL_OTLP_HTTP_HOST", "where spans are taken by OTLP/HTTP", "127.0.0.1"],
  ["KAFKA_TRAIL_OTLP_HTTP_PORT", "", "4318"],
  ["KAFKA_TRAIL_TOKENS", "token:scope+scope, with commas, of the scopes read, ingest, admin", ""],
  ["KAFKA_TRAIL_INSECURE_NO_AUTH", "doors open to others without: http, otlp_grpc, otlp_http", ""],
  ["KAFKA_TRAIL_RETENTION_DAYS", "how long spans are kept", "14, 1 to 3650"],
  ["KAFKA_TRAIL_SLICE_MINUTES", "length of a slice of time", "360, 5 to 10080"],
  ["KAFKA_TRAIL_BATCH_SPANS_MAX", "rows of one write", "10000, 100 to 50000"],
  ["KAFKA_TRAIL_BUFFER_MIB", "held between Kafka and Postgres", "32, 8 to 4096"],
  ["KAFKA_TRAIL_SETTLE_MS", "nothing negative is said of a message before", "60000, 0 to 3600000"],
  ["KAFKA_TRAIL_KEY_HMAC_SECRET", "of apps that record keys as HMACs", ""],
  ["KAFKA_TRAIL_WATCH_POLL_MS", "pause between two looks at the broker", "5000, 100 to 300000"],
  ["KAFKA_TRAIL_LOG_LEVEL", "trace, debug, info, warn, error, fatal or silent", "info"],
];

const WIDTH = Math.max(...SETTINGS.map(([name]) => name.length)) + 2;

/** What `up --help` says of the environment: a line for each setting. */
export function spellSettings(): string {
  const lines = SETTINGS.map(([name, means, bounds]) => {
    const said = bounds === "needed" || bounds === "" ? bounds : `default ${bounds}`;
    return `  ${name.padEnd(WIDTH)}${[means, said].filter(Boolean).join("; ")}`;
  });
  return `\nSettings, from the environment:\n${lines.join("\n")}`;
}
