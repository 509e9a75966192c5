import { setTimeout as pause } from "node:timers/promises";
import { CompressionTypes, Kafka, logLevel, type Producer } from "kafkajs";
import type { Client } from "pg";
import { Indexers } from "../../gate/support/indexers.ts";
import { MemoryWatch } from "../../gate/support/resident-memory.ts";
import { kafkaBrokers } from "../../test/support/services.ts";
import { createTopic } from "../../test/support/topics.ts";
import { percentile, type BenchDatabase } from "./bench-database.ts";
import { cpuPerSpan, roadCpu } from "./ingest-cpu.ts";
import { encodeRows } from "./ingest-spans.ts";
import { TrailSpans } from "./trail-spans.ts";

const PARTITIONS = 12;
const SPANS_PER_RECORD = 500;
const LIVE_SPANS_PER_SECOND = 10_000;
const LIVE_RECORD_MS = (SPANS_PER_RECORD / LIVE_SPANS_PER_SECOND) * 1_000;
const LOOK_MS = 20;
const STANDSTILL_MS = 30_000;

/** Where one record lies, and when its spans ended. */
interface SentRecord {
  readonly partition: number;
  readonly offset: bigint;
  readonly endedMs: readonly number[];
}

export interface RoadOptions {
  readonly database: BenchDatabase;
  /** Spans that wait in the topic before the indexer starts. */
  readonly backlogSpans: number;
  /** How long spans then come at 10,000 a second. */
  readonly liveMs: number;
  readonly progress: (line: string) => void;
}

/**
 * The whole road on one machine: the span topic, one indexer process with its defaults, Postgres.
 *
 * First a backlog, for the rate and for what bounds it; then a live stream, for the time from the end of a span until its
 * row can be asked for.
 */
export async function measureRoad(options: RoadOptions): Promise<Record<string, unknown>> {
  const { database, backlogSpans, liveMs, progress } = options;
  const brokers = kafkaBrokers();
  const topic = await createTopic("bench", PARTITIONS);
  const producer = new Kafka({ brokers, logLevel: logLevel.NOTHING }).producer({ maxInFlightRequests: 1 });
  const indexers = new Indexers({ brokers, databaseUrl: database.url, topic });
  await producer.connect();
  try {
    progress(`sending ${backlogSpans} spans before anybody reads`);
    const records = await sendBacklog(producer, topic, backlogSpans);
    progress("draining");
    const memory = new MemoryWatch(() => indexers.running);
    const drained = await drain(database.client, indexers, topic, records);
    progress(`${LIVE_SPANS_PER_SECOND} spans a second for ${liveMs / 1_000} s`);
    const freshness = await live(database.client, producer, topic, liveMs);
    return { ...drained, indexerPeakMib: memory.stop(), ...freshness };
  } finally {
    await indexers.stop();
    await producer.disconnect();
  }
}

async function send(producer: Producer, topic: string, partition: number, value: Buffer): Promise<bigint> {
  const [answer] = await producer.send({
    topic,
    messages: [{ value, partition }],
    compression: CompressionTypes.GZIP,
  });
  return BigInt(answer?.baseOffset ?? -1);
}

/** Returns how many records it took. */
async function sendBacklog(producer: Producer, topic: string, spans: number): Promise<number> {
  const fromNs = BigInt(Date.now() - 60_000) * 1_000_000n;
  const stream = new TrailSpans({ seed: 31, fromNs, stepNs: 1_000n });
  const records = Math.ceil(spans / SPANS_PER_RECORD);
  for (let record = 0; record < records; record += 1) {
    await send(producer, topic, record % PARTITIONS, encodeRows(stream.take(SPANS_PER_RECORD)));
  }
  return records;
}

/** How far each partition is stored. The fence moves it with the rows, so what lies before it can be asked for. */
async function storedUpTo(client: Client, topic: string): Promise<Map<number, bigint>> {
  const { rows } = await client.query<{ partition: number; next: string }>(
    "SELECT partition, next_offset AS next FROM trail_private.source_offsets WHERE topic = $1",
    [topic],
  );
  return new Map(rows.map(({ partition, next }) => [partition, BigInt(next)]));
}

/** Measures from the first commit on: starting the process and joining the group are no matter of speed. */
async function drain(
  client: Client,
  indexers: Indexers,
  topic: string,
  records: number,
): Promise<Record<string, unknown>> {
  const { pid } = await indexers.start();
  let [stored, movedAt] = [0, performance.now()];
  let first: { stored: number; at: number; cpu: ReturnType<typeof roadCpu> } | undefined;
  while (stored < records) {
    await pause(LOOK_MS);
    const now = [...(await storedUpTo(client, topic)).values()].reduce((sum, next) => sum + Number(next), 0);
    if (now !== stored) [stored, movedAt] = [now, performance.now()];
    if (stored > 0) first ??= { stored, at: performance.now(), cpu: roadCpu(pid) };
    if (performance.now() - movedAt > STANDSTILL_MS) throw new Error("The indexer stands still.");
  }
  if (first === undefined) throw new Error("Nothing was stored.");
  const spans = (stored - first.stored) * SPANS_PER_RECORD;
  return {
    roadSpansPerSecond: Math.round((spans / (performance.now() - first.at)) * 1_000),
    ...cpuPerSpan(first.cpu, roadCpu(pid), spans),
  };
}

async function live(
  client: Client,
  producer: Producer,
  topic: string,
  forMs: number,
): Promise<Record<string, number>> {
  const waiting = new Set<SentRecord>();
  const delaysMs: number[] = [];
  let isSending = true;
  const sending = sendLive(producer, topic, forMs, (record) => waiting.add(record)).finally(
    () => (isSending = false),
  );
  const deadline = performance.now() + forMs + STANDSTILL_MS;
  while (isSending || waiting.size > 0) {
    await pause(LOOK_MS);
    if (performance.now() > deadline) throw new Error("The indexer does not keep up.");
    const stored = await storedUpTo(client, topic);
    const now = Date.now();
    for (const record of waiting) {
      if ((stored.get(record.partition) ?? 0n) <= record.offset) continue;
      for (const endedMs of record.endedMs) delaysMs.push(now - endedMs);
      waiting.delete(record);
    }
  }
  await sending;
  const at = (share: number): number => Math.round(percentile(delaysMs, share));
  return { freshnessP50Ms: at(0.5), freshnessP99Ms: at(0.99), liveSpans: delaysMs.length };
}

/** Sends a record whenever enough spans have ended for one, as a collector without a timer would. */
async function sendLive(
  producer: Producer,
  topic: string,
  forMs: number,
  onSent: (record: SentRecord) => void,
): Promise<void> {
  const startedMs = Date.now();
  const stream = new TrailSpans({ seed: 77, fromNs: BigInt(startedMs) * 1_000_000n, stepNs: 1_000n });
  for (let record = 0; record * LIVE_RECORD_MS < forMs; record += 1) {
    const fullMs = startedMs + (record + 1) * LIVE_RECORD_MS;
    await pause(Math.max(0, fullMs - Date.now()));
    const endedMs = Array.from(
      { length: SPANS_PER_RECORD },
      (_, i) => fullMs - (i * LIVE_RECORD_MS) / SPANS_PER_RECORD,
    );
    const rows = stream.take(SPANS_PER_RECORD);
    rows.forEach(
      (row, i) => (row.startNs = BigInt(Math.round(endedMs[i] as number)) * 1_000_000n - row.durationNs),
    );
    const partition = record % PARTITIONS;
    onSent({ partition, offset: await send(producer, topic, partition, encodeRows(rows)), endedMs });
  }
}
