import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { gzipSync } from "node:zlib";
import { credentials, makeGenericClientConstructor, status, type ServiceError } from "@grpc/grpc-js";
import { migratedDatabase, type TestDatabase } from "./support/database.ts";
import { startTestIndexer, type TestIndexer } from "./support/indexer.ts";
import { aSpan, encodeTraces, type TestSpan } from "./support/otlp.ts";

let database: TestDatabase;
let store: TestIndexer;

beforeAll(async () => {
  database = await migratedDatabase();
  store = await startTestIndexer({ databaseUrl: database.url });
});

afterAll(async () => {
  await store.stop();
  await database.drop();
});

const stored = async (traceId: string): Promise<number> => {
  const { rows } = await database.pool.query<{ count: string }>(
    "SELECT count(*) FROM trail.spans WHERE trace_id = $1",
    [traceId],
  );
  return Number(rows[0]?.count);
};

const post = (body: Buffer, headers: Record<string, string> = {}, path = "/v1/traces") =>
  fetch(`http://127.0.0.1:${store.otlpHttpPort}${path}`, {
    method: "POST",
    body: new Uint8Array(body),
    headers: { "content-type": "application/x-protobuf", ...headers },
  });

/** The same spans as OTLP/JSON, with ids and times only. */
const json = (spans: readonly TestSpan[]): Buffer => {
  const told = spans.map(({ traceId, spanId, name, startNs, endNs }) => ({
    traceId,
    spanId,
    name,
    startTimeUnixNano: String(startNs),
    endTimeUnixNano: String(endNs),
  }));
  return Buffer.from(JSON.stringify({ resourceSpans: [{ scopeSpans: [{ spans: told }] }] }));
};

/** Returns the trace id of a span that OpenTelemetry's exporter was told is delivered. */
const exportedBy = async (protocol: string, url: string): Promise<string> => {
  const script = join(__dirname, "support", "export-one-span.mjs");
  const { stdout } = await promisify(execFile)(process.execPath, [script, protocol, url]);
  return stdout;
};

const exportGrpc = (bytes: Buffer): Promise<Buffer> => {
  const same = (it: Buffer) => it;
  const Client = makeGenericClientConstructor(
    {
      export: {
        path: "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
        requestStream: false,
        responseStream: false,
        requestSerialize: same,
        requestDeserialize: same,
        responseSerialize: same,
        responseDeserialize: same,
      },
    },
    "TraceService",
  );
  const client = new Client(`127.0.0.1:${store.otlpGrpcPort}`, credentials.createInsecure());
  const call = client["export"] as unknown as (
    request: Buffer,
    done: (error: ServiceError | null, answer: Buffer) => void,
  ) => void;
  return new Promise<Buffer>((resolve, reject) => {
    call.call(client, bytes, (error, answer) => (error ? reject(error) : resolve(answer)));
  }).finally(() => client.close());
};

test.each([
  ["gRPC", "grpc", () => `http://127.0.0.1:${store.otlpGrpcPort}`],
  ["HTTP with protobuf", "proto", () => `http://127.0.0.1:${store.otlpHttpPort}/v1/traces`],
  ["HTTP with JSON", "http", () => `http://127.0.0.1:${store.otlpHttpPort}/v1/traces`],
])(
  "a span that OpenTelemetry's exporter was told is delivered by %s is visible to SQL",
  async (_name, protocol, url) => {
    const traceId = await exportedBy(protocol, url());

    expect(await stored(traceId)).toBe(1);
  },
);

test("an export that is sent twice is stored once", async () => {
  const span = aSpan();
  const bytes = encodeTraces([span]);

  const answers = [await post(bytes), await post(bytes)];

  expect(answers.map((it) => it.status)).toEqual([200, 200]);
  expect(await stored(span.traceId)).toBe(1);
});

test("gzip is understood, and another encoding is a 415 that says so", async () => {
  const span = aSpan();

  const zipped = await post(gzipSync(encodeTraces([span])), { "content-encoding": "gzip" });
  const brotli = await post(encodeTraces([span]), { "content-encoding": "br" });

  expect(zipped.status).toBe(200);
  expect(await stored(span.traceId)).toBe(1);
  expect(brotli.status).toBe(415);
  expect(await brotli.text()).toContain("expected gzip or none");
});

test("garbage is a 400 by HTTP and INVALID_ARGUMENT by gRPC, never to be sent again", async () => {
  const garbage = Buffer.from("this is no protobuf");

  const byHttp = await post(garbage);
  const byJson = await post(Buffer.from("{"), { "content-type": "application/json" });
  const byGrpc = exportGrpc(garbage);

  expect(byHttp.status).toBe(400);
  expect(byHttp.headers.get("content-type")).toContain("application/x-protobuf");
  expect(byJson.status).toBe(400);
  expect(await byJson.json()).toMatchObject({ code: 3 });
  await expect(byGrpc).rejects.toMatchObject({ code: status.INVALID_ARGUMENT });
});

test("a span without a trace id is rejected by count, and the others of its export are stored", async () => {
  const [good, bad] = [aSpan(), aSpan({ traceId: "0".repeat(32) })];

  const answer = await post(json([good, bad]), { "content-type": "application/json" });
  const grpc = await exportGrpc(encodeTraces([bad]));

  expect(await answer.json()).toMatchObject({ partialSuccess: { rejectedSpans: "1" } });
  expect(await stored(good.traceId)).toBe(1);
  expect(grpc.toString()).toContain("Quarantined");
  const { rows } = await database.pool.query("SELECT source FROM trail_private.quarantine");
  expect(rows.length).toBeGreaterThan(0);
});

test("a body that unpacks to more than 64 MiB is a 413, and memory stays where it was", async () => {
  const bomb = gzipSync(Buffer.alloc(200 * 1_048_576));
  const before = process.memoryUsage().rss;

  const answer = await post(bomb, { "content-encoding": "gzip" });

  expect(answer.status).toBe(413);
  expect(process.memoryUsage().rss - before).toBeLessThan(120 * 1_048_576);
});

test("a wrong path says where spans are taken", async () => {
  const answer = await post(encodeTraces([aSpan()]), {}, "/v1/metrics");

  expect(answer.status).toBe(404);
  expect(await answer.text()).toContain("POST /v1/traces");
});
