import { jest } from "@jest/globals";
import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { CompressionTypes, Kafka, logLevel } from "kafkajs";
import { findKafkaRuntime } from "../dev/kafka-jars.ts";
import { quiet } from "../dev/progress.ts";
import { waitUntil } from "../dev/wait.ts";
import { migratedDatabase, type TestDatabase } from "./support/database.ts";
import { startTestIndexer } from "./support/indexer.ts";
import { aSpan, encodeTraces } from "./support/otlp.ts";
import { kafkaBrokers } from "./support/services.ts";
import { createTopic, makeTopicAnew } from "./support/topics.ts";

const kafka = new Kafka({ brokers: kafkaBrokers(), logLevel: logLevel.NOTHING });
const producer = kafka.producer({ allowAutoTopicCreation: false });
let database: TestDatabase;

beforeAll(() => producer.connect());
afterAll(() => producer.disconnect());
beforeEach(async () => {
  database = await migratedDatabase();
});
afterEach(() => database.drop());

const spans = (count: number) => Array.from({ length: count }, () => aSpan());

const send = (topic: string, values: readonly (Buffer | null)[], partition = 0) =>
  producer.send({
    topic,
    messages: values.map((value) => ({ value, partition })),
    compression: CompressionTypes.GZIP,
  });

const count = async (table: string): Promise<number> => {
  const { rows } = await database.pool.query<{ count: string }>(`SELECT count(*) FROM ${table}`);
  return Number(rows[0]?.count);
};

const storedReaches = (expected: number) =>
  waitUntil(`${expected} spans being stored`, async () => (await count("trail.spans")) >= expected, {
    timeoutMs: 30_000,
  });

const quarantine = async () => {
  const { rows } = await database.pool.query<{
    reason: string;
    source_partition: number;
    source_offset: string;
  }>("SELECT reason, source_partition, source_offset FROM trail_private.quarantine ORDER BY source_offset");
  return rows.map((row) => `${row.reason} at ${row.source_partition}/${row.source_offset}`);
};

test("every span of the topic is stored once, from all partitions", async () => {
  const topic = await createTopic("spans", 3);
  for (const partition of [0, 1, 2])
    await send(topic, [encodeTraces(spans(40)), encodeTraces(spans(60))], partition);

  const store = await startTestIndexer({ databaseUrl: database.url, spanTopic: topic });
  await storedReaches(300);
  await store.stop();

  expect(await count("trail.spans")).toBe(300);
});

test("garbage is quarantined under its coordinates, and the partition goes on", async () => {
  const topic = await createTopic("spans");
  await send(topic, [encodeTraces(spans(1)), Buffer.from("garbage"), null, encodeTraces(spans(1))]);

  const store = await startTestIndexer({ databaseUrl: database.url, spanTopic: topic });
  await storedReaches(2);
  await store.stop();

  expect(await quarantine()).toEqual(["unknown_encoding at 0/1"]);
});

test.each(["gzip", "snappy", "lz4", "zstd"])(
  "a batch that Kafka's own client compressed with %s is read",
  async (codec) => {
    const topic = await createTopic("spans", 1, { "max.message.bytes": "4194304" });
    const directory = await mkdtemp(join(tmpdir(), "kafka-trail-codec-"));
    const files = ["one", "two"].map((name) => join(directory, name));
    for (const file of files) await writeFile(file, encodeTraces(spans(500)));
    const { java, classPath } = await findKafkaRuntime(quiet);
    const script = join(__dirname, "support", "ProduceFile.java");
    await promisify(execFile)(java, [
      "-cp",
      classPath,
      script,
      kafkaBrokers().join(","),
      topic,
      codec,
      ...files,
    ]);
    await rm(directory, { recursive: true });

    const store = await startTestIndexer({ databaseUrl: database.url, spanTopic: topic });
    await storedReaches(1_000);
    await store.stop();

    expect(await quarantine()).toEqual([]);
  },
);

test("a batch that unpacks to more than 64 MiB is refused, and the partition goes on", async () => {
  const topic = await createTopic("spans", 1, { "max.message.bytes": "4194304" });
  await send(topic, [Buffer.alloc(200 * 1_048_576)]);
  await send(topic, [encodeTraces(spans(1))]);

  const store = await startTestIndexer({ databaseUrl: database.url, spanTopic: topic });
  await storedReaches(1);
  await store.stop();

  expect(await quarantine()).toEqual(["decompression_bomb at 0/0"]);
});

test("what Kafka's committed offset says does not matter: a group that was forgotten doubles nothing", async () => {
  const topic = await createTopic("spans");
  await send(topic, [encodeTraces(spans(10))]);
  const first = await startTestIndexer({ databaseUrl: database.url, spanTopic: topic });
  await storedReaches(10);
  await first.stop();

  await send(topic, [encodeTraces(spans(5))]);
  const second = await startTestIndexer({
    databaseUrl: database.url,
    spanTopic: topic,
    env: { KAFKA_TRAIL_INDEXER_GROUP: `another-group-of-${topic}` },
  });
  await storedReaches(15);
  const { figures } = second.indexer.writer;
  await second.stop();

  expect(await count("trail.spans")).toBe(15);
  expect(figures.stored).toBe(5);
});

test("a span topic that was made anew while nobody read it is read from its beginning", async () => {
  const topic = await createTopic("spans");
  await send(
    topic,
    Array.from({ length: 4 }, () => encodeTraces(spans(1))),
  );
  const first = await startTestIndexer({ databaseUrl: database.url, spanTopic: topic });
  await storedReaches(4);
  await first.stop();
  await makeTopicAnew(topic);
  // More records than the old life held: offsets alone would not tell.
  await send(
    topic,
    Array.from({ length: 9 }, () => encodeTraces(spans(1))),
  );

  const second = await startTestIndexer({ databaseUrl: database.url, spanTopic: topic });
  await storedReaches(13);
  await second.stop();

  const { rows } = await database.pool.query(
    "SELECT incarnation, next_offset FROM trail_private.source_offsets ORDER BY 1",
  );
  expect(rows).toEqual([
    { incarnation: 1, next_offset: "4" },
    { incarnation: 2, next_offset: "9" },
  ]);
});

test("a span topic that was made anew while it was being read, unseen by any fetch, is read from its beginning", async () => {
  const topic = await createTopic("spans");
  const store = await startTestIndexer({ databaseUrl: database.url, spanTopic: topic });
  const { budget } = store.indexer;
  const waiting = jest.spyOn(budget, "room");
  budget.take(budget.bytesMax);
  await send(topic, [encodeTraces(spans(1)), encodeTraces(spans(1))]);
  await waitUntil("a fetch that waits for room", () => waiting.mock.calls.length > 0, { timeoutMs: 20_000 });

  // kafkajs fetches nothing meanwhile, and its next fetch, at offset 2, is one that the new life can serve.
  await makeTopicAnew(topic);
  await send(
    topic,
    Array.from({ length: 9 }, () => encodeTraces(spans(1))),
  );
  budget.give(budget.bytesMax);
  await storedReaches(11);
  await store.stop();

  const { rows: offsets } = await database.pool.query(
    "SELECT incarnation, next_offset FROM trail_private.source_offsets ORDER BY 1",
  );
  expect(offsets).toEqual([
    { incarnation: 1, next_offset: "2" },
    { incarnation: 2, next_offset: "9" },
  ]);
  const { rows: gaps } = await database.pool.query(
    "SELECT incarnation, first_offset, last_offset FROM trail_private.source_gaps",
  );
  expect(gaps).toEqual([{ incarnation: 1, first_offset: "2", last_offset: null }]);
});

test("transaction markers in the span topic are passed over, at the start and in between", async () => {
  const topic = await createTopic("spans");
  const transactional = kafka.producer({ transactionalId: topic, idempotent: true, maxInFlightRequests: 1 });
  await transactional.connect();
  const sendIn = async (end: "commit" | "abort") => {
    const transaction = await transactional.transaction();
    await transaction.send({ topic, messages: [{ value: encodeTraces(spans(1)) }] });
    await transaction[end]();
  };
  for (const end of ["abort", "commit", "abort", "abort", "commit"] as const) await sendIn(end);
  const store = await startTestIndexer({ databaseUrl: database.url, spanTopic: topic });
  await storedReaches(2);

  for (const end of ["abort", "commit"] as const) await sendIn(end);
  await storedReaches(3);
  await store.stop();
  await transactional.disconnect();

  expect(await count("trail.spans")).toBe(3);
  expect(store.indexer.writer.figures.duplicates).toBe(0);
});
