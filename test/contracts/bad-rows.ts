import type { TestServer } from "../support/database.ts";
import type { SpanRow } from "../../trace-store/span/span-row.ts";
import { aPart, aProcess, aResource, aSend, aSpanRow, anAdvance, spanRows } from "../support/span-rows.ts";
import { aStore, type TestStore } from "../support/stores.ts";

const SPANS = "SELECT count(*) FROM trail_private.spans";

/** What every supported Postgres must do with names, and with what it refuses. */
export function badRowsContract(server: () => TestServer | undefined): void {
  let store: TestStore;
  beforeAll(async () => {
    store = await aStore(server());
  });
  beforeEach(() => store.reset());
  afterAll(() => store.close());

  test("names are stored once, whoever comes first", async () => {
    const rows = Array.from({ length: 200 }, (_, i) =>
      aProcess(`topic-${i % 20}`, 0, 1n, `group-${i % 10}`, { service: `service-${i % 7}` }),
    );
    const writers = [store.writer, store.anotherWriter(), store.anotherWriter()];

    await Promise.all(
      writers.map((writer) =>
        writer.write({ parts: [aPart(rows.map((row) => ({ ...row, spanId: aSpanRow().spanId })))] }),
      ),
    );

    expect(
      await store.query(`SELECT (SELECT count(*) FROM trail_private.topics) AS topics, (SELECT count(*) FROM trail_private.services) AS services,
        (SELECT count(*) FROM trail_private.consumer_groups) AS groups, (SELECT count(*) FROM trail_private.resources) AS resources`),
    ).toEqual([{ topics: "20", services: "7", groups: "10", resources: "1" }]);
  });

  test("one topic name on two clusters is two topics", async () => {
    await store.writer.write({
      parts: [aPart([aSend("orders", 0, 1n), aSend("orders", 0, 1n, { cluster: "eu" })])],
    });

    expect(await store.query("SELECT cluster, name FROM trail_private.topics ORDER BY 1")).toEqual([
      { cluster: "", name: "orders" },
      { cluster: "eu", name: "orders" },
    ]);
    expect(await store.count("SELECT count(DISTINCT topic_id) FROM trail_private.spans")).toBe(2);
  });

  test("names beyond a dictionary's cap stand in the span itself", async () => {
    const caps = { services: 1, spanNames: 1, topics: 1, consumerGroups: 1, resources: 1 };
    const writer = store.anotherWriter({ dictionaryCaps: caps });
    await writer.write({ parts: [aPart([aProcess("t", 0, 1n, "g", { name: "n" })])] });
    const beyond: SpanRow[] = [
      aProcess("t2", 0, 1n, "g2", {
        service: "s2",
        name: "n2",
        resource: aResource({ pod: "p2" }),
        detail: Buffer.from('{"flags": 1}'),
      }),
      aProcess("t2", 0, 2n, "g2", { service: "s2", name: "n2", resource: aResource({ pod: "p2" }) }),
    ];

    const { stored } = await writer.write({ parts: [aPart(beyond)] });

    expect(stored).toBe(2);
    const inline = {
      inline: { service: "s2", name: "n2", topic: "t2", consumer_group: "g2" },
      inline_resource: { pod: "p2" },
    };
    expect(
      await store.query(
        "SELECT detail FROM trail_private.spans WHERE service_id = 0 ORDER BY message_offset",
      ),
    ).toEqual([{ detail: { ...inline, flags: 1 } }, { detail: inline }]);
    expect(await store.count("SELECT count(*) FROM trail_private.services")).toBe(1);
  });

  test("names that Postgres would refuse are stored in a form that it takes", async () => {
    const rows = [
      aSpanRow({ service: "a\0b" }),
      aSpanRow({ name: "x".repeat(100_000) }),
      aSpanRow({ service: "\ud800" }),
    ];

    const { stored } = await store.writer.write({ parts: [aPart(rows)] });

    expect(stored).toBe(3);
    expect(await store.query("SELECT name FROM trail_private.services ORDER BY length(name)")).toEqual([
      { name: "\u{fffd}" },
      { name: "a\u{fffd}b" },
      { name: "shop" },
    ]);
  });

  test("rows that Postgres refuses go to quarantine, and their neighbours are stored", async () => {
    await store.startSource();
    const rows = spanRows(300);
    rows[7] = aSpanRow({ attributes: Buffer.from('{"a": "\\u0000"}') });
    rows[120] = aSpanRow({ attributes: Buffer.from('{"n": 1e200000}') });
    rows[121] = aSpanRow({ attributes: Buffer.from("{") });
    rows[299] = aSpanRow({ messageKey: "k\0" });
    rows[30] = aSpanRow({ ranges: [{ role: 1, topic: "t", partition: 0, firstOffset: 9n, lastOffset: 8n }] });
    rows[31] = aSpanRow({ partition: 3_000_000_000, topic: "t" });

    const records = [
      { offset: 40n, firstRow: 0 },
      { offset: 41n, firstRow: 30 },
      { offset: 45n, firstRow: 121 },
    ];

    const result = await store.writer.write({
      parts: [aPart(rows, { advance: anAdvance(0, 300), records })],
    });

    expect(result).toMatchObject({ stored: 294, quarantined: 6, fenced: [] });
    expect(await store.count(SPANS)).toBe(294);
    const kept = await store.query<{ reason: string }>(
      "SELECT reason, source, source_partition FROM trail_private.quarantine ORDER BY 1",
    );
    expect(
      await store.query("SELECT source_offset::int AS at FROM trail_private.quarantine ORDER BY 1"),
    ).toEqual([{ at: 40 }, { at: 41 }, { at: 41 }, { at: 41 }, { at: 45 }, { at: 45 }]);
    expect(kept).toHaveLength(6);
    expect(kept[0]).toMatchObject({ source: "kafka:otlp_spans", source_partition: 0 });
    expect(kept.every(({ reason }) => reason.startsWith("poison: "))).toBe(true);
    expect(await store.count("SELECT next_offset FROM trail_private.source_offsets")).toBe(300);
  });

  test("spans with a resource that Postgres refuses go to quarantine", async () => {
    const bad = { hash: "ab".repeat(32), attributes: Buffer.from("not JSON"), detail: null };

    const result = await store.writer.write({ parts: [aPart([aSpanRow({ resource: bad }), aSpanRow()])] });

    expect(result).toMatchObject({ stored: 1, quarantined: 1 });
  });

  test("what is quarantined again is kept once, and the oldest make room", async () => {
    const writer = store.anotherWriter({ quarantineLimits: { rowsMax: 5, bytesMax: 1_000_000 } });
    const quarantined = Array.from({ length: 9 }, (_, i) => ({
      reason: "test",
      source: "otlp/http",
      partition: null,
      sourceOffset: null,
      bytes: Buffer.from(`bytes ${i}`),
      bytesTotal: 100,
    }));

    const result = await writer.write({
      parts: [aPart([], { quarantined: [...quarantined, ...quarantined] })],
    });

    expect(result.quarantined).toBe(18);
    expect(await store.count("SELECT count(*) FROM trail_private.quarantine")).toBe(5);
  });
}
