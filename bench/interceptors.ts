import { execFileSync } from "node:child_process";
import { join } from "node:path";
import type { Runnable } from "../dev/contract.ts";
import { runInTurns } from "./support/interceptor-lockstep.ts";
import { measureThroughput, type Throughput } from "./support/interceptor-throughput.ts";

const TRACERS = ["none", "opentelemetry", "kafka-trail"] as const;

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
const SHORT_TURNS = 3;
const THROUGHPUT_MIN = 0.97;
const HEAP_GROWTH_MAX = 2 * 1024 * 1024;

function heapGrowth(workload: string, messages: number): number {
  const script = join(__dirname, "support", "interceptor-round.js");
  const words = ["--expose-gc", script, "kafka-trail", workload, "sampled", String(messages)];
  const output = execFileSync(process.execPath, words, { encoding: "utf8" });
  return (JSON.parse(output) as { grownBytes: number }).grownBytes;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

const rounded = (value: number) => Math.round(value * 100) / 100;

/** CPU of the tracing alone, microseconds a message: what the same work costs without it is taken off, round by round. */
async function compareCpu(rounds: number, share: number, progress: (line: string) => void) {
  const results = [];
  for (const { workload, sampling, ratioMax, messages } of BUDGETS) {
    const measured = [];
    for (let i = 0; i < rounds; i++) {
      const cpuUs = await runInTurns(TRACERS, { workload, sampling, messages: Math.round(messages * share) });
      const base = cpuUs.none;
      const theirs = cpuUs.opentelemetry - base;
      const ours = cpuUs["kafka-trail"] - base;
      measured.push({ base, theirs, ours, ratio: ours / theirs });
    }
    const base = median(measured.map((it) => it.base));
    const theirs = median(measured.map((it) => it.theirs));
    const ours = median(measured.map((it) => it.ours));
    const ratios = measured.map((it) => it.ratio);
    progress(
      `${workload} ${sampling}: ${rounded(ours)} us a message, theirs ${rounded(theirs)} us; ${ratios.map(rounded).join(" ")}`,
    );
    results.push({ workload, sampling, base, theirs, ours, ratio: median(ratios), ratios, ratioMax });
  }
  return results;
}

const ROW_OF = {
  context: "floor: context manager alone",
  "bare-spans": "floor: bare SDK spans",
  opentelemetry: "OpenTelemetry",
  "kafka-trail": "kafka-trail",
} as const;

/** One row a tracer, below a row of what the work is without tracing. */
function throughputRows({ work, untracedPerS, untracedCpuUs, shares, isJudged }: Throughput) {
  const rows = (["context", "bare-spans", "opentelemetry", "kafka-trail"] as const).flatMap((tracer) => {
    const share = shares[tracer];
    if (share === undefined) return [];
    const { ratio, quartiles, standardError, addedCpuUs } = share;
    return [
      {
        work: `  ${ROW_OF[tracer]}`,
        "messages/s": "",
        throughput: ratio.toFixed(3),
        "give or take": standardError.toFixed(3),
        "middle half": quartiles.map((it) => it.toFixed(3)).join(" - "),
        "CPU, us a message": `+ ${Math.round(addedCpuUs)}`,
        "at least": isJudged && tracer === "kafka-trail" ? THROUGHPUT_MIN : "",
      },
    ];
  });
  const untraced = {
    work,
    "messages/s": untracedPerS,
    throughput: "",
    "give or take": "",
    "middle half": "",
    "CPU, us a message": String(Math.round(untracedCpuUs)),
    "at least": "",
  };
  return [untraced, ...rows];
}

export const bench: Runnable = {
  name: "interceptors",
  summary:
    "CPU a message against @opentelemetry/instrumentation-kafkajs; throughput and heap against no tracing",
  options: { rounds: "count" },
  async run({ short, args, progress, table }) {
    const rounds = Number(args["rounds"] ?? (short ? 1 : 5));
    const cpu = await compareCpu(rounds, short ? SHORT_SHARE : 1, progress);
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
        grownBytes: heapGrowth(workload, heapMessages),
      };
    });
    table(heap);

    const throughput = await measureThroughput({
      messages: short ? 20_000 : 30_000,
      rounds,
      turns: short ? SHORT_TURNS : undefined,
      progress,
    });
    table(throughput.flatMap(throughputRows));

    const figures = { cpu, heap, throughput };
    const passed =
      cpu.every(({ ratio, ratioMax }) => ratio <= ratioMax) &&
      heap.every(({ grownBytes }) => grownBytes <= HEAP_GROWTH_MAX) &&
      throughput.every((it) => !it.isJudged || (it.shares["kafka-trail"]?.ratio ?? 0) >= THROUGHPUT_MIN);
    return { passed, figures };
  },
};
