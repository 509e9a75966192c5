import { Kafka, logLevel, type EachMessagePayload } from "kafkajs";
import { traceKafka } from "kafka-trail";
import { startExport, type ExportHandle } from "kafka-trail/export";
import { waitUntil } from "../../dev/wait.ts";
import type { MessageAnswer } from "../../trace-store/query/answers.ts";
import type { Query } from "../../trace-store/query/questions.ts";
import { createQuery } from "../../trace-store/query/query.ts";
import { migratedDatabase, type TestDatabase } from "./database.ts";
import { startTestIndexer } from "./indexer.ts";
import { kafkaBrokers } from "./services.ts";
import { watcherOf } from "./watching.ts";

const WITHIN = { timeoutMs: 60_000, intervalMs: 200 };

/** A whole store on the real broker: indexer, watcher and question; and a traced client whose spans it is sent. */
export interface BrokerStore {
  readonly database: TestDatabase;
  readonly query: Query;
  readonly traced: Kafka;
  readonly plain: Kafka;
  /** Waits until these are the verdicts on a message, by group: nothing more, and nothing less. */
  untilVerdicts(
    at: { topic: string; messageOffset: number },
    wanted: Readonly<Record<string, string>>,
  ): Promise<MessageAnswer>;
  /** Waits until the watcher has seen so much of a topic's partition 0. */
  untilSeen(topic: string, logEnd: number): Promise<void>;
  close(): Promise<void>;
}

/** Opens a store that watches the topics whose names begin so. Nothing settles: tests wait for what they mean. */
export async function openBrokerStore(prefix: string): Promise<BrokerStore> {
  const database = await migratedDatabase();
  const indexer = await startTestIndexer({ databaseUrl: database.url });
  const query = createQuery({ databaseUrl: database.url, settleMs: 0, connectionsMax: 4 });
  const watcher = await watcherOf(database, prefix);
  await watcher.ready;
  const spans: ExportHandle = startExport({
    serviceName: "shop",
    endpoint: `http://127.0.0.1:${indexer.otlpGrpcPort}`,
    flushOnExit: false,
  });
  const client = () => new Kafka({ clientId: "shop", brokers: kafkaBrokers(), logLevel: logLevel.NOTHING });
  return {
    database,
    query,
    traced: traceKafka(client()),
    plain: client(),
    async untilVerdicts({ topic, messageOffset }, wanted) {
      await spans.flush();
      const expected = spell(wanted);
      let last = "";
      const look = async () => {
        const answer = await query.message({ topic, partition: 0, messageOffset: String(messageOffset) });
        if (!answer.found) return false;
        last = spell(
          Object.fromEntries(
            answer.groups.map(({ consumerGroup, verdict }) => [consumerGroup ?? "-", verdict]),
          ),
        );
        return last === expected && answer;
      };
      return waitUntil(`${topic}/0/${messageOffset} being ${expected}`, look, WITHIN).catch(
        (fault: Error) => {
          throw new Error(`${fault.message} It was last ${last}.`, { cause: fault });
        },
      );
    },
    async untilSeen(topic, logEnd) {
      const look = async () => {
        const { rows } = await database.pool.query<{ log_end: string }>(
          `SELECT p.log_end FROM trail_private.log_positions p JOIN trail_private.topics t USING (topic_id)
           WHERE t.name = $1 AND p.partition = 0 ORDER BY p.incarnation DESC LIMIT 1`,
          [topic],
        );
        return rows[0]?.log_end === String(logEnd);
      };
      await waitUntil(`The watcher seeing ${logEnd} messages in ${topic}`, look, WITHIN);
    },
    async close() {
      await spans.shutdown();
      await watcher.stop();
      await query.close();
      await indexer.stop();
      await database.drop();
    },
  };
}

const spell = (verdicts: Readonly<Record<string, string>>): string =>
  Object.entries(verdicts)
    .map(([group, verdict]) => `${group} ${verdict}`)
    .toSorted()
    .join(", ");

/** Sends so many messages to partition 0 of a topic. */
export async function sendSome(kafka: Kafka, topic: string, count: number): Promise<void> {
  const producer = kafka.producer({ allowAutoTopicCreation: false });
  await producer.connect();
  const messages = Array.from({ length: count }, (_, i) => ({ key: `k${i}`, value: `${i}`, partition: 0 }));
  await producer.send({ topic, messages });
  await producer.disconnect();
}

/** Runs a consumer from the beginning until `isDone`, then stops it; what it has done is committed. */
export async function consumeUntil(
  kafka: Kafka,
  { topic, groupId }: { readonly topic: string; readonly groupId: string },
  eachMessage: (payload: EachMessagePayload) => Promise<void>,
  isDone: () => boolean | Promise<boolean>,
): Promise<void> {
  const consumer = kafka.consumer({
    groupId,
    maxWaitTimeInMs: 100,
    heartbeatInterval: 300,
    retry: { retries: 1, initialRetryTime: 50, maxRetryTime: 200 },
  });
  await consumer.connect();
  try {
    await consumer.subscribe({ topic, fromBeginning: true });
    await consumer.run({ eachMessage });
    await waitUntil(`The consumer of ${topic} being done`, isDone, WITHIN);
  } finally {
    await consumer.disconnect();
  }
}
