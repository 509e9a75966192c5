import type { TestServer } from "../support/database.ts";
import { aPart, aSend, aSpanRow, nsOf } from "../support/span-rows.ts";
import { aStore, DAY_MS, makeSlices, type TestStore } from "../support/stores.ts";

const SPANS = "SELECT count(*) FROM trail_private.spans";

/** What every supported Postgres must do with times that are late, early or impossible. */
export function oddTimesContract(server: () => TestServer | undefined): void {
  let store: TestStore;
  beforeAll(async () => {
    store = await aStore(server());
  });
  beforeEach(() => store.reset());
  afterAll(() => store.close());

  test("a span past retention is counted, and nothing of it is stored", async () => {
    const old = aSend("orders", 0, 1n, { startNs: nsOf(new Date(Date.now() - 15 * DAY_MS)) });

    const result = await store.writer.write({ parts: [aPart([old, aSpanRow({ startNs: 0n })])] });

    expect(result).toMatchObject({ stored: 0, expired: 2 });
    expect(await store.count("SELECT count(*) FROM trail_private.ledger")).toBe(0);
  });

  test("times without a slice wait among the odd times, once each", async () => {
    const odd = [
      aSpanRow({
        startNs: nsOf("2100-01-01T00:00:00Z"),
        links: [{ traceId: "1".repeat(32), spanId: "2".repeat(16) }],
      }),
      aSpanRow({ startNs: 9_223_372_036_854_775_807n }),
      aSpanRow({ startNs: nsOf(new Date(Date.now() - 9 * DAY_MS)) }),
    ];

    const first = await store.writer.write({ parts: [aPart([aSpanRow(), ...odd])] });
    const again = await store.writer.write({ parts: [aPart([...odd])] });

    expect([first.stored, again.stored, again.duplicates]).toEqual([4, 0, 3]);
    expect(await store.count("SELECT count(*) FROM trail_private.odd_time_spans")).toBe(3);
    expect(await store.count("SELECT count(*) FROM trail_private.odd_time_span_links")).toBe(1);
  });

  test("a span is one row before and after its slice exists", async () => {
    const inThreeDays = new Date(Date.now() + 3 * DAY_MS);
    const row = aSpanRow({
      startNs: nsOf(inThreeDays),
      ranges: [{ role: 1, topic: "t", partition: 0, firstOffset: 1n, lastOffset: 2n }],
    });
    await store.writer.write({ parts: [aPart([row])] });

    await makeSlices(store.database.url, inThreeDays);
    const again = await store.writer.write({ parts: [aPart([row])] });

    expect(again).toMatchObject({ stored: 0, duplicates: 1 });
    expect(await store.count(SPANS)).toBe(1);
    expect(await store.count("SELECT count(*) FROM trail_private.offset_ranges")).toBe(1);
    expect(await store.count("SELECT count(*) FROM trail_private.odd_time_spans")).toBe(0);
  });

  test("a span is one row when its slice is made while it is being written", async () => {
    const inFiveDays = new Date(Date.now() + 5 * DAY_MS);
    const rows = Array.from({ length: 40 }, (_, i) =>
      aSpanRow({ startNs: nsOf(inFiveDays) + BigInt(i) * 1_000n }),
    );
    const writers = [store.writer, store.anotherWriter()];

    const writing = writers.map(async (writer) => {
      for (const row of [...rows, ...rows]) await writer.write({ parts: [aPart([row])] });
    });
    await Promise.all([...writing, makeSlices(store.database.url, inFiveDays)]);

    expect(await store.count(SPANS)).toBe(40);
    expect(await store.count("SELECT count(*) FROM trail_private.odd_time_spans")).toBe(0);
  });

  test("midnight and the last moment before it are each in their slice, at a month's end too", async () => {
    const midnight = new Date(new Date().setUTCHours(0, 0, 0, 0));
    const firstOfMonth = new Date(Date.UTC(midnight.getUTCFullYear(), midnight.getUTCMonth() + 1, 1));
    await makeSlices(store.database.url, firstOfMonth);
    const rows = [midnight, firstOfMonth].flatMap((moment) =>
      [nsOf(moment), nsOf(moment) - 1n].map((startNs) => aSpanRow({ startNs })),
    );

    const { stored } = await store.anotherWriter().write({ parts: [aPart(rows)] });

    expect(stored).toBe(4);
    expect(await store.count("SELECT count(*) FROM trail_private.odd_time_spans")).toBe(0);
  });
}
