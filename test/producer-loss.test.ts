import { diag, DiagLogLevel, SpanStatusCode } from "@opentelemetry/api";
import type { Message, RecordMetadata } from "kafkajs";
import { FakeKafka } from "./support/fake-kafka.ts";
import { closeProducers, openTracedProducer, tracedProducer, type Producing } from "./support/producers.ts";
import { named, tracing } from "./support/spans.ts";
import { createTopic } from "./support/topics.ts";

const warnings: string[] = [];
beforeAll(() => {
  const silent = { verbose() {}, debug() {}, info() {}, error() {} };
  diag.setLogger({ ...silent, warn: (sentence: string) => void warnings.push(sentence) }, DiagLogLevel.WARN);
});
beforeEach(() => void (warnings.length = 0));
afterEach(closeProducers);
afterAll(() => diag.disable());

/** Keeps the partition that the message's value names, whatever the attempt. */
const byValue = () => (args: { message: Message }) => Number(String(args.message.value)[0]);
/** Moves every message on with each attempt, as a round robin does. */
const movingOn = () => {
  let next = 0;
  return () => next++ % 3;
};

function producerOf(producing: Producing = {}) {
  const kafka = new FakeKafka({ partitions: 3 });
  return { kafka, ...tracedProducer({ kafka, config: { createPartitioner: byValue }, ...producing }) };
}

const values = (...all: string[]): Message[] => all.map((value) => ({ value }));

test("messages of a resolved send that no broker acknowledged are counted, named and warned of", async () => {
  const { kafka, producer, finished, metric } = producerOf();
  kafka.faults = { unacknowledged: [1] };

  await producer.send({ topic: "t", messages: values("0a", "1a", "0b", "1b", "2a") });

  const [send] = named(finished(), "send t");
  expect(send?.attributes).toMatchObject({
    "kafka_trail.unacknowledged": 2,
    "kafka_trail.offsets": ["t/0/0-1", "t/2/0-0"],
  });
  const lost = named(finished(), "create t").filter(
    (it) => it.attributes["kafka_trail.unacknowledged"] === true,
  );
  expect(lost.map((it) => it.attributes["messaging.destination.partition.id"])).toEqual(["1", "1"]);
  for (const span of lost) {
    expect(span.status.code).toBe(SpanStatusCode.ERROR);
    expect(span.attributes).not.toHaveProperty(["messaging.kafka.offset"]);
  }
  expect(warnings).toEqual([expect.stringContaining("2 of 5 messages")]);
  expect(warnings[0]).toContain("t/1");
  expect(await metric("kafka_trail.producer.unacknowledged")).toMatchObject([{ value: 2 }]);
});

test("a retry that keeps every message in its partition is counted, and suspects nothing", async () => {
  const { kafka, producer, finished } = producerOf();
  kafka.faults = { attempts: 3 };

  await producer.send({ topic: "t", messages: values("0a", "1a") });

  const [send] = named(finished(), "send t");
  expect(send?.attributes).toMatchObject({
    "kafka_trail.retries": 2,
    "kafka_trail.offsets": ["t/0/0-0", "t/1/0-0"],
  });
  expect(send?.attributes).not.toHaveProperty(["kafka_trail.suspect"]);
  expect(warnings).toEqual([]);
});

test("a retry that moved messages makes the send suspect, and no offset is claimed for what it touched", async () => {
  const { kafka, producer, finished, metric } = producerOf({ config: { createPartitioner: movingOn } });
  kafka.faults = { attempts: 2 };

  await producer.send({ topic: "t", messages: values("a", "b", "c", "d") });

  const [send] = named(finished(), "send t");
  expect(send?.attributes).toMatchObject({ "kafka_trail.suspect": true, "kafka_trail.offsets": [] });
  for (const create of named(finished(), "create t")) {
    expect(create.attributes["kafka_trail.suspect"]).toBe(true);
    expect(create.attributes).not.toHaveProperty(["messaging.kafka.offset"]);
  }
  expect(warnings).toEqual([expect.stringContaining("some may be lost")]);
  expect(await metric("kafka_trail.producer.suspect")).toMatchObject([{ value: 1 }]);
});

test("a message for a partition that does not exist, which kafkajs drops without a word, is reported", async () => {
  const topic = await createTopic("nowhere");
  const { producer, finished } = await openTracedProducer();

  await producer.send({ topic, messages: [{ value: "v", partition: 99 }] });

  expect(finished()[0]?.attributes).toMatchObject({ "kafka_trail.unacknowledged": 1 });
  expect(warnings).toEqual([expect.stringContaining(`${topic}/99`)]);
});

test("watching changes nothing: without the option the partitioner is asked again on each attempt", async () => {
  const asked: number[] = [];
  const counting = () => () => asked.push(0) % 3;
  const { kafka, producer } = producerOf({ config: { createPartitioner: counting } });
  kafka.faults = { attempts: 2 };

  await producer.send({ topic: "t", messages: values("a", "b") });

  expect(asked).toHaveLength(4);
});

test("resendUnacknowledged sends what was not acknowledged again, in its partition and order, before it resolves", async () => {
  const { kafka, producer, finished, metric } = producerOf({ options: { resendUnacknowledged: true } });
  losesOnce(kafka);

  const metadata = await producer.send({ topic: "t", messages: values("0a", "1a", "0b", "1b") });

  expect(kafka.log.map(({ message, partition }) => [String(message.value), partition])).toEqual([
    ["0a", 0],
    ["0b", 0],
    ["1a", 1],
    ["1b", 1],
  ]);
  expect(metadata.map(({ partition }: RecordMetadata) => partition)).toEqual([0, 1]);
  const [send] = named(finished(), "send t");
  expect(send?.attributes).toMatchObject({
    "kafka_trail.resent": 2,
    "kafka_trail.offsets": ["t/0/0-1", "t/1/0-1"],
  });
  expect(send?.attributes).not.toHaveProperty(["kafka_trail.unacknowledged"]);
  expect(await metric("kafka_trail.producer.resent")).toMatchObject([{ value: 2 }]);
});

test("resendUnacknowledged keeps each message in its first partition, however often the client retries", async () => {
  const { kafka, producer, finished } = producerOf({
    config: { createPartitioner: movingOn },
    options: { resendUnacknowledged: true },
  });
  kafka.faults = { attempts: 2 };

  await producer.send({ topic: "t", messages: values("a", "b", "c", "d") });

  expect(kafka.log.map(({ partition }) => partition)).toEqual([0, 1, 2, 0]);
  const [send] = named(finished(), "send t");
  expect(send?.attributes).not.toHaveProperty(["kafka_trail.suspect"]);
});

test("resendUnacknowledged gives up after five sends with an error that says how many and where", async () => {
  const { kafka, producer, finished } = producerOf({ options: { resendUnacknowledged: true } });
  kafka.faults = { unacknowledged: [1] };

  const sending = producer.send({ topic: "t", messages: values("0a", "1a") });

  await expect(sending).rejects.toMatchObject({
    name: "UnacknowledgedError",
    messageCount: 1,
    places: ["t/1"],
    message: expect.stringMatching(/^1 of 2 messages were never acknowledged.*sent again 5 times/),
  });
  expect(kafka.calls).toHaveLength(6);
  expect(named(finished(), "send t")[0]?.attributes["error.type"]).toBe("UnacknowledgedError");
});

test("the first loss of a process, and a cure that cannot be had, are told without a logger too", async () => {
  const told: string[] = [];
  // Tests before this one have lost messages too, so the module is loaded anew.
  jest.resetModules();
  const emitWarning = jest
    .spyOn(process, "emitWarning")
    .mockImplementation((warning) => void told.push(String(warning)));
  const { traceKafka, traceProducer } = await import("../index.ts");
  const kafka = new FakeKafka({ partitions: 3 });
  const options = tracing().options;

  const traced = traceKafka(kafka.client, options).producer({ createPartitioner: byValue });
  kafka.faults = { unacknowledged: [1] };
  for (let i = 0; i < 3; i++) await traced.send({ topic: "t", messages: values("0", "1") });
  for (let i = 0; i < 2; i++) {
    traceProducer(kafka.client.producer(), { ...options, resendUnacknowledged: true });
  }
  emitWarning.mockRestore();

  expect(told).toEqual([
    expect.stringContaining("1 of 2 messages of a send that resolved were never acknowledged"),
    expect.stringContaining(
      "resendUnacknowledged is set, but the partitioner of this producer is out of reach",
    ),
  ]);
});

test("resendUnacknowledged goes on after tracing has failed", async () => {
  const tracer = {
    startSpan() {
      throw new Error("broken tracer");
    },
  } as never;
  const { kafka, producer } = producerOf({ options: { resendUnacknowledged: true, tracer } });
  for (let i = 0; i < 12; i++) await producer.send({ topic: "t", messages: values("0") });
  losesOnce(kafka);

  await producer.send({ topic: "t", messages: values("0a", "1a") });

  expect(kafka.log.map(({ message }) => String(message.value)).slice(-2)).toEqual(["0a", "1a"]);
});

test("inside a transaction, what was not acknowledged rejects the send", async () => {
  const { kafka, producer } = producerOf({ options: { resendUnacknowledged: true } });
  const transaction = await producer.transaction();
  kafka.faults = { unacknowledged: [1] };

  const sending = transaction.send({ topic: "t", messages: values("0a", "1a") });

  await expect(sending).rejects.toThrow(/abort it, and begin another/);
});

test("where the partitioner is out of reach, nothing is guessed", async () => {
  const { producer, finished } = producerOf({ isRecorded: false });

  await producer.send({ topic: "t", messages: values("0a", "1a") });
  await producer.send({ topic: "u", messages: values("1a") });
  await producer.send({
    topic: "v",
    messages: [
      { value: "1a", partition: 1 },
      { value: "2a", partition: 2 },
    ],
  });

  expect(named(finished(), "send t")[0]?.attributes["kafka_trail.offsets"]).toEqual([]);
  expect(named(finished(), "send u")[0]?.attributes).toMatchObject({ "messaging.kafka.offset": 0 });
  expect(named(finished(), "send v")[0]?.attributes["kafka_trail.offsets"]).toEqual(["v/1/0-0", "v/2/0-0"]);
});

test("a named partition that a partitioner out of reach overrules is not believed", async () => {
  const { producer, finished } = producerOf({ isRecorded: false });
  const messages = [
    { value: "2a", partition: 1 },
    { value: "2b", partition: 1 },
  ];

  await producer.send({ topic: "t", messages });

  expect(named(finished(), "send t")[0]?.attributes["kafka_trail.offsets"]).toEqual([]);
});

/** The answer of partition 1 is missing from the next call, and from that one alone. */
function losesOnce(kafka: FakeKafka): void {
  const faulty = kafka.calls.length + 1;
  kafka.faults = {
    get unacknowledged() {
      return kafka.calls.length <= faulty ? [1] : [];
    },
  };
}
