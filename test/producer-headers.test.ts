import { B3Propagator } from "@opentelemetry/propagator-b3";
import { context, createTraceState, defaultTextMapGetter, defaultTextMapSetter } from "@opentelemetry/api";
import { ROOT_CONTEXT, SpanKind, trace } from "@opentelemetry/api";
import { W3CTraceContextPropagator } from "@opentelemetry/core";
import type { Message } from "kafkajs";
import { setCurrentMessage, type MessageRef } from "../trace-context/index.ts";
import { FakeKafka } from "./support/fake-kafka.ts";
import { tracedProducer, type Producing } from "./support/producers.ts";
import { followContext, named, traceparent } from "./support/spans.ts";

beforeAll(followContext);

const INBOUND = { traceId: "0af7651916cd43dd8448eb211c80319c", spanId: "b7ad6b7169203331", traceFlags: 1 };
const UNSAMPLED = { ...INBOUND, traceFlags: 0 };
const STATEFUL = { ...INBOUND, traceState: createTraceState("vendor=kept") };
const INBOUND_TRACEPARENT = `00-${INBOUND.traceId}-${INBOUND.spanId}-01`;
const OWN_TRACEPARENT = "00-11111111111111111111111111111111-2222222222222222-01";

/** A traced producer of a fake broker, and the headers as they were stored. */
function producerOf(producing: Producing = {}) {
  const kafka = new FakeKafka();
  const traced = tracedProducer({ kafka, ...producing });
  return {
    ...traced,
    kafka,
    stored: () => kafka.log.map(({ message }) => message.headers),
    headers: () => kafka.log.map(({ message }) => message.headers?.["traceparent"]),
  };
}

/** Runs as a handler does that is processing a message. */
function whileProcessing<T>(run: () => T): T {
  const ref: MessageRef = {
    topic: "orders",
    partition: 3,
    messageOffset: 4711n,
    attempt: 1,
    traceparent: INBOUND_TRACEPARENT,
    spanContext: INBOUND,
  };
  return context.with(setCurrentMessage(ROOT_CONTEXT, ref), run);
}

test("a traceparent copied from the message being processed is replaced, and linked", async () => {
  const { producer, finished, headers } = producerOf();
  const copied = {
    value: "v",
    headers: { traceparent: Buffer.from(INBOUND_TRACEPARENT), tracestate: "a=1" },
  };

  await whileProcessing(() => producer.send({ topic: "dlq", messages: [copied] }));

  const [span] = finished();
  expect(span).toMatchObject({ name: "send dlq", kind: SpanKind.PRODUCER });
  expect(headers()).toEqual([traceparent(span!)]);
  expect(span?.links.map((link) => link.context.spanId)).toEqual([INBOUND.spanId]);
  expect(copied.headers.traceparent.toString()).toBe(INBOUND_TRACEPARENT);
});

test("what was copied along with a stale context does not survive it", async () => {
  const { producer, stored } = producerOf();
  const headers = { traceparent: INBOUND_TRACEPARENT, tracestate: "vendor=old", mine: "kept" };

  await whileProcessing(() => producer.send({ topic: "dlq", messages: [{ value: "v", headers }] }));

  expect(stored()).toEqual([{ mine: "kept", traceparent: expect.any(String) }]);
});

test("a traceparent that the app made is kept, and the send is linked to it", async () => {
  const { producer, finished, headers } = producerOf();

  await producer.send({
    topic: "outbox",
    messages: [{ value: "v", headers: { traceparent: OWN_TRACEPARENT } }],
  });

  expect(headers()).toEqual([OWN_TRACEPARENT]);
  const [span] = finished();
  expect(span?.kind).toBe(SpanKind.CLIENT);
  expect(span?.links).toMatchObject([
    { context: { spanId: "2222222222222222" }, attributes: { "messaging.kafka.offset": 0 } },
  ]);
});

test("in a batch, contexts of the app's own are kept and linked with where their messages lie", async () => {
  const { producer, finished, headers } = producerOf();
  const own = { value: "v", partition: 1, headers: { traceparent: OWN_TRACEPARENT } };

  await producer.send({ topic: "outbox", messages: [{ value: "first", partition: 1 }, own] });

  expect(headers()[1]).toBe(OWN_TRACEPARENT);
  expect(named(finished(), "create outbox")).toHaveLength(1);
  expect(named(finished(), "send outbox")[0]?.links).toMatchObject([
    {
      context: { spanId: "2222222222222222" },
      attributes: { "messaging.destination.partition.id": "1", "messaging.kafka.offset": 1 },
    },
  ]);
});

test("an invalid traceparent is replaced", async () => {
  const { producer, finished, headers } = producerOf();

  await producer.send({ topic: "t", messages: [{ value: "v", headers: { traceparent: "nonsense" } }] });

  expect(headers()).toEqual([traceparent(finished()[0]!)]);
  expect(finished()[0]?.links).toEqual([]);
});

test.each([
  ["null headers", null],
  ["a null header", { mine: null }],
  ["a null traceparent", { traceparent: null }],
  ["an undefined traceparent", { traceparent: undefined }],
])("%s are refused by the client as they are without tracing", async (_, headers) => {
  const { producer, plain, finished } = producerOf();
  const record = { topic: "t", messages: [{ value: "v", headers } as unknown as Message] };

  const [traced, untraced] = await Promise.allSettled([producer.send(record), plain.send(record)]);

  expect(traced).toEqual(untraced);
  expect(traced.status).toBe("rejected");
  expect(finished()[0]?.attributes["error.type"]).toBe("TypeError");
});

test("one headers object shared by two messages stays as it is, and each message has its own context", async () => {
  const { producer, headers } = producerOf();
  const shared = Object.freeze({ tenant: "acme" });

  await producer.send({
    topic: "t",
    messages: [
      Object.freeze({ value: "a", headers: shared }),
      Object.freeze({ value: "b", headers: shared }),
    ],
  });

  expect(shared).toEqual({ tenant: "acme" });
  expect(new Set(headers()).size).toBe(2);
});

test("a message of a class keeps its class, and one whose class computes its fields goes as it is", async () => {
  class OrderPlaced {
    readonly value = "v";
    describe() {
      return "an order";
    }
  }
  class Computed {
    readonly #value = "private";
    get value() {
      return this.#value;
    }
  }
  const { producer, kafka } = producerOf();
  const partitioned: unknown[] = [];
  const config = {
    createPartitioner: () => (args: { message: object }) => {
      partitioned.push(args.message);
      return 0;
    },
  };
  const { producer: own } = producerOf({ kafka, config });

  await own.send({ topic: "t", messages: [new OrderPlaced()] });
  await producer.send({ topic: "t", messages: [new Computed()] });

  expect(partitioned[0]).toBeInstanceOf(OrderPlaced);
  expect(kafka.log).toHaveLength(2);
});

test("what was forwarded is named: on a message's own span, and on the send's span for those beyond the cap", async () => {
  const { producer, finished } = producerOf({ options: { createSpansMax: 1 } });
  const forwarded = (at: string) => ({
    value: "v",
    headers: { "kafka-trail-origin": at, "kafka-trail-origin-group": "billing" },
  });

  await producer.send({
    topic: "dlq",
    messages: [forwarded("orders/0/1"), forwarded("orders/0/2"), { value: "v" }],
  });

  expect(named(finished(), "create dlq")[0]?.attributes).toMatchObject({
    "kafka_trail.origin": "orders/0/1",
    "kafka_trail.origin.group": "billing",
  });
  expect(named(finished(), "send dlq")[0]?.attributes).toMatchObject({
    "kafka_trail.origin": ["orders/0/2"],
    "kafka_trail.origin.group": ["billing"],
  });
});

test("a propagator of another kind is asked for everything: B3 in, B3 out", async () => {
  const { producer, finished, stored } = producerOf({ options: { propagator: new B3Propagator() } });
  const copied = {
    value: "v",
    headers: { b3: `${INBOUND.traceId}-${INBOUND.spanId}-1`, traceparent: "left alone" },
  };

  await whileProcessing(() => producer.send({ topic: "t", messages: [copied, { value: "w" }] }));

  const [first, second] = named(finished(), "create t").map((span) => span.spanContext());
  expect(stored()).toEqual([
    { b3: `${first?.traceId}-${first?.spanId}-1`, traceparent: "left alone" },
    { b3: `${second?.traceId}-${second?.spanId}-1` },
  ]);
});

/** W3C's, and beside it a field of its own for what stands in the span context. */
class W3cAndMore extends W3CTraceContextPropagator {
  override inject(...[active, carrier, setter]: Parameters<W3CTraceContextPropagator["inject"]>): void {
    super.inject(active, carrier, setter);
    setter.set(carrier, "x-span", trace.getSpanContext(active)?.spanId ?? "");
  }
}

// A large send asks the propagator for one message and foretells the others.
test.each([
  { what: "W3C", propagator: new W3CTraceContextPropagator(), inbound: INBOUND },
  { what: "W3C, unsampled", propagator: new W3CTraceContextPropagator(), inbound: UNSAMPLED },
  { what: "W3C with a state", propagator: new W3CTraceContextPropagator(), inbound: STATEFUL },
  { what: "W3C and a field more", propagator: new W3cAndMore(), inbound: INBOUND },
  { what: "B3", propagator: new B3Propagator(), inbound: INBOUND },
])("each message of a large send carries what the propagator would write: $what", async (given) => {
  const { propagator, inbound } = given;
  const { producer, stored } = producerOf({ options: { propagator } });
  const messages = Array.from({ length: 30 }, (_, i) => ({ value: `${i}` }));

  await context.with(trace.setSpanContext(ROOT_CONTEXT, inbound), () =>
    producer.send({ topic: "t", messages }),
  );

  const carriers = stored();
  const contexts = carriers.map((carrier) =>
    trace.getSpanContext(propagator.extract(ROOT_CONTEXT, carrier, defaultTextMapGetter))!,
  );
  expect(new Set(contexts.map(({ spanId }) => spanId)).size).toBe(30);
  expect(new Set(contexts.map(({ traceId }) => traceId))).toEqual(new Set([INBOUND.traceId]));
  const written = contexts.map((spanContext) => {
    const carrier = {};
    propagator.inject(trace.setSpanContext(ROOT_CONTEXT, spanContext), carrier, defaultTextMapSetter);
    return carrier;
  });
  expect(carriers).toEqual(written);
});

test("without an SDK the context that the app is in goes on as it is, and nothing is added where there is none", async () => {
  const noop = trace.getTracer("no SDK is registered");
  const { producer, stored } = producerOf({ options: { tracer: noop } });

  await producer.send({ topic: "t", messages: [{ value: "v" }] });
  await context.with(trace.setSpanContext(ROOT_CONTEXT, INBOUND), () =>
    producer.send({ topic: "t", messages: [{ value: "v" }, { value: "w" }] }),
  );

  expect(stored()).toEqual([{}, { traceparent: INBOUND_TRACEPARENT }, { traceparent: INBOUND_TRACEPARENT }]);
});
