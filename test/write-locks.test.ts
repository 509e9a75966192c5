import { waitUntil } from "../dev/wait.ts";
import type { Client } from "pg";
import { WriterClosed } from "../trace-store/write/batch.ts";
import { aPart, anAdvance, spanRows } from "./support/span-rows.ts";
import { aStore, withClient, type TestStore } from "./support/stores.ts";

let store: TestStore;
beforeAll(async () => {
  store = await aStore();
});
beforeEach(() => store.reset());
afterAll(() => store.close());

const lock = (client: Client, partition: number) =>
  client.query("SELECT FROM trail_private.source_offsets WHERE partition = $1 FOR UPDATE NOWAIT", [
    partition,
  ]);
const aWait = () =>
  waitUntil(
    "a writer's wait for a lock",
    async () =>
      (await store.count(
        "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()",
      )) > 0,
    { timeoutMs: 20_000 },
  );

test("sources are locked in one order, whatever the order of the parts: two owners never wait for each other", async () => {
  await store.startSource(0);
  await store.startSource(1);
  await withClient(store.database.url, async (other) => {
    await other.query("BEGIN");
    await lock(other, 0);
    const parts = [1, 0].map((partition) => aPart(spanRows(1), { advance: anAdvance(0, 1, { partition }) }));
    const written = store.writer.write({ parts });
    await aWait();

    // The writer waits for the first, and so holds nothing.
    await lock(other, 1);
    await other.query("COMMIT");

    expect(await written).toMatchObject({ stored: 2, fenced: [] });
    expect(store.writer.figures.retries).toEqual({});
  });
});

test("a writer that is closed in the middle of a write calls that nobody's fault", async () => {
  await store.startSource();
  const said: (string | undefined)[] = [];
  const writer = store.anotherWriter({ onProblem: (sentence) => said.push(sentence) });
  await withClient(store.database.url, async (other) => {
    await other.query("BEGIN");
    await lock(other, 0);
    const written = writer.write({ parts: [aPart(spanRows(1), { advance: anAdvance(0, 1) })] });
    const outcome = written.catch((fault: unknown) => fault);
    await aWait();

    await writer.close(0);

    expect(await outcome).toBeInstanceOf(WriterClosed);
    expect(said).toEqual([]);
  });
});
