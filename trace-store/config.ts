import { createHash } from "node:crypto";
import { Environment } from "./environment.ts";
import { TrailError } from "./errors.ts";

/** A door that listens: its address, and whether a token is asked for. */
export interface DoorConfig {
  /** Default 127.0.0.1. Elsewhere a token is needed, or the door's name in `KAFKA_TRAIL_INSECURE_NO_AUTH`. */
  readonly host: string;
  /** 0 lets the system choose. */
  readonly port: number;
}

/** How to reach the brokers that hold the span topic. */
export interface KafkaConfig {
  readonly brokers: readonly string[];
  readonly clientId: string;
  /** Files in PEM. `false` for a plain connection. */
  readonly ssl: { readonly caFile?: string; readonly certFile?: string; readonly keyFile?: string } | false;
  readonly sasl:
    | { readonly mechanism: SaslMechanism; readonly username: string; readonly password: string }
    | undefined;
}

const SASL_MECHANISMS = ["plain", "scram-sha-256", "scram-sha-512"] as const;
export type SaslMechanism = (typeof SASL_MECHANISMS)[number];

const SCOPES = ["read", "ingest", "admin"] as const;
export type Scope = (typeof SCOPES)[number];

/** A bearer token, kept as its SHA-256. */
export interface TokenConfig {
  readonly sha256: Buffer;
  readonly scopes: ReadonlySet<Scope>;
}

/** Everything the store is told from outside: read once, whole, frozen, passed by argument. */
export interface Config {
  /** `DATABASE_URL`. */
  readonly databaseUrl: string | undefined;
  /** `KAFKA_TRAIL_URL`: where the CLI asks. Default: this machine's HTTP door. */
  readonly url: string;
  /** `KAFKA_TRAIL_TOKEN`: what the CLI shows there. */
  readonly token: string | undefined;
  /** `KAFKA_BROKERS`, `KAFKA_CLIENT_ID`, `KAFKA_SSL*`, `KAFKA_SASL_*`. Absent: spans come by OTLP only, nothing is watched. */
  readonly kafka: KafkaConfig | undefined;
  /** `KAFKA_TRAIL_SPAN_TOPIC`. Default `otlp_spans`. */
  readonly spanTopic: string;
  /** `KAFKA_TRAIL_SPAN_TOPIC_PARTITIONS`: used when we make it. Default 12, 1 to 10,000. */
  readonly spanTopicPartitions: number;
  /** `KAFKA_TRAIL_INDEXER_GROUP`: consumer group of all indexers of one store. Default `kafka-trail-indexer`, and of a span topic of another name `kafka-trail-indexer-<topic>`. */
  readonly indexerGroup: string;
  /** `KAFKA_TRAIL_INDEXER_SESSION_TIMEOUT_MS`: an indexer that is silent for so long loses its partitions. Default 30,000, 6,000 to 300,000. */
  readonly indexerSessionTimeoutMs: number;
  /** `KAFKA_TRAIL_CLUSTER`: name of the cluster that is watched; equal to the apps' `cluster` option. Default `""`. */
  readonly cluster: string;
  /** `KAFKA_TRAIL_HTTP_*`: questions. Port 8712. */
  readonly http: DoorConfig;
  /** `KAFKA_TRAIL_OTLP_GRPC_*`: spans in. Port 4317. */
  readonly otlpGrpc: DoorConfig;
  /** `KAFKA_TRAIL_OTLP_HTTP_*`: spans in. Port 4318. */
  readonly otlpHttp: DoorConfig;
  /** `KAFKA_TRAIL_INSECURE_NO_AUTH`: doors (`http`, `otlp_grpc`, `otlp_http`) that may be open beyond this machine. */
  readonly insecureDoors: ReadonlySet<string>;
  /** `KAFKA_TRAIL_TOKENS`: `token:scope+scope`, several with commas. Scopes: read, ingest, admin. */
  readonly tokens: readonly TokenConfig[];
  /** `KAFKA_TRAIL_RETENTION_DAYS`. Default 14, 1 to 3,650. */
  readonly retentionDays: number;
  /** `KAFKA_TRAIL_SLICE_MINUTES`: length of a slice of time. Default 360, 5 to 10,080. */
  readonly sliceMinutes: number;
  /** `KAFKA_TRAIL_BATCH_SPANS_MAX`: rows of one write. Default 10,000, 100 to 50,000. */
  readonly batchSpansMax: number;
  /** `KAFKA_TRAIL_BUFFER_MIB`: held between sources and Postgres, in bytes here. Default 32 MiB, 8 to 4,096. */
  readonly bufferBytesMax: number;
  /** `KAFKA_TRAIL_SETTLE_MS`: nothing negative is said of a message before. Default 60,000, 0 to 3,600,000. */
  readonly settleMs: number;
  /** `KAFKA_TRAIL_KEY_HMAC_SECRET`: the secret of apps that record keys as HMACs, so that a plain key finds them. */
  readonly keyHmacSecret: string | undefined;
  /** `KAFKA_TRAIL_WATCH_POLL_MS`: pause between two looks at the broker. Default 5,000, 100 to 300,000. */
  readonly watchPollMs: number;
  /** `KAFKA_TRAIL_LOG_LEVEL`. Default `info`. */
  readonly logLevel: string;
  /** `NO_COLOR`: set to anything, the command line writes without colours (no-color.org). */
  readonly noColor: boolean;
}

const MEBIBYTE = 1_048_576;
const DOORS = ["http", "otlp_grpc", "otlp_http"] as const;
const LOG_LEVELS = ["trace", "debug", "info", "warn", "error", "fatal", "silent"] as const;

function kafkaConfig(env: Environment): KafkaConfig | undefined {
  const brokers = env.list("KAFKA_BROKERS");
  const clientId = env.text("KAFKA_CLIENT_ID") ?? "kafka-trail";
  const [caFile, certFile, keyFile] = ["CA", "CERT", "KEY"].map((it) => env.text(`KAFKA_SSL_${it}_FILE`));
  const isSsl =
    env.choice("KAFKA_SSL", ["true", "false"], caFile === undefined ? "false" : "true") === "true";
  const mechanism = env.choice("KAFKA_SASL_MECHANISM", SASL_MECHANISMS, "plain");
  const [username, password] = [env.text("KAFKA_SASL_USERNAME"), env.text("KAFKA_SASL_PASSWORD")];

  const odd = brokers.find((it) => !/:\d+$/.test(it));
  if (odd !== undefined)
    env.faults.push(`KAFKA_BROKERS holds "${odd}"; expected host:port, several with commas.`);
  if ((username === undefined) !== (password === undefined)) {
    env.faults.push("KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD go together, and one of them is missing.");
  }
  if (brokers.length === 0) return undefined;
  return {
    brokers,
    clientId,
    ssl: isSsl && { ...(caFile && { caFile }), ...(certFile && { certFile }), ...(keyFile && { keyFile }) },
    sasl: username !== undefined && password !== undefined ? { mechanism, username, password } : undefined,
  };
}

function tokenConfigs(env: Environment): TokenConfig[] {
  return env.list("KAFKA_TRAIL_TOKENS").map((entry) => {
    const colon = entry.lastIndexOf(":");
    const [token, scopes] = [entry.slice(0, colon), entry.slice(colon + 1).split("+")];
    const known = scopes.filter((it): it is Scope => SCOPES.some((scope) => scope === it));
    // The entry itself is a secret: the fault must not repeat it.
    if (colon < 16 || known.length !== scopes.length) {
      env.faults.push(
        "KAFKA_TRAIL_TOKENS holds an entry that is not `token:scope+scope` with a token of 16 characters or more and scopes out of read, ingest, admin.",
      );
    }
    return { sha256: createHash("sha256").update(token).digest(), scopes: new Set(known) };
  });
}

function doorConfig(env: Environment, name: string, port: number): DoorConfig {
  const prefix = `KAFKA_TRAIL_${name}`;
  return {
    host: env.text(`${prefix}_HOST`) ?? "127.0.0.1",
    port: env.integer(`${prefix}_PORT`, port, 0, 65_535),
  };
}

/** A look-up without a time opens every slice of the retention: of 14 days, 56. RATIONALE: "How long is a slice?" */
const SLICE_MINUTES = 360;
const SPAN_TOPIC = "otlp_spans";
const INDEXER_GROUP = "kafka-trail-indexer";

function storeConfig(env: Environment) {
  const spanTopic = env.text("KAFKA_TRAIL_SPAN_TOPIC") ?? SPAN_TOPIC;
  // In one group with a store that reads another topic, each would be given partitions that it has not asked for: nobody
  // would read those, and nobody would say so.
  const group = spanTopic === SPAN_TOPIC ? INDEXER_GROUP : `${INDEXER_GROUP}-${spanTopic}`;
  return {
    spanTopic,
    spanTopicPartitions: env.integer("KAFKA_TRAIL_SPAN_TOPIC_PARTITIONS", 12, 1, 10_000),
    indexerGroup: env.text("KAFKA_TRAIL_INDEXER_GROUP") ?? group,
    indexerSessionTimeoutMs: env.integer("KAFKA_TRAIL_INDEXER_SESSION_TIMEOUT_MS", 30_000, 6_000, 300_000),
    cluster: env.text("KAFKA_TRAIL_CLUSTER") ?? "",
    retentionDays: env.integer("KAFKA_TRAIL_RETENTION_DAYS", 14, 1, 3_650),
    sliceMinutes: env.integer("KAFKA_TRAIL_SLICE_MINUTES", SLICE_MINUTES, 5, 10_080),
    batchSpansMax: env.integer("KAFKA_TRAIL_BATCH_SPANS_MAX", 10_000, 100, 50_000),
    bufferBytesMax: env.integer("KAFKA_TRAIL_BUFFER_MIB", 32, 8, 4_096) * MEBIBYTE,
    settleMs: env.integer("KAFKA_TRAIL_SETTLE_MS", 60_000, 0, 3_600_000),
    keyHmacSecret: env.text("KAFKA_TRAIL_KEY_HMAC_SECRET"),
    watchPollMs: env.integer("KAFKA_TRAIL_WATCH_POLL_MS", 5_000, 100, 300_000),
    logLevel: env.choice("KAFKA_TRAIL_LOG_LEVEL", LOG_LEVELS, "info"),
    noColor: env.text("NO_COLOR") !== undefined,
  };
}

/**
 * Reads the configuration out of an environment.
 *
 * Throws one `TRAIL_CONFIG` error that names every fault, unknown `KAFKA_TRAIL_*` names included.
 */
export function readConfig(values: Readonly<Record<string, string | undefined>> = process.env): Config {
  const env = new Environment(values);
  const http = doorConfig(env, "HTTP", 8712);
  const config: Config = {
    databaseUrl: env.text("DATABASE_URL"),
    url: env.text("KAFKA_TRAIL_URL") ?? `http://127.0.0.1:${http.port}`,
    token: env.text("KAFKA_TRAIL_TOKEN"),
    kafka: kafkaConfig(env),
    http,
    otlpGrpc: doorConfig(env, "OTLP_GRPC", 4317),
    otlpHttp: doorConfig(env, "OTLP_HTTP", 4318),
    insecureDoors: new Set(env.choices("KAFKA_TRAIL_INSECURE_NO_AUTH", DOORS)),
    tokens: tokenConfigs(env),
    ...storeConfig(env),
  };
  env.text("KAFKA_TRAIL_CACHE"); // The development services' own.
  env.rejectUnknown("KAFKA_TRAIL_");
  const sliceCount = (config.retentionDays * 1_440) / config.sliceMinutes;
  if (sliceCount > 10_000) {
    env.faults.push(
      `KAFKA_TRAIL_RETENTION_DAYS (${config.retentionDays}) over KAFKA_TRAIL_SLICE_MINUTES (${config.sliceMinutes}) makes ${Math.ceil(sliceCount)} slices; expected at most 10,000. Make slices longer.`,
    );
  }
  if (env.faults.length > 0) {
    throw new TrailError(
      "TRAIL_CONFIG",
      `The configuration has ${env.faults.length} fault${env.faults.length > 1 ? "s" : ""}:\n- ${env.faults.join("\n- ")}`,
    );
  }
  return Object.freeze(config);
}

/** True for an address that only this machine reaches. */
export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127(\.\d{1,3}){3}$/.test(host);
}
