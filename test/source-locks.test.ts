import { waitUntil } from "../dev/wait.ts";
import { aPart, anAdvance, spanRows } from "./support/span-rows.ts";
import { aStore, withClient, type TestStore } from "./support/stores.ts";

let store: TestStore;
beforeAll(async () => {
  store = await aStore();
});
afterAll(() => store.close());

test("sources are locked in one order, whatever the order of the parts: two owners never wait for each other", async () => {
  await store.startSource(0);
  await store.startSource(1);
  await withClient(store.database.url, async (other) => {
    await other.query("BEGIN");
    const lock = (partition: number) =>
      other.query("SELECT FROM trail_private.source_offsets WHERE partition = $1 FOR UPDATE NOWAIT", [
        partition,
      ]);
    await lock(0);
    const parts = [1, 0].map((partition) => aPart(spanRows(1), { advance: anAdvance(0, 1, { partition }) }));
    const written = store.writer.write({ parts });
    await waitUntil(
      "the writer's wait for a lock",
      async () =>
        (await store.count(
          "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()",
        )) > 0,
      { timeoutMs: 20_000 },
    );

    // The writer waits for the first, and so holds nothing.
    await lock(1);
    await other.query("COMMIT");

    expect(await written).toMatchObject({ stored: 2, fenced: [] });
    expect(store.writer.figures.retries).toEqual({});
  });
});
