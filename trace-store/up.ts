import { setTimeout as pause } from "node:timers/promises";
import type { Config, KafkaConfig } from "./config.ts";
import { databaseUrlOf } from "./database-url.ts";
import { TrailError } from "./errors.ts";
import { startIndexer } from "./indexer.ts";
import { createKafka } from "./kafka/client.ts";
import type { Log } from "./log.ts";
import { createRegistry, measureFreshness, measureIndexer } from "./metrics.ts";
import { createQuery } from "./query/query.ts";
import { type Running, stopAll, untilSignal } from "./running.ts";
import { migrate } from "./schema/migrate.ts";
import type { Part } from "./serve/cli/operations.ts";
import type { Health, HealthCheck } from "./serve/health.ts";
import { createHttpServer } from "./serve/http.ts";
import { startSliceKeeper } from "./slice-keeper.ts";
import { startWatcher, type Watcher } from "./watch/start-watcher.ts";

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
  const running: Running[] = [];
  const stopping = new AbortController();
  const stopped = untilSignal(log).then(() => stopping.abort());
  try {
    // Whoever stops a store that is still starting does not wait for what that waits for: the schema is one transaction.
    await Promise.race([
      start({ ...config, databaseUrl }, only, version, log, running, stopping.signal),
      stopped,
    ]);
    await stopped;
  } finally {
    await stopAll(running, log);
    // kafkajs goes on looking for a broker that is away, for half a minute, and nobody waits for it any more.
    setTimeout(() => process.exit(), LINGER_MS).unref();
  }
}

/** Starts one part after the other, and adds each to `running` as it does. */
async function start(
  config: WholeConfig,
  only: Part | undefined,
  version: string,
  log: Log,
  running: Running[],
  stop: AbortSignal,
): Promise<void> {
  const checks: (() => HealthCheck)[] = [];
  const registry = createRegistry(version);
  await migrated(config.databaseUrl, log, stop);
  if (stop.aborted) return;
  if (config.kafka === undefined && (only === undefined || only === "index"))
    log.warn("KAFKA_BROKERS is not set: spans come by OTLP only, and no broker is watched");
  if (only === undefined || only === "index") {
    const keeper = await startSliceKeeper(config, log);
    // Slices first: a span that comes before its slice would have to be moved.
    running.push({ name: "slices", stop: () => keeper.stop() });
    const indexer = await startIndexer(config, log);
    running.push({ name: "indexer", stop: () => indexer.stop() });
    measureIndexer(registry, indexer);
    checks.push(() => checkOf("slices", [keeper.problem() ?? []].flat()));
    checks.push(() => checkOf("indexer", indexer.problems()));
  }
  if (config.kafka !== undefined && (only === undefined || only === "watch")) {
    const watcher = startWatching(config, config.kafka, log);
    running.push({ name: "watcher", stop: () => watcher.stop() });
  }
  const query = createQuery({
    databaseUrl: config.databaseUrl,
    settleMs: config.settleMs,
    keyHmacSecret: config.keyHmacSecret,
  });
  measureFreshness(registry, () => query.freshness());
  const health = healthOf(query, checks);
  const http = await createHttpServer({ query, health, config, log, version, registry });
  const closeHttp = async () => {
    // What is being asked is answered first.
    await http.close();
    await query.close();
  };
  running.push({ name: "HTTP", stop: closeHttp });
  log.info({ url: http.url }, "kafka-trail is up");
}

/** The span topic and our own groups are never watched: nobody asks what happened to a span export. */
function startWatching(config: WholeConfig, kafka: KafkaConfig, log: Log): Watcher {
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
