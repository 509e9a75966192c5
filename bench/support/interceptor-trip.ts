import { randomUUID } from "node:crypto";
import type * as Kafkajs from "kafkajs";
import { KafkaJsInstrumentation } from "@opentelemetry/instrumentation-kafkajs";
import { traceKafka } from "kafka-trail";
import { startExport } from "kafka-trail/export";

/**
 * One process of a service on the real broker: `node interceptor-trip.js tracer topic messages` takes kinds of
 * work from the process that forked it, `producedPerS` first, and answers each with messages a second. Its spans, all of them, are exported into nothing, as the collector
 * is another machine's work.
 */
const [tracer = "none", topic = "", count = "10000"] = process.argv.slice(2);
const BATCH = 100;
const messages = Number(count);
/** What a handler waits for another service or a database. */
const WORK_MS = 5;
/** A consumer's topic has as many partitions. */
const AT_ONCE = 3;
const value = Buffer.alloc(600, 120);

function connect(): Kafkajs.Kafka {
  process.env["KAFKAJS_NO_PARTITIONER_WARNING"] = "1";
  if (tracer !== "none") {
    startExport({ exporter: { export: (_spans, answer) => answer({ code: 0 }), shutdown: async () => {} } });
  }
  if (tracer === "opentelemetry") new KafkaJsInstrumentation().enable();
  // After the patch: it patches what is required later.
  const { Kafka } = require("kafkajs") as typeof Kafkajs;
  const brokers = (process.env["KAFKA_BROKERS"] ?? "").split(",");
  const kafka = new Kafka({ clientId: "bench", brokers, logLevel: 0 });
  return tracer === "kafka-trail" ? traceKafka(kafka) : kafka;
}

const perSecond = (done: number, sinceMs: number) => (done / (performance.now() - sinceMs)) * 1_000;

async function produce(producer: Kafkajs.Producer): Promise<number> {
  let sent = 0;
  const send = async () => {
    while (sent < messages) {
      const first = sent;
      sent += BATCH;
      const batch = Array.from({ length: BATCH }, (_, i) => ({ key: `k${first + i}`, value }));
      await producer.send({ topic, messages: batch });
    }
  };
  const since = performance.now();
  await Promise.all([send(), send(), send(), send()]);
  return perSecond(messages, since);
}

/** How much of a consumer's work is measured: the group's start and the compiler's are not the app's throughput. */
interface Measured {
  readonly skipped: number;
  readonly wanted: number;
}

/** Runs a consumer until it has counted what is wanted, and returns messages a second. */
async function consume(
  kafka: Kafkajs.Kafka,
  { skipped, wanted }: Measured,
  configOf: (count: (messages: number) => void) => Kafkajs.ConsumerRunConfig,
): Promise<number> {
  const consumer = kafka.consumer({ groupId: randomUUID() });
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  let counted = 0;
  let from = 0;
  let since = performance.now();
  const rate = await new Promise<number>((resolve) => {
    const count = (done: number) => {
      const before = counted;
      counted += done;
      if (before < skipped && counted >= skipped) [since, from] = [performance.now(), counted];
      if (counted >= skipped + wanted) resolve(perSecond(counted - from, since));
    };
    void consumer.run(configOf(count));
  });
  await consumer.disconnect();
  return rate;
}

const work = () => new Promise((resolve) => setTimeout(resolve, WORK_MS));

async function main(): Promise<void> {
  // Before anything is waited for: a parent that ends early would leave this process behind.
  process.on("disconnect", () => process.exit(0));
  const kafka = connect();
  const producer = kafka.producer();
  await producer.connect();
  const sendOn = (taken: Kafkajs.KafkaMessage[]) =>
    producer.send({
      topic: `${topic}-out`,
      messages: taken.map(({ key, value: forwarded }) => ({ key, value: forwarded })),
    });
  const all = { skipped: 1, wanted: messages - 1 };
  const forwarded = { skipped: messages / 3, wanted: messages / 2 };
  const relayed = { skipped: 2_000, wanted: messages / 10 };
  const worked = { skipped: 300, wanted: messages / 60 };
  const kinds: Record<string, () => Promise<number>> = {
    producedPerS: () => produce(producer),
    consumedPerS: () => consume(kafka, all, (count) => ({ eachMessage: async () => count(1) })),
    forwardedPerS: () =>
      consume(kafka, forwarded, (count) => ({
        eachBatch: async ({ batch }) => {
          for (let at = 0; at < batch.messages.length; at += BATCH) {
            const chunk = batch.messages.slice(at, at + BATCH);
            await sendOn(chunk);
            count(chunk.length);
          }
        },
      })),
    relayedPerS: () =>
      consume(kafka, relayed, (count) => ({
        eachMessage: async ({ message }) => {
          await sendOn([message]);
          count(1);
        },
      })),
    workedPerS: () =>
      consume(kafka, worked, (count) => ({
        partitionsConsumedConcurrently: AT_ONCE,
        eachMessage: async ({ message }) => {
          await work();
          await sendOn([message]);
          count(1);
        },
      })),
  };
  process.on("message", (kind: string) => {
    void kinds[kind]?.().then((rate) => process.send?.(rate));
  });
}

void main();
