import { startKafkaCluster } from "./kafka-cluster.ts";
import { startKafkaContainer } from "./kafka-docker.ts";
import { KAFKA_VERSION, whyNoKafkaRuntime } from "./kafka-jars.ts";
import { type Progress, quiet } from "./progress.ts";
import { findDocker } from "./tools.ts";

export { type KafkaCluster, type KafkaClusterOptions, startKafkaCluster } from "./kafka-cluster.ts";

/** How to get at a Kafka. */
export interface KafkaOptions {
  /** Added to the broker's own, unless `KAFKA_BROKERS` names brokers: those are as they are. */
  readonly properties?: Readonly<Record<string, string>>;
  readonly onProgress?: Progress;
}

/** A real Kafka. */
export interface KafkaService {
  readonly brokers: string[];
  readonly via: "KAFKA_BROKERS" | "docker" | "maven";
  /** Ends what was started here; brokers that were given go on. */
  stop(): Promise<void>;
}

/**
 * Returns a real Kafka that is ready: the one `KAFKA_BROKERS` names, else one broker in Docker, else one in Java.
 *
 * Throws one error that names all three ways when none is open.
 */
export async function startKafka(options: KafkaOptions = {}): Promise<KafkaService> {
  const { properties = {}, onProgress = quiet } = options;
  const given = (process.env["KAFKA_BROKERS"] ?? "").split(",").filter(Boolean);
  if (given.length > 0) return { brokers: given, via: "KAFKA_BROKERS", stop: async () => undefined };

  const docker = await tryDocker(properties, onProgress);
  if (!("missing" in docker)) return docker;
  const missing = whyNoKafkaRuntime();
  if (missing === undefined) return startKafkaCluster({ brokers: 1, properties, onProgress });
  throw new Error(
    `No Kafka is to be had here. Any one of these gives one:
- KAFKA_BROKERS=host:port of a Kafka that runs (it is not set),
- Docker with its daemon running (${docker.missing}),
- Java 17 or newer and Maven, to run Apache Kafka ${KAFKA_VERSION} from Maven Central (${missing}): \
apt install openjdk-17-jre-headless maven, or brew install openjdk maven.
Linux and macOS are supported; on Windows, use WSL.`,
  );
}

async function tryDocker(
  properties: Readonly<Record<string, string>>,
  onProgress: Progress,
): Promise<KafkaService | { missing: string }> {
  const docker = findDocker();
  if ("missing" in docker) return docker;
  try {
    return { ...(await startKafkaContainer(docker.path, properties, onProgress)), via: "docker" };
  } catch (error) {
    // A daemon that cannot get the image is as good as none.
    onProgress("Docker gives no Kafka; trying Java.");
    return { missing: `its daemon answers, but ${(error as Error).message}` };
  }
}
