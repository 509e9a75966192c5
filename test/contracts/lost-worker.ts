import { waitUntil } from "../../dev/wait.ts";
import type { CitusCluster } from "../../dev/citus.ts";
import type { DatabaseMaker } from "../support/database.ts";
import { aPart, aSend, anAdvance } from "../support/span-rows.ts";
import { aStore, type TestStore, withClient } from "../support/stores.ts";

/** What a write must do when a worker goes away under it. */
export function lostWorkerContract(
  cluster: () => CitusCluster,
  databases: () => DatabaseMaker | undefined,
): void {
  let store: TestStore;
  beforeAll(async () => {
    store = await aStore(databases());
  });
  afterAll(() => store.close());

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
    expect(await store.count("SELECT count(*) FROM trail_private.spans")).toBe(400);
    expect(await store.count("SELECT next_offset FROM trail_private.source_offsets")).toBe(400);
    expect(await store.query("SELECT ranges FROM trail_private.ledger")).toEqual([{ ranges: "{[0,400)}" }]);
  }, 240_000);

  const isSomebodyWaiting = async (): Promise<boolean> =>
    (await store.count(
      "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'trail_private.ledger'::regclass",
    )) > 0;
}
