import type { EachMessagePayload } from "kafkajs";
import type { ReadableSpan } from "@opentelemetry/sdk-trace-base";
import { closeClients, consume, consumeFake, produce, someMessages, waitFor } from "./support/consumers.ts";
import { followContext, named } from "./support/spans.ts";
import { createTopic } from "./support/topics.ts";

beforeAll(followContext);
afterEach(closeClients);

const attempts = (spans: readonly ReadableSpan[]) =>
  spans.map((span) => span.attributes["kafka_trail.attempt"]);

test("each delivery of a failing message is an attempt that links to the one before", async () => {
  const topic = await createTopic("attempts");
  await produce(topic, someMessages(2));
  let failures = 0;
  const eachMessage = async ({ message }: EachMessagePayload) => {
    if (message.offset === "1" && failures++ < 2) throw new Error("not yet");
  };

  const { finished } = await consume({ topic, run: { eachMessage } });
  await waitFor("The third attempt", () => named(finished(), `process ${topic}`).length === 4);

  const spans = named(finished(), `process ${topic}`);
  expect(attempts(spans)).toEqual([1, 1, 2, 3]);
  expect(spans.map((span) => span.attributes["error.type"])).toEqual([
    undefined,
    "Error",
    "Error",
    undefined,
  ]);
  expect(spans[2]?.links.map(({ context: to }) => to.spanId)).toEqual([spans[1]?.spanContext().spanId]);
  expect(spans[3]?.links.map(({ context: to }) => to.spanId)).toEqual([spans[2]?.spanContext().spanId]);
  expect(spans.map((span) => span.attributes["kafka_trail.void_before"])).toEqual([undefined, 0, 0, 0]);
});

test("attempts are counted across a crash and the restart after it", async () => {
  const topic = await createTopic("crash");
  await produce(topic, someMessages(1));
  let failures = 0;
  const eachMessage = async () => {
    if (failures++ < 3) throw new Error("not yet");
  };

  const { finished, metric } = await consume({
    topic,
    config: { retry: { retries: 1, initialRetryTime: 20 } },
    run: { eachMessage },
  });
  await waitFor("The fourth attempt", () => named(finished(), `process ${topic}`).length === 4);

  expect(attempts(named(finished(), `process ${topic}`))).toEqual([1, 2, 3, 4]);
  expect((await metric("kafka_trail.consumer.crashes"))[0]?.value).toBeGreaterThanOrEqual(1);
});

test("a poison message leaves spans at attempts 1 to 5 and then at powers of two", async () => {
  const { fake, finished } = await consumeFake({
    eachMessage: async () => {
      throw new Error("never");
    },
  });

  for (let i = 0; i < 20; i++) {
    await expect(fake.deliver({ topic: "orders", messages: [{ offset: "3" }] })).rejects.toThrow("never");
  }

  expect(attempts(named(finished(), "process orders"))).toEqual([1, 2, 3, 4, 5, 8, 16]);
});

test("an attempt without a span that succeeds gets one after all", async () => {
  let calls = 0;
  const eachMessage = async () => {
    if (++calls < 7) throw new Error("not yet");
  };
  const { fake, finished } = await consumeFake({ eachMessage });
  const deliver = () => fake.deliver({ topic: "orders", messages: [{ offset: "3" }] });

  for (let i = 0; i < 6; i++) await expect(deliver()).rejects.toThrow("not yet");
  await deliver();

  const last = named(finished(), "process orders").at(-1);
  expect(last?.attributes["kafka_trail.attempt"]).toBe(7);
  expect(last?.attributes["error.type"]).toBeUndefined();
});

test("what this process had already processed for the group is a duplicate", async () => {
  const topic = await createTopic("duplicate");
  await produce(topic, someMessages(3));
  const seen: string[] = [];

  const { finished } = await consume({
    topic,
    run: (consumer) => ({
      eachMessage: async ({ message }) => {
        seen.push(message.offset);
        if (seen.length === 2) consumer.seek({ topic, partition: 0, offset: "0" });
      },
    }),
  });
  await waitFor("The last message", () => named(finished(), `process ${topic}`).length === 5);

  expect(seen).toEqual(["0", "1", "0", "1", "2"]);
  const spans = named(finished(), `process ${topic}`);
  expect(spans.map((span) => span.attributes["kafka_trail.duplicate"])).toEqual([
    undefined,
    undefined,
    true,
    true,
    undefined,
  ]);
});

test("a topic made anew counts from 0 again without being called a duplicate", async () => {
  const { fake, finished } = await consumeFake({ eachMessage: async () => {} });
  const at = (offset: string, timestamp: number) => ({ offset, timestamp: String(timestamp) });

  await fake.deliver({ topic: "orders", messages: [at("8", 1000), at("9", 1001)] });
  await fake.deliver({ topic: "orders", messages: [at("0", 2000), at("1", 2001)] });

  const duplicates = named(finished(), "process orders").map(
    (span) => span.attributes["kafka_trail.duplicate"],
  );
  expect(duplicates).toEqual([undefined, undefined, undefined, undefined]);
});

test("redeliveries and failures are counted, whether or not they have a span", async () => {
  let calls = 0;
  const eachMessage = async () => {
    if (++calls < 8) throw new Error("not yet");
  };
  const { fake, metric } = await consumeFake({ eachMessage });

  for (let i = 0; i < 7; i++)
    await fake.deliver({ topic: "orders", messages: [{ offset: "3" }] }).catch(() => {});
  await fake.deliver({ topic: "orders", messages: [{ offset: "3" }] });

  const value = async (name: string) => (await metric(name))[0]?.value;
  expect(await value("messaging.client.consumed.messages")).toBe(8);
  expect(await value("kafka_trail.consumer.redeliveries")).toBe(7);
  expect(await value("kafka_trail.consumer.failures")).toBe(7);
});

test("work that hangs is shown while it hangs", async () => {
  const topic = await createTopic("hang");
  await produce(topic, someMessages(1));
  let finish = () => {};
  const eachMessage = () => new Promise<void>((resolve) => (finish = resolve));
  const options = { inProgressAfterMs: 60, inProgressEveryMs: 60 };

  const { finished } = await consume({ topic, options, run: { eachMessage } });
  await waitFor("Two looks", () => named(finished(), "in progress").length >= 2);
  const [shown] = named(finished(), "in progress");
  finish();
  await waitFor("The end", () => named(finished(), `process ${topic}`).length === 1);

  const [span] = named(finished(), `process ${topic}`);
  expect(shown?.parentSpanContext?.spanId).toBe(span?.spanContext().spanId);
  expect(shown?.attributes).toMatchObject({
    "kafka_trail.in_progress": true,
    "messaging.destination.name": topic,
    "messaging.kafka.offset": 0,
  });
});
