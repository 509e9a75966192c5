import { migrate } from "../../trace-store/schema/migrate.ts";
import { waitUntil } from "../../dev/wait.ts";
import type { CitusCluster } from "../../dev/citus.ts";
import type { DatabaseMaker } from "../support/database.ts";
import { aPart, aSend, anAdvance } from "../support/span-rows.ts";
import { aStore, type TestStore, withClient } from "../support/stores.ts";

/** What holds on a cluster of our own, whose nodes are reached without passwords and may be broken. */
export function ownClusterContract(
  cluster: () => CitusCluster,
  databases: () => DatabaseMaker | undefined,
): void {
  let store: TestStore;
  beforeAll(async () => {
    store = await aStore(databases());
  });
  afterAll(() => store.close());

  test("a worker is not taken for the coordinator", async () => {
    const [worker] = await store.query<{ nodename: string; nodeport: number }>(
      "SELECT nodename, nodeport FROM pg_dist_node WHERE groupid <> 0 ORDER BY nodeport LIMIT 1",
    );
    const workerUrl = new URL(store.database.url);
    workerUrl.host = `${worker?.nodename}:${worker?.nodeport}`;

    await expect(migrate(workerUrl.href, { citus: true })).rejects.toMatchObject({
      code: "TRAIL_CONFIG",
      message: expect.stringContaining("is a worker of a Citus cluster") as string,
    });
  });

  test("the reader reads and the writer writes, on every node", async () => {
    const asRole = async (role: string, sql: string): Promise<unknown> => {
      const url = new URL(store.database.url);
      url.username = role;
      return withClient(url.href, (client) => client.query(sql));
    };
    await store.query("ALTER ROLE trail_reader LOGIN; ALTER ROLE trail_writer LOGIN");

    await asRole("trail_reader", "SELECT count(*) FROM trail.hops");
    await asRole("trail_reader", "SELECT * FROM trail.freshness()");
    await asRole("trail_writer", "INSERT INTO trail_private.services (name) VALUES ('x')");
    await asRole(
      "trail_writer",
      "INSERT INTO trail_private.spans SELECT * FROM trail_private.spans ON CONFLICT DO NOTHING",
    );

    await expect(asRole("trail_reader", "DELETE FROM trail_private.spans")).rejects.toMatchObject({
      code: "25006",
    });
    await store.query("ALTER ROLE trail_reader NOLOGIN; ALTER ROLE trail_writer NOLOGIN");
  });

  test("a worker that is lost in the middle of a batch loses and doubles nothing", async () => {
    const rows = Array.from({ length: 400 }, (_, i) => aSend("orders", 0, BigInt(i)));
    await store.startSource();
    await store.writer.write({ parts: [aPart(rows.slice(0, 100), { advance: anAdvance(0, 100) })] });
    const writer = store.anotherWriter();
    const rest = aPart(rows.slice(100), { advance: anAdvance(100, 400) });

    const writing = await withClient(store.database.url, async (blocker) => {
      // The ledger comes after the spans: a write that waits for it has sent them to the workers, and not committed.
      await blocker.query("BEGIN");
      await blocker.query("LOCK TABLE trail_private.ledger IN ACCESS EXCLUSIVE MODE");
      const pending = writer.write({ parts: [rest] });
      await waitUntil("The write's arrival at the ledger", isSomebodyWaiting, { timeoutMs: 60_000 });
      await cluster().stopWorker(1);
      await blocker.query("COMMIT");
      return { pending };
    });
    await waitUntil("A first failure", () => (writer.figures.retries["transient"] ?? 0) > 0, {
      timeoutMs: 60_000,
    });
    await cluster().startWorker(1);
    const result = await writing.pending;

    expect(result).toMatchObject({ stored: 300, duplicates: 0, fenced: [] });
    // On a connection of its own: those of the pool may remember the worker as it was.
    const { rows: stored } = await withClient(store.database.url, (client) =>
      client.query(`SELECT (SELECT count(*)::int FROM trail_private.spans) AS spans,
        (SELECT next_offset FROM trail_private.source_offsets), (SELECT ranges FROM trail_private.ledger)`),
    );
    expect(stored).toEqual([{ spans: 400, next_offset: "400", ranges: "{[0,400)}" }]);
  }, 240_000);

  const isSomebodyWaiting = async (): Promise<boolean> =>
    (await store.count(
      "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'trail_private.ledger'::regclass",
    )) > 0;
}
