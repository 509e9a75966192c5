import { context, SpanKind, trace } from "@opentelemetry/api";
import { B3InjectEncoding, B3Propagator } from "@opentelemetry/propagator-b3";
import type { EachMessagePayload } from "kafkajs";
import { currentMessage, logFields } from "../consumer/index.ts";
import { hashKey } from "../trace-context/index.ts";
import {
  closeClients,
  consume,
  produce,
  produceTransactions,
  someMessages,
  waitFor,
} from "./support/consumers.ts";
import { followContext, named } from "./support/spans.ts";
import { createTopic } from "./support/topics.ts";

const TRACE_ID = "0af7651916cd43dd8448eb211c80319c";
const SPAN_ID = "b7ad6b7169203331";
const TRACEPARENT = `00-${TRACE_ID}-${SPAN_ID}-01`;

beforeAll(followContext);
afterEach(closeClients);

/** Collects what a handler was called with. */
function collecting() {
  const seen: EachMessagePayload[] = [];
  const eachMessage = async (payload: EachMessagePayload) => void seen.push(payload);
  return {
    seen,
    eachMessage,
    reached: (count: number) => waitFor("The messages", () => seen.length >= count),
  };
}

test("a message is processed in a child of its creator's span, which it also links to", async () => {
  const topic = await createTopic("child");
  await produce(topic, [{ value: "a", headers: { traceparent: TRACEPARENT, tracestate: "vendor=1" } }]);
  const { eachMessage, reached } = collecting();

  const { finished } = await consume({ topic, run: { eachMessage } });
  await reached(1);

  const [span] = named(finished(), `process ${topic}`);
  expect(span).toMatchObject({
    kind: SpanKind.CONSUMER,
    parentSpanContext: { traceId: TRACE_ID, spanId: SPAN_ID },
  });
  expect(span?.links.map(({ context: to }) => to.spanId)).toEqual([SPAN_ID]);
  expect(span?.spanContext().traceState?.get("vendor")).toBe("1");
});

test("a process span says which message it was about, of which group and client", async () => {
  const topic = await createTopic("attributes");
  await produce(topic, [
    { key: "order-7", value: null, headers: { "message-id": "m-1" }, timestamp: String(Date.now() - 50) },
  ]);
  const { eachMessage, reached } = collecting();

  const { finished } = await consume({
    topic,
    groupId: "billing",
    options: { cluster: "eu" },
    run: { eachMessage },
  });
  await reached(1);

  expect(named(finished(), `process ${topic}`)[0]?.attributes).toEqual({
    "messaging.system": "kafka",
    "messaging.operation.name": "process",
    "messaging.operation.type": "process",
    "messaging.destination.name": topic,
    "messaging.destination.partition.id": "0",
    "messaging.consumer.group.name": "billing",
    "messaging.client.id": "test",
    "messaging.kafka.cluster.id": "eu",
    "messaging.kafka.offset": 0,
    "messaging.kafka.message.key": "order-7",
    "messaging.kafka.message.tombstone": true,
    "messaging.message.id": "m-1",
    "kafka_trail.attempt": 1,
    "kafka_trail.queue_time_ms": expect.any(Number),
    "kafka_trail.lag": 0,
  });
});

test("both name tables are written when both are asked for", async () => {
  const topic = await createTopic("dup");
  await produce(topic, someMessages(1));
  const { eachMessage, reached } = collecting();

  const { finished } = await consume({
    topic,
    options: { semconvStabilityOptIn: "messaging/dup" },
    run: { eachMessage },
  });
  await reached(1);

  expect(named(finished(), `process ${topic}`)[0]?.attributes).toMatchObject({
    "messaging.system": "kafka",
    "messaging.system.name": "kafka",
    "messaging.kafka.offset": 0,
    "kafka.offset": 0,
  });
});

test("keys are recorded as text, as an HMAC, or not at all; bytes that are no text never", async () => {
  const topic = await createTopic("keys");
  await produce(topic, [
    { key: "order-7", value: "" },
    { key: Buffer.from([0xff, 0xfe]), value: "" },
    { key: "x".repeat(129), value: "" },
  ]);
  const keysUnder = async (key: "utf8" | "off" | { hmacSecret: string }) => {
    const { eachMessage, reached } = collecting();
    const { finished } = await consume({
      topic,
      groupId: `g-${Math.random()}`,
      options: { key },
      run: { eachMessage },
    });
    await reached(3);
    return named(finished(), `process ${topic}`).map(
      (span) => span.attributes["messaging.kafka.message.key"],
    );
  };

  const [asText, hashed, off] = [
    await keysUnder("utf8"),
    await keysUnder({ hmacSecret: "s" }),
    await keysUnder("off"),
  ];

  expect(asText).toEqual(["order-7", undefined, undefined]);
  expect(hashed[0]).toBe(hashKey("order-7", "s"));
  expect(off).toEqual([undefined, undefined, undefined]);
});

test("a message older than an hour starts a trace of its own, linked to its creator", async () => {
  const topic = await createTopic("old");
  const hoursAgo = String(Date.now() - 2 * 3_600_000);
  await produce(topic, [{ value: "a", headers: { traceparent: TRACEPARENT }, timestamp: hoursAgo }]);
  const { eachMessage, reached } = collecting();

  const { finished } = await consume({ topic, run: { eachMessage } });
  await reached(1);

  const [span] = named(finished(), `process ${topic}`);
  expect(span?.parentSpanContext).toBeUndefined();
  expect(span?.spanContext().traceId).not.toBe(TRACE_ID);
  expect(span?.links.map(({ context: to }) => to.spanId)).toEqual([SPAN_ID]);
});

test("the span that was active when run() was called is no parent of what is processed", async () => {
  const topic = await createTopic("ambient");
  await produce(topic, someMessages(1));
  const { eachMessage, reached } = collecting();
  const ambient = trace.setSpanContext(context.active(), {
    traceId: TRACE_ID,
    spanId: SPAN_ID,
    traceFlags: 1,
  });

  const { finished } = await context.with(ambient, () => consume({ topic, run: { eachMessage } }));
  await reached(1);

  expect(named(finished(), `process ${topic}`)[0]?.parentSpanContext).toBeUndefined();
});

test("of repeated trace contexts the last valid one counts", async () => {
  const topic = await createTopic("repeated");
  const older = `00-${"1".repeat(32)}-${"2".repeat(16)}-01`;
  await produce(topic, [{ value: "a", headers: { traceparent: [older, TRACEPARENT, "not one"] } }]);
  const { eachMessage, reached } = collecting();

  const { finished } = await consume({ topic, run: { eachMessage } });
  await reached(1);

  expect(named(finished(), `process ${topic}`)[0]?.parentSpanContext?.spanId).toBe(SPAN_ID);
});

test.each([
  ["B3 in one header", B3InjectEncoding.SINGLE_HEADER, { b3: `${TRACE_ID}-${SPAN_ID}-1` }],
  [
    "B3 in several headers",
    B3InjectEncoding.MULTI_HEADER,
    { "x-b3-traceid": TRACE_ID, "x-b3-spanid": SPAN_ID, "x-b3-sampled": "1" },
  ],
])("the app's propagator is the one that reads headers: %s", async (_, injectEncoding, headers) => {
  const topic = await createTopic("b3");
  await produce(topic, [{ value: "a", headers }]);
  const { eachMessage, reached } = collecting();

  const options = { propagator: new B3Propagator({ injectEncoding }) };
  const { finished } = await consume({ topic, options, run: { eachMessage } });
  await reached(1);

  expect(named(finished(), `process ${topic}`)[0]?.parentSpanContext?.spanId).toBe(SPAN_ID);
});

test("a handler can name the message it works on, for its logs", async () => {
  const topic = await createTopic("logs");
  await produce(topic, [{ value: "a", headers: { traceparent: TRACEPARENT } }]);
  const seen: unknown[] = [];
  const eachMessage = async () => {
    await Promise.resolve();
    const {
      topic: of,
      partition,
      messageOffset,
      consumerGroup,
      attempt,
      traceparent,
    } = currentMessage() ?? {};
    seen.push({ of, partition, messageOffset, consumerGroup, attempt, traceparent }, logFields());
  };

  const { finished } = await consume({ topic, groupId: "billing", run: { eachMessage } });
  await waitFor("The message", () => seen.length > 0);

  const at = { partition: 0, consumerGroup: "billing", attempt: 1 };
  expect(seen[0]).toEqual({ ...at, of: topic, messageOffset: 0n, traceparent: TRACEPARENT });
  const [span] = named(finished(), `process ${topic}`);
  expect(seen[1]).toEqual({
    trace_id: TRACE_ID,
    span_id: span?.spanContext().spanId,
    topic,
    partition: 0,
    offset: "0",
    consumer_group: "billing",
  });
  expect(logFields()).toEqual({});
});

test.each([
  ["one fetch", 1_048_576],
  ["a fetch for each record batch, some of them without any message", 1],
])(
  "offsets that hold no visible message are counted before the next message: %s",
  async (_, maxBytesPerPartition) => {
    const topic = await createTopic("void");
    await produceTransactions(topic);
    const { seen, eachMessage, reached } = collecting();

    const { finished } = await consume({ topic, config: { maxBytesPerPartition }, run: { eachMessage } });
    await reached(4);

    // 0 1 [2 marker] | 3 4 aborted [5 marker] | 6 7 [8 marker]
    expect(seen.map(({ message }) => message.offset)).toEqual(["0", "1", "6", "7"]);
    const spans = named(finished(), `process ${topic}`);
    expect(spans.map((span) => span.attributes["kafka_trail.void_before"])).toEqual([undefined, 0, 4, 0]);
  },
);

test("a jump is never taken for offsets without messages", async () => {
  const topic = await createTopic("jump");
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

  expect(seen).toEqual(["0", "1", "2", "6", "7"]);
  const spans = named(finished(), `process ${topic}`);
  expect(spans.map((span) => span.attributes["kafka_trail.void_before"])).toEqual([
    undefined,
    0,
    0,
    undefined,
    0,
  ]);
});

test("an excluded topic is left alone", async () => {
  const topic = await createTopic("excluded");
  await produce(topic, [{ value: "a", headers: { traceparent: TRACEPARENT } }]);
  const seen: unknown[] = [];
  const eachMessage = async () => void seen.push(trace.getActiveSpan());

  const { finished } = await consume({
    topic,
    options: { excludeTopics: [/^excluded-/] },
    run: { eachMessage },
  });
  await waitFor("The message", () => seen.length === 1);

  expect(seen).toEqual([undefined]);
  expect(named(finished(), `process ${topic}`)).toEqual([]);
});
