import { once } from "node:events";
import { setTimeout as pause } from "node:timers/promises";
import type { Config, KafkaConfig } from "./config.ts";
import { databaseUrlOf } from "./database-url.ts";
import { TrailError } from "./errors.ts";
import { startIndexer } from "./indexer.ts";
import { createKafka } from "./kafka/client.ts";
import type { Log } from "./log.ts";
import { createRegistry, measureFreshness, measureIndexer } from "./metrics.ts";
import { createQuery } from "./query/query.ts";
import { migrate } from "./schema/migrate.ts";
import type { Part } from "./serve/cli/operations.ts";
import type { Health, HealthCheck } from "./serve/health.ts";
import { createHttpServer } from "./serve/http.ts";
import { startSliceKeeper } from "./slice-keeper.ts";
import { startWatcher } from "./watch/start-watcher.ts";

/** Something that runs and can be stopped. */
interface Running {
  stop(): Promise<void>;
}

type WholeConfig = Config & { databaseUrl: string };

const RETRY_MS = 2_000;
const LINGER_MS = 500;
const WATCHER_RETRIES = 2;

/**
 * Runs the store until the process is told to stop: schema, slices, indexer, watcher and the HTTP door, or one part.
 *
 * The HTTP door is open in every form: health and metrics are asked there. A second signal ends the process at once.
 */
export async function up(config: Config, only: Part | undefined, version: string, log: Log): Promise<void> {
  const databaseUrl = databaseUrlOf(config);
  if (only === "watch" && config.kafka === undefined) {
    throw new TrailError(
      "TRAIL_CONFIG",
      "KAFKA_BROKERS is not set, so there is nothing to watch; expected host:port, several with commas.",
    );
  }
  const whole = { ...config, databaseUrl };
  const running: Running[] = [];
  const checks: (() => HealthCheck)[] = [];
  const registry = createRegistry(version);
  const stopping = new AbortController();
  const stopped = untilSignal(log).then(() => stopping.abort());
  try {
    await migrated(databaseUrl, log, stopping.signal);
    if (stopping.signal.aborted) return;
    if (config.kafka === undefined && (only === undefined || only === "index"))
      log.warn("KAFKA_BROKERS is not set: spans come by OTLP only, and no broker is watched");
    if (only === undefined || only === "index") {
      const keeper = await startSliceKeeper(whole, log);
      // Slices first: a span that comes before its slice would have to be moved.
      running.push(keeper);
      const indexer = await startIndexer(whole, log);
      running.push(indexer);
      measureIndexer(registry, indexer);
      checks.push(() => checkOf("slices", [keeper.problem() ?? []].flat()));
      checks.push(() => checkOf("indexer", indexer.problems()));
    }
    if (config.kafka !== undefined && (only === undefined || only === "watch")) {
      running.push(startWatching(whole, config.kafka, log));
    }
    const query = createQuery({
      databaseUrl,
      settleMs: config.settleMs,
      keyHmacSecret: config.keyHmacSecret,
    });
    running.push({ stop: () => query.close() });
    measureFreshness(registry, () => query.freshness());
    const http = await createHttpServer({
      query,
      health: healthOf(query, checks),
      config,
      log,
      version,
      registry,
    });
    running.push({ stop: () => http.close() });
    log.info({ url: http.url }, "kafka-trail is up");
    await stopped;
  } finally {
    for (const it of running.toReversed()) await it.stop();
    // kafkajs goes on looking for a broker that is away, for half a minute, and nobody waits for it any more.
    setTimeout(() => process.exit(), LINGER_MS).unref();
  }
}

/** The span topic and our own groups are never watched: nobody asks what happened to a span export. */
function startWatching(config: WholeConfig, kafka: KafkaConfig, log: Log): Running {
  const { databaseUrl, cluster, spanTopic, indexerGroup, watchPollMs } = config;
  return startWatcher({
    // It looks again by itself, and says meanwhile that it cannot: kafkajs's patience would hide that, and delay its end.
    kafka: createKafka(kafka, log, WATCHER_RETRIES),
    databaseUrl,
    cluster,
    spanTopic,
    excludeTopics: [],
    excludeGroups: [indexerGroup],
    pollMs: watchPollMs,
    log,
  });
}

/** Waits for Postgres as long as it is away, or until `stop`; every other fault is said and ends the process. */
async function migrated(databaseUrl: string, log: Log, stop: AbortSignal): Promise<void> {
  while (!stop.aborted) {
    try {
      const { applied, version } = await migrate(databaseUrl);
      if (applied.length > 0) log.info({ applied, version }, "brought the schema up to date");
      return;
    } catch (error) {
      if (!isAway(error)) throw error;
      log.warn(
        { error: error instanceof Error ? error.message : String(error) },
        "Postgres is not reachable yet; trying again",
      );
      // Cut short by the signal, which is no fault.
      await pause(RETRY_MS, undefined, { signal: stop }).catch(() => undefined);
    }
  }
}

/** Not listening yet, not answering, or starting up (SQLSTATE 57P03). A name that does not exist is rather misspelt. */
const AWAY = new Set([
  "ECONNREFUSED",
  "ECONNRESET",
  "ETIMEDOUT",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "EAI_AGAIN",
  "57P03",
]);

function isAway(error: unknown): boolean {
  return AWAY.has((error as { code?: string }).code ?? "");
}

function checkOf(name: string, problems: readonly string[]): HealthCheck {
  return { name, isReady: problems.length === 0, says: problems.join("; ") || "well" };
}

function healthOf(query: ReturnType<typeof createQuery>, checks: readonly (() => HealthCheck)[]): Health {
  return {
    async check() {
      const postgres = await query.freshness().then(
        () => checkOf("postgres", []),
        (error: unknown) => checkOf("postgres", [error instanceof Error ? error.message : String(error)]),
      );
      return [postgres, ...checks.map((check) => check())];
    },
  };
}

async function untilSignal(log: Log): Promise<void> {
  const [signal] = (await Promise.race([once(process, "SIGINT"), once(process, "SIGTERM")])) as [string];
  log.info({ signal }, "stopping; what is in hand is written first");
  for (const again of ["SIGINT", "SIGTERM"] as const) process.once(again, () => process.exit(1));
}
