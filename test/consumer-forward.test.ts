import { forwardHeaders } from "../consumer/index.ts";
import { closeClients, consume, openProducer, produce, waitFor } from "./support/consumers.ts";
import { followContext, named } from "./support/spans.ts";
import { createTopic } from "./support/topics.ts";

beforeAll(followContext);
afterEach(closeClients);

const TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

test("a forwarded message names the one it is a copy of, and who forwarded it why", async () => {
  const topic = await createTopic("dlq-from");
  const timestamp = String(Date.now());
  await produce(topic, [
    { key: "k", value: "v", timestamp, headers: { tenant: "a", traceparent: TRACEPARENT } },
  ]);
  const forwarded: unknown[] = [];

  await consume({
    topic,
    groupId: "billing",
    run: {
      eachMessage: async ({ message }) =>
        void forwarded.push(forwardHeaders(message, { error: new RangeError("too far") })),
    },
  });
  await waitFor("The message", () => forwarded.length === 1);

  expect(forwarded[0]).toEqual({
    tenant: Buffer.from("a"),
    "kafka-trail-origin": `${topic}/0/0`,
    "kafka-trail-origin-group": "billing",
    "kafka-trail-origin-timestamp": timestamp,
    "kafka-trail-attempt": "1",
    "kafka-trail-error-type": "RangeError",
    "kafka-trail-error-message": "too far",
  });
});

test("headers that kafkajs would throw at are left out", async () => {
  const topic = await createTopic("dlq-null");
  const headers = forwardHeaders({
    offset: "0",
    headers: {
      none: null,
      unset: undefined,
      several: ["a", null as never, "b"],
      kept: Buffer.from("c"),
      b3: "0",
    },
  });

  const producer = await openProducer();
  await producer.send({ topic, messages: [{ value: "v", headers }] });

  expect(headers).toEqual({ several: ["a", "b"], kept: Buffer.from("c") });
});

test("a copy of a copy names the copy, not the first message", () => {
  const headers = forwardHeaders({
    offset: "0",
    headers: { "kafka-trail-origin": "orders/0/1", "kafka-trail-attempt": "9" },
  });

  expect(headers).toEqual({});
});

test("a reason in words takes the place of the error's text, and is cut", () => {
  const headers = forwardHeaders({ offset: "0" }, { error: new Error("text"), reason: "x".repeat(300) });

  expect(headers["kafka-trail-error-message"]).toBe("x".repeat(256));
});

const int = (value: number) => {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
};
const long = (value: bigint) => {
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64BE(value);
  return bytes;
};

test.each([
  ["kafka-trail", { "kafka-trail-origin": "orders/3/4711", "kafka-trail-origin-group": "billing" }],
  [
    "Spring Kafka's dead letters",
    {
      "kafka_dlt-original-topic": "orders",
      "kafka_dlt-original-partition": int(3),
      "kafka_dlt-original-offset": long(4711n),
      "kafka_dlt-original-consumer-group": "billing",
    },
  ],
  [
    "Spring Kafka's retry topics",
    {
      "kafka_original-topic": "orders",
      "kafka_original-partition": int(3),
      "kafka_original-offset": long(4711n),
      "kafka_dlt-original-consumer-group": "billing",
    },
  ],
])("a dead letter of %s is tied to its message and group", async (_, headers) => {
  const topic = await createTopic("letter");
  await produce(topic, [{ value: "v", headers }]);

  const { finished } = await consume({ topic, run: { eachMessage: async () => {} } });
  await waitFor("The span", () => named(finished(), `process ${topic}`).length === 1);

  expect(named(finished(), `process ${topic}`)[0]?.attributes).toMatchObject({
    "kafka_trail.origin": "orders/3/4711",
    "kafka_trail.origin.group": "billing",
  });
});

test.each([
  ["Kafka Connect's", "__connect.errors."],
  ["Kafka Streams'", "__streams.errors."],
])("a dead letter of %s is tied to its message", async (_, prefix) => {
  const topic = await createTopic("letter");
  const headers = { [`${prefix}topic`]: "orders", [`${prefix}partition`]: "3", [`${prefix}offset`]: "4711" };
  const ofNothing = { [`${prefix}topic`]: "", [`${prefix}partition`]: "-1", [`${prefix}offset`]: "-1" };
  await produce(topic, [
    { value: "v", headers },
    { value: "v", headers: ofNothing },
  ]);

  const { finished } = await consume({ topic, run: { eachMessage: async () => {} } });
  await waitFor("The spans", () => named(finished(), `process ${topic}`).length === 2);

  const origins = named(finished(), `process ${topic}`).map((span) => span.attributes["kafka_trail.origin"]);
  expect(origins).toEqual(["orders/3/4711", undefined]);
});
