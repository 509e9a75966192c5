import type * as Kafkajs from "kafkajs";
import { KafkaJsInstrumentation } from "@opentelemetry/instrumentation-kafkajs";
import { traceKafka } from "kafka-trail";
import { startExport } from "kafka-trail/export";

/**
 * One process of a service on the real broker: `node interceptor-trip.js tracer topic messages`. It is saturated first
 * (sends of 100 as fast as they go, then a handler that does nothing), and then does what services do: takes a message,
 * sends one on, waits for the acknowledgement. Its spans, all of them, are exported into nothing, as the collector is
 * another machine's work. Prints messages a second.
 */
const [tracer = "none", topic = "", count = "10000"] = process.argv.slice(2);
const BATCH = 100;
const messages = Number(count);
const relayed = Math.ceil(messages / 10);
const WARMED_BY = 2_000;
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

/** Rate of `wanted` messages after the first `skipped`: the group's start and the compiler's are not the app's throughput. */
async function consume(
  kafka: Kafkajs.Kafka,
  groupId: string,
  { skipped, wanted }: { skipped: number; wanted: number },
  handle: (message: Kafkajs.KafkaMessage) => Promise<unknown>,
): Promise<number> {
  const consumer = kafka.consumer({ groupId: `${groupId}-${topic}` });
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  let received = 0;
  let since = 0;
  const rate = await new Promise<number>((resolve) => {
    void consumer.run({
      eachMessage: async ({ message }) => {
        if (received === skipped) since = performance.now();
        await handle(message);
        if (++received === skipped + wanted) resolve(perSecond(wanted, since));
      },
    });
  });
  await consumer.disconnect();
  return rate;
}

async function main(): Promise<void> {
  const kafka = connect();
  const producer = kafka.producer();
  await producer.connect();
  const producedPerS = await produce(producer);
  const consumedPerS = await consume(kafka, "idle", { skipped: 0, wanted: messages }, async () => {});
  const relay = { skipped: WARMED_BY, wanted: relayed };
  const relayedPerS = await consume(kafka, "relay", relay, ({ key, value: taken }) =>
    producer.send({ topic: `${topic}-out`, messages: [{ key, value: taken }] }),
  );
  await producer.disconnect();
  process.stdout.write(JSON.stringify({ producedPerS, consumedPerS, relayedPerS }));
  process.exit(0);
}

void main();
