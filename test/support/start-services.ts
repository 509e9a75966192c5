import { randomBytes } from "node:crypto";
import { findOrBuildCollector, whyNoCollector } from "../../dev/collector.ts";
import { type KafkaService, startKafka } from "../../dev/kafka.ts";
import { FAST_SETTINGS, type PostgresService, startPostgres } from "../../dev/postgres.ts";

declare global {
  /** What the global setup hands to the global teardown. */
  var testServices: { readonly kafka: KafkaService; readonly postgres: PostgresService } | undefined;
}

/** The part of Jest's global config that is read here. */
interface JestRun {
  readonly testPathPatterns: { readonly patterns: readonly string[] };
}

const say = (line: string) => void process.stderr.write(`${line}\n`);

/** Starts Kafka and Postgres once for the run, where the environment names none. */
// oxlint-disable-next-line import/no-default-export -- Jest takes the default export of a global setup.
export default async function startServices({ testPathPatterns }: JestRun): Promise<void> {
  const settings = { ...FAST_SETTINGS, max_connections: "300" };
  const [kafka, postgres] = await Promise.all([
    startKafka({ onProgress: say }),
    startPostgres({ settings, onProgress: say }),
  ]);
  globalThis.testServices = { kafka, postgres };
  process.env["KAFKA_BROKERS"] = kafka.brokers.join(",");
  process.env["DATABASE_URL"] = postgres.url;
  process.env["TEST_RUN"] = randomBytes(3).toString("hex");
  if (isCollectorWanted(testPathPatterns.patterns) && whyNoCollector() === undefined) {
    // Minutes of work, once: the tests that need none of it go first. If it fails, the test that waits for it says so.
    findOrBuildCollector(say).catch(() => undefined);
  }
}

function isCollectorWanted(patterns: readonly string[]): boolean {
  return patterns.length === 0 || patterns.some((pattern) => pattern.includes("collector"));
}
