import { purge, type PurgeTarget } from "../trace-store/write/purge.ts";
import { aPart, aSend, aSpanRow, nsOf } from "./support/span-rows.ts";
import { aStore, withClient, type TestStore } from "./support/stores.ts";

let store: TestStore;
beforeAll(async () => {
  store = await aStore();
});
beforeEach(() => store.reset());
afterAll(() => store.close());

const forget = (target: PurgeTarget) => withClient(store.database.url, (client) => purge(client, target));
const quarantined = (bytes: Buffer) => ({
  reason: "test",
  source: "otlp/http",
  partition: null,
  sourceOffset: null,
  bytes,
  bytesTotal: bytes.length,
});
const link = { traceId: "1".repeat(32), spanId: "2".repeat(16) };
const range = { role: 1 as const, topic: "orders", partition: 0, firstOffset: 1n, lastOffset: 2n };

test("a key is forgotten with its spans' links and ranges, at odd times too, and other keys stay", async () => {
  const key = `customer ${"x".repeat(200)}`;
  const about = { messageKey: key, links: [link], ranges: [range] };
  const rows = [
    aSend("orders", 0, 1n, about),
    aSend("orders", 0, 2n, { ...about, startNs: nsOf("2100-01-01T00:00:00Z") }),
    aSend("orders", 0, 3n, { ...about, messageKey: `${key}y` }),
  ];
  const kept = [Buffer.from(`... ${key} ...`), Buffer.from("something else")].map(quarantined);
  await store.writer.write({ parts: [aPart(rows, { quarantined: kept })] });

  expect(await forget({ key })).toEqual({ spans: 2, links: 2, ranges: 2, quarantined: 1 });

  expect(await store.query("SELECT message_offset FROM trail_private.spans")).toEqual([
    { message_offset: "3" },
  ]);
  expect(await store.count("SELECT count(*) FROM trail_private.span_links")).toBe(1);
  expect(await store.count("SELECT count(*) FROM trail_private.quarantine")).toBe(1);
});

test("a trace is forgotten in either spelling of its id, and in quarantine as bytes and as text", async () => {
  const traceId = "4bf92f3577b34da6a3ce929d0e0e4736";
  const kept = [Buffer.from(traceId, "hex"), Buffer.from(`{"traceId":"${traceId}"}`), Buffer.from("else")];
  await store.writer.write({
    parts: [
      aPart([aSpanRow({ traceId }), aSpanRow({ traceId }), aSpanRow()], {
        quarantined: kept.map(quarantined),
      }),
    ],
  });

  const forgotten = await forget({ traceId: "4BF92F35-77B3-4DA6-A3CE-929D0E0E4736" });

  expect(forgotten).toEqual({ spans: 2, links: 0, ranges: 0, quarantined: 2 });
  expect(await store.count("SELECT count(*) FROM trail_private.spans")).toBe(1);
});

test("what is not there is forgotten without harm", async () => {
  await store.writer.write({
    parts: [aPart([aSpanRow()], { quarantined: [quarantined(Buffer.from("x"))] })],
  });

  expect(await forget({ key: "nobody's" })).toEqual({ spans: 0, links: 0, ranges: 0, quarantined: 0 });
  expect(await forget({ key: "" })).toMatchObject({ quarantined: 0 });
  expect(await store.count("SELECT count(*) FROM trail_private.spans")).toBe(1);
});
