import fc from "fast-check";
import { decideResume, type KnownLife, type SeenSource } from "../trace-store/write/resume.ts";
import { describeGaps, resumeOffsets } from "../trace-store/write/source-offsets.ts";
import { aPart, anAdvance, spanRows } from "./support/span-rows.ts";
import { aStore, withClient, type TestStore } from "./support/stores.ts";

let store: TestStore;
beforeAll(async () => {
  store = await aStore();
});
beforeEach(() => store.reset());
afterAll(() => store.close());

const HERE = { clusterId: "test-cluster", topic: "otlp_spans" };

/** What Kafka says: the range of each partition's log. */
const seen = (ranges: readonly [number, number][], topicId: string | null = null): SeenSource => ({
  topicId,
  logs: ranges.map(([start, end], partition) => ({
    partition,
    logStart: BigInt(start),
    logEnd: BigInt(end),
  })),
});
const resume = (source: SeenSource, identity = HERE) =>
  withClient(store.database.url, (client) => resumeOffsets(client, identity, async () => source));
const positions = async (source: SeenSource, identity = HERE) =>
  [...(await resume(source, identity)).positions.values()].map(
    ({ incarnation, next }) => `${incarnation}:${next}`,
  );
const readUpTo = (to: number, incarnation = 1) =>
  store.writer.write({ parts: [aPart(spanRows(1), { advance: anAdvance(0, to, { incarnation }) })] });
const gaps = () =>
  store.query(`SELECT cluster_id, partition, incarnation, first_offset::int AS first, last_offset::int AS last, reason
               FROM trail_private.source_gaps ORDER BY 1, 2, 3, 4`);

test("a topic that was never seen is read from its earliest offset", async () => {
  expect(
    await positions(
      seen([
        [0, 10],
        [500, 900],
      ]),
    ),
  ).toEqual(["1:0", "1:500"]);
  expect(await gaps()).toEqual([]);
});

test("a topic that is known goes on where the last write ended", async () => {
  await resume(
    seen([
      [0, 10],
      [0, 0],
    ]),
  );
  await readUpTo(7);

  expect(
    await positions(
      seen([
        [0, 12],
        [0, 3],
      ]),
    ),
  ).toEqual(["1:7", "1:0"]);
  expect(await gaps()).toEqual([]);
});

test("a partition that was added is read from its start, in the same life", async () => {
  await resume(seen([[0, 10]]));

  expect(
    await positions(
      seen([
        [0, 10],
        [0, 4],
      ]),
    ),
  ).toEqual(["1:0", "1:0"]);
});

test("what retention deleted before it was read is a gap, exact to the offset", async () => {
  await resume(seen([[0, 10]]));
  await readUpTo(7);

  const { positions: found, gaps: missed } = await resume(seen([[20, 30]]));

  expect(found.get(0)).toEqual({ incarnation: 1, next: 20n });
  expect(await gaps()).toEqual([
    { cluster_id: "test-cluster", partition: 0, incarnation: 1, first: 7, last: 19, reason: "retention" },
  ]);
  expect(describeGaps("otlp_spans", missed)).toBe(
    "Span records that were not read and cannot be any more: otlp_spans/0/7-19 (retention). Reading goes on behind them.",
  );
  expect(await positions(seen([[20, 30]]))).toEqual(["1:20"]);
  expect(await gaps()).toHaveLength(1);
});

test("retention that deleted only what was read is no gap", async () => {
  await resume(seen([[0, 10]]));
  await readUpTo(7);

  expect(await positions(seen([[7, 30]]))).toEqual(["1:7"]);
  expect(await gaps()).toEqual([]);
});

test("a log that ends before our offset is another life of the topic, for all its partitions", async () => {
  await resume(
    seen([
      [0, 10],
      [0, 10],
    ]),
  );
  await readUpTo(7);

  expect(
    await positions(
      seen([
        [0, 3],
        [0, 20],
      ]),
    ),
  ).toEqual(["2:0", "2:0"]);
  expect(await gaps()).toEqual([
    {
      cluster_id: "test-cluster",
      partition: 0,
      incarnation: 1,
      first: 7,
      last: null,
      reason: "topic made anew",
    },
    {
      cluster_id: "test-cluster",
      partition: 1,
      incarnation: 1,
      first: 0,
      last: null,
      reason: "topic made anew",
    },
  ]);
});

test("a topic made anew and filled beyond our offset is known by its id", async () => {
  await resume(seen([[0, 10]], "id-1"));
  await readUpTo(7);

  expect(await positions(seen([[0, 100]], "id-1"))).toEqual(["1:7"]);
  expect(await positions(seen([[0, 100]], "id-2"))).toEqual(["2:0"]);
  expect(await positions(seen([[0, 100]], "id-2"))).toEqual(["2:0"]);
});

test("a topic made anew and filled beyond our offset is known by a log start that went backwards", async () => {
  await resume(seen([[500, 600]]));

  expect(await positions(seen([[0, 1_000]]))).toEqual(["2:0"]);
});

test("a broker that tells no id for a while does not begin another life", async () => {
  await resume(seen([[0, 10]], "id-1"));

  expect(await positions(seen([[0, 10]], null))).toEqual(["1:0"]);
  expect(await positions(seen([[0, 10]], "id-1"))).toEqual(["1:0"]);
});

test("another cluster's topic of that name is another life, and the old one's rest is a gap", async () => {
  await resume(seen([[0, 10]]));
  await readUpTo(7);

  expect(await positions(seen([[0, 50]]), { ...HERE, clusterId: "new-cluster" })).toEqual(["2:0"]);
  expect(await gaps()).toEqual([
    {
      cluster_id: "test-cluster",
      partition: 0,
      incarnation: 1,
      first: 7,
      last: null,
      reason: "another cluster",
    },
  ]);
});

test("a write that began in the old life is fenced in the new one", async () => {
  await resume(seen([[0, 10]]));
  await readUpTo(7);
  await resume(seen([[0, 3]]));

  const old = await store.writer.write({ parts: [aPart(spanRows(1), { advance: anAdvance(0, 3) })] });
  const fresh = await store.writer.write({
    parts: [aPart(spanRows(1), { advance: anAdvance(0, 3, { incarnation: 2 }) })],
  });

  expect([old.fenced.length, fresh.fenced.length]).toEqual([1, 0]);
});

test("records that come and are written while Kafka is asked do not look like another life", async () => {
  await resume(seen([[0, 10]]));

  const found = await withClient(store.database.url, (client) =>
    resumeOffsets(client, HERE, async () => {
      const before = seen([[0, 10]]);
      await readUpTo(50);
      return before;
    }),
  );

  expect(found.positions.get(0)?.incarnation).toBe(1);
  expect(found.gaps).toEqual([]);
  expect(await store.count("SELECT next_offset FROM trail_private.source_offsets")).toBe(50);
});

test("indexers that find a topic made anew at the same time begin one new life", async () => {
  await resume(seen([[0, 10]], "id-1"));

  const found = await Promise.all(Array.from({ length: 8 }, () => positions(seen([[0, 100]], "id-2"))));

  expect(found).toEqual(Array.from({ length: 8 }, () => ["2:0"]));
});

const aLife = fc.record<KnownLife>({
  clusterId: fc.constant("here"),
  incarnation: fc.integer({ min: 1, max: 5 }),
  topicId: fc.constantFrom(null, "a", "b"),
  partitions: fc.uniqueArray(
    fc.record({
      partition: fc.integer({ min: 0, max: 3 }),
      next: fc.bigInt(0n, 20n),
      logStart: fc.bigInt(0n, 20n),
    }),
    { selector: (it) => it.partition, minLength: 1 },
  ),
});
const aSight = fc.record<SeenSource>({
  topicId: fc.constantFrom(null, "a", "b"),
  logs: fc.uniqueArray(
    fc
      .tuple(fc.integer({ min: 0, max: 3 }), fc.bigInt(0n, 20n), fc.bigInt(0n, 20n))
      .map(([partition, logStart, length]) => ({
        partition,
        logStart,
        logEnd: logStart + length,
      })),
    { selector: (it) => it.partition, minLength: 1 },
  ),
});

/** What of a partition between where we were and where we go on would go missing without a word. */
function silentLosses(here: KnownLife | undefined, sight: SeenSource): string[] {
  const { positions: found, gaps: missed } = decideResume({ here, elsewhere: undefined }, sight);
  return sight.logs.flatMap(({ partition, logStart, logEnd }) => {
    const position = found.get(partition);
    const known = here?.partitions.find((it) => it.partition === partition);
    if (position === undefined) return `${partition} has no position`;
    if (position.next < logStart || position.next > logEnd) return `${partition} goes on outside its log`;
    const isNewLife = position.incarnation !== here?.incarnation;
    // A new life starts at the beginning; in the old one every offset passed over is in a gap.
    if ((isNewLife || known === undefined) && position.next !== logStart) return `${partition} begins late`;
    if (known === undefined || (!isNewLife && position.next === known.next)) return [];
    const lastOffset = isNewLife ? null : position.next - 1n;
    const isTold = missed.some(
      (gap) => gap.partition === partition && gap.firstOffset === known.next && gap.lastOffset === lastOffset,
    );
    return isTold ? [] : `${partition} has no gap from ${known.next}`;
  });
}

test("whatever is known and seen, nothing between where we were and where we go on is left out silently", () => {
  fc.assert(
    fc.property(fc.option(aLife, { nil: undefined }), aSight, (here, sight) => {
      expect(silentLosses(here, sight)).toEqual([]);
    }),
    { numRuns: 2_000 },
  );
});
