import { readConfig } from "../../trace-store/config.ts";
import { startIndexer, type Indexer } from "../../trace-store/indexer.ts";
import { createLog } from "../../trace-store/log.ts";
import { startSliceKeeper } from "../../trace-store/slice-keeper.ts";
import { freePorts } from "../../dev/ports.ts";
import { kafkaBrokers } from "./services.ts";

/** An indexer in this process, with its doors. */
export interface TestIndexer {
  readonly indexer: Indexer;
  readonly otlpGrpcPort: number;
  readonly otlpHttpPort: number;
  stop(): Promise<void>;
}

/** Starts an indexer on a migrated database; with `spanTopic` it reads that topic too. */
export async function startTestIndexer(options: {
  readonly databaseUrl: string;
  readonly spanTopic?: string;
  readonly env?: Readonly<Record<string, string>>;
}): Promise<TestIndexer> {
  const [otlpGrpcPort = 0, otlpHttpPort = 0] = await freePorts(2);
  const config = readConfig({
    DATABASE_URL: options.databaseUrl,
    KAFKA_TRAIL_OTLP_GRPC_PORT: String(otlpGrpcPort),
    KAFKA_TRAIL_OTLP_HTTP_PORT: String(otlpHttpPort),
    KAFKA_TRAIL_LOG_LEVEL: "silent",
    ...(options.spanTopic && {
      KAFKA_BROKERS: kafkaBrokers().join(","),
      KAFKA_TRAIL_SPAN_TOPIC: options.spanTopic,
      KAFKA_TRAIL_INDEXER_GROUP: `indexer-of-${options.spanTopic}`,
    }),
    ...options.env,
  });
  const whole = { ...config, databaseUrl: options.databaseUrl };
  const log = createLog(config.logLevel);
  const keeper = await startSliceKeeper(whole, log);
  const indexer = await startIndexer(whole, log).catch(async (error: unknown) => {
    await keeper.stop();
    throw error;
  });
  return {
    indexer,
    otlpGrpcPort,
    otlpHttpPort,
    async stop() {
      await indexer.stop();
      await keeper.stop();
    },
  };
}
