import { ConfigResourceTypes, KafkaJSProtocolError, type Admin, type Kafka } from "kafkajs";
import { TrailError } from "../errors.ts";
import type { Log } from "../log.ts";

/** The collector's batches end at 3 MB; with their frame and what a resource adds, 4 MiB is enough. */
const RECORD_BYTES_MAX = 4 * 1_048_576;
/** Kafka's TopicExistsException. */
const TOPIC_EXISTS = "TOPIC_ALREADY_EXISTS";

/**
 * Makes the span topic where there is none, with room for the collector's batches; warns when an existing one is too narrow.
 *
 * Throws `TRAIL_BROKER` when the broker can not be reached or refuses.
 */
export async function ensureSpanTopic(
  kafka: Kafka,
  topic: string,
  partitions: number,
  log: Log,
): Promise<void> {
  // Whoever asks tries again anyway, and says meanwhile what is wrong.
  const admin = kafka.admin({ retry: { retries: 2 } });
  try {
    await admin.connect();
    if ((await admin.listTopics()).includes(topic)) await warnIfNarrow(admin, topic, log);
    else await create(admin, topic, partitions, log);
  } catch (cause) {
    throw new TrailError(
      "TRAIL_BROKER",
      `The span topic ${topic} is not to be had: ${cause instanceof Error ? cause.message : String(cause)}. Check KAFKA_BROKERS and that we may describe and create it, or create it with max.message.bytes=${RECORD_BYTES_MAX}.`,
      { cause },
    );
  } finally {
    await admin.disconnect();
  }
}

async function create(admin: Admin, topic: string, numPartitions: number, log: Log): Promise<void> {
  const configEntries = [{ name: "max.message.bytes", value: String(RECORD_BYTES_MAX) }];
  try {
    await admin.createTopics({ topics: [{ topic, numPartitions, configEntries }] });
    log.info({ topic, partitions: numPartitions }, "made the span topic");
  } catch (error) {
    if (!isExisting(error)) throw error;
  }
}

function isExisting(error: unknown): boolean {
  const causes = (error as { errors?: unknown[] }).errors ?? [error];
  return causes.some((it) => it instanceof KafkaJSProtocolError && it.type === TOPIC_EXISTS);
}

async function warnIfNarrow(admin: Admin, topic: string, log: Log): Promise<void> {
  const { resources } = await admin.describeConfigs({
    includeSynonyms: false,
    resources: [{ type: ConfigResourceTypes.TOPIC, name: topic, configNames: ["max.message.bytes"] }],
  });
  const bytes = Number(resources[0]?.configEntries[0]?.configValue ?? RECORD_BYTES_MAX);
  if (bytes >= RECORD_BYTES_MAX) return;
  log.warn(
    { topic, maxMessageBytes: bytes },
    `the span topic takes records of ${bytes} bytes; the collector sends up to ${RECORD_BYTES_MAX} and drops what is refused: raise max.message.bytes`,
  );
}
