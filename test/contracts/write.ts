import type { TestServer } from "../support/database.ts";
import { aPart, aResource, aSend, aSpanRow, anAdvance, nsOf, spanRows } from "../support/span-rows.ts";
import { aStore, type TestStore } from "../support/stores.ts";

const SPANS = "SELECT count(*) FROM trail_private.spans";
const DAY_NS = 86_400_000_000_000n;

/** What every supported Postgres must do with a write. `server` says where to make databases. */
export function writeContract(server: () => TestServer | undefined): void {
  let store: TestStore;
  beforeAll(async () => {
    store = await aStore(server());
  });
  beforeEach(() => store.reset());
  afterAll(() => store.close());

  test("scope and flags that spans have in common are stored once, and shown with each of them", async () => {
    const [plain, full] = [{ flags: 257 }, { flags: 257, status: "declined" }];
    const resource = { ...aResource(), hash: "cd".repeat(32), detail: Buffer.from(JSON.stringify(plain)) };

    await store.writer.write({
      parts: [
        aPart([
          aSpanRow({ resource, name: "a" }),
          aSpanRow({ resource, name: "b", detail: Buffer.from(JSON.stringify(full)) }),
          aSpanRow({ name: "c" }),
        ]),
      ],
    });

    expect(
      await store.query("SELECT span_name, detail, resource FROM trail.spans ORDER BY span_name"),
    ).toEqual([
      { span_name: "a", detail: plain, resource: { "service.name": "shop" } },
      { span_name: "b", detail: full, resource: { "service.name": "shop" } },
      { span_name: "c", detail: null, resource: { "service.name": "shop" } },
    ]);
    expect(await store.count("SELECT count(detail) FROM trail_private.spans")).toBe(1);
  });

  test("a span is stored as it was given, to the nanosecond", async () => {
    const row = aSend("orders", 3, 4711n, {
      traceId: "ffeeddccbbaa99887766554433221100",
      spanId: "ffffffffffffffff",
      parentSpanId: "7fffffffffffffff",
      startNs:
        nsOf("2026-11-21T23:59:59.999Z") -
        ((nsOf("2026-11-21T23:59:59.999Z") - nsOf(new Date())) / DAY_NS) * DAY_NS +
        999_999n,
      durationNs: 9_223_372_036_854_775_807n,
      messageKey: "order-1 \u{1f4e6}",
      messageId: "m-1",
      attempt: 2,
      attributes: Buffer.from('{"a": {"b": [1, "\u{1f4e6}"]}}'),
      detail: Buffer.from('{"events": []}'),
    });

    await store.writer.write({ parts: [aPart([row])] });

    const [stored] = await store.query(`
      SELECT trace_id, span_id::text, parent_span_id::text, message_offset::text, duration_ns::text, partition, attempt,
             (extract(epoch FROM start_time) * 1000000)::bigint::text AS start_us, start_ns, kind, status, operation,
             message_key, message_id, s.attributes, s.detail, t.name AS topic, v.name AS service, n.name, r.attributes AS resource
      FROM trail_private.spans s JOIN trail_private.topics t USING (topic_id) JOIN trail_private.services v USING (service_id)
      JOIN trail_private.span_names n USING (span_name_id) JOIN trail_private.resources r USING (resource_id)`);
    expect(stored).toEqual({
      trace_id: "ffeeddcc-bbaa-9988-7766-554433221100",
      span_id: "-1",
      parent_span_id: "9223372036854775807",
      message_offset: "4711",
      duration_ns: "9223372036854775807",
      partition: 3,
      attempt: 2,
      start_us: String(row.startNs / 1_000n),
      start_ns: 999,
      kind: 4,
      status: 0,
      operation: 2,
      message_key: "order-1 \u{1f4e6}",
      message_id: "m-1",
      attributes: { a: { b: [1, "\u{1f4e6}"] } },
      detail: { events: [] },
      topic: "orders",
      service: "shop",
      name: "send orders",
      resource: { "service.name": "shop" },
    });
  });

  test("a batch that is written again changes nothing", async () => {
    const rows = spanRows(500).map((row, i) => ({
      ...row,
      links: [{ traceId: row.traceId, spanId: row.spanId }],
      ranges: [
        { role: 1 as const, topic: "orders", partition: 0, firstOffset: BigInt(i), lastOffset: BigInt(i) },
      ],
    }));
    const tables = () =>
      store.query(`SELECT (${SPANS}) AS spans, (SELECT count(*) FROM trail_private.span_links) AS links,
                   (SELECT count(*) FROM trail_private.offset_ranges) AS ranges, (SELECT ranges FROM trail_private.ledger) AS ledger`);

    const first = await store.writer.write({ parts: [aPart(rows)] });
    const before = await tables();
    const again = await store.writer.write({ parts: [aPart(rows)] });

    expect([first.stored, first.duplicates]).toEqual([500, 0]);
    expect([again.stored, again.duplicates]).toEqual([0, 500]);
    expect(before).toEqual([{ spans: "500", links: "500", ranges: "500", ledger: "{[0,500)}" }]);
    expect(await tables()).toEqual(before);
  });

  test("a batch with some spans that are there already stores the others, with their links", async () => {
    const [old, fresh] = [
      aSpanRow(),
      aSpanRow({ links: [{ traceId: "1".repeat(32), spanId: "2".repeat(16) }] }),
    ];
    await store.writer.write({ parts: [aPart([old])] });

    const result = await store.writer.write({ parts: [aPart([fresh, old])] });

    expect([result.stored, result.duplicates]).toEqual([1, 1]);
    expect(await store.count("SELECT count(*) FROM trail_private.span_links")).toBe(1);
    expect(store.writer.figures.fallbacks).toBe(1);
  });

  test("a span that comes twice in a batch is stored once, and so are its links", async () => {
    const link = { traceId: "1".repeat(32), spanId: "2".repeat(16) };
    const row = aSpanRow({ links: [link, { ...link }] });

    const result = await store.writer.write({ parts: [aPart([row]), aPart([{ ...row }])] });

    expect([result.stored, result.duplicates]).toEqual([1, 1]);
    expect(await store.count("SELECT count(*) FROM trail_private.span_links")).toBe(1);
    expect(store.writer.figures.fallbacks).toBe(0);
  });

  test("two spans that differ in their start alone are two spans", async () => {
    const row = aSpanRow();

    const result = await store.writer.write({
      parts: [aPart([row, { ...row, startNs: row.startNs + 1_000n }])],
    });

    expect(result.stored).toBe(2);
  });

  test("rows and source offset become durable together", async () => {
    await store.startSource();

    await store.writer.write({
      parts: [
        aPart(spanRows(10), { advance: anAdvance(0, 5) }),
        aPart(spanRows(10), { advance: anAdvance(5, 9) }),
      ],
    });

    expect(await store.count(SPANS)).toBe(20);
    expect(await store.count("SELECT next_offset FROM trail_private.source_offsets")).toBe(9);
  });

  test("a part whose source moved on is dropped whole, and the others go in", async () => {
    await store.startSource(0, 50);
    await store.startSource(1, 7);
    const zombie = aPart(spanRows(10), {
      advance: anAdvance(0, 50),
      quarantined: [
        {
          reason: "test",
          source: "kafka:otlp_spans",
          partition: 0,
          sourceOffset: 1n,
          bytes: Buffer.from("x"),
          bytesTotal: 1,
        },
      ],
    });

    const result = await store.writer.write({
      parts: [zombie, aPart(spanRows(3), { advance: anAdvance(7, 8, { partition: 1 }) }), aPart(spanRows(4))],
    });

    expect(result).toEqual({
      stored: 7,
      duplicates: 0,
      expired: 0,
      quarantined: 0,
      fenced: [zombie.advance],
    });
    expect(await store.count(SPANS)).toBe(7);
    expect(
      await store.query("SELECT partition, next_offset FROM trail_private.source_offsets ORDER BY 1"),
    ).toEqual([
      { partition: 0, next_offset: "50" },
      { partition: 1, next_offset: "8" },
    ]);
  });

  test("a part that does not begin where the one before it ended is fenced", async () => {
    await store.startSource();
    const beyond = anAdvance(7, 9);

    const result = await store.writer.write({
      parts: [aPart(spanRows(1), { advance: anAdvance(0, 5) }), aPart(spanRows(1), { advance: beyond })],
    });

    expect(result.fenced).toEqual([beyond]);
    expect(await store.count("SELECT next_offset FROM trail_private.source_offsets")).toBe(5);
  });

  test("a source of another life is not moved", async () => {
    await store.startSource();

    const result = await store.writer.write({
      parts: [aPart(spanRows(1), { advance: anAdvance(0, 5, { incarnation: 2 }) })],
    });

    expect(result.fenced).toHaveLength(1);
    expect(await store.count(SPANS)).toBe(0);
  });

  test("of two owners of one partition, one writes and the other is fenced", async () => {
    await store.startSource();
    const other = store.anotherWriter();
    const rows = spanRows(2_000);

    const results = await Promise.all(
      [store.writer, other].map((writer) =>
        writer.write({ parts: [aPart([...rows], { advance: anAdvance(0, 100) })] }),
      ),
    );

    expect(results.map((it) => it.stored).toSorted((a, b) => a - b)).toEqual([0, 2_000]);
    expect(results.map((it) => it.fenced.length).toSorted((a, b) => a - b)).toEqual([0, 1]);
    expect(await store.count(SPANS)).toBe(2_000);
  });

  test("writers that are given the same spans at once store each once", async () => {
    const rows = spanRows(1_500);
    const writers = [store.writer, store.anotherWriter(), store.anotherWriter()];

    const results = await Promise.all(
      writers.map((writer, i) => writer.write({ parts: [aPart(rows.slice(i * 250, i * 250 + 1_000))] })),
    );

    expect(results.reduce((sum, it) => sum + it.stored, 0)).toBe(1_500);
    expect(await store.count(SPANS)).toBe(1_500);
  });
}
