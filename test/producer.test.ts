import { context, propagation, SpanKind, SpanStatusCode, trace } from "@opentelemetry/api";
import { CompressionTypes, type Message } from "kafkajs";
import { parseOffsetRange } from "../trace-context/index.ts";
import { closeProducers, messagesIn, openTracedProducer } from "./support/producers.ts";
import { followContext, named, traceparent } from "./support/spans.ts";
import { createTopic } from "./support/topics.ts";

beforeAll(followContext);
afterEach(closeProducers);

const someMessages = (count: number): Message[] =>
  Array.from({ length: count }, (_, i) => ({ key: i % 2 === 0 ? `k${i}` : null, value: `v${i}` }));

/** `topic/partition/offset` of a span with coordinates. */
const coordinatesOf = ({ attributes }: { attributes: Record<string, unknown> }): string =>
  [
    attributes["messaging.destination.name"],
    attributes["messaging.destination.partition.id"],
    attributes["messaging.kafka.offset"],
  ].join("/");

test("a send of one message leaves one span, and the message carries its context and lies where it says", async () => {
  const topic = await createTopic("one", 3);
  const { producer, finished } = await openTracedProducer();

  await producer.send({
    topic,
    messages: [{ key: "order-7", value: "{}", headers: { "message-id": "m1" } }],
  });

  const [span, ...others] = finished();
  expect(others).toEqual([]);
  expect(span).toMatchObject({ name: `send ${topic}`, kind: SpanKind.PRODUCER });
  expect(span?.attributes).toMatchObject({
    "messaging.system": "kafka",
    "messaging.operation.name": "send",
    "messaging.operation.type": "send",
    "messaging.kafka.message.key": "order-7",
    "messaging.message.id": "m1",
  });
  const message = (await messagesIn(topic)).get(coordinatesOf(span!));
  expect(String(message?.headers?.["traceparent"])).toBe(traceparent(span!));
});

test("a send of many leaves one send span with ranges, and a create span of each message where it lies", async () => {
  const topic = await createTopic("many", 3);
  const { producer, finished } = await openTracedProducer();

  await producer.send({ topic, messages: someMessages(10) });

  const [send] = named(finished(), `send ${topic}`);
  expect(send).toMatchObject({ kind: SpanKind.CLIENT, attributes: { "messaging.batch.message_count": 10 } });
  const creates = named(finished(), `create ${topic}`);
  expect(creates).toHaveLength(10);
  const log = await messagesIn(topic);
  for (const create of creates) {
    expect(create.parentSpanContext?.spanId).toBe(send?.spanContext().spanId);
    expect(String(log.get(coordinatesOf(create))?.headers?.["traceparent"])).toBe(traceparent(create));
  }
  expect(covered(send?.attributes["kafka_trail.offsets"])).toEqual(new Set(log.keys()));
});

test("messages beyond the cap carry a span id of their own, under the send's trace", async () => {
  const topic = await createTopic("cap", 2);
  const { producer, finished } = await openTracedProducer({ options: { createSpansMax: 3 } });

  await producer.send({ topic, messages: someMessages(50) });

  const [send] = named(finished(), `send ${topic}`);
  expect(named(finished(), `create ${topic}`)).toHaveLength(3);
  const carried = [...(await messagesIn(topic)).values()].map(({ headers }) =>
    String(headers?.["traceparent"]),
  );
  expect(new Set(carried).size).toBe(50);
  for (const it of carried)
    expect(it).toMatch(new RegExp(`^00-${send?.spanContext().traceId}-[0-9a-f]{16}-01$`));
});

test("a create span ends when its message was made, not when the broker answered", async () => {
  const topic = await createTopic("ends");
  const { producer, finished } = await openTracedProducer();

  await producer.send({ topic, messages: someMessages(2) });

  const [send] = named(finished(), `send ${topic}`);
  for (const create of named(finished(), `create ${topic}`)) {
    expect(Number(create.endTime[0]) * 1e9 + create.endTime[1]).toBeLessThan(
      Number(send!.endTime[0]) * 1e9 + send!.endTime[1],
    );
  }
});

test("sendBatch with a topic named twice ranks the messages over both parts", async () => {
  const [a, b] = [await createTopic("twice-a", 3), await createTopic("twice-b", 3)];
  const { producer, finished } = await openTracedProducer({ options: { createSpansMax: 100 } });
  const parts = [
    { topic: a, messages: someMessages(17) },
    { topic: b, messages: someMessages(9) },
    { topic: a, messages: someMessages(11) },
  ];

  await producer.sendBatch({ topicMessages: parts, compression: CompressionTypes.GZIP });

  const [send] = named(finished(), "send");
  expect(send?.attributes["messaging.destination.name"]).toBeUndefined();
  const creates = [...named(finished(), `create ${a}`), ...named(finished(), `create ${b}`)];
  expect(creates).toHaveLength(37);
  const log = await messagesIn(a, b);
  for (const create of creates) {
    expect(String(log.get(coordinatesOf(create))?.headers?.["traceparent"])).toBe(traceparent(create));
  }
  expect(covered(send?.attributes["kafka_trail.offsets"])).toEqual(new Set(log.keys()));
});

test("one message object sent many times at once is many messages, each where its span says", async () => {
  const topic = await createTopic("same", 3);
  const { producer, finished } = await openTracedProducer();
  const message = { value: "again" };

  await Promise.all(
    Array.from({ length: 8 }, () => producer.send({ topic, messages: [message, message, message] })),
  );

  expect(message).toEqual({ value: "again" });
  const creates = named(finished(), `create ${topic}`);
  expect(new Set(creates.map(coordinatesOf)).size).toBe(24);
  const log = await messagesIn(topic);
  for (const create of creates) {
    expect(String(log.get(coordinatesOf(create))?.headers?.["traceparent"])).toBe(traceparent(create));
  }
});

test("acks 0 says which partition, and claims no offset", async () => {
  const topic = await createTopic("acks0", 3);
  const { producer, finished } = await openTracedProducer();

  await producer.send({ topic, acks: 0, messages: [{ value: "v", partition: 2 }] });

  const [span] = finished();
  expect(span?.attributes["messaging.destination.partition.id"]).toBe("2");
  expect(span?.attributes).not.toHaveProperty(["messaging.kafka.offset"]);
  expect(span?.status.code).toBe(SpanStatusCode.UNSET);
});

test("a send that the client rejects leaves failed spans without offsets, and the client's own error", async () => {
  const topic = await createTopic("fails", 1, { "max.message.bytes": "1000" });
  const { producer, finished, metric } = await openTracedProducer();

  const sending = producer.send({ topic, messages: [{ value: "x".repeat(2_000) }, { value: "y" }] });

  await expect(sending).rejects.toMatchObject({ type: "MESSAGE_TOO_LARGE" });
  expect(finished()).toHaveLength(3);
  for (const span of finished()) {
    expect(span.status.code).toBe(SpanStatusCode.ERROR);
    expect(span.attributes["error.type"]).toBe("MESSAGE_TOO_LARGE");
    expect(span.attributes).not.toHaveProperty(["messaging.kafka.offset"]);
  }
  expect(await metric("messaging.client.sent.messages")).toMatchObject([
    { value: 2, attributes: { "error.type": "MESSAGE_TOO_LARGE" } },
  ]);
});

test("a send is a child of the span it was made under", async () => {
  const topic = await createTopic("child");
  const { producer, finished, tracer } = await openTracedProducer();
  const outer = tracer.startSpan("checkout");

  await context.with(trace.setSpan(context.active(), outer), () =>
    producer.send({ topic, messages: [{ value: "v" }] }),
  );

  expect(finished()[0]?.parentSpanContext?.spanId).toBe(outer.spanContext().spanId);
});

test("baggage stays at home unless it is asked for", async () => {
  const topic = await createTopic("baggage");
  const { CompositePropagator, W3CBaggagePropagator, W3CTraceContextPropagator } =
    await import("@opentelemetry/core");
  const propagator = new CompositePropagator({
    propagators: [new W3CTraceContextPropagator(), new W3CBaggagePropagator()],
  });
  const baggage = propagation.createBaggage({ tenant: { value: "acme" } });
  const sendWith = async (options: { baggage: boolean }, value: string) => {
    const { producer } = await openTracedProducer({ options: { ...options, propagator } });
    await context.with(propagation.setBaggage(context.active(), baggage), () =>
      producer.send({ topic, messages: [{ value }] }),
    );
  };

  await sendWith({ baggage: false }, "without");
  await sendWith({ baggage: true }, "with");

  const messages = [...(await messagesIn(topic)).values()];
  const headerOf = (value: string) => messages.find((it) => String(it.value) === value)?.headers?.["baggage"];
  expect(headerOf("without")).toBeUndefined();
  expect(String(headerOf("with"))).toBe("tenant=acme");
});

test("sends are measured: duration, messages, connections", async () => {
  const topic = await createTopic("measured");
  const { producer, metric } = await openTracedProducer();

  await producer.send({ topic, messages: someMessages(3) });

  const attributes = {
    "messaging.system": "kafka",
    "messaging.operation.name": "send",
    "messaging.destination.name": topic,
  };
  expect(await metric("messaging.client.sent.messages")).toMatchObject([{ value: 3, attributes }]);
  expect(await metric("messaging.client.operation.duration")).toMatchObject([
    { value: { count: 1 }, attributes },
  ]);
  expect(await metric("kafka_trail.client.connected")).toMatchObject([{ value: 1 }]);
});

test("an excluded topic is sent byte for byte, and a batch with one is traced for the others", async () => {
  const [out, into] = [await createTopic("left-alone"), await createTopic("traced")];
  const { producer, finished } = await openTracedProducer({ options: { excludeTopics: [out] } });

  await producer.send({ topic: out, messages: [{ value: "v" }] });
  await producer.sendBatch({
    topicMessages: [
      { topic: out, messages: [{ value: "v" }] },
      { topic: into, messages: [{ value: "v" }] },
    ],
  });

  for (const { headers } of (await messagesIn(out)).values()) expect(headers).toEqual({});
  expect(
    finished()
      .map(({ name }) => name)
      .sort(),
  ).toEqual([`create ${into}`, `send ${into}`]);
});

/** Every `topic/partition/offset` in a list of ranges. */
function covered(ranges: unknown): Set<string> {
  const all = new Set<string>();
  for (const spelled of ranges as string[]) {
    const { topic, partition, firstOffset, lastOffset } = parseOffsetRange(spelled)!;
    for (let offset = firstOffset; offset <= lastOffset; offset++) all.add(`${topic}/${partition}/${offset}`);
  }
  return all;
}
