import type { ExportResult } from "@opentelemetry/core";
import { BasicTracerProvider, type SpanExporter } from "@opentelemetry/sdk-trace-base";
import { diag, DiagLogLevel, trace } from "@opentelemetry/api";
import { waitUntil } from "../dev/wait.ts";
import {
  createTraceIds,
  SpanQueue,
  startExport,
  type ExportHandle,
  type ExportOptions,
} from "../export/index.ts";
import { runText } from "./support/program.ts";
import { receiveSpans, UNAVAILABLE } from "./support/span-receiver.ts";

type Receiver = Awaited<ReturnType<typeof receiveSpans>>;

const MIB = 1024 * 1024;
const TEN_SECONDS = { timeoutMs: 10_000 };
let receiver: Receiver;
let handle: ExportHandle | undefined;

beforeEach(async () => void (receiver = await receiveSpans()));
afterEach(async () => {
  await handle?.shutdown();
  handle = undefined;
  receiver.close();
});

function exporting(options: ExportOptions = {}) {
  handle = startExport({ serviceName: "shop", endpoint: receiver.url, flushOnExit: false, ...options });
  return { handle, tracer: trace.getTracer("test") };
}

/** Ends this many spans of a producer's usual size in one tick. */
function burst(spans: number, attributes: Record<string, string> = {}) {
  const tracer = trace.getTracer("test");
  for (let i = 0; i < spans; i++) {
    const span = tracer.startSpan("create orders", {
      attributes: {
        "messaging.system": "kafka",
        "messaging.operation.name": "create",
        "messaging.destination.name": "orders",
        "messaging.kafka.message.key": `order-${i}`,
        "messaging.kafka.offset": i,
        ...attributes,
      },
    });
    span.end();
  }
}

test("a burst of 50,000 spans in one tick arrives whole within the default budget", async () => {
  const { handle } = exporting();

  burst(50_000);
  const waitingBytes = handle.stats().waitingBytes;
  await handle.flush();

  expect(waitingBytes).toBeLessThan(32 * MIB);
  expect(new Set(receiver.spans.map((span) => span.spanId)).size).toBe(50_000);
  expect(handle.stats()).toMatchObject({ exportedSpans: 50_000, droppedSpans: 0, waitingBytes: 0 });
});

test("full requests leave while spans are still being added, without waiting for the delay", async () => {
  const { handle } = exporting();

  burst(5_000);

  await waitUntil("The export of full requests", () => receiver.spans.length >= 4_608, TEN_SECONDS);
  expect(handle.stats().droppedSpans).toBe(0);
});

test("what does not fit the budget is dropped, counted, and the count arrives as a span", async () => {
  const { handle } = exporting({ queueBytesMax: MIB });

  burst(20_000);
  await handle.flush();
  await handle.flush();

  const { droppedSpans } = handle.stats();
  expect(droppedSpans).toBeGreaterThan(10_000);
  expect(receiver.named("create orders")).toHaveLength(20_000 - droppedSpans);
  const reported = receiver
    .named("dropped spans")
    .map((span) => span.attributes["kafka_trail.dropped_spans"]);
  expect(reported).toEqual([droppedSpans]);
});

test("spans that met a collector away arrive when it is back, each once", async () => {
  receiver.refusesWith = UNAVAILABLE;
  const { handle } = exporting();
  burst(3_000);
  await waitUntil("A refused request", () => receiver.requests > 0, TEN_SECONDS);

  receiver.refusesWith = undefined;

  await waitUntil("The second try", () => handle.stats().waitingSpans === 0, TEN_SECONDS);
  expect(receiver.spans).toHaveLength(3_000);
  expect(handle.stats()).toMatchObject({ exportedSpans: 3_000, droppedSpans: 0 });
});

test("a request that can never succeed is not tried again", async () => {
  const INVALID_ARGUMENT = 3;
  receiver.refusesWith = INVALID_ARGUMENT;
  const { handle } = exporting();

  burst(100);
  await handle.flush();

  expect(receiver.requests).toBe(1);
  expect(handle.stats()).toMatchObject({ waitingSpans: 0, droppedSpans: 100 });
});

test("a slow collector holds up neither the app nor the next request", async () => {
  receiver.answersAfterMs = 3_000;
  const { handle } = exporting();

  const started = process.hrtime.bigint();
  burst(2_048);
  const tookMs = Number(process.hrtime.bigint() - started) / 1e6;
  await waitUntil("Four requests at once", () => receiver.requests >= 4, TEN_SECONDS);
  await handle.flush();

  expect(tookMs).toBeLessThan(2_500);
  expect(receiver.spans).toHaveLength(2_048);
});

test("OTEL_BSP_MAX_QUEUE_SIZE keeps its meaning", async () => {
  process.env["OTEL_BSP_MAX_QUEUE_SIZE"] = "100";
  const { handle } = exporting();
  delete process.env["OTEL_BSP_MAX_QUEUE_SIZE"];

  burst(250);

  expect(handle.stats()).toMatchObject({ waitingSpans: 100, droppedSpans: 150 });
});

test("the resource says who sent the spans, and OTEL_RESOURCE_ATTRIBUTES is part of it", async () => {
  process.env["OTEL_RESOURCE_ATTRIBUTES"] = "deployment.environment.name=test,service.name=other";
  const { handle } = exporting({ resourceAttributes: { "service.version": "7" } });
  delete process.env["OTEL_RESOURCE_ATTRIBUTES"];

  burst(1);
  await handle.flush();

  expect(receiver.spans[0]?.resource).toMatchObject({
    "service.name": "shop",
    "service.version": "7",
    "deployment.environment.name": "test",
    "process.pid": process.pid,
  });
});

test("OTEL_SDK_DISABLED leaves the process without a provider", () => {
  process.env["OTEL_SDK_DISABLED"] = "true";
  const { handle, tracer } = exporting();
  delete process.env["OTEL_SDK_DISABLED"];

  expect(handle.isExporting).toBe(false);
  expect(tracer.startSpan("x").isRecording()).toBe(false);
});

test("a second start is the first one, and another SDK is left in charge", async () => {
  const { handle } = exporting();
  expect(startExport()).toBe(handle);
  await handle.shutdown();

  const theirs = new BasicTracerProvider();
  trace.setGlobalTracerProvider(theirs);
  const second = startExport();
  trace.disable();

  expect(second.isExporting).toBe(false);
});

test("an exporter that throws costs its spans and nothing else", async () => {
  const exporter: SpanExporter = {
    export() {
      throw new TypeError("broken exporter");
    },
    shutdown: () => Promise.reject(new Error("broken too")),
  };
  const { handle } = exporting({ exporter });

  burst(600);
  await handle.flush();

  expect(handle.stats()).toMatchObject({ waitingSpans: 0, droppedSpans: 600 });
  await expect(handle.shutdown()).resolves.toBeUndefined();
});

test("a flush ends while the app goes on", async () => {
  const { handle, tracer } = exporting();
  const timer = setInterval(() => tracer.startSpan("meanwhile").end(), 0);

  burst(2_000);
  await handle.flush();
  clearInterval(timer);

  expect(receiver.named("create orders")).toHaveLength(2_000);
});

test("a logger that throws does not throw into the app", async () => {
  const throwing = () => {
    throw new Error("logger is broken");
  };
  const logger = { warn: throwing, error: throwing, info: throwing, debug: throwing, verbose: throwing };
  const { handle } = exporting({ queueBytesMax: MIB });
  diag.setLogger(logger, { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true });
  receiver.refusesWith = UNAVAILABLE;

  expect(() => burst(10_000)).not.toThrow();
  await handle.flush();
  diag.disable();

  expect(handle.stats().droppedSpans).toBeGreaterThan(0);
});

test("the budget counts about as many bytes as waiting spans hold", async () => {
  const { ended } = runText(
    `const { SpanQueue } = require("kafka-trail/export");
     const { BasicTracerProvider } = require("@opentelemetry/sdk-trace-base");
     const never = { export() {}, shutdown: async () => {} };
     const queue = new SpanQueue(never, { bytesMax: 1e9, spansMax: undefined, batchSpansMax: 512, delayMs: 1e6, timeoutMs: 1e6 });
     const tracer = new BasicTracerProvider({ spanProcessors: [queue] }).getTracer("t");
     const end = (count) => { for (let i = 0; i < count; i++) {
       const span = tracer.startSpan("create orders", { attributes: { "messaging.system": "kafka", "messaging.operation.name": "create",
         "messaging.operation.type": "create", "messaging.destination.name": "orders", "messaging.client.id": "checkout",
         "messaging.kafka.message.key": "order-" + i, "messaging.destination.partition.id": String(i % 12), "messaging.kafka.offset": i } });
       span.end();
     } };
     const heap = () => { gc(); gc(); return process.memoryUsage().heapUsed; };
     end(1000);
     const before = heap(), counted = queue.stats.waitingBytes;
     end(20000);
     process.stdout.write(String((heap() - before) / (queue.stats.waitingBytes - counted)));
     process.exit(0);`,
    { nodeArguments: ["--expose-gc"] },
  );

  const ratio = Number((await ended).stdout);

  expect(ratio).toBeGreaterThan(0.6);
  expect(ratio).toBeLessThan(1.25);
});

test("an answer that comes after its request was given up puts nothing back twice", async () => {
  const late: ((result: ExportResult) => void)[] = [];
  let requests = 0;
  const exporter: SpanExporter = {
    export(_spans, answer) {
      requests++;
      if (requests === 3) answer({ code: 0 });
      else late.push(answer);
    },
    shutdown: async () => {},
  };
  const limits = { bytesMax: MIB, spansMax: undefined, batchSpansMax: 10, delayMs: 10, timeoutMs: 20 };
  const queue = new SpanQueue(exporter, limits);
  const tracer = new BasicTracerProvider({ spanProcessors: [queue] }).getTracer("test");

  tracer.startSpan("late").end();
  await waitUntil("The second try", () => requests === 2, TEN_SECONDS);
  const refused = Object.assign(new Error("unavailable"), { code: UNAVAILABLE });
  for (const answer of late) answer({ code: 1, error: refused });
  await waitUntil("The third try", () => queue.stats.exportedSpans > 0, TEN_SECONDS);

  expect(queue.stats).toMatchObject({ waitingSpans: 0, exportedSpans: 1, droppedSpans: 0 });
});

test("a time-ordered trace id is a UUIDv7 of now, and no two are equal", () => {
  const ids = createTraceIds({ timeOrdered: true });
  const before = Date.now();

  const made = Array.from({ length: 10_000 }, () => ids.generateTraceId());

  expect(new Set(made).size).toBe(10_000);
  expect(made.filter((id) => !/^[0-9a-f]{12}7[0-9a-f]{3}[89ab][0-9a-f]{15}$/.test(id))).toEqual([]);
  const times = made.map((id) => Number.parseInt(id.slice(0, 12), 16));
  expect(Math.min(...times)).toBeGreaterThanOrEqual(before);
  expect(Math.max(...times)).toBeLessThanOrEqual(Date.now());
  expect(ids.generateSpanId()).toMatch(/^[0-9a-f]{16}$/);
});
