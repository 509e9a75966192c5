import { randomBytes } from "node:crypto";
import { Kafka, logLevel, type Admin, type Producer } from "kafkajs";
import { waitUntil } from "../../dev/wait.ts";

export const PARTITIONS = 6;
/** Topics that each group reads. */
const TOPICS_OF_GROUP = 4;
/** Topics made by one request, and groups that commit in one transaction. */
const AT_ONCE = 50;

/** Topics with messages in every partition, and groups that commit on some of them. */
export interface WatchedCluster {
  readonly prefix: string;
  readonly brokers: readonly string[];
  /** Appends a message to every partition and moves every group on by one. */
  move(): Promise<void>;
  /** Deletes the topics and the groups. */
  drop(): Promise<void>;
}

/** Makes topics of six partitions, and groups that read four of them each. */
export async function makeWatchedCluster(
  brokers: readonly string[],
  size: { readonly topics: number; readonly groups: number },
  progress: (line: string) => void,
): Promise<WatchedCluster> {
  const kafka = new Kafka({ brokers: [...brokers], logLevel: logLevel.NOTHING });
  const prefix = `watched-${randomBytes(3).toString("hex")}-`;
  const topics = Array.from({ length: size.topics }, (_, i) => `${prefix}${i}`);
  const groups = Array.from({ length: size.groups }, (_, i) => `${prefix}group-${i}`);
  const admin = kafka.admin();
  await admin.connect();
  await makeTopics(admin, topics, progress);
  const producer = kafka.producer({ allowAutoTopicCreation: false });
  const committer = kafka.producer({
    transactionalId: `${prefix}commits`,
    idempotent: true,
    maxInFlightRequests: 1,
  });
  await producer.connect();
  await committer.connect();
  let moves = 0;
  const move = async () => {
    await appendEverywhere(producer, topics);
    await commitAll(committer, groups, topics, ++moves);
  };
  progress(`${size.groups} groups commit`);
  await move();
  return {
    prefix,
    brokers,
    move,
    async drop() {
      await producer.disconnect();
      await committer.disconnect();
      for (const some of chunks(groups)) await admin.deleteGroups(some).catch(() => undefined);
      for (const some of chunks(topics)) await admin.deleteTopics({ topics: some }).catch(() => undefined);
      await admin.disconnect();
    },
  };
}

async function makeTopics(
  admin: Admin,
  topics: readonly string[],
  progress: (line: string) => void,
): Promise<void> {
  let made = 0;
  for (const some of chunks(topics)) {
    progress(`${made} of ${topics.length} topics`);
    const wanted = some.map((topic) => ({ topic, numPartitions: PARTITIONS, replicationFactor: 1 }));
    await admin.createTopics({ topics: wanted, waitForLeaders: false });
    await waitUntil(`The making of ${some.length} topics`, () => haveLeaders(admin, some), {
      timeoutMs: 120_000,
    });
    made += some.length;
  }
}

async function haveLeaders(admin: Admin, topics: string[]): Promise<boolean> {
  try {
    const metadata = await admin.fetchTopicMetadata({ topics });
    return metadata.topics.every(
      ({ partitions }) => partitions.length === PARTITIONS && partitions.every(({ leader }) => leader >= 0),
    );
  } catch {
    return false;
  }
}

async function appendEverywhere(producer: Producer, topics: readonly string[]): Promise<void> {
  for (const some of chunks(topics)) {
    await producer.sendBatch({
      topicMessages: some.map((topic) => ({
        topic,
        messages: Array.from({ length: PARTITIONS }, (_, partition) => ({ partition, value: "x" })),
      })),
    });
  }
}

/** Commits for groups without members, in transactions: joining a group takes seconds. */
async function commitAll(
  producer: Producer,
  groups: readonly string[],
  topics: readonly string[],
  offset: number,
): Promise<void> {
  for (const [chunk, some] of chunks(groups).entries()) {
    const transaction = await producer.transaction();
    for (const [i, consumerGroupId] of some.entries()) {
      const first = (chunk * AT_ONCE + i) * TOPICS_OF_GROUP;
      const read = Array.from(
        { length: TOPICS_OF_GROUP },
        (_, n) => topics[(first + n) % topics.length] ?? "",
      );
      const partitions = Array.from({ length: PARTITIONS }, (_, partition) => ({
        partition,
        offset: String(offset),
      }));
      await transaction.sendOffsets({
        consumerGroupId,
        topics: [...new Set(read)].map((topic) => ({ topic, partitions })),
      });
    }
    await transaction.commit();
  }
}

function chunks<T>(all: readonly T[]): T[][] {
  return Array.from({ length: Math.ceil(all.length / AT_ONCE) }, (_, i) =>
    all.slice(i * AT_ONCE, (i + 1) * AT_ONCE),
  );
}
