import { Kafka, logLevel } from "kafkajs";
import type { Consumer, ConsumerConfig, ConsumerRunConfig, Message, Producer } from "kafkajs";
import { waitUntil } from "../../dev/wait.ts";
import { interceptConsumer } from "../../consumer/index.ts";
import { createTracing, type TraceOptions } from "../../trace-context/index.ts";
import type { FakeConsumer } from "./fake-consumer.ts";
import { FakeKafka } from "./fake-kafka.ts";
import { kafkaBrokers } from "./services.ts";
import { tracing } from "./spans.ts";

const open: { disconnect(): Promise<void> }[] = [];

/** A plain kafkajs client of the real broker; kafkajs logs what tests provoke, so it is told to be silent. */
export function plainKafka(clientId = "test"): Kafka {
  return new Kafka({ clientId, brokers: kafkaBrokers(), logLevel: logLevel.NOTHING });
}

/** Disconnects every client that a test has opened. For `afterEach`. */
export async function closeClients(): Promise<void> {
  await Promise.all(open.splice(0).map((client) => client.disconnect()));
}

/** A connected producer, disconnected after the test. */
export async function openProducer(config?: Parameters<Kafka["producer"]>[0]): Promise<Producer> {
  const producer = plainKafka().producer(config);
  open.push(producer);
  await producer.connect();
  return producer;
}

/** Sends messages to one partition of a topic. */
export async function produce(topic: string, messages: Message[]): Promise<void> {
  const producer = await openProducer();
  await producer.send({ topic, messages: messages.map((message) => ({ partition: 0, ...message })) });
}

/** Fills an empty partition with `0 1 [2 marker] | 3 4 aborted [5 marker] | 6 7 [8 marker]`. */
export async function produceTransactions(topic: string): Promise<void> {
  const producer = await openProducer({ transactionalId: topic, idempotent: true, maxInFlightRequests: 1 });
  for (const end of ["commit", "abort", "commit"] as const) {
    const transaction = await producer.transaction();
    await transaction.send({ topic, messages: someMessages(2) });
    await transaction[end]();
  }
}

/** `count` small messages. */
export function someMessages(count: number): Message[] {
  return Array.from({ length: count }, (_, i) => ({ value: `m${i}` }));
}

interface Consuming {
  readonly topic: string;
  readonly groupId?: string;
  readonly config?: Partial<ConsumerConfig>;
  readonly options?: TraceOptions;
  readonly run: ConsumerRunConfig | ((consumer: Consumer) => ConsumerRunConfig);
}

/** A traced consumer of the real broker that runs from the beginning of a topic, and what it left behind. */
export async function consume({ topic, groupId = `g-${topic}`, config, options, run }: Consuming) {
  const observed = tracing();
  const plain = plainKafka().consumer({
    groupId,
    maxWaitTimeInMs: 100,
    heartbeatInterval: 300,
    retry: { retries: 3, initialRetryTime: 50 },
    ...config,
  });
  open.push(plain);
  const environment = { semconvStabilityOptIn: undefined, version: "test" };
  const facts = createTracing({ ...observed.options, ...options }, environment);
  const consumer = interceptConsumer(plain, facts, { groupId });
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  await consumer.run(typeof run === "function" ? run(consumer) : run);
  return { ...observed, consumer, plain, tracing: facts, groupId };
}

/** Waits for a condition that a handler brings about. */
export async function waitFor(what: string, isDone: () => boolean): Promise<void> {
  await waitUntil(what, isDone, { timeoutMs: 30_000 });
}

/** A traced consumer of the stand-in broker, for what a real broker does not do on demand. */
export async function consumeFake(run: ConsumerRunConfig, options: TraceOptions = {}) {
  const observed = tracing();
  const kafka = new FakeKafka();
  const facts = createTracing(
    { ...observed.options, ...options },
    { semconvStabilityOptIn: undefined, version: "test" },
    "fake",
  );
  const consumer = interceptConsumer(kafka.consumer({ groupId: "billing" }), facts, { groupId: "billing" });
  await consumer.run(run);
  const [fake] = kafka.consumers as [FakeConsumer];
  return { ...observed, consumer, fake, kafka, tracing: facts };
}
