import { forgetOld } from "../trace-store/schema/forget.ts";
import { aPart, aSpanRow } from "./support/span-rows.ts";
import { aStore, DAY_MS, HOUR_MS, withClient, type TestStore } from "./support/stores.ts";

let store: TestStore;
beforeAll(async () => {
  store = await aStore();
});
beforeEach(() => store.reset());
afterAll(() => store.close());

const BLOCK = 65_536;
const forget = () =>
  withClient(store.database.url, (client) =>
    forgetOld(client, { now: new Date(), retentionMs: 14 * DAY_MS, sliceMs: HOUR_MS }),
  );
const blocks = () =>
  store.query<{ at: string }>(
    `SELECT t.name || '/' || l.incarnation || ' of ' || l.consumer_group_id || ': ' || l.block AS at
     FROM trail_private.ledger l JOIN trail_private.topics t USING (topic_id) ORDER BY 1`,
  );

/** A topic with two lives' worth of log, of which the newest one begins at block 3, and what spans have told of it. */
async function aTopic(
  name: string,
  id: number,
  told: readonly (readonly [number, number, number, number])[],
) {
  await store.query("INSERT INTO trail_private.topics (topic_id, name) VALUES ($1, $2)", [id, name]);
  for (const [incarnation, group, block, daysAgo] of told) {
    await store.query(
      `INSERT INTO trail_private.ledger (topic_id, incarnation, partition, consumer_group_id, block, first_at, last_at, ranges)
       VALUES ($1, $2, 0, $3, $4, now(), now() - make_interval(days => $5),
         int8multirange(int8range($4::bigint * ${BLOCK}, ($4::bigint + 1) * ${BLOCK})))`,
      [id, incarnation, group, block, daysAgo],
    );
  }
}

const watched = (id: number, incarnation: number, logStart: number, logEnd: number) =>
  store.query(
    `INSERT INTO trail_private.log_positions (topic_id, incarnation, partition, log_start, log_end, first_end, first_seen_at, observed_at)
     VALUES ($1, $2, 0, $3, $4, 0, now(), now())`,
    [id, incarnation, logStart, logEnd],
  );

test("blocks of the ledger go when they lie below the log and no span that is kept tells of them", async () => {
  await aTopic("orders", 1, [
    [1, 0, 0, 20],
    [1, 7, 0, 20],
    [1, -1, 1, 20],
    [1, 0, 2, 1],
    [1, 7, 2, 20],
    [1, 0, 3, 20],
    [1, -1, 4, 20],
  ]);
  await watched(1, 1, 3 * BLOCK + 5, 5 * BLOCK);

  expect(await forget()).toMatchObject({ ledgerBlocks: 3 });

  expect((await blocks()).map(({ at }) => at)).toEqual([
    "orders/1 of -1: 4",
    "orders/1 of 0: 2",
    "orders/1 of 0: 3",
    "orders/1 of 7: 2",
  ]);
  const [producers] = await store.query(
    "SELECT first_offset::int, seen::int, void::int, unaccounted::int FROM trail.coverage('orders')",
  );
  expect(producers).toEqual({ first_offset: 2 * BLOCK, seen: 2 * BLOCK, void: BLOCK, unaccounted: 0 });
  expect(await forget()).toMatchObject({ ledgerBlocks: 0 });
});

test("what spans of a life that is over have told goes with them, and so it does where nobody watches", async () => {
  await aTopic("anew", 1, [
    [1, 0, 0, 20],
    [2, 0, 0, 20],
  ]);
  await watched(1, 2, 0, BLOCK);
  await aTopic("unwatched", 2, [
    [1, 0, 0, 20],
    [1, 7, 9, 20],
  ]);
  await aTopic("lively", 3, [
    [1, 0, 0, 20],
    [1, 7, 9, 1],
  ]);

  expect(await forget()).toMatchObject({ ledgerBlocks: 3 });

  expect((await blocks()).map(({ at }) => at)).toEqual([
    "anew/2 of 0: 0",
    "lively/1 of 0: 0",
    "lively/1 of 7: 9",
  ]);
});

test("names go when no writer has asked for them for longer than spans are kept, and not when one does again", async () => {
  const write = (service: string) =>
    store.anotherWriter().write({ parts: [aPart([aSpanRow({ service, name: service })])] });
  await write("gone");
  await write("back");
  await store.query("UPDATE trail_private.services SET seen_at = now() - interval '20 days'");
  await store.query("UPDATE trail_private.span_names SET seen_at = now() - interval '16 days'");
  await write("back");

  expect(await forget()).toMatchObject({ names: 1 });

  expect(await store.query("SELECT name FROM trail_private.services")).toEqual([{ name: "back" }]);
  expect(await store.count("SELECT count(*) FROM trail_private.span_names")).toBe(2);
  await write("gone");
  expect(await store.query("SELECT service FROM trail.spans ORDER BY start_time DESC LIMIT 1")).toEqual([
    { service: "gone" },
  ]);
});

test("a name that a writer is just asking for is not dropped beneath it", async () => {
  await store.writer.write({ parts: [aPart([aSpanRow({ service: "asked" })])] });
  await store.query("UPDATE trail_private.services SET seen_at = now() - interval '20 days'");
  await withClient(store.database.url, async (asking) => {
    await asking.query("BEGIN");
    await asking.query("UPDATE trail_private.services SET seen_at = now()");

    const forgetting = forget();
    await store.query("SELECT 1");
    await asking.query("COMMIT");

    expect(await forgetting).toMatchObject({ names: 0 });
  });
  expect(await store.query("SELECT name FROM trail_private.services")).toEqual([{ name: "asked" }]);
});
