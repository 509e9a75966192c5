import { Client } from "pg";
import { waitUntil } from "../dev/wait.ts";
import { rollUp } from "../trace-store/schema/rollups.ts";
import { dropExpiredSlices, ensureSlices } from "../trace-store/schema/slices.ts";
import { purge } from "../trace-store/write/purge.ts";
import { aPart, aProcess, aSend, nsOf } from "./support/span-rows.ts";
import { aStore, DAY_MS, HOUR_MS, withClient, type TestStore } from "./support/stores.ts";

const MINUTE_MS = 60_000;
/** The span that a percentile is told from lies within this of the exact one. */
const BOUND = 0.02;
const CLOSED_WITHIN_MS = 240_000;
jest.setTimeout(CLOSED_WITHIN_MS + 60_000);

let store: TestStore;
beforeAll(async () => {
  store = await aStore();
});
beforeEach(() => store.reset());
afterAll(() => store.close());

const turn = () => withClient(store.database.url, (client) => rollUp(client));
const minutesAgo = (minutes: number): bigint => nsOf(new Date(Date.now() - minutes * MINUTE_MS));
const isClosed = (minutes: number) =>
  store.count("SELECT count(*) FROM trail_private.rollup_state WHERE closed_through > $1", [
    new Date(Date.now() - minutes * MINUTE_MS),
  ]);
/** Transactions of other tests in the same server hold it up, as a long one of an operator's would: it takes as long as those. */
const rolledUp = () =>
  waitUntil("minutes being closed", async () => (await turn()) && (await isClosed(5)) === 1, {
    timeoutMs: CLOSED_WITHIN_MS,
  });
const delays = () =>
  store.query<Record<string, number>>(
    "SELECT * FROM trail.delays(now() - interval '2 hours', now()) ORDER BY hour, topic, consumer_group, operation",
  );
const rollups = () =>
  store.query("SELECT * FROM trail_private.rollups ORDER BY minute, topic_id, consumer_group_id, operation");

/** A few hundred spans of the last hour, of delays between a microsecond and ten minutes. */
const someSpans = (count = 600) =>
  Array.from({ length: count }, (_, i) => {
    const startNs = minutesAgo(6 + (i % 50)) + BigInt(i);
    const durationNs = BigInt(Math.round(Math.exp((i * 7919) % 20) * 1_000));
    if (i % 3 === 0) return aSend("orders", i % 4, BigInt(i), { startNs, durationNs });
    const waited = { "kafka_trail.queue_time_ms": i % 5 === 1 ? 0 : ((i * 104_729) % 90_000) / 7 };
    const attributes = Buffer.from(
      JSON.stringify(i % 7 === 0 ? { "kafka_trail.queue_time_ms": "?" } : waited),
    );
    const status = i % 11 === 0 ? 2 : 0;
    return aProcess("orders", i % 4, BigInt(i), `group-${i % 2}`, {
      startNs,
      durationNs,
      attributes,
      status,
    });
  });

test("delays are the same before and after their minutes are summed up, and counted exactly", async () => {
  await store.writer.write({ parts: [aPart(someSpans())] });
  const before = await delays();

  await rolledUp();

  expect(await delays()).toEqual(before);
  expect(await store.count("SELECT sum(spans) FROM trail_private.rollups")).toBe(600);
  expect(before.reduce((sum, it) => sum + Number(it["spans"]), 0)).toBe(600);
});

test("delays are told before anything was summed up at all", async () => {
  await store.writer.write({ parts: [aPart([aSend("orders", 0, 1n, { startNs: minutesAgo(3) })])] });
  await store.query("DELETE FROM trail_private.rollups_due");

  const told = await delays();

  expect(told.map(({ topic, spans }) => [topic, Number(spans)])).toEqual([["orders", 1]]);
});

test("a percentile is within two percent of the exact one", async () => {
  await store.writer.write({ parts: [aPart(someSpans())] });
  await rolledUp();

  const told = await delays();
  const exact = await store.query<Record<string, number>>(`
    SELECT date_trunc('hour', start_time) AS hour, topic, consumer_group, operation,
      percentile_cont(0.5) WITHIN GROUP (ORDER BY w) AS waited_ms_p50,
      percentile_cont(0.99) WITHIN GROUP (ORDER BY w) AS waited_ms_p99,
      percentile_cont(0.5) WITHIN GROUP (ORDER BY duration_ns / 1e6) AS worked_ms_p50,
      percentile_cont(0.95) WITHIN GROUP (ORDER BY duration_ns / 1e6) AS worked_ms_p95
    FROM (SELECT *, CASE jsonb_typeof(attributes -> 'kafka_trail.queue_time_ms') WHEN 'number'
            THEN (attributes -> 'kafka_trail.queue_time_ms')::float8 END AS w FROM trail.spans) s
    GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4`);

  expect(told).toHaveLength(exact.length);
  const wrong = exact.flatMap((row, i) =>
    ["waited_ms_p50", "waited_ms_p99", "worked_ms_p50", "worked_ms_p95"].filter((column) => {
      const [is, be] = [told[i]?.[column] ?? null, row[column] ?? null];
      if (be === null || is === null) return is !== be;
      return Math.abs(is - be) > be * BOUND + Number.EPSILON;
    }),
  );
  expect(wrong).toEqual([]);
});

test("a span that comes late is counted at once, and summed up in the next turn", async () => {
  await store.writer.write({ parts: [aPart(someSpans(60))] });
  await rolledUp();

  await store.writer.write({ parts: [aPart([aSend("late", 0, 1n, { startNs: minutesAgo(30) })])] });

  const counted = async () => (await delays()).filter((it) => String(it["topic"]) === "late");
  const summedUp = () => store.query("SELECT spans FROM trail.rates WHERE topic = 'late'");
  expect(await counted()).toMatchObject([{ spans: "1" }]);
  expect(await summedUp()).toEqual([]);
  expect(await turn()).toMatchObject({ again: 1 });
  expect(await counted()).toMatchObject([{ spans: "1" }]);
  expect(await summedUp()).toEqual([{ spans: 1 }]);
});

test("summing up again changes nothing, and several processes at once do it once", async () => {
  const rows = someSpans(60);
  await store.writer.write({ parts: [aPart(rows)] });
  await rolledUp();
  const before = await rollups();

  await store.writer.write({ parts: [aPart(rows)] });
  await Promise.all(Array.from({ length: 4 }, turn));
  await turn();

  expect(await rollups()).toEqual(before);
});

test("a minute is not closed while a transaction is open that may have written into it", async () => {
  await store.writer.write({ parts: [aPart(someSpans(6))] });
  const slow = new Client({ connectionString: store.database.url });
  await slow.connect();
  await slow.query("BEGIN");
  await slow.query("SELECT pg_current_xact_id()");
  await turn();

  await turn();
  const whileOpen = await store.query("SELECT FROM trail_private.rollups");
  await slow.query("COMMIT");
  await slow.end();
  await rolledUp();

  expect(whileOpen).toEqual([]);
  expect(await store.count("SELECT sum(spans) FROM trail_private.rollups")).toBe(6);
});

test("what is purged is counted no more", async () => {
  const [span] = someSpans(1);
  await store.writer.write({ parts: [aPart(span ? [span] : [])] });
  await rolledUp();
  expect(await delays()).toHaveLength(1);

  await withClient(store.database.url, (client) => purge(client, { traceId: span?.traceId ?? "" }));

  expect(await delays()).toEqual([]);
  await turn();
  expect(await rollups()).toEqual([]);
});

test("spans of a time that gets its slice later are summed up then, and forgotten with it", async () => {
  const startNs = nsOf(new Date(Math.floor((Date.now() - 5 * DAY_MS) / HOUR_MS) * HOUR_MS));
  const rows = Array.from({ length: 1_000 }, (_, i) =>
    aSend("odd", 0, BigInt(i), { startNs: startNs + BigInt(i) }),
  );
  await store.writer.write({ parts: [aPart(rows)] });
  await rolledUp();
  const times = { now: new Date(), sliceMs: HOUR_MS, aheadMs: HOUR_MS, retentionMs: 14 * DAY_MS };
  const odd = () => store.query("SELECT spans FROM trail.rates WHERE topic = 'odd'");
  expect(await odd()).toEqual([]);

  await withClient(store.database.url, (client) => ensureSlices(client, times));
  await turn();
  const summedUp = await odd();
  await withClient(store.database.url, (client) =>
    dropExpiredSlices(client, { now: new Date(), retentionMs: 4 * DAY_MS }),
  );

  expect(summedUp).toEqual([{ spans: 1_000 }]);
  expect(await odd()).toEqual([]);
});
