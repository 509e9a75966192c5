import { execFile, spawnSync } from "node:child_process";
import { promisify } from "node:util";
import { ExportResultCode } from "@opentelemetry/core";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-grpc";
import type { ReadableSpan } from "@opentelemetry/sdk-trace-base";
import { type KafkaMessage, Kafka, logLevel } from "kafkajs";
import {
  type CollectorService,
  findOrBuildCollector,
  startCollector,
  whyNoCollector,
} from "../dev/collector.ts";
import { repositoryRoot } from "../dev/root.ts";
import { waitUntil } from "../dev/wait.ts";
import { TracesData } from "./support/otlp-schema.ts";
import { kafkaBrokers } from "./support/services.ts";
import { tracing } from "./support/spans.ts";
import { createTopic, createTopicNamed, uniqueTopicName } from "./support/topics.ts";

const BUILD_TIMEOUT_MS = 15 * 60_000;
const SPAN_TOPIC = { "max.message.bytes": "4194304" };

// In CI a collector that cannot be had is a failure, elsewhere its tests are skipped, with the reason.
const missing = whyNoCollector();
const whereThereIsACollector = missing !== undefined && !process.env["CI"] ? describe.skip : describe;
const open: CollectorService[] = [];

async function runCollector(spanTopic: string): Promise<CollectorService> {
  const collector = await startCollector({ kafkaBrokers: kafkaBrokers(), spanTopic });
  open.push(collector);
  return collector;
}

/** Sends spans of so many traces, each with an attribute of so many bytes, in exports of 500, by OTLP/gRPC. */
async function sendSpans(port: number, count: number, attributeBytes: number): Promise<Set<string>> {
  const { tracer, finished } = tracing();
  for (let i = 0; i < count; i++) {
    tracer.startSpan("send orders", { attributes: { filler: "x".repeat(attributeBytes) } }).end();
  }
  const exporter = new OTLPTraceExporter({ url: `http://127.0.0.1:${port}` });
  const sent = finished();
  for (let i = 0; i < sent.length; i += 500) await exportSpans(exporter, sent.slice(i, i + 500));
  await exporter.shutdown();
  return new Set(sent.map((span) => span.spanContext().spanId));
}

async function exportSpans(exporter: OTLPTraceExporter, spans: ReadableSpan[]): Promise<void> {
  const result = await new Promise<{ code: ExportResultCode; error?: Error }>((resolve) =>
    exporter.export(spans, resolve),
  );
  if (result.code !== ExportResultCode.SUCCESS) throw result.error ?? new Error("The export failed.");
}

/** Reads a topic until so many spans came, and returns its records. */
async function readRecords(topic: string, spanCount: number): Promise<KafkaMessage[]> {
  const kafka = new Kafka({ brokers: kafkaBrokers(), logLevel: logLevel.NOTHING });
  const consumer = kafka.consumer({ groupId: `${topic}-reader`, maxWaitTimeInMs: 200 });
  const records: KafkaMessage[] = [];
  await consumer.connect();
  try {
    await consumer.subscribe({ topic, fromBeginning: true });
    await consumer.run({ eachMessage: async ({ message }) => void records.push(message) });
    await waitUntil(
      `The arrival of ${spanCount} spans in ${topic}`,
      () => records.flatMap(spanIdsOf).length >= spanCount,
      { timeoutMs: 30_000 },
    );
  } finally {
    await consumer.disconnect();
  }
  return records;
}

function spanIdsOf(record: KafkaMessage): string[] {
  const { resourceSpans } = TracesData.toObject(TracesData.decode(record.value ?? Buffer.alloc(0))) as {
    resourceSpans: { scopeSpans: { spans: { spanId: Buffer }[] }[] }[];
  };
  return resourceSpans
    .flatMap((it) => it.scopeSpans)
    .flatMap((it) => it.spans)
    .map((it) => Buffer.from(it.spanId).toString("hex"));
}

whereThereIsACollector(`the real collector${missing === undefined ? "" : ` (${missing})`}`, () => {
  beforeAll(async () => void (await findOrBuildCollector()), BUILD_TIMEOUT_MS);
  afterEach(async () => void (await Promise.all(open.splice(0).map((it) => it.stop()))));

  test("the real collector takes otel-collector.yaml as it is", async () => {
    const binary = await findOrBuildCollector();

    const validated = await promisify(execFile)(binary, ["validate", "--config", "otel-collector.yaml"], {
      cwd: repositoryRoot(),
    });

    expect(validated.stderr).not.toMatch(/error/i);
  });

  test("spans sent to the collector arrive in the Kafka topic, all of them, unkeyed", async () => {
    const topic = await createTopic("spans", 3, SPAN_TOPIC);
    const { otlpGrpcPort } = await runCollector(topic);

    const sent = await sendSpans(otlpGrpcPort, 2_000, 0);

    const records = await readRecords(topic, 2_000);
    expect(new Set(records.flatMap(spanIdsOf))).toEqual(sent);
    expect(records.map((it) => it.key)).toEqual(records.map(() => null));
    // One record a trace would be 2,000.
    expect(records.length).toBeLessThan(20);
  });

  test("spans that come before their topic wait for it", async () => {
    const topic = uniqueTopicName("spans");
    const collector = await runCollector(topic);
    const sent = await sendSpans(collector.otlpGrpcPort, 10, 0);
    await waitUntil(
      "A first try without the topic",
      async () => (await collector.log()).includes("kafka records export failed"),
      { timeoutMs: 20_000 },
    );

    await createTopicNamed(topic, 1, SPAN_TOPIC);

    const records = await readRecords(topic, 10);
    expect(new Set(records.flatMap(spanIdsOf))).toEqual(sent);
  });

  test("spans too large for one record are cut into several, and none is dropped", async () => {
    const topic = await createTopic("spans", 1, SPAN_TOPIC);
    const { otlpGrpcPort } = await runCollector(topic);

    const sent = await sendSpans(otlpGrpcPort, 1_000, 20_000);

    const records = await readRecords(topic, 1_000);
    expect(new Set(records.flatMap(spanIdsOf))).toEqual(sent);
    expect(Math.max(...records.map((it) => it.value?.length ?? 0))).toBeLessThan(4_000_000);
  });
});

const hasCompose = spawnSync("docker", ["compose", "version"]).status === 0;
const whereThereIsCompose = hasCompose ? describe : describe.skip;

whereThereIsCompose(`docker compose${hasCompose ? "" : " (not on this machine)"}`, () => {
  test("docker-compose.yml is accepted", () => {
    const checked = spawnSync("docker", ["compose", "config", "--quiet"], {
      cwd: repositoryRoot(),
      encoding: "utf8",
    });

    expect(checked).toMatchObject({ status: 0, stderr: "" });
  });
});
