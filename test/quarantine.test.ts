import { createLog } from "../trace-store/log.ts";
import { readConfig } from "../trace-store/config.ts";
import { createOperations } from "../trace-store/operations.ts";
import { retryAll } from "../trace-store/retry-quarantined.ts";
import type { QuarantineRow } from "../trace-store/span/span-row.ts";
import { quarantineOfRow } from "../trace-store/write/poison-row.ts";
import type { RetryTarget } from "../trace-store/write/retry-quarantine.ts";
import { runProgram } from "./support/doors.ts";
import { aSpan, encodeTraces } from "./support/otlp.ts";
import { aPart, aProcess, aSpanRow, nsOf } from "./support/span-rows.ts";
import { aStore, withClient, type TestStore } from "./support/stores.ts";

let store: TestStore;
beforeAll(async () => {
  store = await aStore();
});
beforeEach(() => store.reset());
afterAll(() => store.close());

const entry = (bytes: Buffer, given: Partial<QuarantineRow> = {}): QuarantineRow => ({
  reason: "invalid_protobuf",
  source: "kafka:otlp_spans",
  partition: 3,
  sourceOffset: 4711n,
  bytes,
  bytesTotal: bytes.length,
  ...given,
});
/** As an older decoder left it. */
const keep = (...quarantined: QuarantineRow[]) => store.writer.write({ parts: [aPart([], { quarantined })] });
const retry = (target: RetryTarget = { all: true }) =>
  withClient(store.database.url, (client) =>
    retryAll(client, { databaseUrl: store.database.url, retentionDays: 14 }, target),
  );
const spans = () => store.count("SELECT count(*) FROM trail_private.all_spans");
const entries = () => store.count("SELECT count(*) FROM trail_private.quarantine");

test("a record that can be read by now is stored, and its entry is gone", async () => {
  await keep(entry(encodeTraces([aSpan({ service: "billing" }), aSpan()])));

  const retried = await retry();

  expect(retried).toMatchObject([{ outcome: "stored", spans: 2, duplicates: 0, says: "2 spans stored." }]);
  expect(await store.query("SELECT service FROM trail.spans ORDER BY 1")).toEqual([
    { service: "billing" },
    { service: "checkout" },
  ]);
  expect([await entries(), await retry()]).toEqual([0, []]);
});

test("a span that came in otherwise meanwhile stays one row, however many try at once", async () => {
  const bytes = encodeTraces([aSpan()]);
  await keep(entry(bytes));

  const tries = await Promise.all([retry(), retry(), retry()]);
  await keep(entry(bytes));
  const again = await retry();

  expect(tries.flat().reduce((sum, it) => sum + it.spans, 0)).toBe(1);
  expect(again).toMatchObject([{ outcome: "stored", spans: 0, duplicates: 1 }]);
  expect([await spans(), await entries()]).toEqual([1, 0]);
});

test("what is still refused stays with its reason, and so does what was cut or never unpacked", async () => {
  const cut = encodeTraces([aSpan()]);
  await keep(
    entry(Buffer.from("hello world"), { reason: "unknown_encoding" }),
    entry(cut, { bytesTotal: 100_000 }),
    entry(Buffer.alloc(0), { reason: "decompression_bomb" }),
  );

  const retried = await retry();

  expect(retried.map(({ reason, outcome }) => `${reason}: ${outcome}`).toSorted()).toEqual([
    "decompression_bomb: cut",
    "invalid_protobuf: cut",
    "unknown_encoding: refused",
  ]);
  expect(retried.find((it) => it.reason === "invalid_protobuf")?.says).toContain(
    `Of its 100000 bytes the first ${cut.length} are kept`,
  );
  expect([await spans(), await entries()]).toEqual([0, 3]);
});

test("a row that Postgres refused comes back as it was, and stays while it is refused", async () => {
  const row = aProcess("orders", 3, 4711n, "billing", {
    attributes: Buffer.from('{"a": 1}'),
    detail: Buffer.from('{"flags": 1}'),
    links: [{ traceId: "1".repeat(32), spanId: "2".repeat(16) }],
    ranges: [{ role: 2, topic: "orders", partition: 3, firstOffset: 4711n, lastOffset: 4712n }],
  });
  const bad = aSpanRow({ attributes: Buffer.from('{"a": "\\u0000"}') });
  await keep(...[row, bad].map((it) => quarantineOfRow(aPart([it]), it, "some fault of its time")));

  const retried = await retry({ reason: "poison" });

  expect(retried.map(({ outcome }) => outcome).toSorted()).toEqual(["refused", "stored"]);
  expect(
    await store.query(
      "SELECT trace_hex, attributes, detail, start_unix_nano, message_offset FROM trail.spans",
    ),
  ).toEqual([
    {
      trace_hex: row.traceId,
      attributes: { a: 1 },
      detail: { flags: 1 },
      start_unix_nano: String(row.startNs),
      message_offset: "4711",
    },
  ]);
  expect(await store.count("SELECT count(*) FROM trail_private.span_links")).toBe(1);
  expect(await store.count("SELECT count(*) FROM trail_private.offset_ranges")).toBe(1);
  expect(await entries()).toBe(1);
});

test("spans past retention are forgotten, and said to be", async () => {
  await keep(entry(encodeTraces([aSpan({ startNs: nsOf("2020-01-01T00:00:00Z") })])));

  expect(await retry()).toMatchObject([{ outcome: "expired", spans: 0 }]);
  expect([await spans(), await entries()]).toEqual([0, 0]);
});

test("an entry goes only together with its spans coming: when Postgres refuses the one, neither happens", async () => {
  await keep(entry(encodeTraces([aSpan()])));
  await store.query(`
    CREATE FUNCTION public.refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
      RAISE 'not now' USING ERRCODE = '42501'; END $$;
    CREATE TRIGGER refuse BEFORE DELETE ON trail_private.quarantine FOR EACH ROW EXECUTE FUNCTION public.refuse()`);

  const refused = await retry().catch((error: unknown) => error);
  await store.query("DROP FUNCTION public.refuse CASCADE");

  expect(refused).toMatchObject({ code: "TRAIL_DATABASE", message: expect.stringContaining("not now") });
  expect([await spans(), await entries()]).toEqual([0, 1]);
});

test("the command line says what became of each, and tells a script by its exit code", async () => {
  const operations = createOperations(readConfig({ DATABASE_URL: store.database.url }), "1.2.3", () =>
    createLog("silent"),
  );
  const run = (...words: string[]) => runProgram(["quarantine", "retry", ...words], operations);
  await keep(entry(encodeTraces([aSpan()])), entry(Buffer.from("x"), { reason: "unknown_encoding" }));

  const usage = [await run(), await run("ab", "--all")];
  const nothing = [await run("ffffffffffff"), await run("--reason", "nobody's")];
  const stays = await runProgram(["quarantine", "retry", "--all"], { ...operations, isTty: true });
  const again = await run("--reason", "unknown_encoding");

  expect(usage.map(({ code }) => code)).toEqual([2, 2]);
  expect(nothing.map(({ code }) => code)).toEqual([3, 3]);
  expect(stays.code).toBe(1);
  expect(stays.stdout).toMatch(/^hash +reason +now +says\n/);
  expect(stays.stderr).toContain("Stored 1 spans; 1 of 2 entries stay.");
  expect(JSON.parse(again.stdout)).toMatchObject({ reason: "unknown_encoding", outcome: "refused" });
  const { hash } = JSON.parse(again.stdout) as { hash: string };
  expect((await run(hash.slice(0, 12))).code).toBe(1);
  await store.query("DELETE FROM trail_private.quarantine");
  await keep(entry(encodeTraces([aSpan()])));
  expect((await run("--all")).code).toBe(0);
});
