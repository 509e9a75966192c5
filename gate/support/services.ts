import type { RunOptions } from "../../dev/contract.ts";
import { startKafka } from "../../dev/kafka.ts";
import { startOwnPostgres, startPostgres, type OwnPostgres } from "../../dev/postgres.ts";

/**
 * Starts what a gate runs on, and tells the support of the tests, which reads the environment. `settings` are those of a
 * Postgres that is started here.
 */
export async function withServices<T>(
  progress: RunOptions["progress"],
  work: () => Promise<T>,
  settings: Readonly<Record<string, string>> = {},
): Promise<T> {
  const kafka = await startKafka({ onProgress: progress });
  const postgres = await startPostgres({ settings, onProgress: progress });
  process.env["KAFKA_BROKERS"] = kafka.brokers.join(",");
  process.env["DATABASE_URL"] = postgres.url;
  try {
    return await work();
  } finally {
    await postgres.stop();
    await kafka.stop();
  }
}

/** The same with a Postgres that may be crashed. */
export async function withOwnPostgres<T>(
  progress: RunOptions["progress"],
  work: (postgres: OwnPostgres) => Promise<T>,
): Promise<T> {
  const kafka = await startKafka({ onProgress: progress });
  const postgres = await startOwnPostgres({ onProgress: progress });
  process.env["KAFKA_BROKERS"] = kafka.brokers.join(",");
  process.env["DATABASE_URL"] = postgres.url;
  try {
    return await work(postgres);
  } finally {
    await postgres.stop();
    await kafka.stop();
  }
}
