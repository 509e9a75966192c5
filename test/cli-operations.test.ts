import { emptyDatabase, migratedDatabase, type TestDatabase } from "./support/database.ts";
import { runProgram } from "./support/doors.ts";
import { startTestIndexer, type TestIndexer } from "./support/indexer.ts";
import { aSpan, encodeTraces } from "./support/otlp.ts";
import { createLog } from "../trace-store/log.ts";
import { readConfig } from "../trace-store/config.ts";
import { createOperations } from "../trace-store/operations.ts";
import type { Operations } from "../trace-store/serve/cli/operations.ts";

// What the command line does to the store itself, on a real one.

let database: TestDatabase;
let store: TestIndexer;
let operations: Operations;

beforeAll(async () => {
  database = await migratedDatabase();
  store = await startTestIndexer({ databaseUrl: database.url });
  operations = createOperations(readConfig({ DATABASE_URL: database.url }), "1.2.3", () =>
    createLog("silent"),
  );
});

afterAll(async () => {
  await store.stop();
  await database.drop();
});

const send = (...spans: ReturnType<typeof aSpan>[]) =>
  fetch(`http://127.0.0.1:${store.otlpHttpPort}/v1/traces`, {
    method: "POST",
    headers: { "content-type": "application/x-protobuf" },
    body: new Uint8Array(encodeTraces(spans)),
  });

test("purge forgets a trace, and says how much of it there was", async () => {
  const span = aSpan();
  await send(span, aSpan());

  const { code, stderr } = await runProgram(["purge", "--trace", span.traceId], operations);

  expect(code).toBe(0);
  expect(stderr).toContain("Forgot 1 spans, 0 links");
  const { rows } = await database.pool.query("SELECT FROM trail.spans WHERE trace_id = $1", [span.traceId]);
  expect(rows).toEqual([]);
});

test("purge without a target, or with what is no trace id, is a matter of usage", async () => {
  const nothing = await runProgram(["purge"], operations);
  const malformed = await runProgram(["purge", "--trace", "xyz"], operations);
  const unset = await runProgram(["purge", "--key", ""], operations);

  expect([nothing.code, malformed.code, unset.code]).toEqual([2, 2, 2]);
  expect(unset.stderr).toContain("the key is empty");
  expect(malformed.stderr).toContain('"xyz" is not a trace id; expected 32 hex characters');
});

test("quarantine lists what could not be stored, and shows one with its bytes", async () => {
  await send(aSpan({ traceId: "0".repeat(32) }));

  const list = await runProgram(["quarantine", "ls"], operations);
  const entry = JSON.parse(list.stdout) as { hash: string; reason: string; bytes?: string };
  const shown = await runProgram(["quarantine", "show", entry.hash.slice(0, 12)], operations);

  expect(entry).toMatchObject({ reason: "invalid_trace_id", source: "otlp/http" });
  expect(entry.bytes).toBeUndefined();
  expect((JSON.parse(shown.stdout) as { bytes: string }).bytes.length).toBeGreaterThan(0);
});

test("an operation without DATABASE_URL says what is missing", async () => {
  const homeless = createOperations(readConfig({}), "1.2.3", () => createLog("silent"));

  const { code, stderr } = await runProgram(["quarantine", "ls"], homeless);

  expect(code).toBe(2);
  expect(stderr).toContain("DATABASE_URL is not set; expected the Postgres of the store");
});

test.each([
  ["no Postgres listens there", "postgres://postgres@127.0.0.1:1/none", 5, "ECONNREFUSED"],
  ["the name is no address of a Postgres", "mysql://app@db/shop", 2, "expected the Postgres of the store"],
])("an operation where %s says so", async (_, databaseUrl, exit, said) => {
  const lost = createOperations(readConfig({ DATABASE_URL: databaseUrl }), "1.2.3", () =>
    createLog("silent"),
  );

  const { code, stderr } = await runProgram(["quarantine", "ls"], lost);

  expect(code).toBe(exit);
  expect(stderr).toContain(said);
});

test("an operation on a database that is not the store's says which command makes it one", async () => {
  const elsewhere = await emptyDatabase();
  const strange = createOperations(readConfig({ DATABASE_URL: elsewhere.url }), "1.2.3", () =>
    createLog("silent"),
  );

  const { code, stderr } = await runProgram(["quarantine", "ls"], strange);
  await elsewhere.drop();

  expect(code).toBe(1);
  expect(stderr).toContain("has no schema of kafka-trail");
  expect(stderr).toContain("Run `kafka-trail migrate`");
});

test("an operation that Postgres does not let in exits 4", async () => {
  const name = `stranger_${process.pid}`;
  await database.pool.query(`CREATE ROLE ${name} LOGIN PASSWORD 'right'`);
  try {
    const url = new URL(database.url);
    [url.username, url.password] = [name, "right"];
    const stranger = createOperations(readConfig({ DATABASE_URL: url.href }), "1.2.3", () =>
      createLog("silent"),
    );

    const { code, stderr } = await runProgram(["quarantine", "ls"], stranger);

    expect(code).toBe(4);
    expect(stderr).toContain("permission denied");
  } finally {
    await database.pool.query(`DROP ROLE ${name}`);
  }
});

test("an OTLP door whose port is taken is a fault of the configuration, with the setting that changes it", async () => {
  for (const [variable, port] of [
    ["KAFKA_TRAIL_OTLP_HTTP_PORT", store.otlpHttpPort],
    ["KAFKA_TRAIL_OTLP_GRPC_PORT", store.otlpGrpcPort],
  ] as const) {
    const second = startTestIndexer({ databaseUrl: database.url, env: { [variable]: String(port) } });

    await expect(second).rejects.toMatchObject({
      code: "TRAIL_CONFIG",
      message: expect.stringContaining(variable) as string,
    });
  }
});
