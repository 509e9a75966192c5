import { waitUntil } from "../dev/wait.ts";
import { join } from "node:path";
import { ROOT, runText } from "./support/program.ts";
import { startPostgresProxy, type PostgresProxy } from "./support/postgres-proxy.ts";
import { aPart, anAdvance, aSpanRow, spanRows } from "./support/span-rows.ts";
import { aStore, withClient, type TestStore } from "./support/stores.ts";

let store: TestStore;
let proxy: PostgresProxy;
beforeAll(async () => {
  store = await aStore();
  proxy = await startPostgresProxy(store.database.url);
});
beforeEach(async () => {
  proxy.mend();
  await store.reset();
});
afterAll(async () => {
  await store.close();
  await proxy.close();
});

const SPANS = "SELECT count(*) FROM trail_private.spans";
const writerThroughProxy = () => store.anotherWriter({ databaseUrl: proxy.url });

test("a COMMIT whose answer never came is found out, and counts as stored", async () => {
  await store.startSource();
  const writer = writerThroughProxy();

  proxy.cutAfter("COMMIT");
  const result = await writer.write({ parts: [aPart(spanRows(20), { advance: anAdvance(0, 20) })] });

  expect(result).toEqual({ stored: 20, duplicates: 0, expired: 0, quarantined: 0, fenced: [] });
  expect(await store.count(SPANS)).toBe(20);
  expect(writer.figures.retries).toEqual({ transient: 1 });
});

test("a COMMIT without an answer leaves spans that have no offset stored once", async () => {
  const writer = writerThroughProxy();

  proxy.cutAfter("COMMIT");
  const result = await writer.write({ parts: [aPart(spanRows(20))] });

  expect(result.stored + result.duplicates).toBe(20);
  expect(await store.count(SPANS)).toBe(20);
});

test.each([
  "BEGIN",
  "UPDATE trail_private.source_offsets",
  "COPY trail_private.spans",
  "PGCOPY",
  "trail_private.ledger",
])("a connection that breaks at %s loses and doubles nothing", async (statement) => {
  await store.startSource();
  const writer = writerThroughProxy();
  const rows = spanRows(50).map((row, i) => ({
    ...row,
    operation: 2 as const,
    kind: 4,
    topic: "t",
    partition: 0,
    messageOffset: BigInt(i),
  }));

  proxy.cutAfter(statement);
  const result = await writer.write({ parts: [aPart(rows, { advance: anAdvance(0, 50) })] });

  expect(result).toMatchObject({ stored: 50, duplicates: 0, fenced: [] });
  expect(await store.count(SPANS)).toBe(50);
  expect(await store.count("SELECT next_offset FROM trail_private.source_offsets")).toBe(50);
  expect(writer.figures.retries).toEqual({ transient: 1 });
});

test("a fault of the writer's own code goes to whoever handed the batch over, and its operator is told", async () => {
  await store.startSource();
  const said: (string | undefined)[] = [];
  const writer = store.anotherWriter({ onProblem: (sentence) => said.push(sentence) });
  const [row] = spanRows(1);
  const broken = { ...row, links: null } as unknown as NonNullable<typeof row>;

  await expect(
    writer.write({ parts: [aPart([broken], { advance: anAdvance(0, 1) })] }),
  ).rejects.toBeInstanceOf(TypeError);
  expect(said).toEqual([expect.stringMatching(/^kafka-trail itself failed to write spans: /) as string]);

  await writer.write({ parts: [aPart(spanRows(1), { advance: anAdvance(0, 1) })] });
  expect(await store.count(SPANS)).toBe(1);
});

test("while Postgres is away a write waits, says so, and goes through when it is back", async () => {
  const said: (string | undefined)[] = [];
  const writer = store.anotherWriter({
    databaseUrl: proxy.url,
    onProblem: (sentence) => said.push(sentence),
  });

  proxy.away();
  const writing = writer.write({ parts: [aPart(spanRows(5))] });
  await waitUntil("a problem", () => writer.problem, { timeoutMs: 10_000 });
  proxy.mend();

  expect((await writing).stored).toBe(5);
  expect(writer.problem).toBeUndefined();
  expect(said[0]).toMatch(/^Postgres is not taking writes: .+ Trying again; nothing is lost meanwhile\.$/);
  expect(said.at(-1)).toBeUndefined();
});

test("a backend that is terminated again and again loses and doubles nothing", async () => {
  await store.startSource();
  const writer = store.anotherWriter();
  let isDone = false;
  const killing = (async () => {
    while (!isDone) {
      await store.query(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                         WHERE datname = current_database() AND application_name LIKE 'kafka-trail writer%'`);
      await waitUntil(
        "another commit or retry",
        () => isDone || writer.figures.batches + (writer.figures.retries["transient"] ?? 0) > seen(),
        { timeoutMs: 20_000, intervalMs: 5 },
      );
    }
  })();
  let last = 0;
  const seen = () => {
    const before = last;
    last = writer.figures.batches + (writer.figures.retries["transient"] ?? 0);
    return before;
  };

  for (let from = 0; from < 20; from += 1) {
    const { stored, fenced } = await writer.write({
      parts: [aPart(spanRows(100), { advance: anAdvance(from, from + 1) })],
    });
    expect([stored, fenced]).toEqual([100, []]);
  }
  isDone = true;
  await killing;

  expect(await store.count(SPANS)).toBe(2_000);
  expect(writer.figures.retries["transient"]).toBeGreaterThan(0);
});

test("an idle connection that is terminated is replaced", async () => {
  await store.writer.write({ parts: [aPart(spanRows(1))] });

  await store.query(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                     WHERE datname = current_database() AND application_name LIKE 'kafka-trail writer%'`);
  const { stored } = await store.writer.write({ parts: [aPart(spanRows(1))] });

  expect(stored).toBe(1);
});

test("what only an operator can put right is held and said loudly, never quarantined", async () => {
  const writer = store.anotherWriter();
  await store.query("ALTER TABLE trail_private.ledger RENAME TO away");
  const rows = [aSpanRow({ operation: 2, kind: 4, topic: "t", partition: 0, messageOffset: 1n })];

  const writing = writer.write({ parts: [aPart(rows)] });
  const problem = await waitUntil("a problem", () => writer.problem, { timeoutMs: 10_000 });
  await store.query("ALTER TABLE trail_private.away RENAME TO ledger");

  expect(problem).toContain('relation "trail_private.ledger" does not exist (42P01)');
  expect(problem).toContain("No span is lost, and none is stored until this is put right");
  expect(await writing).toMatchObject({ stored: 1, quarantined: 0 });
});

test("a server that became read-only is waited for", async () => {
  const name = new URL(store.database.url).pathname.slice(1);
  await store.query(`ALTER DATABASE ${name} SET default_transaction_read_only = on`);
  const writer = store.anotherWriter();

  const writing = writer.write({ parts: [aPart(spanRows(3))] });
  await waitUntil("a problem", () => writer.problem, { timeoutMs: 10_000 });
  await withClient(store.database.url, async (client) => {
    await client.query("SET default_transaction_read_only = off");
    await client.query(`ALTER DATABASE ${name} RESET default_transaction_read_only`);
  });

  expect((await writing).stored).toBe(3);
});

test("a table that somebody locked is waited for", async () => {
  await withClient(store.database.url, async (client) => {
    await client.query("BEGIN");
    await client.query("LOCK TABLE trail_private.spans IN ACCESS EXCLUSIVE MODE");

    const writing = store.writer.write({ parts: [aPart(spanRows(3))] });
    await waitUntil(
      "the writer to wait",
      async () =>
        (await store.count(
          "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock' AND datname = current_database()",
        )) > 0,
      { timeoutMs: 10_000 },
    );
    await client.query("COMMIT");

    expect((await writing).stored).toBe(3);
  });
});

/** Reads where the source stands, and writes batches of 200 spans from there, as an indexer does after a restart. */
const PROGRAM = `
  const { Client } = require("pg");
  const { createWriter } = require(process.env.WRITER);
  const databaseUrl = process.env.STORE_URL;
  const hex = (number, length) => number.toString(16).padStart(length, "0");
  const startNs = BigInt(process.env.START_NS);
  const span = (i) => ({
    traceId: hex(i + 1, 32), spanId: hex(i + 1, 16), parentSpanId: null, startNs, durationNs: 1n, service: "s", name: "n",
    kind: 1, status: 0, resource: { hash: hex(1, 64), attributes: Buffer.from("{}"), detail: null }, operation: 0, cluster: "",
    topic: null, partition: null, messageOffset: null, consumerGroup: null, messageKey: null, messageId: null,
    attempt: null, voidBefore: null, attributes: Buffer.from("{}"), detail: null, ranges: [],
    links: [{ traceId: hex(i + 2, 32), spanId: hex(i + 2, 16) }],
  });
  (async () => {
    const client = new Client({ connectionString: databaseUrl });
    await client.connect();
    const { rows } = await client.query("SELECT next_offset FROM trail_private.source_offsets");
    await client.end();
    const writer = createWriter({ databaseUrl, retentionMs: 86400000 });
    for (let from = Number(rows[0].next_offset); from < 20000; from += 200) {
      const advance = { clusterId: "test-cluster", topic: "otlp_spans", partition: 0, incarnation: 1, from: BigInt(from), to: BigInt(from + 200) };
      const rows = Array.from({ length: 200 }, (_, i) => span(from + i));
      process.stdout.write("writing " + from + "\\n");
      const { fenced } = await writer.write({ parts: [{ advance, rows, quarantined: [], bytes: 0 }] });
      if (fenced.length > 0) throw new Error("fenced");
    }
    await writer.close();
    process.stdout.write("all written\\n");
  })().catch((error) => { console.error(error); process.exit(1); });
`;

test("a writer that is killed at any moment, and started again, loses and doubles nothing", async () => {
  await store.startSource();
  const env = {
    WRITER: join(ROOT, "trace-store", "dist", "write", "writer.js"),
    STORE_URL: store.database.url,
    START_NS: String(BigInt(Date.now()) * 1_000_000n),
  };
  const next = () => store.count("SELECT next_offset FROM trail_private.source_offsets");
  const killedAt: number[] = [];

  for (let kills = 0; kills < 5; kills += 1) {
    const program = runText(PROGRAM, { env });
    const goal = (await next()) + 1_000 + kills * 130;
    await waitUntil("some batches", async () => (await next()) >= goal, { timeoutMs: 30_000, intervalMs: 3 });
    program.child.kill("SIGKILL");
    await program.ended;
    killedAt.push(await next());
  }
  const last = await runText(PROGRAM, { env }).ended;

  expect(last.stderr).toBe("");
  expect(killedAt.every((offset) => offset < 20_000)).toBe(true);
  expect(await store.count(SPANS)).toBe(20_000);
  expect(await store.count("SELECT count(DISTINCT span_id) FROM trail_private.spans")).toBe(20_000);
  expect(await store.count("SELECT count(*) FROM trail_private.span_links")).toBe(20_000);
});

test("a closed writer gives up what is not in, and takes nothing more", async () => {
  const writer = writerThroughProxy();
  proxy.away();
  const writing = writer.write({ parts: [aPart(spanRows(5))] });
  const givenUp = writing.catch((error: Error) => error.message);
  await waitUntil("a problem", () => writer.problem, { timeoutMs: 10_000 });

  await writer.close(0);

  expect(await givenUp).toBe("The writer was closed before this batch was in.");
  await expect(writer.write({ parts: [aPart(spanRows(1))] })).rejects.toThrow("The writer");
  expect(await store.count(SPANS)).toBe(0);
});
