import { Kafka, logLevel } from "kafkajs";
import { waitUntil } from "../dev/wait.ts";
import { migratedDatabase, type TestDatabase } from "./support/database.ts";
import { startTestIndexer, type TestIndexer } from "./support/indexer.ts";
import { aSpan, encodeTraces } from "./support/otlp.ts";
import { startSecureKafka, type SecureKafka } from "./support/secure-kafka.ts";

// A broker of its own: TLS and SASL are its doors, and it is stopped on the way.

const WITHIN = { timeoutMs: 60_000 };
let secure: SecureKafka;
let database: TestDatabase;
let store: TestIndexer | undefined;

beforeAll(async () => {
  secure = await startSecureKafka();
}, 240_000);
afterAll(() => secure.stop());
beforeEach(async () => {
  database = await migratedDatabase();
});
afterEach(async () => {
  await store?.stop();
  store = undefined;
  await database.drop();
}, 60_000);

const startStore = (spanTopic: string, env: Readonly<Record<string, string>> = {}) =>
  startTestIndexer({
    databaseUrl: database.url,
    spanTopic,
    env: {
      KAFKA_BROKERS: secure.address,
      KAFKA_SSL_CA_FILE: secure.caFile,
      KAFKA_SASL_USERNAME: secure.user.username,
      KAFKA_SASL_PASSWORD: secure.user.password,
      ...env,
    },
  });

async function send(topic: string, spans: number): Promise<void> {
  const producer = new Kafka({ brokers: secure.cluster.brokers, logLevel: logLevel.NOTHING }).producer();
  await producer.connect();
  await producer.send({
    topic,
    messages: [{ value: encodeTraces(Array.from({ length: spans }, () => aSpan())) }],
  });
  await producer.disconnect();
}

const untilReading = (it: TestIndexer) =>
  waitUntil("The reading of the span topic", () => it.indexer.problems().length === 0, WITHIN);

const storedSpans = async (): Promise<number> => {
  const { rows } = await database.pool.query<{ count: number }>("SELECT count(*)::int FROM trail.spans");
  return rows[0]?.count ?? 0;
};

const firstSpans = () =>
  waitUntil("Spans being stored", async () => (await storedSpans()) || undefined, WITHIN);

/** What the indexer says when something other than the beginning keeps it from reading. */
const problemOf = ({ indexer }: TestIndexer) =>
  waitUntil("A problem", () => indexer.problems().find((it) => it.startsWith("cannot")), WITHIN);

test.each(["plain", "scram-sha-512"])(
  "spans come over TLS with SASL %s",
  async (mechanism) => {
    const topic = `spans-${mechanism}`;

    store = await startStore(topic, { KAFKA_SASL_MECHANISM: mechanism });
    await untilReading(store);
    await send(topic, 5);

    expect(await firstSpans()).toBe(5);
  },
  120_000,
);

test("with a wrong password the store runs on, and says what is wrong", async () => {
  store = await startStore("spans-refused", { KAFKA_SASL_PASSWORD: "wrong" });

  expect(await problemOf(store)).toMatch(/cannot read the span topic.*authentication/i);
}, 120_000);

test("a broker that comes after the store is read as soon as it is there", async () => {
  await secure.cluster.kill(1);

  store = await startStore("spans-later");
  const problem = await problemOf(store);
  await secure.cluster.startNode(1);
  await untilReading(store);
  await send("spans-later", 5);

  expect(problem).toContain("Connection error");
  expect(await firstSpans()).toBe(5);
}, 180_000);
