import { randomUUID } from "node:crypto";
import type { Kafka } from "kafkajs";
import { formatCoordinates } from "kafka-trail/trace-context";
import { plainKafka } from "./service.ts";

/**
 * Reads topics from their beginning to their present end without tracing, aborted messages included.
 *
 * Returns the `topic/partition/offset` of every message by `topic` and key: the truth that the shop's own word lacks.
 */
export async function readBack(
  brokers: readonly string[],
  topics: readonly string[],
): Promise<ReadonlyMap<string, string>> {
  const kafka = plainKafka("read-back", brokers);
  const ends = await logEnds(kafka, topics);
  const consumer = kafka.consumer({ groupId: `read-back-${randomUUID()}`, readUncommitted: true });
  const found = new Map<string, string>();
  await consumer.connect();
  await consumer.subscribe({ topics: [...topics], fromBeginning: true });
  await new Promise<void>((resolve, reject) => {
    const reached = (topic: string, partition: number, next: bigint) => {
      const end = ends.get(`${topic}/${partition}`);
      if (end !== undefined && next >= end) ends.delete(`${topic}/${partition}`);
      if (ends.size === 0) resolve();
    };
    // Fires for fetches that hold transaction markers only, too.
    consumer.on(consumer.events.END_BATCH_PROCESS, ({ payload }) =>
      reached(payload.topic, payload.partition, BigInt(payload.lastOffset) + 1n),
    );
    consumer.on(consumer.events.CRASH, ({ payload }) => reject(payload.error));
    consumer
      .run({
        autoCommit: false,
        eachMessage: async ({ topic, partition, message }) => {
          const at = formatCoordinates({ topic, partition, messageOffset: BigInt(message.offset) });
          found.set(`${topic} ${message.key?.toString() ?? ""}`, at);
        },
      })
      .catch(reject);
  });
  await consumer.disconnect();
  return found;
}

/** The log ends of all partitions that hold anything. */
async function logEnds(kafka: Kafka, topics: readonly string[]): Promise<Map<string, bigint>> {
  const admin = kafka.admin();
  const ends = new Map<string, bigint>();
  await admin.connect();
  for (const topic of topics) {
    for (const { partition, low, high } of await admin.fetchTopicOffsets(topic)) {
      if (BigInt(high) > BigInt(low)) ends.set(`${topic}/${partition}`, BigInt(high));
    }
  }
  await admin.disconnect();
  return ends;
}
