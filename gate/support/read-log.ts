import { randomBytes } from "node:crypto";
import type { Kafka, KafkaMessage } from "kafkajs";

/** One message as it lies in the log. */
export interface LogEntry {
  readonly topic: string;
  readonly partition: number;
  readonly message: KafkaMessage;
}

interface ReadOptions {
  /** Default: aborted messages are read too, as they have offsets like all others. */
  readonly isCommittedOnly?: boolean;
}

/** Reads topics from their beginning to the end they have now, markers and aborted messages at the end included. */
export async function readLog(
  kafka: Kafka,
  topics: readonly string[],
  onMessage: (entry: LogEntry) => void,
  { isCommittedOnly = false }: ReadOptions = {},
): Promise<void> {
  const missing = await ends(kafka, topics);
  if (missing.size === 0) return;
  const consumer = kafka.consumer({
    groupId: `read-log-${randomBytes(6).toString("hex")}`,
    maxWaitTimeInMs: 100,
    readUncommitted: !isCommittedOnly,
  });
  let resolve = () => {};
  let reject: (error: Error) => void = () => {};
  const atEnd = new Promise<void>((...ends) => ([resolve, reject] = ends));
  const pass = (topic: string, partition: number, lastOffset: string) => {
    const at = `${topic}/${partition}`;
    if (BigInt(lastOffset) + 1n >= (missing.get(at) ?? 0n)) missing.delete(at);
    if (missing.size === 0) resolve();
  };
  // A fetch of hidden records alone reaches no handler; this event tells of it, with nothing left to wait for.
  consumer.on(consumer.events.END_BATCH_PROCESS, ({ payload }) =>
    pass(payload.topic, payload.partition, payload.lastOffset),
  );
  consumer.on(consumer.events.CRASH, ({ payload }) => reject(payload.error));
  await consumer.connect();
  try {
    await consumer.subscribe({ topics: [...topics], fromBeginning: true });
    await consumer.run({
      autoCommit: false,
      eachBatch: async ({ batch: { topic, partition, messages } }) => {
        for (const message of messages) onMessage({ topic, partition, message });
      },
    });
    await atEnd;
  } finally {
    await consumer.disconnect();
  }
}

/** The log end of every partition that is not empty, by `topic/partition`. */
async function ends(kafka: Kafka, topics: readonly string[]): Promise<Map<string, bigint>> {
  const admin = kafka.admin();
  await admin.connect();
  try {
    const found = new Map<string, bigint>();
    for (const topic of topics) {
      for (const { partition, low, high } of await admin.fetchTopicOffsets(topic)) {
        if (BigInt(high) > BigInt(low)) found.set(`${topic}/${partition}`, BigInt(high));
      }
    }
    return found;
  } finally {
    await admin.disconnect();
  }
}
