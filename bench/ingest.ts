import type { Client } from "pg";
import { from as copyFrom } from "pg-copy-streams";
import type { Runnable, RunOptions, RunResult } from "../dev/contract.ts";
import { startKafka } from "../dev/kafka.ts";
import { readConfig } from "../trace-store/config.ts";
import { ensureSlices } from "../trace-store/schema/slices.ts";
import type { SpanRow } from "../trace-store/span/span-row.ts";
import type { WritePart } from "../trace-store/span/write-part.ts";
import { namesOf } from "../trace-store/write/batch-names.ts";
import { CopyBuffer } from "../trace-store/write/copy-buffer.ts";
import { Dictionaries } from "../trace-store/write/dictionaries.ts";
import { Lane } from "../trace-store/write/lane.ts";
import { putSpan, SPAN_COLUMNS } from "../trace-store/write/rows.ts";
import { createWriter } from "../trace-store/write/writer.ts";
import { benchDatabase, median, type BenchDatabase } from "./support/bench-database.ts";
import { measureRoad } from "./support/ingest-road.ts";
import { SHUFFLED_SPANS, TrailSpans } from "./support/trail-spans.ts";

/** What the product writes at once where nobody sets another number. */
const BATCH_SPANS = readConfig({}).batchSpansMax;
/**
 * Spans that are handed over between two looks at the clock. Making them is not measured. Two seconds' worth: each time, the
 * writer runs dry, as it never does in a backlog, and unites its ledger, as it does there every two seconds.
 */
const HANDED_SPANS = 150_000;
const WARM_SPANS = 40_000;
const HOUR_MS = 3_600_000;
const SPREAD_MS = 12 * HOUR_MS;
const RETENTION_MS = 24 * HOUR_MS;
const RAW_RATIO_MIN = 0.55;
const SAME_TABLE_RATIO_MIN = 0.85;
const SAMPLED_RATIO_MIN = 0.9;
const FRESHNESS_P99_MS_MAX = 2_000;
/** Reported, not demanded: on two cores that Kafka and Postgres share, CPU is what there is least of. */
const AIMS = { roadSpansPerSecond: 60_000, bytesPerSpan: 460 };

/** Rows per second of one way, and what our process spent on each row. */
interface Rate {
  readonly rowsPerSecond: number;
  readonly nodeUsPerRow: number;
}
type Way = (database: BenchDatabase, seed: number, spans: number) => Promise<Rate>;

/** Spans over the last half day, in order of time as they would come. */
const source = (seed: number, spans: number, sampledShare = 1): TrailSpans =>
  new TrailSpans({
    seed,
    fromNs: BigInt(Date.now() - SPREAD_MS) * 1_000_000n,
    stepNs: (BigInt(SPREAD_MS) * 1_000_000n) / BigInt(Math.ceil((spans + SHUFFLED_SPANS) / 6)),
    sampledShare,
  });

/** Measures `work` alone; making the spans is not part of it. */
async function timed(
  spans: number,
  work: (clock: { run<T>(step: () => Promise<T>): Promise<T> }) => Promise<void>,
): Promise<Rate> {
  let ms = 0;
  let cpuUs = 0;
  await work({
    async run(step) {
      const [startedMs, cpu] = [performance.now(), process.cpuUsage()];
      const done = await step();
      const { user, system } = process.cpuUsage(cpu);
      ms += performance.now() - startedMs;
      cpuUs += user + system;
      return done;
    },
  });
  return { rowsPerSecond: (spans / ms) * 1_000, nodeUsPerRow: cpuUs / spans };
}

async function empty({ client }: BenchDatabase): Promise<void> {
  await client.query(`
    TRUNCATE trail_private.spans, trail_private.span_links, trail_private.offset_ranges, trail_private.ledger,
             trail_private.ledger_marks, trail_private.source_offsets, trail_private.odd_time_spans`);
  await client.query(`
    INSERT INTO trail_private.source_offsets (cluster_id, topic, partition, incarnation, next_offset, log_start)
    SELECT 'bench', 'otlp_spans', p, 1, 0, 0 FROM generate_series(0, 3) p`);
  // Or one way would pay for the pages that the way before it made dirty.
  await client.query("CHECKPOINT");
}

/** COPY of ready bytes in one statement: what Postgres can do at most. */
const copyTo =
  (table: string): Way =>
  async ({ client }, seed, spans) => {
    const names = new Dictionaries();
    const copy = new CopyBuffer();
    const rows = source(seed, spans).take(spans);
    await names.lookUp(client, namesOf([{ rows }]));
    const pieces: Buffer[] = [];
    copy.start();
    for (const row of rows) {
      putSpan(copy, row, names);
      if (copy.length > 100_000) pieces.push(copy.take());
    }
    const bytes = Buffer.concat([...pieces, copy.end()]);
    return timed(spans, (clock) => clock.run(() => copyBytes(client, `${table} (${SPAN_COLUMNS})`, bytes)));
  };

function copyBytes(client: Client, target: string, bytes: Buffer): Promise<void> {
  const stream = client.query(copyFrom(`COPY ${target} FROM STDIN (FORMAT binary)`));
  return new Promise((resolve, reject) => stream.on("error", reject).on("finish", resolve).end(bytes));
}

/** Lanes and writer as the indexer uses them: fence, spans, links, ledger, one durable transaction per batch. */
const throughWriter =
  (connections: number, sampledShare = 1): Way =>
  async ({ url }, seed, spans) => {
    const writer = createWriter({ databaseUrl: url, retentionMs: RETENTION_MS, connections });
    // Two for each connection, as the indexer has.
    const laneCount = connections * 2;
    const lanes = Array.from(
      { length: laneCount },
      () => new Lane({ rowsMax: BATCH_SPANS, write: (batch) => writer.write(batch) }),
    );
    const stream = source(seed, spans, sampledShare);
    // Each connection has its names before the clock starts, as one that runs has.
    await Promise.all(lanes.map((lane) => lane.submit(aPart(stream.take(1_000), null))));
    const next = lanes.map(() => 0);
    const rate = await timed(spans, async (clock) => {
      for (let left = spans; left > 0; left -= HANDED_SPANS) {
        const handed = Math.min(HANDED_SPANS, left);
        const parts = Array.from({ length: Math.ceil(handed / BATCH_SPANS) }, (_, i) => {
          const partition = i % laneCount;
          const from = next[partition] as number;
          next[partition] = from + 1;
          const size = Math.min(BATCH_SPANS, handed - i * BATCH_SPANS);
          return aPart(stream.take(size), { partition, from });
        });
        await clock.run(() =>
          Promise.all(parts.map((part, i) => (lanes[i % laneCount] as Lane).submit(part))),
        );
      }
    });
    const { stored } = writer.figures;
    await writer.close();
    const expected = spans + laneCount * 1_000;
    if (stored !== expected) throw new Error(`${stored} of ${expected} spans were stored.`);
    return rate;
  };

function aPart(rows: SpanRow[], at: { readonly partition: number; readonly from: number } | null): WritePart {
  const source = { clusterId: "bench", topic: "otlp_spans", incarnation: 1 };
  const advance = at && {
    ...source,
    partition: at.partition,
    from: BigInt(at.from),
    to: BigInt(at.from + 1),
  };
  return { advance, rows, quarantined: [], bytes: 0 };
}

const WAYS: Readonly<Record<string, Way>> = {
  "raw COPY, no SQL index": copyTo("bench_raw"),
  "COPY into the same table": copyTo("trail_private.spans"),
  "writer, 1 connection": throughWriter(1),
  "writer, 2 connections": throughWriter(2),
  "writer, 10 % sampled": throughWriter(1, 0.1),
  "writer, 1 % sampled": throughWriter(1, 0.01),
};

/** On disk. Links are tables of their own and are counted for themselves. */
async function bytesPerSpan({ client }: BenchDatabase): Promise<Record<string, unknown>> {
  const { rows } = await client.query<{ table: string; heap: string; total: string; rows: string }>(`
    SELECT inhparent::regclass::text AS table, sum(pg_table_size(inhrelid)) AS heap, sum(pg_total_relation_size(inhrelid)) AS total
    FROM pg_inherits WHERE inhparent IN ('trail_private.spans'::regclass, 'trail_private.span_links'::regclass)
    GROUP BY 1 ORDER BY 1 DESC`);
  const count = async (table: string) =>
    Number((await client.query<{ n: string }>(`SELECT count(*) AS n FROM ${table}`)).rows[0]?.n);
  const [spans, links] = [await count("trail_private.spans"), await count("trail_private.span_links")];
  const of = (table: string) => rows.find((row) => row.table === table);
  const indexes = await client.query<{ index: string; bytes: string }>(`
    SELECT p.relname AS index, sum(pg_relation_size(i.inhrelid)) AS bytes
    FROM pg_index x JOIN pg_class p ON p.oid = x.indexrelid JOIN pg_inherits i ON i.inhparent = p.oid
    WHERE x.indrelid = 'trail_private.spans'::regclass GROUP BY 1 ORDER BY 1`);
  return {
    bytesPerSpan: Math.round(Number(of("trail_private.spans")?.total) / spans),
    heapBytesPerSpan: Math.round(Number(of("trail_private.spans")?.heap) / spans),
    indexBytesPerSpan: Object.fromEntries(
      indexes.rows.map(({ index, bytes }) => [index, Math.round(Number(bytes) / spans)]),
    ),
    bytesPerLink: Math.round(Number(of("trail_private.span_links")?.total) / links),
    linksPerSpan: Number((links / spans).toFixed(2)),
  };
}

async function run({ short, args, progress, table }: RunOptions): Promise<RunResult> {
  const spans = Number(args["spans"] ?? (short ? 60_000 : 300_000));
  const rounds = Number(args["rounds"] ?? (short ? 1 : 3));
  const kafka = await startKafka({ onProgress: progress });
  process.env["KAFKA_BROKERS"] = kafka.brokers.join(",");
  const database = await benchDatabase(progress);
  try {
    await database.client.query("CREATE TABLE bench_raw (LIKE trail_private.spans)");
    const times = { now: new Date(), sliceMs: HOUR_MS, aheadMs: HOUR_MS, retentionMs: RETENTION_MS };
    await ensureSlices(database.client, { ...times, now: new Date(Date.now() - SPREAD_MS) });
    await ensureSlices(database.client, times);
    // An indexer runs for weeks: what V8 takes to compile the writer is no part of a row, and in the short form was half of it.
    progress("warming up");
    for (const connections of [1, 2]) {
      await empty(database);
      await throughWriter(connections)(database, 7_907 + connections, WARM_SPANS);
    }
    const rates = new Map<string, Rate[]>(Object.keys(WAYS).map((name) => [name, []]));
    let size: Record<string, unknown> = {};
    for (let round = 1; round <= rounds; round += 1) {
      for (const [name, way] of Object.entries(WAYS)) {
        progress(`round ${round} of ${rounds}: ${name}, ${spans} spans`);
        await empty(database);
        await database.client.query("TRUNCATE bench_raw");
        rates.get(name)?.push(await way(database, round * 7_919, spans));
        if (name === "writer, 1 connection") size = await bytesPerSpan(database);
      }
    }
    await empty(database);
    const road = await measureRoad({
      database,
      backlogSpans: Number(args["backlog"] ?? (short ? 100_000 : 600_000)),
      liveMs: short ? 5_000 : 20_000,
      progress,
    });
    const stored = await bytesPerSpan(database);
    // Of spans with all the attributes that name a message: what a span costs that came by Kafka.
    const roadSize = {
      roadBytesPerSpan: stored["bytesPerSpan"],
      roadHeapBytesPerSpan: stored["heapBytesPerSpan"],
    };
    return judge(rates, { ...size, ...road, ...roadSize }, table);
  } finally {
    await database.drop();
    await kafka.stop();
  }
}

function judge(
  rates: ReadonlyMap<string, readonly Rate[]>,
  measured: Record<string, unknown>,
  table: RunOptions["table"],
): RunResult {
  const rate = (name: string) => median((rates.get(name) ?? []).map((it) => it.rowsPerSecond));
  const ratio = (name: string, to: string) => Number((rate(name) / rate(to)).toFixed(2));
  const one = "writer, 1 connection";
  const [raw, same] = ["raw COPY, no SQL index", "COPY into the same table"];
  table(
    Object.keys(WAYS).map((name) => ({
      way: name,
      "rows/s": Math.round(rate(name)),
      "x raw": ratio(name, raw),
      "x same table": ratio(name, same),
      "our CPU us/row": Number(median((rates.get(name) ?? []).map((it) => it.nodeUsPerRow)).toFixed(2)),
    })),
  );
  const figures = {
    rowsPerSecond: Math.round(rate(one)),
    toRawCopy: ratio(one, raw),
    toSameTableCopy: ratio(one, same),
    // What Postgres alone makes of the same bytes with all SQL indexes: no writer can come closer to raw COPY.
    toRawCopyAtMost: ratio(same, raw),
    twoConnectionsToOne: ratio("writer, 2 connections", one),
    sampled10ToContiguous: ratio("writer, 10 % sampled", one),
    sampled1ToContiguous: ratio("writer, 1 % sampled", one),
    ...measured,
    aims: AIMS,
  };
  const passed =
    figures.toRawCopy >= RAW_RATIO_MIN &&
    figures.toSameTableCopy >= SAME_TABLE_RATIO_MIN &&
    figures.sampled10ToContiguous >= SAMPLED_RATIO_MIN &&
    figures.sampled1ToContiguous >= SAMPLED_RATIO_MIN &&
    Number(measured["freshnessP99Ms"]) <= FRESHNESS_P99_MS_MAX;
  return { passed, figures };
}

export const bench: Runnable = {
  name: "ingest",
  summary:
    "rows per second of the writer, against COPY by the same connection; bytes per span; the whole road and its freshness",
  options: { spans: "count", rounds: "count", backlog: "count" },
  run,
};
