import { createServer, type Socket } from "node:net";
import { Type } from "typebox";
import { Value } from "typebox/value";
import { createQuery } from "../trace-store/query/query.ts";
import { openHttpDoor, openStore, type TestStore } from "./support/doors.ts";
import { hostileTexts } from "./support/hostile-texts.ts";
import { get, withDoor } from "./support/http.ts";
import { orderTrail } from "./support/order-trail.ts";

const NOBODY = "postgres://postgres@127.0.0.1:1/nothing";
const TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736";

let store: TestStore;
const order = orderTrail();

beforeAll(async () => {
  store = await openStore();
  await store.take(order.spans);
});

afterAll(() => store.close());

test("a trail, a message and anything are answered, with offsets and nanoseconds as strings", async () => {
  const trail = await get(store.http, `/api/v1/trails/${order.traceId}`);
  const message = await get(store.http, `/api/v1/messages/${order.place}`);
  const found = await get(store.http, `/api/v1/find?q=${encodeURIComponent(order.place)}`);

  expect([trail.status, message.status, found.status]).toEqual([200, 200, 200]);
  expect(trail.body).toMatchObject({ traceId: order.traceId, isCut: false });
  expect(trail.body["hops"]).toMatchObject([
    { service: "checkout", messageOffset: "4711", durationNs: "2000000" },
    { service: "inventory", consumerGroup: "inventory", status: "ok" },
    { service: "billing", status: "error", error: "TimeoutError" },
    { service: "billing", topic: "orders.dlq" },
  ]);
  expect(found.body).toMatchObject({ kind: "message", message: { message: { messageOffset: "4711" } } });
});

test("an unknown trace id is a 404 that says what the store holds", async () => {
  const { status, headers, body } = await get(store.http, `/api/v1/trails/${TRACE_ID}`);

  expect(status).toBe(404);
  expect(headers.get("content-type")).toContain("application/problem+json");
  expect(body).toMatchObject({
    type: "urn:kafka-trail:problem:not-found",
    title: "Not in the store",
    status: 404,
    code: "TRAIL_NOT_FOUND",
    instance: `/api/v1/trails/${TRACE_ID}`,
    reason: "not_in_store",
    requestId: headers.get("x-request-id"),
  });
  expect(body["detail"]).toMatch(
    /is not in the store, which holds spans from \d{4}-.* to \d{4}-.*\(.*indexer/,
  );
});

test.each([
  ["/api/v1/trails/4bf92f", "32 hex characters"],
  ["/api/v1/trails/%00", "32 hex characters"],
  ["/api/v1/messages/orders/three/4711", "topic/partition/offset"],
  ["/api/v1/messages/orders/3/99999999999999999999", "topic/partition/offset"],
  ["/api/v1/messages/or%2fders/3/1", "topic/partition/offset"],
  ["/api/v1/find", "Missing in the question: q."],
  ["/api/v1/find?q=", "traceparent"],
  ["/api/v1/find?q=a&q=b", "once"],
  ["/api/v1/undelivered?topic=orders", "Missing in the question: consumerGroup."],
  ["/api/v1/undelivered?topic=o&consumerGroup=g&after=x", "partition/offset"],
  ["/api/v1/undelivered?topic=o&consumerGroup=g&olderThan=5m", "Not known here: olderThan."],
  ["/api/v1/undelivered?topic=o&consumerGroup=g&limit=0", '"limit" must be >= 1'],
  ["/%zz", "encodeURIComponent"],
])("%s is a 400 that shows what is accepted", async (path, shown) => {
  const { status, headers, body } = await get(store.http, path);

  expect(status).toBe(400);
  expect(headers.get("content-type")).toContain("application/problem+json");
  expect(body["detail"]).toContain(shown);
});

test("a path that nobody serves and a method that nobody serves are problems too", async () => {
  const path = await get(store.http, "/api/v2/trails");
  const method = await fetch(`${store.http.url}/api/v1/find?q=x`, { method: "POST" });

  expect(path).toMatchObject({ status: 404, body: { code: "HTTP_NO_ROUTE" } });
  expect(method.status).toBe(405);
  expect(method.headers.get("allow")).toBe("GET, HEAD");
});

test("a database that is away is a 503 that says so, never an empty answer", async () => {
  const query = createQuery({ databaseUrl: NOBODY });

  const answers = await withDoor(openHttpDoor(query), (http) =>
    Promise.all(
      [`/api/v1/trails/${TRACE_ID}`, "/api/v1/messages/orders/3/4711", "/api/v1/find?q=order-1"].map((path) =>
        get(http, path),
      ),
    ),
  );

  for (const { status, headers, body } of answers) {
    expect(status).toBe(503);
    expect(headers.get("retry-after")).toBe("1");
    expect(body).toMatchObject({ code: "TRAIL_DATABASE" });
    expect(body["detail"]).toContain("Postgres is not reachable");
  }
  await query.close();
});

test("a database that accepts and then says nothing ends in a 503, not in a wait without end", async () => {
  const sockets: Socket[] = [];
  const silent = createServer((socket) => void sockets.push(socket));
  await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
  const { port } = silent.address() as { port: number };
  const query = createQuery({
    databaseUrl: `postgres://postgres@127.0.0.1:${port}/x`,
    statementTimeoutMs: 500,
  });

  const { status } = await withDoor(openHttpDoor(query), (http) => get(http, `/api/v1/trails/${TRACE_ID}`));

  expect(status).toBe(503);
  for (const socket of sockets) socket.destroy();
  await query.close();
  await new Promise((resolve) => silent.close(resolve));
});

test("more questions than places are turned away with Retry-After, and places are given back", async () => {
  const limits = { questionsMax: 1, waitingMax: 1, waitMs: 10_000 };
  const blocker = await store.database.pool.connect();
  await blocker.query("BEGIN; LOCK TABLE trail_private.spans IN ACCESS EXCLUSIVE MODE");

  const statuses = await withDoor(openHttpDoor(store.query, { limits }), async (http) => {
    const path = `/api/v1/trails/${order.traceId}`;
    const asked = [1, 2, 3, 4].map(() => get(http, path));
    const first = await Promise.race(asked);
    expect(first).toMatchObject({ status: 503, body: { code: "TRAIL_BUSY" } });
    expect(first.headers.get("retry-after")).toBe("1");
    await blocker.query("ROLLBACK");
    const all = await Promise.all(asked);
    return [...all, await get(http, path)].map((it) => it.status);
  });

  blocker.release();
  expect(statuses.toSorted((a, b) => a - b)).toEqual([200, 200, 200, 503, 503]);
});

test("a port that is taken is said with its name", async () => {
  const env = { KAFKA_TRAIL_HTTP_PORT: String(store.http.port) };

  await expect(openHttpDoor(store.query, { env })).rejects.toMatchObject({
    code: "TRAIL_CONFIG",
    message: expect.stringContaining("KAFKA_TRAIL_HTTP_PORT") as string,
  });
});

test("figures count answers by route and status, never by path", async () => {
  await get(store.http, `/api/v1/trails/${order.traceId}`);

  const { text, headers } = await get(store.http, "/metrics");

  expect(headers.get("content-type")).toContain("text/plain");
  expect(text).toMatch(
    /kafka_trail_http_request_duration_seconds_count\{route="\/api\/v1\/trails\/:traceId",status="200"\} \d/,
  );
  expect(text).not.toContain(order.traceId);
});

test("the description of the API is complete, and answers are as it says", async () => {
  const { body } = await get(store.http, "/api/v1/openapi.json");
  const document = body as unknown as OpenApi;
  const shape = (name: string) =>
    Type.Unsafe({
      ...(inlined(document.components.schemas[name], document.components.schemas) as object),
    });

  const trail = await get(store.http, `/api/v1/trails/${order.traceId}`);
  const message = await get(store.http, `/api/v1/messages/${order.place}`);
  const found = await get(store.http, `/api/v1/find?q=${order.key}`);
  const missing = await get(store.http, `/api/v1/trails/${TRACE_ID}`);

  expect(document.openapi).toBe("3.1.0");
  expect(Object.keys(document.paths).toSorted()).toEqual([
    "/api/v1/coverage",
    "/api/v1/find",
    "/api/v1/freshness",
    "/api/v1/groups",
    "/api/v1/messages/{topic}/{partition}/{messageOffset}",
    "/api/v1/trails/{traceId}",
    "/api/v1/undelivered",
    "/healthz",
    "/readyz",
  ]);
  expect([...Value.Errors(shape("Trail"), trail.body)]).toEqual([]);
  expect([...Value.Errors(shape("Message"), message.body)]).toEqual([]);
  expect([...Value.Errors(shape("Found"), found.body)]).toEqual([]);
  expect([...Value.Errors(shape("Problem"), missing.body)]).toEqual([]);
});

interface OpenApi {
  readonly openapi: string;
  readonly paths: Record<string, unknown>;
  readonly components: { readonly schemas: Record<string, unknown> };
}

/** The schema with every reference replaced by what it points at. */
function inlined(schema: unknown, named: Record<string, unknown>): unknown {
  if (Array.isArray(schema)) return schema.map((it) => inlined(it, named));
  if (typeof schema !== "object" || schema === null) return schema;
  if ("$ref" in schema) return inlined(named[String(schema.$ref).split("/").at(-1) ?? ""], named);
  return Object.fromEntries(Object.entries(schema).map(([key, value]) => [key, inlined(value, named)]));
}

test("no text in a path or a question is a fault of the server, in 10,000 requests", async () => {
  const paths = hostileTexts(1_667).flatMap((text) => {
    const spelled = encodeURIComponent(Buffer.from(text).toString());
    return [
      `/api/v1/trails/${spelled}`,
      `/api/v1/find?q=${spelled}`,
      `/api/v1/messages/${spelled}/0/1?cluster=${spelled}`,
      `/api/v1/groups?topic=${spelled}&limit=${spelled}`,
      `/api/v1/coverage?topic=${spelled}`,
      `/api/v1/undelivered?topic=${spelled}&consumerGroup=${spelled}`,
    ];
  });

  const odd: string[] = [];
  for (let i = 0; i < paths.length; i += 8) {
    await Promise.all(
      paths.slice(i, i + 8).map(async (path) => {
        const { status } = await get(store.http, path);
        if (status >= 500) odd.push(`${status} ${path}`);
      }),
    );
  }

  expect(odd).toEqual([]);
}, 300_000);
