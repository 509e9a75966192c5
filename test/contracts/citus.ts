import type { Client } from "pg";
import { forgetOld } from "../../trace-store/schema/forget.ts";
import { migrate } from "../../trace-store/schema/migrate.ts";
import type { DatabaseMaker, TestDatabase } from "../support/database.ts";
import { aPart, aSend, aSpanRow, spanRows } from "../support/span-rows.ts";
import { rollUp } from "../../trace-store/schema/rollups.ts";
import { DAY_MS, makeSlices, withClient } from "../support/stores.ts";
import { TruthWriter, type Sweep } from "../../trace-store/watch/truth-writer.ts";
import { createWriter } from "../../trace-store/write/writer.ts";

const BY_TRACE = [
  "odd_time_arrivals",
  "odd_time_offset_ranges",
  "odd_time_span_links",
  "odd_time_spans",
  "offset_ranges",
  "span_links",
  "spans",
];
const EVERYWHERE = ["consumer_groups", "resources", "services", "span_names", "topics"];

/** What a store must do to be spread over a Citus cluster. */
export function citusContract(databases: () => DatabaseMaker): void {
  let database: TestDatabase;
  beforeEach(async () => {
    database = await databases().empty();
  });
  afterEach(() => database.drop());

  const query = async <T extends object>(sql: string): Promise<T[]> =>
    (await database.pool.query<T>(sql)).rows;
  /** Our tables by how they lie: by their columns' hash, or whole everywhere. */
  const spread = async (method: "h" | "n") =>
    (
      await query<{ name: string }>(
        `SELECT c.relname AS name FROM pg_dist_partition d JOIN pg_class c ON c.oid = d.logicalrelid
         WHERE c.relnamespace = 'trail_private'::regnamespace AND NOT c.relispartition AND d.partmethod = '${method}' ORDER BY 1`,
      )
    ).map(({ name }) => name);
  const migrateCitus = () => migrate(database.url, { citus: true });

  test("spans are spread by trace id, dictionaries lie everywhere, and a second run finds nothing to do", async () => {
    const first = await migrateCitus();
    const again = await migrateCitus();

    expect(first.distributed.toSorted()).toEqual([...BY_TRACE, ...EVERYWHERE].toSorted());
    expect(again).toMatchObject({ applied: [], distributed: [] });
    expect(await spread("h")).toEqual(BY_TRACE);
    expect(await spread("n")).toEqual(EVERYWHERE);
    expect(
      await query("SELECT DISTINCT colocation_id FROM citus_tables WHERE distribution_column = 'trace_id'"),
    ).toHaveLength(1);
  });

  test("processes that do it at once do it once", async () => {
    const all = await Promise.all(Array.from({ length: 6 }, migrateCitus));

    expect(all.filter(({ distributed }) => distributed.length > 0)).toHaveLength(1);
  });

  test("a store that holds spans is spread with them, and a span that comes again is known", async () => {
    await migrate(database.url);
    await makeSlices(database.url);
    const rows = [...spanRows(300), aSpanRow({ startNs: BigInt(Date.now() + 90 * DAY_MS) * 1_000_000n })];
    const writing = () => createWriter({ databaseUrl: database.url, retentionMs: 14 * DAY_MS });
    const before = writing();
    await before.write({ parts: [aPart([...rows])] });
    await before.close();

    await migrateCitus();
    const after = writing();
    const again = await after.write({ parts: [aPart([...rows, aSpanRow()])] });
    await after.close();

    expect(again).toMatchObject({ stored: 1, duplicates: 301 });
    expect(await query("SELECT count(*)::int AS n FROM trail.spans")).toEqual([{ n: 302 }]);
  });

  test("slices that are made later are spread as well", async () => {
    await migrateCitus();

    await makeSlices(database.url);

    const left = await query(
      `SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
       WHERE i.inhparent IN ('trail_private.spans'::regclass, 'trail_private.span_links'::regclass, 'trail_private.offset_ranges'::regclass)
         AND NOT EXISTS (SELECT FROM pg_dist_partition d WHERE d.logicalrelid = c.oid)`,
    );
    expect(left).toEqual([]);
  });

  test("a table that a later migration brings is spread by that migration, as every start runs it", async () => {
    await migrateCitus();
    await query("SELECT undistribute_table('trail_private.odd_time_arrivals')");

    const { distributed } = await migrate(database.url);

    expect(distributed).toEqual(["odd_time_arrivals"]);
  });

  test("a cluster without workers is refused in a sentence", async () => {
    await withClient(database.url, async (client: Client) => {
      // Rolled back: the cluster keeps its workers.
      await client.query("BEGIN");
      await client.query(
        "SELECT citus_set_node_property(nodename, nodeport, 'shouldhaveshards', false) FROM pg_dist_node",
      );
      await expect(migrate(client, { citus: true })).rejects.toMatchObject({
        code: "TRAIL_CONFIG",
        message: expect.stringContaining("no active worker") as string,
      });
      await client.query("ROLLBACK");
    });
  });

  test("what nobody asks for any more is forgotten, and closed minutes are summed up", async () => {
    await migrateCitus();
    await makeSlices(database.url);
    const writer = createWriter({ databaseUrl: database.url, retentionMs: 14 * DAY_MS });
    await writer.write({ parts: [aPart([aSend("orders", 0, 1n)])] });
    await writer.close();

    const forgotten = await withClient(database.url, async (client) => {
      await rollUp(client);
      await rollUp(client);
      const times = { retentionMs: 14 * DAY_MS, sliceMs: DAY_MS };
      const kept = await forgetOld(client, { ...times, now: new Date() });
      const old = await forgetOld(client, { ...times, now: new Date(Date.now() + 60 * DAY_MS) });
      return { kept, old };
    });

    expect(forgotten.kept).toEqual({ ledgerBlocks: 0, names: 0 });
    expect(forgotten.old.names).toBe(3);
    expect(await query("SELECT name FROM trail_private.services")).toEqual([]);
  });

  test("the broker's truth is stored, and read again by another watcher", async () => {
    await migrateCitus();
    await makeSlices(database.url);
    const at = new Date();
    const commit = { groupId: "billing", topic: "orders", partition: 0, atMs: at.getTime() };
    const sweep = (logStart: bigint, committed: bigint): Sweep => ({
      at,
      clusterId: "broker-1",
      topics: [
        {
          topic: "orders",
          topicUuid: null,
          leaderless: [],
          logs: [{ partition: 0, logStart, logEnd: 100n }],
        },
      ],
      groups: [{ groupId: "billing", state: "Stable", members: 1 }],
      commits: [{ ...commit, committed }],
      way: "poll",
      pollMs: 5_000,
      problem: null,
    });

    const known = await withClient(database.url, async (client) => {
      const truth = await TruthWriter.open(client, "");
      await truth.writeSweep(sweep(0n, 10n));
      await truth.writeSweep(sweep(40n, 10n));
      return (await TruthWriter.open(client, "")).known;
    });

    expect(known.topics.get("orders")?.logs.get(0)).toMatchObject({ logStart: 40n, logEnd: 100n });
    expect(
      await query("SELECT consumer_group, topic, committed, log_start, expired_messages FROM trail.groups"),
    ).toEqual([
      {
        consumer_group: "billing",
        topic: "orders",
        committed: "10",
        log_start: "40",
        expired_messages: "30",
      },
    ]);
  });
}
