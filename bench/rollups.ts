import { Client } from "pg";
import type { Runnable, RunOptions } from "../dev/contract.ts";
import { waitUntil } from "../dev/wait.ts";
import { rollUp } from "../trace-store/schema/rollups.ts";
import { ensureSlices } from "../trace-store/schema/slices.ts";
import { createWriter, type Writer } from "../trace-store/write/writer.ts";
import { benchDatabase, median, type BenchDatabase } from "./support/bench-database.ts";
import { TrailSpans } from "./support/trail-spans.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;
/** What comes in a minute at 10,000 spans a second. */
const MINUTE_SPANS = 600_000;
const BATCH_SPANS = 5_000;
const ROUNDS = 5;
/** Summing a minute up takes at most this share of a minute. */
const SHARE_MAX = 0.1;
/** Noting late spans leaves at least this share of a writer's speed. */
const LATE_MIN = 0.9;

/** Summing up a minute of heavy traffic, what it takes from a writer beside it, and what noting late spans does. */
async function run({ short, progress, table }: RunOptions) {
  const database = await benchDatabase(progress);
  const writer = createWriter({ databaseUrl: database.url, retentionMs: 24 * HOUR_MS });
  const rolling = new Client({ connectionString: database.url });
  await rolling.connect();
  try {
    await ensureSlices(database.client, {
      now: new Date(),
      sliceMs: HOUR_MS,
      aheadMs: HOUR_MS,
      retentionMs: 24 * HOUR_MS,
    });
    const minute = new Date(Math.floor(Date.now() / MINUTE_MS) * MINUTE_MS - 10 * MINUTE_MS);
    const spans = short ? MINUTE_SPANS / 4 : MINUTE_SPANS;
    progress(`loading a minute of ${spans} spans`);
    await load(writer, minute.getTime(), MINUTE_MS, spans);
    await closed(rolling, minute);
    const sumUpMs = median(await times(3, () => sumUpAgain(rolling, minute)));

    progress("writing live, late, and live beside a roll-up that never ends");
    const perRound = short ? 50_000 : 150_000;
    const speeds: Record<"live" | "late" | "beside", number[]> = { live: [], late: [], beside: [] };
    for (let round = 0; round < ROUNDS; round++) {
      speeds.live.push(await speed(writer, 0, perRound));
      speeds.late.push(await speed(writer, 8 * MINUTE_MS, perRound));
      const work = untilStopped(() => sumUpAgain(rolling, minute));
      speeds.beside.push(await speed(writer, 0, perRound));
      await work.stop();
    }
    const [live, late, beside] = [speeds.live, speeds.late, speeds.beside].map((it) =>
      Math.round(median(it)),
    );
    const share = (sumUpMs / MINUTE_MS) * (MINUTE_SPANS / spans);
    const figures = {
      spans,
      sumUpMs,
      shareOfAMinuteAt10k: round3(share),
      shareMax: SHARE_MAX,
      liveSpansPerSecond: live ?? 0,
      lateRatio: round3((late ?? 0) / (live ?? 1)),
      lateMin: LATE_MIN,
      besideRatio: round3((beside ?? 0) / (live ?? 1)),
      ...(await delaysMs(database)),
    };
    table([figures]);
    return { passed: share <= SHARE_MAX && figures.lateRatio >= LATE_MIN, figures };
  } finally {
    await writer.close();
    await rolling.end();
    await database.drop();
  }
}

const round3 = (value: number): number => Math.round(value * 1_000) / 1_000;

async function load(writer: Writer, fromMs: number, lengthMs: number, spans: number): Promise<void> {
  const stream = new TrailSpans({
    seed: (fromMs % 1_000_003) + spans,
    fromNs: BigInt(fromMs) * 1_000_000n,
    stepNs: (BigInt(lengthMs) * 1_000_000n) / BigInt(Math.ceil(spans / 6)),
  });
  for (let done = 0; done < spans; done += 2 * BATCH_SPANS) {
    const writes = [0, 1].map(() =>
      writer.write({ parts: [{ advance: null, rows: stream.take(BATCH_SPANS), quarantined: [], bytes: 0 }] }),
    );
    await Promise.all(writes);
  }
}

/** Spans per second of a writer's two connections, of spans that began so long ago. */
async function speed(writer: Writer, agoMs: number, spans: number): Promise<number> {
  const startedAt = performance.now();
  await load(writer, Date.now() - agoMs, 1_000, spans);
  return (spans / (performance.now() - startedAt)) * 1_000;
}

async function closed(client: Client, minute: Date): Promise<void> {
  const isClosed = async () => {
    await rollUp(client);
    const { rowCount } = await client.query(
      "SELECT FROM trail_private.rollup_state WHERE closed_through > $1",
      [minute],
    );
    return rowCount === 1;
  };
  await waitUntil("the minute being closed", isClosed, { timeoutMs: 60_000 });
}

async function sumUpAgain(client: Client, minute: Date): Promise<number> {
  await client.query("DELETE FROM trail_private.rollups_due");
  await client.query("INSERT INTO trail_private.rollups_due VALUES ($1)", [minute]);
  const startedAt = performance.now();
  await rollUp(client);
  return Math.round(performance.now() - startedAt);
}

async function times(count: number, work: () => Promise<number>): Promise<number[]> {
  const all: number[] = [];
  for (let i = 0; i < count; i++) all.push(await work());
  return all;
}

function untilStopped(work: () => Promise<unknown>): { stop(): Promise<void> } {
  let isStopped = false;
  const working = (async () => {
    while (!isStopped) await work();
  })();
  return {
    stop() {
      isStopped = true;
      return working;
    },
  };
}

/** The same question of the same time, from rollups and from spans. */
async function delaysMs({ client }: BenchDatabase): Promise<Record<string, number>> {
  const ask = async () => {
    const startedAt = performance.now();
    await client.query("SELECT * FROM trail.delays(now() - interval '1 hour', now() - interval '9 minutes')");
    return Math.round(performance.now() - startedAt);
  };
  await client.query("DELETE FROM trail_private.rollups_due");
  const delaysFromRollupsMs = median(await times(3, ask));
  await client.query("DELETE FROM trail_private.rollup_state");
  return { delaysFromRollupsMs, delaysFromSpansMs: median(await times(3, ask)) };
}

export const bench: Runnable = {
  name: "rollups",
  summary: "summing up a minute of 10,000 spans/s, beside a writer: the writer keeps its speed",
  run,
};
