import { Kafka, logLevel, type Admin } from "kafkajs";
import { createLog } from "../../trace-store/log.ts";
import { startWatcher, type Watcher, type WatcherOptions } from "../../trace-store/watch/start-watcher.ts";
import { waitUntil } from "../../dev/wait.ts";
import type { TestDatabase } from "./database.ts";
import { kafkaBrokers } from "./services.ts";

export const quietKafka = (): Kafka =>
  new Kafka({ clientId: "watch-test", brokers: kafkaBrokers(), logLevel: logLevel.NOTHING });

/** Starts a watcher that sees only topics whose name begins with this. */
export async function watcherOf(
  database: TestDatabase,
  prefix: string,
  options: Partial<WatcherOptions> = {},
): Promise<Watcher> {
  const topics = await withAdmin((admin) => admin.listTopics());
  return startWatcher({
    kafka: quietKafka(),
    databaseUrl: database.url,
    cluster: "",
    excludeTopics: topics.filter((topic) => !topic.startsWith(prefix)),
    excludeGroups: [],
    pollMs: 200,
    log: createLog("silent"),
    ...options,
  });
}

export async function withAdmin<T>(work: (admin: Admin) => Promise<T>): Promise<T> {
  const admin = quietKafka().admin();
  await admin.connect();
  try {
    return await work(admin);
  } finally {
    await admin.disconnect();
  }
}

/** Sends so many messages to partition 0 and returns when they are in the log. */
export async function appendMessages(topic: string, count: number): Promise<void> {
  const producer = quietKafka().producer({ allowAutoTopicCreation: false });
  await producer.connect();
  const messages = Array.from({ length: count }, (_, i) => ({ partition: 0, value: `${i}` }));
  await producer.send({ topic, messages });
  await producer.disconnect();
}

/** Commits an offset of partition 0 for a group without members: in a transaction, as joining the group takes 5 seconds. */
export async function commitOffset(groupId: string, topic: string, offset: number): Promise<void> {
  const producer = quietKafka().producer({
    transactionalId: `commit-${groupId}`,
    idempotent: true,
    maxInFlightRequests: 1,
  });
  await producer.connect();
  const transaction = await producer.transaction();
  const partitions = [{ partition: 0, offset: String(offset) }];
  await transaction.sendOffsets({ consumerGroupId: groupId, topics: [{ topic, partitions }] });
  await transaction.commit();
  await producer.disconnect();
}

/** Waits until a query's first row is `expected`, and returns that row. */
export async function untilRow(
  database: TestDatabase,
  text: string,
  values: unknown[],
  expected: Readonly<Record<string, unknown>>,
): Promise<Record<string, unknown>> {
  let last: Record<string, unknown> | undefined;
  const look = async () => {
    const { rows } = await database.pool.query<Record<string, unknown>>(text, values);
    last = rows[0];
    return Object.entries(expected).every(([name, value]) => last?.[name] === value) && last;
  };
  const what = `A row ${JSON.stringify(expected)}`;
  return waitUntil(what, look, { timeoutMs: 45_000 }).catch((fault: Error) => {
    throw new Error(`${fault.message} The last row was ${JSON.stringify(last)}.`, { cause: fault });
  });
}
