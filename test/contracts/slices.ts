import { dropExpiredSlices, ensureSlices, sliceBounds } from "../../trace-store/schema/slices.ts";
import { waitUntil } from "../../dev/wait.ts";
import { migratedDatabase, type TestDatabase, type TestServer } from "../support/database.ts";
import { aPart, aSpanRow, nsOf } from "../support/span-rows.ts";
import { DAY_MS, HOUR_MS, withClient } from "../support/stores.ts";
import { createWriter } from "../../trace-store/write/writer.ts";

/** What every supported Postgres must do with slices of time. `canDetachConcurrently` is true but for Citus. */
export function slicesContract(
  server: () => TestServer | undefined,
  { canDetachConcurrently = true } = {},
): void {
  let database: TestDatabase;
  beforeEach(async () => {
    database = await migratedDatabase(server());
  });
  afterEach(() => database.drop());

  const now = new Date(Math.floor(Date.now() / DAY_MS) * DAY_MS + 12 * HOUR_MS);
  const times = { now, sliceMs: 6 * HOUR_MS, aheadMs: 6 * HOUR_MS, retentionMs: 2 * DAY_MS };
  const hours = (from: number, to: number) => ({
    fromMs: now.getTime() + from * HOUR_MS,
    toMs: now.getTime() + to * HOUR_MS,
  });
  const ensure = (more: Partial<typeof times> = {}) =>
    withClient(database.url, (client) => ensureSlices(client, { ...times, ...more }));
  const drop = (at: Date) =>
    withClient(database.url, (client) => dropExpiredSlices(client, { ...times, now: at }));
  const bounds = () => withClient(database.url, sliceBounds);
  const later = (hoursLater: number) => new Date(now.getTime() + hoursLater * HOUR_MS);
  const count = async (sql: string) =>
    Number((await database.pool.query<{ n: string }>(`SELECT count(*) AS n FROM ${sql}`)).rows[0]?.n);
  const slicesOf = (table: string) =>
    count(`pg_inherits WHERE inhparent = 'trail_private.${table}'::regclass`);
  const writer = () => createWriter({ databaseUrl: database.url, retentionMs: 365 * DAY_MS });

  test("slices reach from before now to ahead of it, the same for every table", async () => {
    await ensure();

    expect(await bounds()).toEqual([hours(-6, 0), hours(0, 6), hours(6, 12)]);
    for (const table of [
      "spans",
      "span_links",
      "offset_ranges",
      "log_position_changes",
      "group_position_changes",
      "rollups",
    ]) {
      expect([table, await slicesOf(table)]).toEqual([table, 3]);
    }
  });

  test("a second call makes nothing, and processes that call at once make each slice once", async () => {
    const made = await Promise.all(Array.from({ length: 12 }, () => ensure()));

    expect(made.flat()).toHaveLength(3);
    expect(await ensure()).toEqual([]);
  });

  test("after a day without anybody making slices there is no hole", async () => {
    await ensure();

    await ensure({ now: later(30) });

    const found = await bounds();
    expect(found.at(-1)).toEqual(hours(36, 42));
    found.slice(1).forEach((it, i) => expect(it.fromMs).toBe(found[i]?.toMs));
  });

  test("slices of another length continue without overlap", async () => {
    await ensure();

    await ensure({ sliceMs: DAY_MS, now: later(4) });
    await ensure({ sliceMs: HOUR_MS, now: later(11) });

    const found = await bounds();
    expect(found.slice(0, 4)).toEqual([hours(-12, -6), hours(-6, 0), hours(0, 6), hours(6, 12)]);
    found.slice(1).forEach((it, i) => expect(it.fromMs).toBe(found[i]?.toMs));
  });

  test("many odd-time spans inside retention get their slice and move there", async () => {
    await ensure();
    const at = nsOf(later(-20));
    const storing = writer();
    await storing.write({ parts: [aPart(Array.from({ length: 1_000 }, () => aSpanRow({ startNs: at })))] });
    await storing.close();

    await ensure();

    expect((await bounds())[0]).toEqual(hours(-24, -18));
    expect(await count("trail_private.spans")).toBe(1_000);
    expect(await count("trail_private.odd_time_spans")).toBe(0);
  });

  test("making a slice waits for no reader and no writer, and they do not wait for it", async () => {
    await ensure();
    await withClient(database.url, async (busy) => {
      await busy.query("BEGIN");
      await busy.query("SELECT count(*) FROM trail_private.spans");
      await busy.query("LOCK TABLE trail_private.spans, trail_private.span_links IN ROW EXCLUSIVE MODE");

      const made = await ensure({ now: later(6) });

      expect(made).toEqual([hours(12, 18)]);
      await busy.query("COMMIT");
    });
  });

  test("slices wholly before retention are dropped, the others stay", async () => {
    await ensure();

    const { dropped } = await drop(later(48));

    expect(dropped).toHaveLength(6);
    expect(await bounds()).toEqual([hours(0, 6), hours(6, 12)]);
    expect(await drop(later(48))).toEqual({ dropped: [], oddSpans: 0 });
  });

  test("a detach that was interrupted is finished first", async () => {
    await ensure();
    await withClient(database.url, async (reader) => {
      await reader.query("BEGIN ISOLATION LEVEL REPEATABLE READ");
      await reader.query("SELECT count(*) FROM trail_private.spans");
      await withClient(database.url, async (client) => {
        await client.query("SET statement_timeout = '300ms'");
        await expect(dropExpiredSlices(client, { ...times, now: later(48) })).rejects.toMatchObject({
          code: "57014",
        });
      });
      await reader.query("COMMIT");
    });
    expect(await count("pg_inherits WHERE inhdetachpending")).toBe(canDetachConcurrently ? 1 : 0);

    await drop(later(48));

    expect(await bounds()).toEqual([hours(0, 6), hours(6, 12)]);
    expect(await slicesOf("spans")).toBe(2);
    expect(await slicesOf("group_position_changes")).toBe(2);
    expect(await count("pg_class WHERE relname LIKE 'spans\\_2%' AND relkind = 'r'")).toBe(2);
  });

  test("a slice that the operator detached to keep it stays", async () => {
    await ensure();
    const { rows } = await database.pool.query<{ slice: string }>(
      "SELECT min(inhrelid::regclass::text) AS slice FROM pg_inherits WHERE inhparent = 'trail_private.spans'::regclass",
    );
    await database.pool.query(`ALTER TABLE trail_private.spans DETACH PARTITION ${rows[0]?.slice}`);

    await drop(later(48));

    expect(await count(`${rows[0]?.slice}`)).toBe(0);
  });

  test("readers and writers go on while a slice is dropped", async () => {
    await ensure();
    const storing = writer();
    let isDropped = false;
    const writing = (async () => {
      let written = 0;
      while (!isDropped) {
        await storing.write({ parts: [aPart([aSpanRow({ startNs: nsOf(now) })])] });
        written += 1;
      }
      return written;
    })();

    await waitUntil("a first write", () => storing.figures.batches > 0, { timeoutMs: 10_000 });
    await drop(later(48));
    isDropped = true;

    expect(await count("trail_private.spans")).toBe(await writing);
    expect(storing.figures.retries).toEqual({});
    await storing.close();
  });

  test("odd times leave by their own age, and those of the future by the time they came", async () => {
    const storing = writer();
    const days = [later(-100 * 24), "2100-01-01", "2101-01-01"];
    await storing.write({ parts: [aPart(days.map((day) => aSpanRow({ startNs: nsOf(day) })))] });
    await storing.close();
    await database.pool.query(
      "UPDATE trail_private.odd_time_arrivals SET arrived_at = now() - interval '3 days' WHERE start_time > '2100-06-01'",
    );

    const { oddSpans } = await drop(new Date());

    expect(oddSpans).toBe(2);
    const { rows } = await database.pool.query(
      "SELECT extract(year FROM start_time)::int AS year FROM trail_private.odd_time_spans",
    );
    expect(rows).toEqual([{ year: 2100 }]);
  });
}
