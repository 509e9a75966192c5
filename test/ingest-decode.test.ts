import { decodeTraces, MalformedError, TracesDecoder } from "../trace-store/ingest/decode.ts";
import { decodeRecord } from "../trace-store/ingest/detect.ts";
import { judgeInputs, MUTANTS, noticedAfter } from "../gate/decode.ts";
import { aSpan, encodeMessage, encodeTraces, keyValues } from "./support/otlp.ts";
import { actualOf, expectedOf } from "./support/otlp-oracle.ts";
import { oddRequest, random } from "./support/otlp-mutants.ts";

const INPUTS = 2_000;
const utf8 = (text: string): Buffer => Buffer.from(text, "utf8");
const span = { traceId: Buffer.alloc(16, 1), spanId: Buffer.alloc(8, 2), name: utf8("send orders") };
const scopeSpans = [{ scope: { name: utf8("app"), version: utf8("1") }, spans: [span] }];
const parsed = (json: Buffer | null | undefined): unknown => JSON.parse(String(json));

function reasonOf(bytes: Buffer): string {
  try {
    decodeTraces(bytes);
  } catch (error) {
    if (error instanceof MalformedError) return error.reason;
    throw error;
  }
  return "accepted";
}

test("a span becomes a row with its ids, times, texts and attributes", () => {
  const given = aSpan({
    traceId: "0af7651916cd43dd8448eb211c80319c",
    spanId: "b7ad6b7169203331",
    parentSpanId: "00f067aa0ba902b7",
    startNs: 1795250873651000123n,
    endNs: 1795250873652000124n,
    attributes: {
      text: 'say "é"',
      int: 5,
      double: 0.5,
      yes: true,
      list: [1, "a", { b: null }],
      bytes: Buffer.from("hi"),
    },
    events: [{ timeNs: 1795250873651000124n, name: "exception", attributes: { "exception.type": "Error" } }],
    links: [{ traceId: "4bf92f3577b34da6a3ce929d0e0e4736", spanId: "00f067aa0ba902b7", traceState: "a=b" }],
    status: { code: 2, message: "declined" },
    traceState: "vendor=1",
    flags: 0x301,
    resource: { "service.version": "3" },
  });

  const { rows, rejected } = decodeTraces(encodeTraces([given]));

  expect(rejected).toEqual([]);
  expect(rows).toMatchObject([
    {
      traceId: "0af7651916cd43dd8448eb211c80319c",
      spanId: "b7ad6b7169203331",
      parentSpanId: "00f067aa0ba902b7",
      startNs: 1795250873651000123n,
      durationNs: 1000001n,
      service: "checkout",
      name: "send orders",
      kind: 4,
      status: 2,
      links: [{ traceId: "4bf92f3577b34da6a3ce929d0e0e4736", spanId: "00f067aa0ba902b7" }],
    },
  ]);
  expect(parsed(rows[0]?.attributes)).toEqual({
    text: 'say "é"',
    int: 5,
    double: 0.5,
    yes: true,
    list: [1, "a", { b: null }],
    bytes: "aGk=",
  });
  expect(parsed(rows[0]?.resource.attributes)).toEqual({
    "service.name": "checkout",
    "service.version": "3",
  });
  expect(parsed(rows[0]?.detail)).toEqual({
    scope: { name: "test", version: "1" },
    flags: 0x301,
    state: "vendor=1",
    status: "declined",
    events: [{ time: "1795250873651000124", name: "exception", attributes: { "exception.type": "Error" } }],
    links: [
      {
        trace_id: "4bf92f3577b34da6a3ce929d0e0e4736",
        span_id: "00f067aa0ba902b7",
        state: "a=b",
        attributes: {},
      },
    ],
  });
});

/** The bytes with an id instead of the zeroes. */
function mended(bytes: Buffer | undefined): Buffer {
  const better = Buffer.from(bytes ?? Buffer.alloc(0));
  const at = better.indexOf(Buffer.alloc(16));
  return better.fill(0x11, at, at + 16);
}

test("one span that cannot be stored does not spoil its batch, and is kept as it was, with its resource", () => {
  const service = "billing";
  const bad = aSpan({ traceId: "0".repeat(32), name: "bad", service });
  const spans = [aSpan(), bad, aSpan({ service })];

  const { rows, rejected } = decodeTraces(encodeTraces(spans));

  expect(rows.map((row) => row.spanId)).toEqual([spans[0]?.spanId, spans[2]?.spanId]);
  expect(rejected.map(({ reason }) => reason)).toEqual(["invalid_trace_id"]);
  expect(decodeTraces(mended(rejected[0]?.bytes)).rows).toMatchObject([{ name: "bad", service }]);
});

test("a resource that would leave no room for its span is not kept with it", () => {
  const bad = aSpan({ traceId: "0".repeat(32), name: "bad", service: "b".repeat(5_000) });

  const { rejected } = decodeTraces(encodeTraces([bad]));

  expect(rejected[0]?.bytes.length).toBeLessThan(1_000);
  expect(decodeTraces(mended(rejected[0]?.bytes)).rows).toMatchObject([
    { name: "bad", service: "unknown_service" },
  ]);
});

test("a resource and a scope after their spans count all the same, and twice they are merged", () => {
  const one = encodeMessage({ resourceSpans: [{ scopeSpans }] });
  const resource = encodeMessage({
    resourceSpans: [{ resource: { attributes: keyValues({ "service.name": "late" }) } }],
  });
  const more = encodeMessage({ resourceSpans: [{ resource: { attributes: keyValues({ zone: "a" }) } }] });
  // The content of each is appended into one ResourceSpans: fields 2, 1, 1.
  const content = Buffer.concat([one.subarray(2), resource.subarray(2), more.subarray(2)]);

  const { rows } = decodeTraces(Buffer.concat([Buffer.from([10, content.length]), content]));

  expect(rows[0]?.service).toBe("late");
  expect(parsed(rows[0]?.resource.attributes)).toEqual({ "service.name": "late", zone: "a" });
});

test("spans of one resource share one resource row; equal resources have equal hashes", () => {
  const { rows } = decodeTraces(encodeTraces([aSpan(), aSpan(), aSpan({ service: "billing" }), aSpan()]));

  expect(rows[0]?.resource).toBe(rows[1]?.resource);
  expect(rows[3]?.resource.hash).toBe(rows[0]?.resource.hash);
  expect(rows[2]?.resource.hash).not.toBe(rows[0]?.resource.hash);
});

test("rows hold nothing of the request's bytes and nothing of the next request's", () => {
  const bytes = encodeTraces([aSpan({ attributes: { a: "first" }, status: { message: "one" } })]);

  const [row] = decodeTraces(bytes).rows;
  bytes.fill(0xff);
  decodeTraces(encodeTraces([aSpan({ attributes: { a: "other" }, status: { message: "two" } })]));

  expect(parsed(row?.attributes)).toEqual({ a: "first" });
  expect(parsed(row?.detail)).toMatchObject({ status: "one" });
  expect(row?.attributes.buffer).not.toBe(bytes.buffer);
});

test("a malformed request leaves nothing behind for the next one", () => {
  const link = { traceId: "0af7651916cd43dd8448eb211c80319c", spanId: "b7ad6b7169203331" };
  const topic = { "messaging.destination.name": "stale" };
  const at = { "messaging.destination.partition.id": "1", "messaging.kafka.offset": 2 };
  const attributes = { "messaging.system": "kafka", "messaging.destination.name": "orders" };
  const broken = encodeTraces([aSpan({ attributes, links: [{ ...link, attributes: topic }, link] })]);
  const good = encodeTraces([aSpan({ attributes, links: [{ ...link, attributes: at }] })]);
  const decoder = new TracesDecoder();

  for (let length = 1; length < broken.length; length++) {
    expect(() => decoder.decode(broken.subarray(0, length))).toThrow(MalformedError);
    expect(decoder.decode(good).rows[0]?.ranges).toMatchObject([{ topic: "orders", partition: 1 }]);
  }
});

test("every prefix of a request is malformed, or the request itself", () => {
  const bytes = encodeTraces([aSpan({ attributes: { a: 1, b: [2] } })]);

  for (let length = 1; length < bytes.length; length++) {
    expect(reasonOf(bytes.subarray(0, length))).toMatch(/truncated|invalid_protobuf/);
  }
  expect(reasonOf(bytes)).toBe("accepted");
  expect(decodeTraces(Buffer.alloc(0))).toEqual({ rows: [], rejected: [] });
});

test("odd but well-formed requests are decoded to what the oracle says", () => {
  const next = random(4711);

  for (let i = 0; i < 200; i++) {
    const bytes = oddRequest(next);
    expect(actualOf(decodeTraces(bytes))).toEqual(expectedOf(bytes));
  }
});

test("mutated requests: no crash, no hang and no disagreement with a protobuf library", () => {
  const { accepted, rejected, disagreements, slowestMs } = judgeInputs(INPUTS, 17, () => undefined);

  expect(disagreements).toEqual([]);
  expect(accepted).toBeGreaterThan(INPUTS / 10);
  expect(rejected).toBeGreaterThan(INPUTS / 10);
  expect(slowestMs).toBeLessThan(5_000);
});

test.each(Object.entries(MUTANTS))("the comparison notices a reader in which %s", (_, Reader) => {
  expect(noticedAfter(Reader, 17)).toBeDefined();
});

test("a record is told apart by its bytes: protobuf, JSON, JSON behind a newline, nothing at all", () => {
  const json = JSON.stringify({
    resourceSpans: [{ scopeSpans: [{ spans: [{ traceId: "ab".repeat(16), spanId: "cd".repeat(8) }] }] }],
  });

  expect(decodeRecord(encodeTraces([aSpan()])).rows).toHaveLength(1);
  expect(decodeRecord(utf8(json)).rows).toHaveLength(1);
  expect(decodeRecord(utf8(`\n\t ${json}`)).rows).toHaveLength(1);
  expect(decodeRecord(Buffer.alloc(0)).rows).toEqual([]);
});
