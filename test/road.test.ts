import { startExport, type ExportHandle } from "kafka-trail/export";
import { startCollector, whyNoCollector } from "../dev/collector.ts";
import { startStore, type Store } from "../dev/trail-store.ts";
import { waitUntil } from "../dev/wait.ts";
import { migratedDatabase, type TestDatabase } from "./support/database.ts";
import { expectedHops, playRound, storedHops, type Round } from "./support/round.ts";
import { kafkaBrokers } from "./support/services.ts";
import { uniqueTopicName } from "./support/topics.ts";

// An app's two lines, real Kafka, real collector, real Postgres: nothing lost, nothing doubled, every place exact.

// In CI a collector that cannot be had is a failure, elsewhere its road is skipped, with the reason.
const missing = whyNoCollector();
const whereThereIsACollector = missing !== undefined && !process.env["CI"] ? describe.skip : describe;
let database: TestDatabase;
let store: Store;
let spans: ExportHandle;

beforeEach(async () => {
  database = await migratedDatabase();
});

afterEach(async () => {
  await spans.shutdown();
  await store.stop();
  await database.drop();
});

const storedIs = (round: Round) =>
  waitUntil(
    "the whole round being stored",
    async () => (await storedHops(database.pool, round.topic)).length >= 3_000,
    {
      timeoutMs: 60_000,
      intervalMs: 250,
    },
  );

test("over OTLP/gRPC straight into the store, the trail of every message of a round is complete and exact", async () => {
  store = await startStore({ databaseUrl: database.url });
  spans = startExport({ serviceName: "road", endpoint: `http://127.0.0.1:${store.otlpGrpcPort}` });

  const round = await playRound({});
  await spans.flush();
  await storedIs(round);

  expect(await storedHops(database.pool, round.topic)).toEqual(expectedHops(round));
}, 120_000);

whereThereIsACollector(`over a collector${missing ? ` (${missing})` : ""}`, () => {
  test("over the real collector and the span topic the same, though the indexer is killed in the middle", async () => {
    const spanTopic = uniqueTopicName("spans");
    const env = {
      KAFKA_TRAIL_SPAN_TOPIC: spanTopic,
      KAFKA_TRAIL_INDEXER_GROUP: spanTopic,
      KAFKA_TRAIL_INDEXER_SESSION_TIMEOUT_MS: "6000",
    };
    const start = () => startStore({ databaseUrl: database.url, brokers: kafkaBrokers(), env });
    store = await start();
    const collector = await startCollector({ kafkaBrokers: kafkaBrokers(), spanTopic });
    spans = startExport({ serviceName: "road", endpoint: `http://127.0.0.1:${collector.otlpGrpcPort}` });

    const round = await playRound({}, async () => {
      await spans.flush();
      store.child.signal("SIGKILL");
      await store.child.ended();
      await store.stop();
      store = await start();
    });
    await spans.flush();
    await storedIs(round);
    await collector.stop();

    expect(await storedHops(database.pool, round.topic)).toEqual(expectedHops(round));
  }, 240_000);
});
