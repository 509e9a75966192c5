import { eachBounded } from "./bounded.ts";
import { NO_LEADER, type PrivateCluster } from "./private-cluster.ts";

/** The log of one partition. */
export interface LogRange {
  readonly partition: number;
  readonly logStart: bigint;
  readonly logEnd: bigint;
}

/** Topics asked for by one request: 1,200 partitions are 30 KB there and back. */
const TOPICS_MAX = 200;
/** Brokers asked at once. */
const BROKERS_MAX = 10;
/** Kafka's names for the two ends of a log, in ListOffsets. */
const LATEST = -1;
const EARLIEST = -2;

/** Partitions of one broker, by topic. */
type Led = Map<string, number[]>;

/**
 * Asks for the logs of topics of the cluster's last refresh: for each 200 topics one request for the starts and one for
 * the ends to each broker. kafkajs's admin client asks topic by topic, and for the metadata of all of them each time it
 * meets a new one: 200 topics are 850 requests that way.
 *
 * A partition without a leader is left out. Rejects when any one of the topics cannot be read; which one, only asking one by one can tell.
 */
export async function fetchLogRanges(
  cluster: PrivateCluster,
  topics: readonly string[],
): Promise<Map<string, LogRange[]>> {
  const logs = new Map<string, LogRange[]>(topics.map((topic) => [topic, []]));
  const brokers = [...ledByBroker(cluster, logs)];
  await eachBounded(brokers, BROKERS_MAX, async ([nodeId, led]) => {
    const broker = await cluster.findBroker({ nodeId });
    for (let from = 0; from < led.size; from += TOPICS_MAX) {
      const some = [...led].slice(from, from + TOPICS_MAX);
      const asked = (timestamp: number) => ({
        topics: some.map(([topic, partitions]) => ({
          topic,
          partitions: partitions.map((partition) => ({ partition, timestamp })),
        })),
      });
      // The ends first: a start that moves in between is then never beyond its end's time.
      const { responses: ends } = await broker.listOffsets(asked(LATEST));
      const { responses: starts } = await broker.listOffsets(asked(EARLIEST));
      const startsOf = new Map(starts.map(({ topic, partitions }) => [topic, partitions]));
      for (const { topic, partitions } of ends) {
        const startOf = new Map(startsOf.get(topic)?.map((it) => [it.partition, it.offset]));
        for (const { partition, offset } of partitions) {
          const logStart = BigInt(startOf.get(partition) ?? 0);
          logs.get(topic)?.push({ partition, logStart, logEnd: BigInt(offset) });
        }
      }
    }
  });
  return logs;
}

function ledByBroker({ brokerPool }: PrivateCluster, topics: ReadonlyMap<string, unknown>): Map<string, Led> {
  const brokers = new Map<string, Led>();
  for (const { topic, partitionMetadata } of brokerPool.metadata?.topicMetadata ?? []) {
    if (!topics.has(topic)) continue;
    for (const { partitionId, leader } of partitionMetadata) {
      if (leader === NO_LEADER) continue;
      const nodeId = String(leader);
      const led: Led = brokers.get(nodeId) ?? new Map();
      brokers.set(nodeId, led.set(topic, [...(led.get(topic) ?? []), partitionId]));
    }
  }
  return brokers;
}
