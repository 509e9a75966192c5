import { fork } from "node:child_process";
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { Kafka, logLevel } from "kafkajs";
import { startKafka } from "../../dev/kafka.ts";
import { ask } from "./interceptor-lockstep.ts";

const TRACERS = ["none", "opentelemetry", "kafka-trail"] as const;
type Tracer = (typeof TRACERS)[number];
type Trip = Record<"producedPerS" | "consumedPerS" | "forwardedPerS" | "relayedPerS" | "workedPerS", number>;

/** Throughput of one kind of work, as a share of what it is without tracing. */
export interface Throughput {
  readonly work: string;
  readonly untracedPerS: number;
  readonly openTelemetryRatio: number;
  readonly kafkaTrailRatio: number;
  /** What our tracing adds to the time from one message to the next, microseconds. */
  readonly addedUs: number;
  /**
   * Judged is the work that waits for something besides Kafka. The rest is shown: loops that do nothing but Kafka, where
   * whatever takes time is missing from the throughput (RATIONALE: "Which throughput does the bench judge?").
   */
  readonly isJudged: boolean;
}

const KINDS = [
  {
    work: "take one, wait 5 ms as for a database, send one on; 3 at once",
    rate: "workedPerS",
    isJudged: true,
  },
  { work: "take one, send one on, await its ack; nothing else", rate: "relayedPerS", isJudged: false },
  { work: "take a batch, send it on 100 at a time", rate: "forwardedPerS", isJudged: false },
  { work: "saturated: sends of 100, four at once", rate: "producedPerS", isJudged: false },
  { work: "saturated: eachMessage that does nothing", rate: "consumedPerS", isJudged: false },
] as const;

/** In this order; the judged one in more turns, as it is held against the narrowest bound. */
const TURNS = [
  { rate: "producedPerS", turns: 1 },
  { rate: "consumedPerS", turns: 1 },
  { rate: "forwardedPerS", turns: 1 },
  { rate: "relayedPerS", turns: 1 },
  { rate: "workedPerS", turns: 3 },
] as const;

/**
 * Runs the same service untraced and traced on the real broker, a process each, in rounds. They take turns at each kind of
 * work, so that a slow minute is in all of them.
 */
export async function measureThroughput(options: {
  messages: number;
  rounds: number;
  progress: (line: string) => void;
}): Promise<Throughput[]> {
  const { messages, rounds, progress } = options;
  const kafka = await startKafka({ onProgress: progress });
  const admin = new Kafka({ brokers: [...kafka.brokers], logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  const trips: Record<Tracer, Trip[]> = { none: [], opentelemetry: [], "kafka-trail": [] };
  const env = { ...process.env, KAFKA_BROKERS: kafka.brokers.join(",") };
  for (let i = 0; i < rounds; i++) {
    const round = TRACERS.map((tracer) => {
      const topic = `bench-${randomBytes(4).toString("hex")}`;
      const topics = [topic, `${topic}-out`];
      return { tracer, topic, topics, trip: {} as Trip };
    });
    const topics = round.flatMap((one) => one.topics);
    // Not waitForLeaders: kafkajs gives up on it too early on a busy machine. The first send waits for them.
    await admin.createTopics({
      topics: topics.map((it) => ({ topic: it, numPartitions: 3 })),
      waitForLeaders: false,
    });
    const children = round.map(({ tracer, topic }) =>
      fork(join(__dirname, "interceptor-trip.js"), [tracer, topic, String(messages)], { env }),
    );
    for (const { rate, turns } of TURNS) {
      const rates = round.map(() => 0);
      for (let turn = 0; turn < turns; turn++) {
        for (const [n, child] of children.entries()) rates[n]! += (await ask<number>(child, rate)) / turns;
      }
      for (const [n, { trip }] of round.entries()) trip[rate] = rates[n]!;
    }
    for (const child of children) child.disconnect();
    await admin.deleteTopics({ topics });
    for (const { tracer, trip } of round) {
      trips[tracer].push(trip);
      progress(`real broker, ${tracer}: ${JSON.stringify(trip)}`);
    }
  }
  await admin.disconnect();
  await kafka.stop();
  return KINDS.map(({ work, rate, isJudged }) => {
    const untraced = trips.none.map((trip) => trip[rate]);
    // Of each round by itself.
    const addedUs = trips["kafka-trail"].map((trip, i) => 1e6 / trip[rate] - 1e6 / untraced[i]!);
    const ratioOf = (tracer: Tracer) => median(trips[tracer].map((trip, i) => trip[rate] / untraced[i]!));
    return {
      work,
      untracedPerS: Math.round(median(untraced)),
      openTelemetryRatio: ratioOf("opentelemetry"),
      kafkaTrailRatio: ratioOf("kafka-trail"),
      addedUs: median(addedUs),
      isJudged,
    };
  });
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}
