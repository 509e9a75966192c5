import { fork } from "node:child_process";
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { Kafka, logLevel } from "kafkajs";
import { startKafka } from "../../dev/kafka.ts";
import { ask } from "./interceptor-lockstep.ts";
import type { Turn } from "./interceptor-trip.ts";

const TRACERS = ["none", "context", "bare-spans", "opentelemetry", "kafka-trail"] as const;
/** Who is measured: a service without tracing, the two floors (interceptor-floor.ts), and the two that trace Kafka. */
export type Tracer = (typeof TRACERS)[number];
const FLOORS: readonly Tracer[] = ["context", "bare-spans"];

/** What one tracer's service does, beside the same service without tracing. */
export interface Share {
  /** Its throughput, as a share of what it is without tracing: the median of all turns, each against the same turn's. */
  readonly ratio: number;
  /** Between these lies the middle half of the turns. */
  readonly quartiles: readonly [number, number];
  /** How far the median of as many turns lies from the true one, two times in three; 0 for a single turn. */
  readonly standardError: number;
  /** CPU that it takes a message more, microseconds, the median likewise. */
  readonly addedCpuUs: number;
}

/** One kind of work. */
export interface Throughput {
  readonly work: string;
  readonly untracedPerS: number;
  readonly untracedCpuUs: number;
  readonly turns: number;
  /** The floors are missing where the work is not of single messages. */
  readonly shares: Readonly<Partial<Record<Tracer, Share>>>;
  /**
   * Judged is the work that waits for something besides Kafka. The rest is shown: loops that do nothing but Kafka, where
   * whatever takes time is missing from the throughput (RATIONALE: "Which throughput does the bench judge?").
   */
  readonly isJudged: boolean;
}

/** In this order; the judged one in many turns, as it is held against the narrowest bound. */
const KINDS = [
  { kind: "produced", work: "saturated: sends of 100, four at once", turns: 1, hasFloors: false },
  { kind: "consumed", work: "saturated: eachMessage that does nothing", turns: 1, hasFloors: false },
  { kind: "forwarded", work: "take a batch, send it on 100 at a time", turns: 1, hasFloors: false },
  { kind: "relayed", work: "take one, send one on, await its ack; nothing else", turns: 1, hasFloors: true },
  {
    kind: "worked",
    work: "take one, wait 5 ms as for a database, send one on; 3 at once",
    turns: 10,
    hasFloors: true,
    isJudged: true,
  },
] as const;

type Kind = (typeof KINDS)[number]["kind"];
/** What a tracer's turns at each kind of work took; the same place is the same turn of all. */
type Turns = Record<Kind, Turn[]>;

interface ThroughputOptions {
  readonly messages: number;
  readonly rounds: number;
  /** Turns of the judged work a round; default 10. */
  readonly turns?: number | undefined;
  readonly progress: (line: string) => void;
}

/**
 * Runs the same service untraced and traced on the real broker, a process each, in rounds of new processes. They take turns
 * at each kind of work, forwards and backwards, so that a slow minute is in all of them.
 */
export async function measureThroughput(options: ThroughputOptions): Promise<Throughput[]> {
  const kafka = await startKafka({ onProgress: options.progress });
  const all = Object.fromEntries(
    TRACERS.map((tracer) => [tracer, { produced: [], consumed: [], forwarded: [], relayed: [], worked: [] }]),
  ) as unknown as Record<Tracer, Turns>;
  for (let round = 0; round < options.rounds; round++) await runRound(round, kafka.brokers, options, all);
  await kafka.stop();
  return KINDS.toReversed().map(({ kind, work, ...rest }) => {
    const untraced = all.none[kind];
    return {
      work,
      untracedPerS: Math.round(median(untraced.map((turn) => turn.perSecond))),
      untracedCpuUs: median(untraced.map((turn) => turn.cpuUs)),
      turns: untraced.length,
      shares: Object.fromEntries(
        TRACERS.filter((tracer) => tracer !== "none" && all[tracer][kind].length === untraced.length).map(
          (tracer) => [tracer, shareOf(all[tracer][kind], untraced)],
        ),
      ),
      isJudged: "isJudged" in rest,
    };
  });
}

async function runRound(
  round: number,
  brokers: readonly string[],
  { messages, turns, progress }: ThroughputOptions,
  all: Record<Tracer, Turns>,
): Promise<void> {
  const admin = new Kafka({ brokers: [...brokers], logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  const env = { ...process.env, KAFKA_BROKERS: brokers.join(",") };
  const lanes = TRACERS.map((tracer) => ({
    tracer,
    isFloor: FLOORS.includes(tracer),
    topic: `bench-${randomBytes(4).toString("hex")}`,
  }));
  const topics = lanes.flatMap(({ topic }) => [topic, `${topic}-out`]);
  // Not waitForLeaders: kafkajs gives up on it too early on a busy machine. The first send waits for them.
  await admin.createTopics({
    topics: topics.map((topic) => ({ topic, numPartitions: 3 })),
    waitForLeaders: false,
  });
  const running = lanes.map(({ tracer, isFloor, topic }) => {
    const words = [tracer, topic, String(messages)];
    return { tracer, isFloor, child: fork(join(__dirname, "interceptor-trip.js"), words, { env }) };
  });
  for (const { kind, turns: usual, hasFloors, ...rest } of KINDS) {
    const count = "isJudged" in rest ? (turns ?? usual) : usual;
    // The first turn of all of them is for the compiler, where there are several.
    for (let turn = count > 1 ? -1 : 0; turn < count; turn++) {
      for (const { tracer, isFloor, child } of (round + turn) % 2 === 0 ? running : running.toReversed()) {
        // Floors only do the work of single messages; their topics are filled like all others.
        if (isFloor && !hasFloors && kind !== "produced") continue;
        const taken = await ask<Turn>(child, kind);
        if (turn >= 0 && (!isFloor || hasFloors)) all[tracer][kind].push(taken);
      }
    }
  }
  for (const { child } of running) child.disconnect();
  await admin.deleteTopics({ topics });
  await admin.disconnect();
  for (const { tracer } of running) {
    const rates = KINDS.flatMap(({ kind }) => {
      const last = all[tracer][kind].at(-1);
      return last === undefined ? [] : [`${kind} ${Math.round(last.perSecond)}/s`];
    });
    progress(`real broker, ${tracer}: ${rates.join(", ")}`);
  }
}

function shareOf(turns: readonly Turn[], untraced: readonly Turn[]): Share {
  const ratios = turns.map(({ perSecond }, i) => perSecond / untraced[i]!.perSecond);
  const quartiles = [quantile(ratios, 0.25), quantile(ratios, 0.75)] as const;
  return {
    ratio: median(ratios),
    quartiles,
    standardError: standardErrorOfMedian(quartiles, ratios.length),
    addedCpuUs: median(turns.map(({ cpuUs }, i) => cpuUs - untraced[i]!.cpuUs)),
  };
}

/** Of values spread as a bell curve is, by their middle half, which no outlier moves. */
function standardErrorOfMedian([lower, upper]: readonly [number, number], count: number): number {
  return (0.93 * (upper - lower)) / Math.sqrt(count);
}

const median = (values: readonly number[]) => quantile(values, 0.5);

function quantile(values: readonly number[], at: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  const place = at * (sorted.length - 1);
  const below = sorted[Math.floor(place)] ?? Number.NaN;
  const above = sorted[Math.ceil(place)] ?? Number.NaN;
  return below + (above - below) * (place - Math.floor(place));
}
