import { execFileSync } from "node:child_process";
import { join } from "node:path";
import type { Runnable } from "../dev/contract.ts";
import { measureThroughput } from "./support/interceptor-throughput.ts";

const TRACERS = ["none", "opentelemetry", "kafka-trail"] as const;
type Tracer = (typeof TRACERS)[number];

/**
 * Workloads, what our cost may be of OpenTelemetry's, at most, and how many messages of it are measured. A call of `send`
 * or eachBatch moves 100, so that they take more until the compiler is done with them.
 */
const BUDGETS = [
  { workload: "eachMessage", sampling: "sampled", ratioMax: 0.5, messages: 200_000 },
  { workload: "eachMessage", sampling: "unsampled", ratioMax: 0.25, messages: 300_000 },
  { workload: "send", sampling: "sampled", ratioMax: 0.3, messages: 600_000 },
  { workload: "send", sampling: "unsampled", ratioMax: 0.5, messages: 600_000 },
  { workload: "eachBatch", sampling: "sampled", ratioMax: 0.2, messages: 200_000 },
  { workload: "eachBatch", sampling: "unsampled", ratioMax: 0.2, messages: 200_000 },
] as const;
/** The short form measures so much of it. */
const SHORT_SHARE = 0.4;
const THROUGHPUT_MIN = 0.97;
const HEAP_GROWTH_MAX = 2 * 1024 * 1024;

/** Each measurement is a process of its own: what one tracer patches or leaves on the heap cannot cost the next. */
function round(tracer: Tracer, workload: string, sampling: string, messages: number, isHeap = false) {
  const script = join(__dirname, "support", "interceptor-round.js");
  const words = [script, tracer, workload, sampling, String(messages), ...(isHeap ? ["heap"] : [])];
  const output = execFileSync(process.execPath, ["--expose-gc", ...words], { encoding: "utf8" });
  return JSON.parse(output) as { cpuUs: number; grownBytes: number };
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

const rounded = (value: number) => Math.round(value * 100) / 100;

/** CPU of the tracing alone, microseconds a message: what the same work costs without it is taken off. */
function compareCpu(rounds: number, share: number, progress: (line: string) => void) {
  return BUDGETS.map(({ workload, sampling, ratioMax, messages }) => {
    const count = Math.ceil(messages * share);
    const measured: Record<Tracer, number[]> = { none: [], opentelemetry: [], "kafka-trail": [] };
    // Interleaved, so that a noisy minute of the machine falls on all of them.
    for (let i = 0; i < rounds; i++) {
      for (const tracer of TRACERS) measured[tracer].push(round(tracer, workload, sampling, count).cpuUs);
    }
    const base = median(measured.none);
    const theirs = median(measured.opentelemetry) - base;
    const ours = median(measured["kafka-trail"]) - base;
    progress(`${workload} ${sampling}: ${rounded(ours)} us a message, theirs ${rounded(theirs)} us`);
    return { workload, sampling, base, theirs, ours, ratio: ours / theirs, ratioMax };
  });
}

export const bench: Runnable = {
  name: "interceptors",
  summary:
    "CPU a message against @opentelemetry/instrumentation-kafkajs; throughput and heap against no tracing",
  async run({ short, args, progress, table }) {
    const rounds = Number(args["rounds"] ?? (short ? 1 : 5));
    const cpu = compareCpu(rounds, short ? SHORT_SHARE : 1, progress);
    table(
      cpu.map(({ workload, sampling, base, theirs, ours, ratio, ratioMax }) => ({
        workload,
        sampling,
        "no tracing, us": rounded(base),
        "OpenTelemetry, us": rounded(theirs),
        "kafka-trail, us": rounded(ours),
        ratio: rounded(ratio),
        "at most": ratioMax,
      })),
    );

    const heapMessages = short ? 100_000 : 1_000_000;
    const heap = ["send", "eachMessage", "eachBatch"].map((workload) => {
      progress(`${workload}: ${heapMessages} messages for the heap`);
      return {
        workload,
        grownBytes: round("kafka-trail", workload, "sampled", heapMessages, true).grownBytes,
      };
    });
    table(heap);

    const throughput = await measureThroughput({
      messages: short ? 20_000 : 100_000,
      rounds,
      progress,
    });
    table(
      throughput.map(({ work, untracedPerS, openTelemetryRatio, kafkaTrailRatio, addedUs, isJudged }) => ({
        work,
        "untraced, messages/s": untracedPerS,
        OpenTelemetry: rounded(openTelemetryRatio),
        "kafka-trail": rounded(kafkaTrailRatio),
        "kafka-trail adds, us": Math.round(addedUs),
        "at least": isJudged ? THROUGHPUT_MIN : "",
      })),
    );

    const figures = { cpu, heap, throughput };
    const passed =
      cpu.every(({ ratio, ratioMax }) => ratio <= ratioMax) &&
      heap.every(({ grownBytes }) => grownBytes <= HEAP_GROWTH_MAX) &&
      throughput.every(({ kafkaTrailRatio, isJudged }) => !isJudged || kafkaTrailRatio >= THROUGHPUT_MIN);
    return { passed, figures };
  },
};
