import { type Admin, Kafka, logLevel } from "kafkajs";
import { waitUntil } from "../../dev/wait.ts";
import { kafkaBrokers } from "./services.ts";
import { uniqueTopicName } from "./topic-names.ts";

export { uniqueTopicName };

/** Makes a topic with a name of its own on the real Kafka, and returns the name once every partition answers. */
export async function createTopic(
  prefix: string,
  partitions = 1,
  config: Readonly<Record<string, string>> = {},
): Promise<string> {
  const topic = uniqueTopicName(prefix);
  await createTopicNamed(topic, partitions, config);
  return topic;
}

/** The same, for a name that something else has to know first. Take it from {@link uniqueTopicName}. */
export async function createTopicNamed(
  topic: string,
  partitions = 1,
  config: Readonly<Record<string, string>> = {},
): Promise<void> {
  // kafkajs logs at ERROR what is merely not there yet.
  const admin = new Kafka({ brokers: kafkaBrokers(), logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  try {
    const configEntries = Object.entries(config).map(([name, value]) => ({ name, value }));
    // Not waitForLeaders: kafkajs gives up on it too early on a busy machine.
    const made = { topic, numPartitions: partitions, configEntries };
    await admin.createTopics({ topics: [made], waitForLeaders: false });
    await waitUntil(`The making of topic ${topic}`, () => isUsable(admin, topic, partitions), {
      timeoutMs: 20_000,
    });
  } finally {
    await admin.disconnect();
  }
}

/**
 * Deletes a topic and makes another one of its name. A broker that is behind its controller goes on serving the old one: what
 * is sent then is deleted with it, so this waits until the old one is gone.
 */
export async function makeTopicAnew(topic: string): Promise<void> {
  const admin = new Kafka({ brokers: kafkaBrokers(), logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  try {
    await admin.deleteTopics({ topics: [topic] });
    await waitUntil(
      `The deletion of topic ${topic}`,
      async () => !(await admin.listTopics()).includes(topic),
      { timeoutMs: 20_000 },
    );
  } finally {
    await admin.disconnect();
  }
  await createTopicNamed(topic);
}

async function isUsable(admin: Admin, topic: string, partitions: number): Promise<boolean> {
  const offsets = await admin.fetchTopicOffsets(topic).catch(() => []);
  return offsets.length === partitions;
}
