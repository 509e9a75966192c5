import { randomBytes } from "node:crypto";
import { Kafka, logLevel, type Admin, type Producer } from "kafkajs";
import { waitUntil } from "../../dev/wait.ts";
import { openCluster, type PrivateCluster } from "../../trace-store/kafka/private-cluster.ts";

export const PARTITIONS = 6;
/** Topics that each group reads. */
const TOPICS_OF_GROUP = 4;
/** Topics and groups named by one request. */
const AT_ONCE = 50;

/** Topics with messages in every partition, and groups that commit on some of them. */
export interface WatchedCluster {
  readonly prefix: string;
  readonly brokers: readonly string[];
  /** Appends a message to every partition and moves so many groups on by one. */
  move(groups: number): Promise<void>;
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
  const producer = kafka.producer({ allowAutoTopicCreation: false });
  const cluster = openCluster(kafka) as Coordinated;
  const drop = async () => {
    for (const some of chunks(groups)) await admin.deleteGroups(some).catch(() => undefined);
    for (const some of chunks(topics)) await admin.deleteTopics({ topics: some }).catch(() => undefined);
    await Promise.all([admin, producer, cluster].map((it) => it.disconnect()));
  };
  let moves = 0;
  const move = async (moved: number) => {
    moves += 1;
    await appendEverywhere(producer, topics);
    for (const [i, groupId] of groups.slice(0, moved).entries()) {
      await commitOf(cluster, groupId, readBy(i, topics), moves);
    }
  };
  try {
    await Promise.all([admin, producer, cluster].map((it) => it.connect()));
    await makeTopics(admin, topics, progress);
    progress(`${size.groups} groups commit`);
    await move(size.groups);
    return { prefix, brokers, move, drop };
  } catch (fault) {
    await drop();
    throw fault;
  }
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

/** Topics in a ring: each group reads four neighbours. */
function readBy(group: number, topics: readonly string[]): string[] {
  const read = Array.from(
    { length: TOPICS_OF_GROUP },
    (_, n) => (group * TOPICS_OF_GROUP + n) % topics.length,
  );
  return [...new Set(read)].map((i) => topics[i] ?? "");
}

interface Coordinated extends PrivateCluster {
  findGroupCoordinator(of: { groupId: string }): Promise<{ offsetCommit(commit: object): Promise<unknown> }>;
}

/** Commits for a group without members, as tools do: joining a group takes seconds. */
async function commitOf(
  cluster: Coordinated,
  groupId: string,
  topics: string[],
  offset: number,
): Promise<void> {
  const partitions = Array.from({ length: PARTITIONS }, (_, partition) => ({
    partition,
    offset: `${offset}`,
  }));
  const coordinator = await cluster.findGroupCoordinator({ groupId });
  await coordinator.offsetCommit({
    groupId,
    groupGenerationId: -1,
    memberId: "",
    topics: topics.map((topic) => ({ topic, partitions })),
  });
}

function chunks<T>(all: readonly T[]): T[][] {
  return Array.from({ length: Math.ceil(all.length / AT_ONCE) }, (_, i) =>
    all.slice(i * AT_ONCE, (i + 1) * AT_ONCE),
  );
}
