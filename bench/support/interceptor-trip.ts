import { randomUUID } from "node:crypto";
import type * as Kafkajs from "kafkajs";
import { KafkaJsInstrumentation } from "@opentelemetry/instrumentation-kafkajs";
import { traceKafka } from "kafka-trail";
import { startExport } from "kafka-trail/export";
import { CARRIED, floorOf } from "./interceptor-floor.ts";

/**
 * One process of a service on the real broker: `node interceptor-trip.js tracer topic messages` takes kinds of
 * work from the process that forked it, `produced` first, and answers each with what it took. Its spans, all of them, are
 * exported into nothing, as the collector is another machine's work.
 */
const [tracer = "none", topic = "", count = "10000"] = process.argv.slice(2);
const BATCH = 100;
const messages = Number(count);
/** What a handler waits for another service or a database. */
const WORK_MS = 5;
/** A consumer's topic has as many partitions. */
const AT_ONCE = 3;
/** Messages of one turn of such handlers, and how many go before it: more the first time, for the compiler. */
const TURN = { messages: 300, skipped: 15, skippedAtFirst: 300 };
/** Longer than all others' turns together: a consumer that waits for its own sends no heartbeat. */
const SESSION_TIMEOUT_MS = 120_000;
const value = Buffer.alloc(600, 120);

/** What one turn of work took. */
export interface Turn {
  readonly perSecond: number;
  /** CPU of the whole process a message, microseconds. */
  readonly cpuUs: number;
}

function connect(): Kafkajs.Kafka {
  process.env["KAFKAJS_NO_PARTITIONER_WARNING"] = "1";
  if (tracer === "opentelemetry" || tracer === "kafka-trail") {
    startExport({ exporter: { export: (_spans, answer) => answer({ code: 0 }), shutdown: async () => {} } });
  }
  if (tracer === "opentelemetry") new KafkaJsInstrumentation().enable();
  // After the patch: it patches what is required later.
  const { Kafka } = require("kafkajs") as typeof Kafkajs;
  const brokers = (process.env["KAFKA_BROKERS"] ?? "").split(",");
  const kafka = new Kafka({ clientId: "bench", brokers, logLevel: 0 });
  return tracer === "kafka-trail" ? traceKafka(kafka) : kafka;
}

/** Starts the clocks; what is returned stops them after so many messages. */
function startTurn(): (done: number) => Turn {
  const sinceMs = performance.now();
  const before = process.cpuUsage();
  return (done) => {
    const { user, system } = process.cpuUsage(before);
    return { perSecond: (done / (performance.now() - sinceMs)) * 1_000, cpuUs: (user + system) / done };
  };
}

async function produce(producer: Kafkajs.Producer): Promise<Turn> {
  let sent = 0;
  const headers = tracer === "bare-spans" && { headers: CARRIED };
  const send = async () => {
    while (sent < messages) {
      const first = sent;
      sent += BATCH;
      const batch = Array.from({ length: BATCH }, (_, i) => ({ key: `k${first + i}`, value, ...headers }));
      await producer.send({ topic, messages: batch });
    }
  };
  const endTurn = startTurn();
  await Promise.all([send(), send(), send(), send()]);
  return endTurn(messages);
}

async function subscribed(kafka: Kafkajs.Kafka): Promise<Kafkajs.Consumer> {
  const consumer = kafka.consumer({ groupId: randomUUID(), sessionTimeout: SESSION_TIMEOUT_MS });
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  return consumer;
}

/** How much of a consumer's work is measured: the group's start and the compiler's are not the app's throughput. */
interface Measured {
  readonly skipped: number;
  readonly wanted: number;
}

/** Runs a consumer until it has counted what is wanted, and says what that took. */
async function consume(
  kafka: Kafkajs.Kafka,
  { skipped, wanted }: Measured,
  configOf: (count: (messages: number) => void) => Kafkajs.ConsumerRunConfig,
): Promise<Turn> {
  const consumer = await subscribed(kafka);
  let counted = 0;
  let from = 0;
  let endTurn = startTurn();
  const turn = await new Promise<Turn>((resolve) => {
    const count = (done: number) => {
      const before = counted;
      counted += done;
      if (before < skipped && counted >= skipped) [endTurn, from] = [startTurn(), counted];
      if (counted >= skipped + wanted) resolve(endTurn(counted - from));
    };
    void consumer.run(configOf(count));
  });
  await consumer.disconnect();
  return turn;
}

type Handle = (payload: Kafkajs.EachMessagePayload) => Promise<void>;

/**
 * Returns what runs a consumer for one turn of messages, and on from there at its next turn: to join a group takes longer
 * than a turn, and turns must be short, so that what else the machine does falls on everybody's alike.
 */
function consumeInTurns(kafka: Kafkajs.Kafka, handle: Handle, wrap: (handle: Handle) => Handle) {
  let skipped = TURN.skippedAtFirst;
  let counted = 0;
  let busy = 0;
  let endTurn = startTurn();
  let taken: Turn | undefined;
  let stopped: Promise<void> | undefined;
  let go = () => {};
  let answer = (_turn: Turn) => {};
  const eachMessage: Handle = async (payload) => {
    if (stopped !== undefined) await stopped;
    busy++;
    try {
      await handle(payload);
    } finally {
      busy--;
    }
    counted++;
    if (counted === skipped) endTurn = startTurn();
    if (counted === skipped + TURN.messages) {
      taken = endTurn(TURN.messages);
      stopped = new Promise((resolve) => (go = resolve));
    }
    // The others at once have no part in somebody else's turn.
    if (taken !== undefined && busy === 0) {
      answer(taken);
      taken = undefined;
    }
  };
  let consumer: Kafkajs.Consumer | undefined;
  const begin = async () => {
    consumer = await subscribed(kafka);
    await consumer.run({ partitionsConsumedConcurrently: AT_ONCE, eachMessage: wrap(eachMessage) });
  };
  return () =>
    new Promise<Turn>((resolve) => {
      answer = resolve;
      if (consumer === undefined) return void begin();
      skipped = TURN.skipped;
      counted = 0;
      stopped = undefined;
      go();
    });
}

const wait = () => new Promise((resolve) => setTimeout(resolve, WORK_MS));

async function main(): Promise<void> {
  // Before anything is waited for: a parent that ends early would leave this process behind.
  process.on("disconnect", () => process.exit(0));
  const kafka = connect();
  const producer = kafka.producer();
  await producer.connect();
  const floor = floorOf(tracer);
  const send = floor.sender((to, message) => producer.send({ topic: to, messages: [message] }));
  const forward = ({ key, value: forwarded }: Kafkajs.KafkaMessage) =>
    send(`${topic}-out`, { key, value: forwarded });
  const forwardAll = (taken: Kafkajs.KafkaMessage[]) =>
    producer.send({
      topic: `${topic}-out`,
      messages: taken.map(({ key, value: forwarded }) => ({ key, value: forwarded })),
    });
  const all = { skipped: 1, wanted: messages - 1 };
  const most = { skipped: messages / 3, wanted: messages / 2 };
  const relayed = { skipped: 2_000, wanted: messages / 10 };
  const kinds: Record<string, () => Promise<Turn>> = {
    produced: () => produce(producer),
    consumed: () => consume(kafka, all, (count) => ({ eachMessage: async () => count(1) })),
    forwarded: () =>
      consume(kafka, most, (count) => ({
        eachBatch: async ({ batch }) => {
          for (let at = 0; at < batch.messages.length; at += BATCH) {
            const chunk = batch.messages.slice(at, at + BATCH);
            await forwardAll(chunk);
            count(chunk.length);
          }
        },
      })),
    relayed: () =>
      consume(kafka, relayed, (count) => ({
        eachMessage: floor.handler(async ({ message }) => {
          await forward(message);
          count(1);
        }),
      })),
    worked: consumeInTurns(
      kafka,
      async ({ message }) => {
        await wait();
        await forward(message);
      },
      floor.handler,
    ),
  };
  process.on("message", (kind: string) => {
    void kinds[kind]?.().then((turn) => process.send?.(turn));
  });
}

void main();
