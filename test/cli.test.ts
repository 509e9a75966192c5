import { execFile } from "node:child_process";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { promisify } from "node:util";
import { TrailError } from "../trace-store/errors.ts";
import { createQuery } from "../trace-store/query/query.ts";
import { openHttpDoor, openStore, runInstalled, runProgram as run, type TestStore } from "./support/doors.ts";
import { withDoor } from "./support/http.ts";
import { orderTrail } from "./support/order-trail.ts";
import { ROOT } from "./support/program.ts";

let store: TestStore;
const order = orderTrail({ key: "order-\u001b[31m8812" });

beforeAll(async () => {
  store = await openStore();
  await store.take(order.spans);
});

afterAll(() => store.close());

/** A server that is not kafka-trail, for as long as `ask` takes. */
async function withServer<T>(answer: RequestListener, ask: (url: string) => Promise<T>): Promise<T> {
  const server = createServer(answer);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  try {
    return await ask(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  } finally {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
}

test("a server that is not there is said with its URL and how to start one, and exits 5", async () => {
  const { code, stdout, stderr } = await run(["show", "4bf92f3577b34da6a3ce929d0e0e4736"]);

  expect(code).toBe(5);
  expect(stdout).toBe("");
  expect(stderr).toContain("http://127.0.0.1:1");
  expect(stderr).toContain("kafka-trail up");
});

test("a server that is not kafka-trail is told apart from one that is not there", async () => {
  const { code, stderr } = await withServer(
    (_request, response) => response.writeHead(404, { "content-type": "text/html" }).end("<h1>nginx</h1>"),
    (url) => run(["show", "4bf92f3577b34da6a3ce929d0e0e4736"], { url }),
  );

  expect(code).toBe(5);
  expect(stderr).toContain("it is not kafka-trail: status 404, text/html");
});

test("up runs one part when told so, and refuses a part that there is not", async () => {
  const asked: unknown[] = [];
  const up = (options: unknown) => Promise.resolve(void asked.push(options));

  const one = await run(["up", "--only", "watch"], { up });
  const odd = await run(["up", "--only", "web"], { up });

  expect(one.code).toBe(0);
  expect(asked).toEqual([{ only: "watch" }]);
  expect(odd.code).toBe(2);
  expect(odd.stderr).toContain("index, watch, serve");
});

test("migrate --citus says what it spread", async () => {
  const asked: unknown[] = [];
  const migrate = (options: unknown) => {
    asked.push(options);
    return Promise.resolve({ applied: [], distributed: ["spans", "topics"], version: "0003" });
  };

  const { stderr } = await run(["migrate", "--citus"], { migrate });

  expect(asked).toEqual([{ citus: true }]);
  expect(stderr).toContain("The schema is at 0003 now. Spread over the workers: spans, topics.");
});

test("migrate says what it applied, and a fault of an operation is one sentence and exit 1", async () => {
  const done = await run(["migrate"], {
    migrate: () => Promise.resolve({ applied: ["0001_spans"], distributed: [], version: "0001" }),
  });
  const failed = await run(["migrate"], {
    migrate: () => Promise.reject(new TrailError("TRAIL_DATABASE", "Postgres is not there.")),
  });

  expect(done).toMatchObject({ code: 0, stdout: "" });
  expect(done.stderr).toContain("Applied: 0001_spans.");
  expect(failed).toMatchObject({ code: 1, stdout: "", stderr: "kafka-trail: Postgres is not there.\n" });
});

test("a person gets a table, hop by hop, with nothing in it that steers the terminal", async () => {
  const { code, stdout, stderr } = await run(["show", order.traceId], { url: store.http.url, isTty: true });

  expect(code).toBe(0);
  expect(stderr).toBe("");
  expect(stdout).not.toContain("\u001b");
  expect(stdout).toContain(`trail ${order.traceId}\n2 messages, 4 hops, 3 services, 55 ms`);
  expect(stdout).toMatch(/checkout +send +orders\/3\/4711 .*ok +2 ms\n/);
  expect(stdout).toMatch(/\+12 ms +inventory +process +orders\/3\/4711 +inventory .* 1 +ok +40 ms\n/);
  expect(stdout).toMatch(/\+15 ms +billing +process .* 1 +error +40 ms +TimeoutError\n/);
  expect(stdout).toMatch(/\+50 ms +billing +send +orders\.dlq\/0\/4711/);
});

test("a pipe gets one JSON object a line, and -o decides otherwise", async () => {
  const { url } = store.http;

  const piped = await run(["show", order.traceId], { url });
  const json = await run(["-o", "json", "show", order.traceId], { url, isTty: true });
  const table = await run(["show", order.traceId, "-o", "table"], { url });

  const lines = piped.stdout.trimEnd().split("\n");
  expect(lines.map((line) => (JSON.parse(line) as { service: string }).service)).toEqual([
    "checkout",
    "inventory",
    "billing",
    "billing",
  ]);
  expect(JSON.parse(json.stdout)).toMatchObject({ found: true, traceId: order.traceId });
  expect(table.stdout).toContain(`trail ${order.traceId}`);
});

test("an id that is not in the store exits 3 with what is known, on stderr", async () => {
  const { code, stdout, stderr } = await run(["find", "order-nobody-made"], { url: store.http.url });

  expect(code).toBe(3);
  expect(stdout).toBe("");
  expect(stderr).toMatch(
    /^kafka-trail: "order-nobody-made" is not in the store, which holds spans from .* Keys and message ids are looked for whole, .*\n$/,
  );
});

test("a place without an offset is told what it lacks", async () => {
  const { code, stderr } = await run(["find", "orders/3"], { url: store.http.url });

  expect(code).toBe(3);
  expect(stderr).toContain("A message's place is topic/partition/offset.");
});

test("an id of no known form exits 2 with the forms there are", async () => {
  const { code, stderr } = await run(["show", "4bf92f"], { url: store.http.url });

  expect(code).toBe(2);
  expect(stderr).toContain("32 hex characters");
});

test("a door that asks for a token exits 4 without the right one", async () => {
  const env = { KAFKA_TRAIL_TOKENS: "a-token-that-may-read:read" };

  const runs = await withDoor(openHttpDoor(store.query, { env }), async ({ url }) => [
    await run(["show", order.traceId], { url }),
    await run(["show", order.traceId], { url, token: "another-token-altogether" }),
    await run(["show", order.traceId], { url, token: "a-token-that-may-read" }),
  ]);

  expect(runs.map((it) => it.code)).toEqual([4, 4, 0]);
  expect(runs[0]?.stderr).toContain("KAFKA_TRAIL_TOKEN");
});

test("a database that is away exits 1, and is never taken for an empty store", async () => {
  const query = createQuery({ databaseUrl: "postgres://postgres@127.0.0.1:1/nothing" });

  const { code, stdout, stderr } = await withDoor(openHttpDoor(query), ({ url }) =>
    run(["find", order.place], { url }),
  );

  expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
  expect(stderr).toContain("Postgres is not reachable");
  await query.close();
});

test("the installed program answers as the one in this process does", async () => {
  const env = { KAFKA_TRAIL_URL: store.http.url };

  const shown = await runInstalled(["show", order.traceId], env);
  const missing = await runInstalled(["find", "order-nobody-made"], env);
  const misspelled = await runInstalled(["find", "x"], { KAFKA_TRAIL_ULR: store.http.url });

  expect(shown).toEqual(await run(["show", order.traceId], { url: store.http.url }));
  expect(missing).toMatchObject({ code: 3, stdout: "" });
  expect(misspelled.code).toBe(2);
  expect(misspelled.stderr).toContain("Did you mean KAFKA_TRAIL_URL?");
});

test("the program ends quietly when its reader has had enough", async () => {
  const program = join(ROOT, "trace-store", "bin", "kafka-trail.js");
  const asked = `"${process.execPath}" "${program}" show ${order.traceId} --url ${store.http.url}`;

  const { stderr } = await promisify(execFile)("sh", ["-c", `${asked} | true`], {
    env: { PATH: process.env["PATH"] },
  });

  expect(stderr).toBe("");
});

const LOOKED_AT = "2026-11-21T18:22:45.545000Z";
const freshness = (indexedThrough: string, problem: string | null) => ({
  at: "2026-11-21T18:52:45.545000Z",
  holds: { from: LOOKED_AT, to: LOOKED_AT },
  indexedThrough,
  indexerDelayMs: 1_800_000,
  watchers: [{ cluster: "", way: "poll", sweptAt: LOOKED_AT, ageMs: 1_800_000, problem }],
});

test.each([
  ["a broker that cannot be seen is no fault of the indexer", LOOKED_AT, "No broker.", "freshness well"],
  [
    "an indexer that had not stored all by then is behind",
    "2026-11-21T18:22:40Z",
    null,
    "freshness NOT WELL",
  ],
  [
    "a watcher that has looked for the last time half an hour ago is gone",
    LOOKED_AT,
    null,
    "watcher NOT WELL",
  ],
])("doctor: %s", async (_name, indexedThrough, problem, line) => {
  const answer = JSON.stringify(freshness(indexedThrough, problem));
  const { stdout } = await withServer(
    ({ url }, response) =>
      response
        .writeHead(200, { "content-type": "application/json" })
        .end(url === "/readyz" ? '{"checks":[]}' : answer),
    (url) => run(["doctor"], { url, isTty: true }),
  );

  expect(stdout.replaceAll(/ +/g, " ")).toContain(line);
});

test("doctor says how each part is, and exits 1 when one is not well", async () => {
  const checks = [{ name: "span topic", isReady: false, says: "Kafka is not reachable at kafka:9092." }];

  const well = await run(["doctor"], { url: store.http.url, isTty: true });
  const unwell = await withDoor(openHttpDoor(store.query, { checks }), ({ url }) => run(["doctor"], { url }));

  expect(well).toMatchObject({ code: 0, stderr: "" });
  expect(well.stdout).toMatch(/postgres +well +Postgres answers\.\n/);
  expect(well.stdout).toMatch(/store +well +Spans from \d{4}-/);
  expect(well.stdout).toMatch(/watcher +well +No watcher has run/);
  expect(unwell.code).toBe(1);
  expect(JSON.parse(unwell.stdout.split("\n")[0] ?? "")).toEqual(checks[0]);
});
