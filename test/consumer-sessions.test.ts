import { diag, DiagLogLevel, SpanKind } from "@opentelemetry/api";
import type { EachMessagePayload } from "kafkajs";
import {
  closeClients,
  consume,
  consumeFake,
  plainKafka,
  produce,
  someMessages,
  waitFor,
} from "./support/consumers.ts";
import { followContext, named } from "./support/spans.ts";
import { createTopic } from "./support/topics.ts";

beforeAll(followContext);
afterEach(closeClients);
afterEach(() => diag.disable());

test("a session tells the positions that the consumer was handed", async () => {
  const topic = await createTopic("session");
  await produce(topic, someMessages(5));
  let reached = 0;

  const { consumer, finished, groupId } = await consume({
    topic,
    run: { eachMessage: async () => void reached++ },
  });
  await waitFor("The messages", () => reached === 5);
  await consumer.stop();

  const [span] = named(finished(), `session ${topic}`);
  expect(span?.attributes).toMatchObject({
    "messaging.operation.name": "session",
    "messaging.consumer.group.name": groupId,
    "kafka_trail.offsets": [`${topic}/0/0-4`],
  });
  expect(span?.attributes["kafka_trail.offsets.skipped"]).toBeUndefined();
});

test("what a seek jumps over is told at once", async () => {
  const topic = await createTopic("skipped");
  await produce(topic, someMessages(8));
  const seen: string[] = [];

  const { finished } = await consume({
    topic,
    run: (consumer) => ({
      eachMessage: async ({ message }) => {
        seen.push(message.offset);
        if (message.offset === "2") consumer.seek({ topic, partition: 0, offset: "6" });
      },
    }),
  });
  await waitFor("The last message", () => seen.includes("7"));

  expect(named(finished(), `session ${topic}`)[0]?.attributes).toMatchObject({
    "kafka_trail.offsets": [`${topic}/0/0-2`, `${topic}/0/6-6`],
    "kafka_trail.offsets.skipped": [`${topic}/0/3-5`],
  });
});

test("what a reset jumps over is told where the client says which position it asked for", async () => {
  const topic = await createTopic("reset");
  await produce(topic, someMessages(10));
  const admin = plainKafka().admin();
  await admin.connect();
  const seen: string[] = [];

  const { finished } = await consume({
    topic,
    config: { maxBytesPerPartition: 1 },
    run: {
      eachBatch: async (payload) => {
        const [first] = payload.batch.messages;
        if (first === undefined) return;
        seen.push(first.offset);
        payload.resolveOffset(first.offset);
        if (first.offset !== "0") return;
        const resume = payload.pause();
        // kafkajs deletes records only of a topic that the admin client has asked about before.
        await admin.fetchTopicOffsets(topic);
        await admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: "8" }] });
        resume();
      },
      eachBatchAutoResolve: false,
    },
  });
  await waitFor("The last message", () => seen.includes("9"));
  await admin.disconnect();

  expect(seen[1]).toBe("8");
  const skipped = named(finished(), `session ${topic}`).flatMap(
    (span) => span.attributes["kafka_trail.offsets.skipped"] ?? [],
  );
  expect(skipped).toEqual([`${topic}/0/1-7`]);
});

test("a rebalance ends a session and begins another", async () => {
  const topic = await createTopic("rebalance", 2);
  let reached = 0;
  const eachMessage = async () => void reached++;
  const first = await consume({ topic, groupId: `g-${topic}`, run: { eachMessage } });

  const second = await consume({ topic, groupId: `g-${topic}`, run: { eachMessage } });
  await waitFor("The first's revocation", () =>
    first.finished().some(({ name }) => name.startsWith("session")),
  );

  expect((await first.metric("kafka_trail.consumer.rebalances"))[0]?.value).toBeGreaterThanOrEqual(1);
  expect(second.finished()).toEqual([]);
});

test("a commit that the app asks for is a span with what it settles, and its error is the app's", async () => {
  const topic = await createTopic("commit");
  await produce(topic, someMessages(4));
  const failures: unknown[] = [];

  const { finished, metric } = await consume({
    topic,
    run: (consumer) => ({
      autoCommit: false,
      eachMessage: async ({ partition, message }: EachMessagePayload) => {
        if (message.offset === "1") await consumer.commitOffsets([{ topic, partition, offset: "2" }]);
        if (message.offset === "3") await consumer.commitOffsets([{ topic, partition, offset: "4" }]);
        if (message.offset !== "3") return;
        await consumer
          .commitOffsets([{ topic, partition, offset: "x" }])
          .catch((error) => failures.push(error));
      },
    }),
  });
  await waitFor("The failed commit", () => failures.length === 1);

  const spans = named(finished(), `commit ${topic}`);
  expect(spans.map((span) => span.attributes["kafka_trail.offsets"])).toEqual([
    [`${topic}/0/0-1`],
    [`${topic}/0/2-3`],
    [],
  ]);
  expect(spans[0]).toMatchObject({
    kind: SpanKind.CLIENT,
    attributes: { "messaging.operation.type": "settle" },
  });
  expect(spans[2]?.attributes["error.type"]).toBe("KafkaJSNonRetriableError");
  expect((await metric("kafka_trail.consumer.commits"))[0]?.value).toBe(2);
  const durations = await metric("messaging.client.operation.duration");
  expect(durations.map(({ attributes }) => attributes["error.type"])).toEqual([
    undefined,
    "KafkaJSNonRetriableError",
  ]);
});

test("a batch handler's commit is a span, and an automatic one is a count", async () => {
  const topic = await createTopic("auto");
  await produce(topic, someMessages(3));
  let isDone = false;

  const { consumer, finished, metric } = await consume({
    topic,
    run: {
      eachBatch: async (payload) => {
        const partitions = [{ partition: 0, offset: "1" }];
        await payload.commitOffsetsIfNecessary({ topics: [{ topic, partitions }] });
        await payload.commitOffsetsIfNecessary();
        isDone = true;
      },
    },
  });
  await waitFor("The batch", () => isDone);
  await consumer.stop();

  const spans = named(finished(), `commit ${topic}`);
  expect(spans.map((span) => span.attributes["kafka_trail.offsets"])).toEqual([[`${topic}/0/0-0`]]);
  const [process] = named(finished(), `process ${topic}`);
  expect(spans[0]?.parentSpanContext?.spanId).toBe(process?.spanContext().spanId);
  expect((await metric("kafka_trail.consumer.commits"))[0]?.value).toBe(2);
});

test("a crash for good is said aloud, as the client says it to nobody", async () => {
  const topic = await createTopic("for-good");
  await produce(topic, someMessages(1));
  const warnings: string[] = [];
  const silent = { debug() {}, info() {}, error() {}, verbose() {} };
  diag.setLogger({ ...silent, warn: (text) => void warnings.push(text) }, DiagLogLevel.WARN);
  const eachMessage = async () => {
    throw new TypeError("a bug of the app's");
  };

  await consume({ topic, groupId: "billing", run: { eachMessage } });
  await waitFor("The warning", () => warnings.length > 0);

  expect(warnings[0]).toContain('the consumer of group "billing" has stopped for good');
});

test("the backlog is told for as long as a partition is assigned", async () => {
  const topic = await createTopic("lag");
  await produce(topic, someMessages(4));
  let release = () => {};
  const gate = new Promise<void>((resolve) => (release = resolve));
  let reached = 0;

  const { consumer, metric } = await consume({
    topic,
    run: {
      eachMessage: async () => {
        if (++reached === 2) await gate;
      },
    },
  });
  await waitFor("The second message", () => reached === 2);
  const during = await metric("kafka_trail.consumer.lag");
  release();
  await waitFor("The last message", () => reached === 4);
  await consumer.stop();

  expect(during.map(({ value }) => value)).toEqual([2]);
  expect(during[0]?.attributes).toMatchObject({ "messaging.destination.partition.id": "0" });
});

test("connections and reconnections are counted", async () => {
  const { fake, metric } = await consumeFake({ eachMessage: async () => {} });
  const value = async (name: string) => (await metric(name))[0]?.value;

  fake.emit("CONNECT", undefined);
  fake.emit("CONNECT", undefined);
  fake.emit("DISCONNECT", undefined);
  const whileAway = await value("kafka_trail.client.connected");
  fake.emit("CONNECT", undefined);

  expect(whileAway).toBe(0);
  expect(await value("kafka_trail.client.connected")).toBe(1);
  expect(await value("kafka_trail.client.reconnects")).toBe(1);
});

test("a consumer that kafkajs restarts after a crash, of which no CONNECT tells, counts as connected again", async () => {
  const { fake, metric } = await consumeFake({ eachMessage: async () => {} });
  const value = async (name: string) => (await metric(name)).reduce((sum, it) => sum + Number(it.value), 0);

  fake.emit("CONNECT", undefined);
  fake.emit("GROUP_JOIN", { groupId: "billing" });
  fake.emit("DISCONNECT", undefined);
  fake.emit("CRASH", { error: new Error("broker away"), restart: true });
  const whileAway = await value("kafka_trail.client.connected");
  fake.emit("GROUP_JOIN", { groupId: "billing" });

  expect(whileAway).toBe(0);
  expect(await value("kafka_trail.client.connected")).toBe(1);
  expect(await value("kafka_trail.client.reconnects")).toBe(1);
});
