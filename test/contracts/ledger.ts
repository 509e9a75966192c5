import type { TestServer } from "../support/database.ts";
import { RangeRole } from "../../trace-store/span/vocabulary.ts";
import { uniteHeldMarks } from "../../trace-store/write/ledger.ts";
import { aPart, aProcess, aSend, aSpanRow, nsOf } from "../support/span-rows.ts";
import { aStore, withClient, type TestStore } from "../support/stores.ts";

/** What every supported Postgres must keep of the offsets that spans tell of. */
export function ledgerContract(server: () => TestServer | undefined): void {
  let store: TestStore;
  beforeAll(async () => {
    store = await aStore(server());
  });
  beforeEach(() => store.reset());
  afterAll(() => store.close());

  const ledger = () =>
    store.query(`
      SELECT incarnation, partition, block::int, sampled, ranges,
             CASE consumer_group_id WHEN 0 THEN 'produced' WHEN -1 THEN 'void' ELSE g.name END AS of
      FROM trail_private.ledger LEFT JOIN trail_private.consumer_groups g USING (consumer_group_id)
      ORDER BY incarnation, partition, block, of`);
  const entry = (of: string, ranges: string, more: object = {}) => ({
    of,
    ranges,
    incarnation: 1,
    partition: 0,
    block: 0,
    sampled: false,
    ...more,
  });
  const write = (...rows: Parameters<typeof aPart>[0]) => store.writer.write({ parts: [aPart(rows)] });

  test("sends are produced, ok processing is processed, by group", async () => {
    await write(aSend("orders", 0, 4n), aSend("orders", 0, 5n));
    await write(
      aSend("orders", 0, 7n),
      aProcess("orders", 0, 4n, "billing"),
      aProcess("orders", 0, 5n, "email"),
    );

    expect(await ledger()).toEqual([
      entry("billing", "{[4,5)}"),
      entry("email", "{[5,6)}"),
      entry("produced", "{[4,6),[7,8)}"),
    ]);
  });

  test("failed processing, a send without an offset and a consumer without a group tell nothing", async () => {
    await write(
      aProcess("orders", 0, 4n, "billing", { status: 2 }),
      aSend("orders", 0, 1n, { messageOffset: null }),
      aProcess("orders", 0, 4n, "x", { consumerGroup: null }),
    );

    expect(await ledger()).toEqual([]);
  });

  test("ranges of a batch tell the same as its single spans would, across blocks", async () => {
    const ranges = [
      { role: RangeRole.sent, topic: "orders", partition: 0, firstOffset: 65_530n, lastOffset: 65_540n },
      { role: RangeRole.processed, topic: "orders", partition: 1, firstOffset: 1n, lastOffset: 3n },
      { role: RangeRole.failed, topic: "orders", partition: 1, firstOffset: 4n, lastOffset: 5n },
      { role: RangeRole.aborted, topic: "orders", partition: 2, firstOffset: 8n, lastOffset: 8n },
    ];

    await write(aSpanRow({ consumerGroup: "billing", ranges }));

    expect(await ledger()).toEqual([
      entry("produced", "{[65530,65536)}"),
      entry("produced", "{[65536,65541)}", { block: 1 }),
      entry("billing", "{[1,4)}", { partition: 1 }),
      entry("void", "{[8,9)}", { partition: 2 }),
    ]);
  });

  test("void offsets before a message are void", async () => {
    await write(
      aProcess("orders", 0, 10n, "billing", { voidBefore: 2 }),
      aProcess("orders", 0, 1n, "billing", { voidBefore: 5 }),
    );

    expect(await ledger()).toEqual([entry("billing", "{[1,2),[10,11)}"), entry("void", "{[0,1),[8,10)}")]);
  });

  test("a replay, in any order and by two writers at once, changes nothing", async () => {
    const rows = Array.from({ length: 300 }, (_, i) => aProcess("orders", i % 3, BigInt(i * 2), "billing"));
    const other = store.anotherWriter();

    await Promise.all([
      store.writer.write({ parts: [aPart([...rows])] }),
      other.write({ parts: [aPart(rows.toReversed().slice(100))] }),
      store.writer.write({ parts: [aPart(rows.slice(0, 50))] }),
    ]);

    const [first, ...rest] = await store.query<{ ranges: string }>(
      "SELECT ranges FROM trail_private.ledger ORDER BY partition",
    );
    expect(rest).toHaveLength(2);
    expect(first?.ranges.split("),")).toHaveLength(100);
    expect(
      await store.count("SELECT sum(upper(r) - lower(r)) FROM trail_private.ledger, unnest(ranges) r"),
    ).toBe(300);
  });

  test("a block of more than 256 ranges keeps its bounds alone, and stays so", async () => {
    const every3rd = (from: number, count: number) =>
      Array.from({ length: count }, (_, i) => aSend("orders", 0, BigInt(from + i * 3)));

    await write(...every3rd(0, 256));
    const atTheLimit = await ledger();
    await write(aSend("orders", 0, 10_000n));
    const beyond = await ledger();
    await write(...every3rd(30_000, 300), aSend("orders", 0, 5n));

    expect(atTheLimit).toMatchObject([{ sampled: false }]);
    expect(beyond).toEqual([entry("produced", "{[0,10001)}", { sampled: true })]);
    expect(await ledger()).toEqual([entry("produced", "{[0,30898)}", { sampled: true })]);
  });

  test("a first write of more than 256 ranges is sampled from the start", async () => {
    await write(...Array.from({ length: 300 }, (_, i) => aSend("orders", 0, BigInt(i * 3))));

    expect(await ledger()).toEqual([entry("produced", "{[0,898)}", { sampled: true })]);
  });

  test("offsets belong to the life of the topic at the span's time", async () => {
    await write(aSend("orders", 0, 1n));
    await store.query(`INSERT INTO trail_private.topic_incarnations (topic_id, incarnation, first_seen_at)
      SELECT topic_id, i, now() - (3 - i) * interval '1 hour' FROM trail_private.topics, generate_series(1, 2) i`);
    const writer = store.anotherWriter();
    const hoursAgo = (hours: number) => nsOf(new Date(Date.now() - hours * 3_600_000));

    await writer.write({
      parts: [
        aPart(
          [9, 1.5, 0.5].map((hours, i) => aSend("orders", 0, BigInt(10 + i), { startNs: hoursAgo(hours) })),
        ),
      ],
    });

    expect(await ledger()).toEqual([
      entry("produced", "{[1,2),[10,12)}"),
      entry("produced", "{[12,13)}", { incarnation: 2 }),
    ]);
  });

  test("marks of writes that others wait behind are kept with their spans, and united by the last one", async () => {
    const other = store.anotherWriter();
    const held = (writer: typeof other, ...rows: Parameters<typeof aPart>[0]) =>
      writer.write({ parts: [aPart(rows)], isMoreWaiting: true });

    await held(other, aSend("orders", 0, 1n), aProcess("orders", 0, 1n, "billing"));
    await held(store.writer, aSend("orders", 0, 2n), aSend("orders", 1, 70_000n));
    const before = await ledger();
    await write(aSend("orders", 0, 3n));

    expect(before).toEqual([]);
    expect(await ledger()).toEqual([
      entry("billing", "{[1,2)}"),
      entry("produced", "{[1,4)}"),
      entry("produced", "{[70000,70001)}", { partition: 1, block: 1 }),
    ]);
    expect(await store.count("SELECT count(*) FROM trail_private.ledger_marks")).toBe(0);
  });

  test("marks that an indexer left behind are united without any further span", async () => {
    const gone = store.anotherWriter();
    const everyOther = Array.from({ length: 300 }, (_, i) => aSend("orders", 0, BigInt(i * 2)));
    for (const from of [0, 150]) {
      const parts = [aPart(everyOther.slice(from, from + 150))];
      await gone.write({ parts, isMoreWaiting: true });
    }
    await gone.close();

    await withClient(store.database.url, uniteHeldMarks);

    expect(await ledger()).toEqual([entry("produced", "{[0,599)}", { sampled: true })]);
  });

  test("writes that are on their way at once leave nothing that is not united", async () => {
    const count = 12;

    await Promise.all(Array.from({ length: count }, (_, i) => write(aSend("orders", 0, BigInt(i)))));

    expect(await ledger()).toEqual([entry("produced", `{[0,${count})}`)]);
    expect(await store.count("SELECT count(*) FROM trail_private.ledger_marks")).toBe(0);
  });

  test("a write that never is the last one unites all the same, now and then", async () => {
    for (let i = 0; i < 34; i += 1) {
      await store.writer.write({ parts: [aPart([aSend("orders", 0, BigInt(i))])], isMoreWaiting: true });
    }

    expect(await ledger()).toMatchObject([{ of: "produced" }]);
  });

  test("a clock that runs ahead does not keep a block young", async () => {
    await write(aSend("orders", 0, 1n, { startNs: nsOf("2100-01-01T00:00:00Z") }));

    expect(
      await store.count(
        "SELECT count(*) FROM trail_private.ledger WHERE last_at > now() + interval '1 minute'",
      ),
    ).toBe(0);
  });
}
