import type { HttpServer } from "../trace-store/serve/http.ts";
import { openHttpDoor, openStore, type TestStore } from "./support/doors.ts";
import { get, getRaw, withDoor } from "./support/http.ts";
import { orderTrail } from "./support/order-trail.ts";

const READ_TOKEN = "a-token-that-may-read";
const INGEST_TOKEN = "a-token-that-may-only-ingest";

let store: TestStore;
const order = orderTrail();

beforeAll(async () => {
  store = await openStore();
  await store.take(order.spans);
});

afterAll(() => store.close());

test("a caller who asks too often is told when to come again", async () => {
  const http = openHttpDoor(store.query, { limits: { requestsPerMinuteMax: 3 } });

  const last = await withDoor(http, async (door) => {
    for (let i = 0; i < 3; i++) await get(door, "/");
    return get(door, "/");
  });

  expect(last).toMatchObject({ status: 429, body: { code: "HTTP_RATE" } });
  expect(Number(last.headers.get("retry-after"))).toBeGreaterThan(0);
});

test("a door beyond this machine opens with a token or by its name, and not otherwise", async () => {
  const host = { KAFKA_TRAIL_HTTP_HOST: "0.0.0.0" };

  await expect(openHttpDoor(store.query, { env: host })).rejects.toMatchObject({
    code: "TRAIL_CONFIG",
    message: expect.stringContaining("KAFKA_TRAIL_TOKENS") as string,
  });
  for (const env of [
    { KAFKA_TRAIL_TOKENS: `${READ_TOKEN}:read` },
    { KAFKA_TRAIL_INSECURE_NO_AUTH: "http" },
  ]) {
    const door = await openHttpDoor(store.query, { env: { ...host, ...env } });
    await door.close();
  }
});

test("with tokens, every path but the probes and the signpost asks for one with the right scope", async () => {
  const env = { KAFKA_TRAIL_TOKENS: `${READ_TOKEN}:read,${INGEST_TOKEN}:ingest` };
  const paths = [
    "/metrics",
    "/api/v1/openapi.json",
    `/api/v1/trails/${order.traceId}`,
    `/api/v1/messages/${order.place}`,
    `/api/v1/find?q=${order.key}`,
    "/api/v1/undelivered?topic=orders&consumerGroup=billing",
    "/api/v1/coverage?topic=orders",
    "/api/v1/groups",
    "/api/v1/freshness",
    "/no/such/path",
  ];
  const statuses = (http: HttpServer, authorization?: string) =>
    Promise.all(
      paths.map(async (path) => (await get(http, path, authorization ? { authorization } : {})).status),
    );

  await withDoor(openHttpDoor(store.query, { env }), async (http) => {
    const none = await get(http, paths[2] ?? "");

    expect(new Set(await statuses(http))).toEqual(new Set([401]));
    expect(new Set(await statuses(http, "Bearer a-token-nobody-knows"))).toEqual(new Set([401]));
    expect(new Set(await statuses(http, `Basic ${READ_TOKEN}`))).toEqual(new Set([401]));
    expect(new Set(await statuses(http, `Bearer ${INGEST_TOKEN}`))).toEqual(new Set([403]));
    expect((await statuses(http, `Bearer ${READ_TOKEN}`)).slice(0, 5)).toEqual([200, 200, 200, 200, 200]);
    expect(none.headers.get("www-authenticate")).toContain("Bearer");
    for (const path of ["/", "/healthz", "/readyz"]) expect((await get(http, path)).status).toBe(200);
    expect((await get(http, "/readyz")).text).not.toContain("Postgres answers.");
  });
});

test("a page of another site may not ask here, by a rebound name or straight across", async () => {
  const path = `/api/v1/trails/${order.traceId}`;
  const own = `127.0.0.1:${store.http.port}`;

  const statuses = await Promise.all([
    getRaw(store.http, path, { host: `rebound.example:${store.http.port}` }),
    getRaw(store.http, path, { host: own, origin: "https://elsewhere.example" }),
    getRaw(store.http, path, { host: own, origin: "null" }),
    getRaw(store.http, path, { host: own, origin: `http://${own}` }),
    getRaw(store.http, path, { host: `localhost:${store.http.port}` }),
    getRaw(store.http, path, { host: `[::1]:${store.http.port}` }),
  ]);

  expect(statuses).toEqual([403, 403, 403, 200, 200, 200]);
});

test("a browser is told to run nothing, frame nothing and guess nothing", async () => {
  const { headers } = await get(store.http, "/");

  expect(headers.get("content-security-policy")).toContain("default-src 'none'");
  expect(headers.get("x-content-type-options")).toBe("nosniff");
  expect(headers.get("x-frame-options")).toBe("DENY");
  expect(headers.get("access-control-allow-origin")).toBeNull();
});

test("readiness names what is wrong in words", async () => {
  const checks = [
    { name: "postgres", isReady: true, says: "Postgres answers." },
    { name: "span topic", isReady: false, says: "Kafka is not reachable at kafka:9092." },
  ];

  const ready = await get(store.http, "/readyz");
  const unready = await withDoor(openHttpDoor(store.query, { checks }), (http) => get(http, "/readyz"));

  expect(ready).toMatchObject({ status: 200, body: { status: "ready" } });
  expect(unready).toMatchObject({
    status: 503,
    body: { code: "HTTP_NOT_READY", detail: "Kafka is not reachable at kafka:9092.", checks },
  });
});
