import { createHash, randomBytes } from "node:crypto";
import type { Runnable, RunOptions, RunResult } from "../dev/contract.ts";
import { aSpan, encodeTraces, Kind, type TestSpan } from "../test/support/otlp.ts";
import { libraryRows } from "../test/support/otlp-library.ts";
import { decodeTraces } from "../trace-store/ingest/decode.ts";

/** Requests as the collector's batches are: 512 spans of four services, 12 attributes each. */
const SPANS = 512;
const SERVICES = ["checkout", "billing", "inventory", "email"];
const TOPICS = [
  "orders.created.v1",
  "payments.authorized.v1",
  "shipments.dispatched.v1",
  "mails.outbound.v1",
];
/** Different requests that go round: on one request replayed, whatever remembers values looks twice as fast as it is. */
const REQUESTS = 48;
/** Below this, the library would do: our own decoder would have to go. */
const RATIO_MIN = 1.25;

const NO_RESOURCE = {};
const SCOPE = { name: "@opentelemetry/instrumentation-kafkajs", version: "0.32.0" };
const next = (below: number): number => Math.floor(Math.random() * below);

function span(i: number, resource: TestSpan["resource"]): TestSpan {
  const isSend = i % 2 === 0;
  const service = SERVICES[Math.floor((i * SERVICES.length) / SPANS)] as string;
  const topic = TOPICS[next(TOPICS.length)] as string;
  const startNs = BigInt(Date.now()) * 1_000_000n + BigInt(next(1_000_000_000));
  const link = { traceId: randomBytes(16).toString("hex"), spanId: randomBytes(8).toString("hex") };
  const operation = isSend ? "send" : "process";
  return aSpan({
    service,
    resource,
    scope: SCOPE,
    name: `${operation} ${topic}`,
    kind: isSend ? Kind.producer : Kind.consumer,
    parentSpanId: i % 5 === 0 ? "" : randomBytes(8).toString("hex"),
    startNs,
    endNs: startNs + BigInt(next(5_000_000)),
    attributes: {
      "messaging.system": "kafka",
      "messaging.destination.name": topic,
      "messaging.operation.name": operation,
      "messaging.operation.type": operation,
      "messaging.destination.partition.id": String(next(24)),
      "messaging.kafka.offset": next(2 ** 31),
      "messaging.kafka.message.key": `order-${next(10_000_000)}`,
      "messaging.client.id": `${service}-7f9c4bd6c5-${next(100_000)}`,
      "messaging.message.body.size": 200 + next(4_000),
      "server.address": `kafka-${next(3)}.kafka.svc.cluster.local`,
      "server.port": 9092,
      ...(isSend
        ? { "messaging.message.id": createHash("md5").update(String(Math.random())).digest("hex") }
        : { "messaging.consumer.group.name": `${service}-consumers` }),
    },
    events:
      i % 16 === 0
        ? [{ timeNs: startNs, name: "exception", attributes: { "exception.type": "KafkaTimeoutError" } }]
        : [],
    links: i % 6 === 1 ? [link] : [],
    status: i % 50 === 0 ? { code: 2, message: "timeout" } : {},
  });
}

function requests(): Buffer[] {
  return Array.from({ length: REQUESTS }, (_, r) => {
    const resource =
      r % 4 === 0 ? NO_RESOURCE : { "service.version": `1.14.${r}`, "k8s.pod.name": `pod-${r}` };
    return encodeTraces(Array.from({ length: SPANS }, (__, i) => span(i, resource)));
  });
}

/** Spans that `decode` gets through in a second of CPU, garbage collection included. */
function spansPerCpuSecond(
  decode: (bytes: Buffer) => number,
  all: readonly Buffer[],
  roundMs: number,
): number {
  const before = process.cpuUsage();
  let spans = 0;
  let cpuMs = 0;
  for (let i = 0; cpuMs < roundMs; i++) {
    spans += decode(all[i % all.length] as Buffer);
    const { user, system } = process.cpuUsage(before);
    cpuMs = (user + system) / 1_000;
  }
  return (spans / cpuMs) * 1_000;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] as number;
}

async function run({ short, progress, table }: RunOptions): Promise<RunResult> {
  const rounds = short ? 7 : 21;
  const roundMs = short ? 500 : 2_000;
  const all = requests();
  const decoders = {
    ours: (bytes: Buffer) => decodeTraces(bytes).rows.length,
    library: (bytes: Buffer) => libraryRows(bytes).length,
  };
  const measured: Record<keyof typeof decoders, number[]> = { ours: [], library: [] };
  for (const decode of Object.values(decoders)) spansPerCpuSecond(decode, all, roundMs);
  for (let round = 1; round <= rounds; round++) {
    for (const name of ["ours", "library"] as const) {
      measured[name].push(spansPerCpuSecond(decoders[name], all, roundMs));
    }
    if (round % 7 === 0) progress(`${round} of ${rounds} rounds`);
  }
  const ours = Math.round(median(measured.ours));
  const library = Math.round(median(measured.library));
  const ratio = median(measured.ours.map((value, i) => value / (measured.library[i] as number)));
  const bytes = all.reduce((sum, request) => sum + request.length, 0);
  table([
    { decoder: "ours: bounded, sanitised, normalised rows", "spans per CPU second": ours },
    { decoder: "protobufjs + the same normalisation", "spans per CPU second": library },
  ]);
  return {
    passed: ratio >= RATIO_MIN,
    figures: {
      spansPerCpuSecond: ours,
      librarySpansPerCpuSecond: library,
      ratio: Number(ratio.toFixed(2)),
      ratioMin: RATIO_MIN,
      bytesPerSpan: Math.round(bytes / (REQUESTS * SPANS)),
      megabytesPerCpuSecond: Math.round((ours * bytes) / (REQUESTS * SPANS) / 1e6),
    },
  };
}

export const bench: Runnable = {
  name: "decode",
  summary: "spans decoded per CPU second, against a protobuf library, on data that never repeats",
  run,
};
