import { decodeTracesJson } from "../trace-store/ingest/decode-json.ts";
import { decodeTraces, MalformedError } from "../trace-store/ingest/decode.ts";
import type { SpanRow } from "../trace-store/span/span-row.ts";
import { encodeTraces, type AttributeValue, type TestSpan } from "./support/otlp.ts";
import { actualOf } from "./support/otlp-oracle.ts";
import { oddSpan, random } from "./support/otlp-mutants.ts";

const jsonOf = (value: unknown): Buffer => Buffer.from(JSON.stringify(value), "utf8");
const ids = { traceId: "0af7651916cd43dd8448eb211c80319c", spanId: "b7ad6b7169203331" };
const requestOf = (...spans: object[]): Buffer => jsonOf({ resourceSpans: [{ scopeSpans: [{ spans }] }] });
const rowOf = (bytes: Buffer): SpanRow | undefined => decodeTracesJson(bytes).rows[0];

function jsonValue(value: AttributeValue): object {
  if (value === null) return {};
  if (typeof value === "string") return { stringValue: value };
  if (typeof value === "boolean") return { boolValue: value };
  if (typeof value === "bigint") return { intValue: String(value) };
  if (typeof value === "number") {
    return Number.isSafeInteger(value)
      ? { intValue: String(value) }
      : { doubleValue: Number.isFinite(value) ? value : String(value) };
  }
  if (Buffer.isBuffer(value)) return { bytesValue: value.toString("base64") };
  if (Array.isArray(value)) return { arrayValue: { values: value.map(jsonValue) } };
  return { kvlistValue: { values: jsonAttributes(value as { [key: string]: AttributeValue }) } };
}

const jsonAttributes = (attributes: { readonly [key: string]: AttributeValue } = {}): object[] =>
  Object.entries(attributes).map(([key, value]) => ({ key, value: jsonValue(value) }));

/** The same request as `encodeTraces([span])`, as OTLP/JSON. */
function encodeJson(span: TestSpan): Buffer {
  const { service, resource, scope, startNs, endNs, attributes, events, links, ...same } = span;
  const wire = {
    ...same,
    startTimeUnixNano: String(startNs),
    endTimeUnixNano: String(endNs),
    attributes: jsonAttributes(attributes),
    events: events.map((event) => ({
      name: event.name,
      timeUnixNano: String(event.timeNs),
      attributes: jsonAttributes(event.attributes),
    })),
    links: links.map((link) => ({ ...link, attributes: jsonAttributes(link.attributes) })),
  };
  const attributesOfResource = jsonAttributes({ "service.name": service, ...resource });
  return jsonOf({
    resourceSpans: [
      { resource: { attributes: attributesOfResource }, scopeSpans: [{ scope, spans: [wire] }] },
    ],
  });
}

test("OTLP/JSON gives the same rows as protobuf, for any odd span", () => {
  const next = random(4711);

  for (let i = 0; i < 300; i++) {
    const span = oddSpan(next);
    const fromJson = actualOf(decodeTracesJson(encodeJson(span)));
    expect(fromJson).toEqual(actualOf(decodeTraces(encodeTraces([span]))));
  }
});

test("64-bit integers are exact as strings and as numbers", () => {
  const text = requestOf({
    ...ids,
    startTimeUnixNano: "START",
    endTimeUnixNano: "1795250873651000124",
    attributes: [
      { key: "n", value: { intValue: "LONG" } },
      { key: "text", value: { stringValue: "9007199254740993," } },
    ],
  }).toString();

  const row = rowOf(
    Buffer.from(text.replace('"START"', "1795250873651000123").replace('"LONG"', "-9223372036854775808")),
  );

  expect(row).toMatchObject({ startNs: 1795250873651000123n, durationNs: 1n });
  expect(String(row?.attributes)).toBe('{"n":"-9223372036854775808","text":"9007199254740993,"}');
});

test("unknown keys and nulls are ignored; enums come as numbers or names; ids in either case", () => {
  const row = rowOf(
    requestOf({
      ...ids,
      traceId: ids.traceId.toUpperCase(),
      parentSpanId: null,
      name: "process orders",
      kind: "SPAN_KIND_CONSUMER",
      status: { code: "STATUS_CODE_ERROR", detail: 1 },
      attributes: null,
      somethingNew: { deep: [1, 2, 3] },
    }),
  );

  expect(row).toMatchObject({ traceId: ids.traceId, parentSpanId: null, kind: 5, status: 2 });
});

test("a half of a surrogate pair is replaced", () => {
  const text = requestOf({ ...ids, name: "NAME" })
    .toString()
    .replace("NAME", "a\\ud800b");

  expect(rowOf(Buffer.from(text))?.name).toBe("a\ufffdb");
});

test("an id that is no hex rejects its span alone", () => {
  const { rows, rejected } = decodeTracesJson(
    requestOf({ ...ids, traceId: "CvdlGRbNQ92ESOshHIAxnA==" }, ids),
  );

  expect(rows).toHaveLength(1);
  expect(rejected.map(({ reason }) => reason)).toEqual(["invalid_trace_id"]);
});

test("an empty request has no spans; asked for by a record, it is another signal's", () => {
  expect(decodeTracesJson(jsonOf({}))).toEqual({ rows: [], rejected: [] });
  expect(() => decodeTracesJson(jsonOf({}), { isResourceSpansRequired: true })).toThrow(MalformedError);
});

test.each([
  { what: "text that is no JSON", bytes: Buffer.from("{") },
  { what: "an array", bytes: jsonOf([]) },
  { what: "spans that are an object", bytes: jsonOf({ resourceSpans: {} }) },
  { what: "a span that is a number", bytes: requestOf(5 as unknown as object) },
  { what: "a name that is a number", bytes: requestOf({ ...ids, name: 5 }) },
  { what: "a time that is a fraction", bytes: requestOf({ ...ids, startTimeUnixNano: 0.5 }) },
  { what: "a time beyond 64 bits", bytes: requestOf({ ...ids, startTimeUnixNano: "99999999999999999999" }) },
  {
    what: "a double that is a word",
    bytes: requestOf({ ...ids, attributes: [{ key: "a", value: { doubleValue: "x" } }] }),
  },
])("$what is malformed, and the error does not quote it", ({ bytes }) => {
  const decode = (): unknown => decodeTracesJson(bytes);

  expect(decode).toThrow(MalformedError);
  expect(decode).toThrow(expect.objectContaining({ reason: "invalid_json" }));
});

test("more JSON than is parsed is refused before it is parsed", () => {
  const bytes = Buffer.alloc(16_777_217, " ");

  expect(() => decodeTracesJson(bytes)).toThrow(expect.objectContaining({ reason: "too_large" }));
});

test("a span without what JSON leaves out is a span all the same", () => {
  expect(rowOf(requestOf(ids))).toMatchObject({ name: "", kind: 0, startNs: 0n, service: "unknown_service" });
});
