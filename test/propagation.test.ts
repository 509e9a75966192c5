import { context, propagation, trace, type TextMapPropagator } from "@opentelemetry/api";
import { CompositePropagator, W3CBaggagePropagator, W3CTraceContextPropagator } from "@opentelemetry/core";
import { B3InjectEncoding, B3Propagator } from "@opentelemetry/propagator-b3";
import { JaegerPropagator } from "@opentelemetry/propagator-jaeger";
import type { IHeaders, KafkaMessage } from "kafkajs";
import { createPropagator } from "../export/propagators.ts";
import { traceKafka, type TraceOptions } from "../index.ts";
import { FakeKafka } from "./support/fake-kafka.ts";
import { followContext, named, tracing } from "./support/spans.ts";

beforeAll(followContext);

/** Sends one message and delivers what the broker then holds; returns its headers, its spans and the baggage seen. */
async function trip(options: TraceOptions) {
  const { tracer, meter, finished } = tracing();
  const fake = new FakeKafka();
  const kafka = traceKafka(fake.client, { tracer, meter, ...options });
  const baggage = propagation.createBaggage({ tenant: { value: "acme" } });

  await context.with(propagation.setBaggage(context.active(), baggage), () =>
    kafka.producer().send({ topic: "orders", messages: [{ value: "{}" }] }),
  );
  let seen: string | undefined;
  await kafka.consumer({ groupId: "g" }).run({
    eachMessage: async () => void (seen = propagation.getActiveBaggage()?.getEntry("tenant")?.value),
  });
  const headers = fetched(fake.log[0]?.message.headers);
  const message = { offset: "0", headers } as KafkaMessage;
  await fake.consumers[0]?.deliver({ topic: "orders", messages: [message] });

  const [sent] = named(finished(), "send orders");
  const [processed] = named(finished(), "process orders");
  return { names: Object.keys(headers).toSorted(), sent, processed, seen };
}

/** Headers as they come from a broker: each a Buffer. */
function fetched(headers: IHeaders = {}): Record<string, Buffer> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name, Buffer.from(value as string)]),
  );
}

const PROPAGATORS: [string, TextMapPropagator, string[]][] = [
  ["W3C", new W3CTraceContextPropagator(), ["traceparent"]],
  ["B3 single", new B3Propagator({ injectEncoding: B3InjectEncoding.SINGLE_HEADER }), ["b3"]],
  [
    "B3 multi",
    new B3Propagator({ injectEncoding: B3InjectEncoding.MULTI_HEADER }),
    ["x-b3-sampled", "x-b3-spanid", "x-b3-traceid"],
  ],
  ["Jaeger", new JaegerPropagator(), ["uber-trace-id"]],
];

test.each(PROPAGATORS)(
  "%s carries the trace from the producer to the consumer",
  async (_, propagator, fields) => {
    const { names, sent, processed } = await trip({ propagator });

    expect(names).toEqual(fields);
    expect(processed?.spanContext().traceId).toBe(sent?.spanContext().traceId);
    expect(processed?.parentSpanContext?.spanId).toBe(sent?.spanContext().spanId);
  },
);

test.each(PROPAGATORS)(
  "%s that is registered for the process is used without being named",
  async (_, propagator, fields) => {
    propagation.setGlobalPropagator(propagator);

    const { names, sent, processed } = await trip({});
    propagation.disable();

    expect(names).toEqual(fields);
    expect(processed?.parentSpanContext?.spanId).toBe(sent?.spanContext().spanId);
  },
);

test.each(PROPAGATORS)("%s is read from each message of a batch, for its links", async (_, propagator) => {
  const { tracer, finished } = tracing();
  const fake = new FakeKafka();
  const kafka = traceKafka(fake.client, { tracer, propagator });
  const producer = kafka.producer();
  for (const value of ["a", "b"]) await producer.send({ topic: "orders", messages: [{ value }] });
  await kafka.consumer({ groupId: "g" }).run({ eachBatch: async () => {} });

  await fake.consumers[0]?.deliver({
    topic: "orders",
    messages: fake.log.map(({ message }, i) => ({
      offset: String(i),
      headers: fetched(message.headers),
    })) as never,
  });

  const sent = named(finished(), "send orders").map((span) => span.spanContext());
  const [batch] = named(finished(), "process orders");
  expect(batch?.links.map(({ context: { traceId, spanId } }) => ({ traceId, spanId }))).toEqual(
    sent.map(({ traceId, spanId }) => ({ traceId, spanId })),
  );
});

const WITH_BAGGAGE = new CompositePropagator({
  propagators: [new W3CTraceContextPropagator(), new W3CBaggagePropagator()],
});

test("baggage stays out of the log unless the app asks for it", async () => {
  const { names, seen } = await trip({ propagator: WITH_BAGGAGE });

  expect(names).toEqual(["traceparent"]);
  expect(seen).toBeUndefined();
});

test("baggage that the app asked for reaches the handler", async () => {
  const { names, seen } = await trip({ propagator: WITH_BAGGAGE, baggage: true });

  expect(names).toEqual(["baggage", "traceparent"]);
  expect(seen).toBe("acme");
});

test("OTEL_PROPAGATORS keeps its meaning", () => {
  const fieldsOf = (names: string) => createPropagator(names.split(","))?.fields().toSorted();

  expect(fieldsOf("tracecontext,baggage")).toBeUndefined();
  expect(fieldsOf("b3")).toEqual(["b3"]);
  expect(fieldsOf("b3multi,jaeger")).toEqual(
    expect.arrayContaining(["uber-trace-id", "x-b3-traceid", "x-b3-spanid"]) as string[],
  );
  expect(fieldsOf("none")).toEqual([]);
  expect(fieldsOf("tracecontext,ottrace")).toEqual(["traceparent", "tracestate"]);
});

test("without a propagator and without an SDK a message goes out as it was given", async () => {
  const fake = new FakeKafka();
  trace.disable();

  await traceKafka(fake.client)
    .producer()
    .send({ topic: "orders", messages: [{ value: "{}" }] });

  expect(fake.calls[0]?.args[0]).toEqual({ topic: "orders", messages: [{ value: "{}" }] });
});
