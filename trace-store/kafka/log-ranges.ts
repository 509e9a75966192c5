import type { Kafka } from "kafkajs";
import { openCluster } from "./private-cluster.ts";

/** The log of one partition. */
export interface LogRange {
  readonly partition: number;
  readonly logStart: bigint;
  readonly logEnd: bigint;
}

/** Topics asked for by one request: 1,200 partitions are 30 KB there and back. */
const TOPICS_MAX = 200;

/**
 * Asks for the logs of many topics: for each 200 topics one request for the starts and one for the ends to each broker.
 * kafkajs's admin client asks topic by topic, and for the metadata of all of them each time it meets a new one: 200 topics
 * are 850 requests that way.
 *
 * Throws when any one of the topics cannot be read; which one, only asking one by one can tell.
 */
export async function fetchLogRanges(
  kafka: Kafka,
  topics: readonly string[],
): Promise<Map<string, LogRange[]>> {
  const logs = new Map<string, LogRange[]>();
  if (topics.length === 0) return logs;
  const cluster = openCluster(kafka);
  await cluster.connect();
  try {
    await cluster.addMultipleTargetTopics(topics);
    for (let from = 0; from < topics.length; from += TOPICS_MAX) {
      const asked = topics.slice(from, from + TOPICS_MAX).map((topic) => ({
        topic,
        partitions: cluster.findTopicPartitionMetadata(topic).map((it) => ({ partition: it.partitionId })),
      }));
      // The ends first: a start that moves in between is then never beyond its end's time.
      const ends = await cluster.fetchTopicsOffset(asked.map((it) => ({ ...it, fromBeginning: false })));
      const starts = await cluster.fetchTopicsOffset(asked.map((it) => ({ ...it, fromBeginning: true })));
      const startOf = new Map(
        starts.flatMap(({ topic, partitions }) =>
          partitions.map(({ partition, offset }) => [`${topic}/${partition}`, BigInt(offset)]),
        ),
      );
      for (const { topic, partitions } of ends) {
        const ranges = partitions.map(({ partition, offset }) => ({
          partition,
          logStart: startOf.get(`${topic}/${partition}`) ?? 0n,
          logEnd: BigInt(offset),
        }));
        logs.set(topic, ranges);
      }
    }
    return logs;
  } finally {
    await cluster.disconnect();
  }
}
