import { diag, trace } from "@opentelemetry/api";
import { BasicTracerProvider } from "@opentelemetry/sdk-trace-base";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { VERSION } from "../client/config.ts";
import { instrumentKafka, traceConsumer, traceKafka, traceProducer } from "../index.ts";
import { FakeKafka } from "./support/fake-kafka.ts";
import { ROOT } from "./support/program.ts";
import { named, tracing } from "./support/spans.ts";

const ORDER = { key: "order-7", value: "{}" };
const MESSAGES = { topic: "orders", messages: [ORDER] };

/** A class of its own for each test, as what is known of a class is kept. */
function aModule() {
  class Kafka extends FakeKafka {}
  const DefaultPartitioner = jest.fn(() => () => 2);
  return { Kafka, Partitioners: { DefaultPartitioner } };
}

test("every producer and consumer of a traced client is traced", async () => {
  const { options, finished } = tracing();
  const fake = new FakeKafka();
  const kafka = traceKafka(fake.client, options);

  await kafka.producer().send(MESSAGES);
  await kafka.consumer({ groupId: "billing" }).run({ eachMessage: async () => {} });
  await fake.consumers[0]?.deliver({ topic: "orders", messages: [{ offset: "7" }] });

  expect(finished().map((span) => span.name)).toEqual(["send orders", "process orders"]);
  expect(finished()[1]?.attributes).toMatchObject({ "messaging.consumer.group.name": "billing" });
});

test("tracing twice changes nothing, at any level", () => {
  const { options } = tracing();
  const fake = new FakeKafka();

  const kafka = traceKafka(fake.client, options);
  const producer = kafka.producer();
  const consumer = kafka.consumer({ groupId: "g" });

  expect(traceKafka(kafka, options)).toBe(kafka);
  expect(traceKafka(fake.client, options)).toBe(kafka);
  expect(traceProducer(producer, options)).toBe(producer);
  expect(traceConsumer(consumer, options)).toBe(consumer);
});

test("the rest of the client is its own: admin, class, private fields, instanceof", () => {
  class Kafka extends FakeKafka {
    #brokers = ["a:1"];
    brokers() {
      return this.#brokers;
    }
  }
  const kafka = new Kafka();

  const traced = traceKafka(kafka);

  expect(traced).toBeInstanceOf(Kafka);
  expect(traced.constructor).toBe(Kafka);
  expect(traced.brokers()).toEqual(["a:1"]);
  expect(Reflect.get(traced, "brokers")).toBe(Reflect.get(traced, "brokers"));
  expect(traced.admin()).toEqual({ isAdmin: true });
});

test("the app's partitioner is asked as before, and its answers are recorded", async () => {
  const { options, finished } = tracing();
  const fake = new FakeKafka();
  const choose = jest.fn(() => 1);

  const producer = traceKafka(fake.client, options).producer({ createPartitioner: () => choose });
  await producer.send({ topic: "orders", messages: [ORDER, ORDER, ORDER] });

  expect(choose).toHaveBeenCalledTimes(3);
  expect(named(finished(), "send orders")[0]?.attributes["kafka_trail.offsets"]).toEqual(["orders/1/0-2"]);
});

test("the default partitioner is taken from the module that instrumentKafka was handed", async () => {
  const { options, finished } = tracing();
  const module = aModule();
  const undo = instrumentKafka(module, options);

  await new module.Kafka().producer().send({ topic: "orders", messages: [ORDER, ORDER] });
  undo();

  expect(module.Partitioners.DefaultPartitioner).toHaveBeenCalledTimes(1);
  expect(named(finished(), "send orders")[0]?.attributes["kafka_trail.offsets"]).toEqual(["orders/2/0-1"]);
});

test("the default partitioner is taken from the option where no module is at hand", async () => {
  const { options, finished } = tracing();
  const { Kafka, Partitioners } = aModule();

  const producer = traceKafka(new Kafka().client, { ...options, partitioners: Partitioners }).producer();
  await producer.send({ topic: "orders", messages: [ORDER, ORDER] });

  expect(named(finished(), "send orders")[0]?.attributes["kafka_trail.offsets"]).toEqual(["orders/2/0-1"]);
});

test("without a partitioner no coordinates are claimed that the client did not name", async () => {
  const { options, finished } = tracing();
  const fake = new FakeKafka({ partitions: 3 });

  const producer = traceKafka(fake.client, options).producer();
  await producer.send({ topic: "orders", messages: [ORDER, ORDER, ORDER] });

  for (const span of named(finished(), "create orders")) {
    expect(span.attributes["messaging.kafka.offset"]).toBeUndefined();
  }
});

test("instrumentKafka traces clients of the class until it is undone", async () => {
  const { options, finished } = tracing();
  const module = aModule();
  const early = new module.Kafka();

  const undo = instrumentKafka(module, options);
  expect(instrumentKafka(module, options)).toBe(undo);
  await early.producer().send(MESSAGES);
  await traceKafka(new module.Kafka().client, options).producer().send(MESSAGES);
  undo();
  await new module.Kafka().producer().send(MESSAGES);

  expect(finished()).toHaveLength(2);
  expect(Object.hasOwn(module.Kafka.prototype, "producer")).toBe(false);
});

test("instrumentKafka finds the class in a default export and in Confluent's KafkaJS", async () => {
  const { options, finished } = tracing();
  const first = aModule();
  const second = aModule();

  const undos = [instrumentKafka({ default: first }, options), instrumentKafka({ KafkaJS: second }, options)];
  await new first.Kafka().producer().send(MESSAGES);
  await new second.Kafka().producer().send(MESSAGES);
  for (const undo of undos) undo();

  expect(finished()).toHaveLength(2);
});

test("instrumentKafka without a Kafka class says so and does nothing", () => {
  const warned = jest.spyOn(diag, "warn").mockImplementation(() => {});

  for (const module of [undefined, null, 7, {}, { Kafka: {} }]) instrumentKafka(module)();

  expect(warned).toHaveBeenCalledTimes(5);
  warned.mockRestore();
});

test("what is no client of Kafka's is told, and returned as it is", () => {
  const warned = jest.spyOn(process, "emitWarning").mockImplementation(() => {});
  const producer = new FakeKafka().producer();
  const consumer = new FakeKafka().consumer({ groupId: "g" });

  expect(traceKafka(producer)).toBe(producer);
  expect(traceProducer(consumer)).toBe(consumer);
  expect(traceConsumer(producer)).toBe(producer);

  expect(warned.mock.calls.map(([sentence]) => String(sentence))).toEqual([
    expect.stringContaining("traceKafka() was handed no Kafka client"),
    expect.stringContaining("traceProducer() was handed no producer"),
    expect.stringContaining("traceConsumer() was handed no consumer"),
  ]);
  warned.mockRestore();
});

test("options that are not what they should be are told, count as not given, and harm nothing", async () => {
  const warned = jest.spyOn(process, "emitWarning").mockImplementation(() => {});
  const { options, finished } = tracing();
  const odd = {
    ...options,
    createSpanMax: 1,
    createSpansMax: "lots",
    excludeTopics: "orders",
    key: { hmacSecret: "" },
    maxParentAgeMs: Number.NaN,
  };

  await traceKafka(new FakeKafka().client, odd as never)
    .producer()
    .send(MESSAGES);
  traceKafka(new FakeKafka().client, null as never);
  traceProducer(new FakeKafka().producer(), null as never);
  traceConsumer(new FakeKafka().consumer({ groupId: "g" }), null as never);

  expect(finished().map((span) => span.name)).toEqual(["send orders"]);
  expect(finished()[0]?.attributes).not.toHaveProperty("messaging.kafka.message.key");
  const said = warned.mock.calls.map(([sentence]) => String(sentence));
  expect(said).toEqual([
    expect.stringMatching(/^createSpanMax is not an option .* createSpansMax,/),
    expect.stringContaining('createSpansMax is "lots"; expected a number'),
    expect.stringContaining('excludeTopics is "orders"; expected an array'),
    expect.stringContaining("the option key cannot be used"),
    expect.stringContaining("maxParentAgeMs is NaN; expected a number"),
  ]);
  warned.mockRestore();
});

test("what OpenTelemetry's instrumentation traces is left to it, with one warning", async () => {
  const warned = jest.spyOn(diag, "warn").mockImplementation(() => {});
  const { options, finished } = tracing();
  const mark = <F extends object>(it: F): F => Object.assign(it, { __wrapped: true });
  const fake = new FakeKafka();
  const producer = fake.producer();
  mark(Reflect.get(producer, "send") as object);
  const kafka = new FakeKafka();
  kafka.producer = mark(kafka.producer.bind(kafka));

  await traceProducer(producer, options).send(MESSAGES);
  await traceKafka(kafka.client, options).producer().send(MESSAGES);

  expect(finished()).toEqual([]);
  expect(warned).toHaveBeenCalledTimes(1);
  expect(warned.mock.calls[0]?.[0]).toContain("@opentelemetry/instrumentation-kafkajs");
  warned.mockRestore();
});

test("without an SDK the app is told once, when it connects, what to do", async () => {
  const warned = jest.spyOn(process, "emitWarning").mockImplementation(() => {});

  const kafka = traceKafka(new FakeKafka().client);
  await kafka.producer().connect();
  await kafka.consumer({ groupId: "g" }).connect();
  await kafka.consumer({ groupId: "h" }).connect();

  expect(warned).toHaveBeenCalledTimes(1);
  expect(warned.mock.calls[0]?.[0]).toContain("node --import kafka-trail/register");
  warned.mockRestore();
});

test("with an SDK, or with a tracer of the app's own, nothing is said", async () => {
  const warned = jest.spyOn(process, "emitWarning").mockImplementation(() => {});
  trace.setGlobalTracerProvider(new BasicTracerProvider());

  await traceKafka(new FakeKafka().client).producer().connect();
  trace.disable();
  await traceKafka(new FakeKafka().client, tracing().options).producer().connect();

  expect(warned).not.toHaveBeenCalled();
  warned.mockRestore();
});

test("a config that throws when read throws the client's own error", () => {
  const refused = new Error("no such setting");
  const config = {
    get createPartitioner(): never {
      throw refused;
    },
  };

  expect(() => traceKafka(new FakeKafka().client, tracing().options).producer(config)).toThrow(refused);
});

test("the version on spans is the package's", () => {
  const { version } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as { version: string };

  expect(VERSION).toBe(version);
});
