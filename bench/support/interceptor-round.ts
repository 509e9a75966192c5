import { context, propagation, trace } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import { W3CTraceContextPropagator } from "@opentelemetry/core";
import { KafkaJsInstrumentation } from "@opentelemetry/instrumentation-kafkajs";
import {
  AlwaysOffSampler,
  AlwaysOnSampler,
  BasicTracerProvider,
  BatchSpanProcessor,
  ParentBasedSampler,
  type SpanExporter,
} from "@opentelemetry/sdk-trace-base";
import { traceKafka } from "kafka-trail";
import type * as Kafkajs from "kafkajs";
import { running, stubKafkajs } from "./stub-kafkajs.ts";

/**
 * What one process measures: `node interceptor-round.js tracer workload sampling` takes counts of messages from the process
 * that forked it, and answers each with the CPU that they took, microseconds. With a count behind it, it prints by how much
 * the heap grew over so many.
 */
const [tracer = "none", workload = "send", sampling = "sampled", heapMessages] = process.argv.slice(2);
const BATCH = 100;
/** Messages between two turns of the event loop, in which the SDK exports. */
const BREATHE_EVERY = 2_000;
const value = Buffer.alloc(200, 120);
const isSampled = sampling === "sampled";
const inbound = Buffer.from(`00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0${isSampled ? 1 : 0}`);
const other = Buffer.from("acme");

/** An SDK as it is in production, whose spans go nowhere. */
function startSdk(): BasicTracerProvider {
  const exporter: SpanExporter = {
    export: (_spans, answer) => answer({ code: 0 }),
    shutdown: async () => {},
  };
  // The stock processor but for the queue: nothing may be dropped, as what is dropped costs nothing.
  const limits = { maxQueueSize: 1_000_000 };
  const root = isSampled ? new AlwaysOnSampler() : new AlwaysOffSampler();
  const provider = new BasicTracerProvider({
    sampler: new ParentBasedSampler({ root }),
    spanProcessors: [new BatchSpanProcessor(exporter, limits)],
  });
  trace.setGlobalTracerProvider(provider);
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  propagation.setGlobalPropagator(new W3CTraceContextPropagator());
  return provider;
}

const breathe = () => new Promise((resolve) => setImmediate(resolve));

/** Returns what moves `count` messages through the client. */
async function workOf(): Promise<(count: number) => Promise<void>> {
  process.env["KAFKAJS_NO_PARTITIONER_WARNING"] = "1";
  const { Kafka } = require("kafkajs") as typeof Kafkajs;
  const plain = new Kafka({ clientId: "bench", brokers: ["nowhere:1"], logLevel: 0 });
  const kafka = tracer === "kafka-trail" ? traceKafka(plain) : plain;
  const producer = kafka.producer();
  const consumer = kafka.consumer({ groupId: "bench" });
  await consumer.run(
    workload === "eachBatch" ? { eachBatch: async () => {} } : { eachMessage: async () => {} },
  );
  let offset = 0;
  const received = () => ({
    key: Buffer.from(`k${offset}`),
    value,
    timestamp: String(Date.now()),
    attributes: 0,
    offset: String(offset++),
    headers: { traceparent: inbound, tenant: other, region: other },
  });
  const send = () =>
    producer.send({
      topic: "orders",
      messages: Array.from({ length: BATCH }, () => ({ key: `k${offset++}`, value })),
    });
  const client = { heartbeat: async () => {}, pause: () => () => {} };
  const each = async () => {
    const payload = { topic: "orders", partition: 0, message: received(), ...client };
    await running.eachMessage?.(payload as unknown as Kafkajs.EachMessagePayload);
  };
  const batch = async () => {
    const fetched = Array.from({ length: BATCH }, received);
    const last = fetched[BATCH - 1]?.offset ?? "0";
    const first = fetched[0]?.offset ?? "0";
    const payload = {
      batch: {
        topic: "orders",
        partition: 0,
        highWatermark: String(offset),
        fetchedOffset: first,
        messages: fetched,
        firstOffset: () => first,
        lastOffset: () => last,
      },
      resolveOffset() {},
      commitOffsetsIfNecessary: async () => {},
      isRunning: () => true,
      isStale: () => false,
      ...client,
    };
    await running.eachBatch?.(payload as unknown as Kafkajs.EachBatchPayload);
  };
  const works: Record<string, { run: () => Promise<unknown>; size: number }> = {
    send: { run: send, size: BATCH },
    eachMessage: { run: each, size: 1 },
    eachBatch: { run: batch, size: BATCH },
  };
  const { run, size } = works[workload] ?? { run: send, size: BATCH };
  return async (count) => {
    for (let done = 0; done < count; done += size) {
      await run();
      if (done % BREATHE_EVERY === 0) await breathe();
    }
  };
}

function heapBytes(): number {
  for (let i = 0; i < 3; i++) globalThis.gc?.();
  return process.memoryUsage().heapUsed;
}

async function main(): Promise<void> {
  stubKafkajs();
  const provider = tracer === "none" ? undefined : startSdk();
  if (tracer === "opentelemetry" && provider) {
    const theirs = new KafkaJsInstrumentation();
    theirs.setTracerProvider(provider);
    theirs.enable();
  }
  const work = await workOf();
  if (heapMessages !== undefined) {
    process.stdout.write(JSON.stringify({ grownBytes: await heapGrowth(work, Number(heapMessages)) }));
    process.exit(0);
  }
  process.on("disconnect", () => process.exit(0));
  let before = process.cpuUsage();
  process.on("message", (count: number) => {
    void work(count).then(() => {
      const { user, system } = process.cpuUsage(before);
      // What is compiled or collected between two turns was made necessary by one.
      before = process.cpuUsage();
      process.send?.(user + system);
    });
  });
}

async function heapGrowth(work: (count: number) => Promise<void>, count: number): Promise<number> {
  // A part goes first, for the compiler.
  await work(Math.ceil(count / 4));
  const before = heapBytes();
  await work(count);
  await new Promise((resolve) => setTimeout(resolve, 200));
  return heapBytes() - before;
}

void main();
