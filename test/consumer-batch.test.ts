import { trace } from "@opentelemetry/api";
import type { EachBatchPayload, Message } from "kafkajs";
import { currentMessage, forwardHeaders, traceMessage } from "../consumer/index.ts";
import { judgeBatch, type BatchCall } from "../consumer/batch-outcome.ts";
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

beforeAll(followContext);
afterEach(closeClients);

const hex = (value: number, length: number) => value.toString(16).padStart(length, "0");
const traceparent = (traceNumber: number, spanNumber: number) =>
  `00-${hex(traceNumber, 32)}-${hex(spanNumber, 16)}-01`;

/** Messages of as many traces as asked for, each with a span of its own. */
const tracedMessages = (count: number, tracesCount: number, firstSpan = 1): Message[] =>
  Array.from({ length: count }, (_, i) => ({
    value: "a",
    headers: { traceparent: traceparent(1 + Math.floor((i * tracesCount) / count), firstSpan + i) },
  }));

const offsetsOf = ({ batch }: EachBatchPayload) => batch.messages.map(({ offset }) => offset);

test("a batch is one span that links to what made its messages", async () => {
  const topic = await createTopic("batch");
  await produce(topic, tracedMessages(3, 3));
  const batches: string[][] = [];

  const { finished } = await consume({
    topic,
    run: { eachBatch: async (payload) => void batches.push(offsetsOf(payload)) },
  });
  await waitFor("The span", () => named(finished(), `process ${topic}`).length === 1);

  const [span] = named(finished(), `process ${topic}`);
  expect(batches).toEqual([["0", "1", "2"]]);
  expect(span?.parentSpanContext).toBeUndefined();
  expect(span?.links.map(({ context: to }) => to.traceId)).toEqual([1, 2, 3].map((it) => hex(it, 32)));
  expect(span?.attributes).toMatchObject({
    "messaging.batch.message_count": 3,
    "messaging.destination.partition.id": "0",
    "kafka_trail.offsets": [`${topic}/0/0-2`],
    "kafka_trail.attempt": 1,
    "kafka_trail.lag": 0,
  });
});

test("of more messages than a span keeps links, every trace is linked before any is linked twice", async () => {
  const topic = await createTopic("links");
  await produce(topic, [...tracedMessages(190, 2), ...tracedMessages(10, 10, 1000)]);

  const { finished } = await consume({ topic, run: { eachBatch: async () => {} } });
  await waitFor("The span", () => named(finished(), `process ${topic}`).length === 1);

  const [span] = named(finished(), `process ${topic}`);
  const traces = span?.links.map(({ context: to }) => to.traceId);
  expect(traces).toHaveLength(128);
  expect(new Set(traces).size).toBe(10);
  expect(new Set(span?.links.map(({ context: to }) => to.spanId)).size).toBe(128);
  expect(span?.droppedLinksCount).toBe(0);
});

test("offsets without visible messages are told apart from those processed", async () => {
  const topic = await createTopic("holes");
  await produceTransactions(topic);

  const { finished } = await consume({ topic, run: { eachBatch: async () => {} } });
  await waitFor("The span", () => named(finished(), `process ${topic}`).length === 1);

  // 0 1 [2 marker] | 3 4 aborted [5 marker] | 6 7 [8 marker]
  expect(named(finished(), `process ${topic}`)[0]?.attributes).toMatchObject({
    "kafka_trail.offsets": [`${topic}/0/0-1`, `${topic}/0/6-7`],
    "kafka_trail.offsets.void": [`${topic}/0/2-5`, `${topic}/0/8-8`],
  });
});

test("fetches without any message are told by the batch that follows them", async () => {
  const topic = await createTopic("hidden");
  await produceTransactions(topic);

  const { finished } = await consume({
    topic,
    config: { maxBytesPerPartition: 1 },
    run: { eachBatch: async () => {} },
  });
  await waitFor("Both spans", () => named(finished(), `process ${topic}`).length === 2);

  const spans = named(finished(), `process ${topic}`);
  expect(spans.map((span) => span.attributes["kafka_trail.offsets.void"])).toEqual([
    undefined,
    [`${topic}/0/2-5`],
  ]);
});

test("a handler that throws has processed what it resolved, and failed at what came next", async () => {
  const topic = await createTopic("throws");
  await produce(topic, someMessages(6));
  let calls = 0;
  const eachBatch = async (payload: EachBatchPayload) => {
    calls++;
    for (const { offset } of payload.batch.messages) {
      if (offset === "3" && calls === 1) throw new Error("no");
      payload.resolveOffset(offset);
    }
  };

  const { finished } = await consume({ topic, run: { eachBatch } });
  await waitFor("Both calls", () => named(finished(), `process ${topic}`).length === 2);

  const [first, second] = named(finished(), `process ${topic}`);
  expect(first?.attributes).toMatchObject({
    "error.type": "Error",
    "kafka_trail.offsets": [`${topic}/0/0-2`],
    "kafka_trail.offsets.failed": [`${topic}/0/3-3`],
    "kafka_trail.offsets.not_reached": [`${topic}/0/4-5`],
  });
  expect(second?.attributes).toMatchObject({
    "kafka_trail.attempt": 2,
    "kafka_trail.offsets": [`${topic}/0/3-5`],
  });
  expect(second?.links.map(({ context: to }) => to.spanId)).toEqual([first?.spanContext().spanId]);
});

test("what a handler leaves unresolved it has not reached, where the client does not resolve for it", async () => {
  const topic = await createTopic("unresolved");
  await produce(topic, someMessages(5));
  const eachBatch = async (payload: EachBatchPayload) => {
    const [first] = payload.batch.messages;
    if (first !== undefined) payload.resolveOffset(first.offset);
  };

  const { finished } = await consume({ topic, run: { eachBatch, eachBatchAutoResolve: false } });
  await waitFor("Two batches", () => named(finished(), `process ${topic}`).length >= 2);

  const [first, second] = named(finished(), `process ${topic}`);
  expect(first?.attributes).toMatchObject({
    "kafka_trail.offsets": [`${topic}/0/0-0`],
    "kafka_trail.offsets.not_reached": [`${topic}/0/1-4`],
  });
  expect(second?.attributes).toMatchObject({
    "kafka_trail.attempt": 1,
    "kafka_trail.offsets": [`${topic}/0/1-1`],
  });
});

test("an app may empty the array of messages as it goes", async () => {
  const topic = await createTopic("shift");
  await produce(topic, someMessages(3));
  const eachBatch = async ({ batch }: EachBatchPayload) => void batch.messages.splice(0);

  const { finished } = await consume({ topic, run: { eachBatch } });
  await waitFor("The span", () => named(finished(), `process ${topic}`).length === 1);

  expect(named(finished(), `process ${topic}`)[0]?.attributes["kafka_trail.offsets"]).toEqual([
    `${topic}/0/0-2`,
  ]);
});

test("traceMessage gives a message of a batch its own span, time and outcome", async () => {
  const topic = await createTopic("own");
  await produce(topic, tracedMessages(3, 3));
  const seen: unknown[] = [];
  const eachBatch = async (payload: EachBatchPayload) => {
    for (const message of payload.batch.messages) {
      const work = async () => {
        seen.push([currentMessage()?.messageOffset, trace.getActiveSpan()?.spanContext().traceId]);
        if (message.offset === "1") throw new Error("no");
      };
      await traceMessage(payload.batch, message, work).catch(() => {});
    }
  };

  const { finished } = await consume({ topic, run: { eachBatch } });
  await waitFor("All spans", () => named(finished(), `process ${topic}`).length === 4);

  const spans = named(finished(), `process ${topic}`);
  const batch = spans.at(-1);
  expect(seen).toEqual([0, 1, 2].map((it) => [BigInt(it), hex(it + 1, 32)]));
  expect(
    spans
      .slice(0, 3)
      .map((span) => [span.attributes["messaging.kafka.offset"], span.attributes["error.type"]]),
  ).toEqual([
    [0, undefined],
    [1, "Error"],
    [2, undefined],
  ]);
  expect(spans[0]?.links.map(({ context: to }) => to.spanId)).toContain(batch?.spanContext().spanId);
  // Told once: the batch's own ranges do not repeat what a message's span says.
  expect(batch?.attributes["kafka_trail.offsets"]).toBeUndefined();
  expect(batch?.attributes["messaging.batch.message_count"]).toBe(3);
});

test("traceMessage outside of a traced consumer only calls", () => {
  const batch = { topic: "orders", partition: 0, messages: [] };

  expect(traceMessage(batch, { offset: "0" }, () => "called")).toBe("called");
});

test("spans are cut from what the handler resolves, when asked for", async () => {
  const topic = await createTopic("cut");
  await produce(topic, tracedMessages(4, 4));
  const eachBatch = async (payload: EachBatchPayload) => {
    payload.resolveOffset("0");
    payload.resolveOffset("1");
    payload.resolveOffset("3");
  };

  const { finished } = await consume({
    topic,
    options: { spanPerResolvedMessage: true },
    run: { eachBatch },
  });
  await waitFor("All spans", () => named(finished(), `process ${topic}`).length === 3);

  const [first, second, batch] = named(finished(), `process ${topic}`);
  expect([first, second].map((span) => span?.attributes["messaging.kafka.offset"])).toEqual([0, 1]);
  expect(first?.parentSpanContext?.traceId).toBe(hex(1, 32));
  // 2 and 3 were resolved by one call, which tells the time of neither.
  expect(batch?.attributes["kafka_trail.offsets"]).toEqual([`${topic}/0/2-3`]);
});

test("a message of a batch can be forwarded with the name of where it came from", async () => {
  const topic = await createTopic("forward");
  await produce(topic, someMessages(2));
  const forwarded: unknown[] = [];
  const eachBatch = async ({ batch }: EachBatchPayload) => {
    for (const message of batch.messages) forwarded.push(forwardHeaders(message)["kafka-trail-origin"]);
    forwarded.push(forwardHeaders({ offset: "77" })["kafka-trail-origin"]);
  };

  await consume({ topic, run: { eachBatch } });
  await waitFor("The batch", () => forwarded.length === 3);

  expect(forwarded).toEqual([`${topic}/0/0`, `${topic}/0/1`, undefined]);
});

const CALL: BatchCall = {
  offsets: [3, 4, 5, 6],
  resolved: 0,
  hasThrown: false,
  isAutoResolved: true,
  wasToldToStop: false,
  isEachByItself: false,
  ownSpans: new Map(),
};

test.each<[string, Partial<BatchCall>, number[], number[], number[]]>([
  ["returned", {}, [3, 4, 5, 6], [], []],
  ["returned after it was told to stop", { resolved: 1, wasToldToStop: true }, [3], [], [4, 5, 6]],
  ["returned, nothing resolved for it", { isAutoResolved: false }, [], [], [3, 4, 5, 6]],
  ["threw, batch as a whole", { hasThrown: true }, [], [3, 4, 5, 6], []],
  ["threw, message by message", { hasThrown: true, isEachByItself: true }, [], [3], [4, 5, 6]],
  ["threw after two", { hasThrown: true, isEachByItself: true, resolved: 2 }, [3, 4], [5], [6]],
  [
    "threw what one of its messages' spans tells",
    {
      hasThrown: true,
      isEachByItself: true,
      resolved: 1,
      ownSpans: new Map([
        [3, { hasFailed: false }],
        [4, { hasFailed: true }],
      ]),
    },
    [],
    [],
    [5, 6],
  ],
])("a batch's outcome: the handler %s", (_, call, processed, failed, notReached) => {
  expect(judgeBatch({ ...CALL, ...call })).toMatchObject({ processed, failed, notReached });
});
