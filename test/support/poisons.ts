import { attributes, deepWire, field, GOOD_IDS, hex, json, jsonSpan, kafka } from "./poison-bytes.ts";
import { rawSpan, request, span, SPAN_ID, TRACE_ID, utf8 } from "./poison-bytes.ts";
import { keyValues } from "./otlp.ts";

/** A record of the span topic (or a request of one) that some sender, or some network, made badly. */
export interface Poison {
  readonly name: string;
  readonly bytes: Buffer;
  /**
   * `quarantined`: the reason under which the record, or the one span in it, is put aside. `stored`: its one span is
   * stored all the same; the array holds the marks in `detail.sanitized`.
   */
  readonly expected: { readonly quarantined: string } | { readonly stored: readonly string[] };
}

const quarantined = (name: string, reason: string, bytes: Buffer): Poison => ({
  name,
  bytes,
  expected: { quarantined: reason },
});
const stored = (name: string, marks: readonly string[], bytes: Buffer): Poison => ({
  name,
  bytes,
  expected: { stored: marks },
});

const whole = span({ attributes: { "messaging.system": "kafka" } });

const OTHER_ENCODINGS: Poison[] = [
  quarantined("plain text", "unknown_encoding", utf8("hello world")),
  quarantined("zeros", "unknown_encoding", Buffer.alloc(64)),
  quarantined("64 KiB of 0xff", "unknown_encoding", Buffer.alloc(65_536, 0xff)),
  quarantined("gzip inside the record", "unknown_encoding", hex("1f8b0800000000000003")),
  quarantined("snappy frame", "unknown_encoding", utf8("\xffsNaPpY")),
  quarantined("Zipkin JSON", "unknown_encoding", json([{ traceId: "a", id: "b" }])),
  quarantined("OTLP/JSON of logs", "unknown_encoding", json({ resourceLogs: [] })),
  quarantined("an empty JSON object", "unknown_encoding", json({})),
  quarantined(
    "OTLP protobuf of logs",
    "invalid_trace_id",
    field(1, field(2, field(2, hex("090100000000000000")))),
  ),
  quarantined("one string where spans belong", "truncated", field(1, field(2, utf8("\x12hello")))),
];

const BAD_JSON: Poison[] = [
  quarantined("half of a JSON text", "invalid_json", json(jsonSpan({})).subarray(0, 90)),
  quarantined(
    "spans that are an object",
    "invalid_json",
    json({ resourceSpans: [{ scopeSpans: [{ spans: {} }] }] }),
  ),
  quarantined("a name that is a number", "invalid_json", json(jsonSpan({ name: 5 }))),
  quarantined("a time beyond 64 bits", "invalid_json", json(jsonSpan({ startTimeUnixNano: "1".repeat(30) }))),
  quarantined(
    "JSON 100,000 deep",
    "invalid_json",
    utf8(`{"resourceSpans":${"[".repeat(100_000)}${"]".repeat(100_000)}}`),
  ),
  quarantined("ids that are not hex", "invalid_trace_id", json(jsonSpan({ traceId: "z".repeat(32) }))),
];

const BAD_FRAMING: Poison[] = [
  quarantined("half of a request", "truncated", whole.subarray(0, whole.length >> 1)),
  quarantined("one byte too few", "truncated", whole.subarray(0, -1)),
  quarantined("an attribute longer than its span", "truncated", rawSpan(GOOD_IDS, field(9, utf8("x"), 5))),
  quarantined(
    "a text longer than its attribute",
    "truncated",
    rawSpan(GOOD_IDS, field(9, field(1, utf8("k"), 9))),
  ),
  quarantined("a length of 2^31", "invalid_protobuf", rawSpan(GOOD_IDS, field(9, utf8("x"), 2 ** 31))),
  quarantined("a varint of 11 bytes", "invalid_protobuf", rawSpan(GOOD_IDS, hex("30ffffffffffffffffffff01"))),
  quarantined(
    "a varint that never ends",
    "invalid_protobuf",
    rawSpan(GOOD_IDS, hex("30"), Buffer.alloc(200, 0xff)),
  ),
  quarantined("field number 0", "invalid_protobuf", rawSpan(GOOD_IDS, hex("0001"))),
  quarantined("wire type 7", "invalid_protobuf", rawSpan(GOOD_IDS, hex("af06"))),
  quarantined("a group that never ends", "truncated", rawSpan(GOOD_IDS, hex("fb06"))),
  quarantined("a group that ends as another", "invalid_protobuf", rawSpan(GOOD_IDS, hex("fb06e406"))),
  quarantined(
    "1,000 groups inside each other",
    "invalid_protobuf",
    rawSpan(GOOD_IDS, hex("fb06".repeat(1_000))),
  ),
  quarantined("65,537 empty spans", "too_many_spans", field(1, field(2, Buffer.alloc(131_074, hex("1200"))))),
];

const BAD_IDS: Poison[] = [
  quarantined("a trace id of zeros", "invalid_trace_id", request({ traceId: Buffer.alloc(16) })),
  quarantined("no trace id", "invalid_trace_id", request({ traceId: Buffer.alloc(0) })),
  quarantined("a trace id of 8 bytes", "invalid_trace_id", request({ traceId: SPAN_ID })),
  quarantined("a trace id of 17 bytes", "invalid_trace_id", request({ traceId: Buffer.alloc(17, 1) })),
  quarantined("a span id of zeros", "invalid_span_id", request({ spanId: Buffer.alloc(8) })),
  quarantined("a span id of 4 bytes", "invalid_span_id", request({ spanId: Buffer.alloc(4, 1) })),
  stored("a parent id of 3 bytes", ["invalid_parent_id"], request({ parentSpanId: Buffer.alloc(3, 1) })),
  stored(
    "a link with a trace id of zeros",
    ["invalid_link"],
    span({ links: [{ traceId: "0".repeat(32), spanId: "ab" }] }),
  ),
];

const BAD_TEXT: Poison[] = [
  stored("NUL in the span's name", ["nul"], span({ name: "a\0b" })),
  stored("NUL in the service's name", ["nul"], span({ service: "a\0b" })),
  stored("NUL in an attribute's key", ["nul"], attributes({ "a\0b": 1 })),
  stored("NUL in an attribute's value", ["nul"], attributes({ a: "b\0c" })),
  stored("NUL in a message's key", ["nul"], kafka({ "messaging.kafka.message.key": "a\0b" })),
  stored("NUL in a status message", ["nul"], span({ status: { code: 2, message: "a\0b" } })),
  stored(
    "NUL in an event",
    ["nul"],
    span({ events: [{ timeNs: 1n, name: "a\0b", attributes: { "c\0": "\0" } }] }),
  ),
  stored("NUL in the trace state", ["nul"], span({ traceState: "a=\0" })),
  stored("invalid UTF-8 in a name", ["invalid_utf8"], request({ name: hex("61ff62") })),
  stored("UTF-8 cut in a character", ["invalid_utf8"], request({ name: hex("61e298") })),
  stored("an overlong NUL", ["invalid_utf8"], request({ name: hex("c080") })),
  stored("half of a surrogate pair", ["invalid_utf8"], request({ name: hex("eda080") })),
  stored(
    "invalid UTF-8 in an attribute",
    ["invalid_utf8"],
    request({ attributes: [{ key: hex("ff"), value: { stringValue: hex("fefe") } }] }),
  ),
  stored(
    "half of a surrogate pair in JSON",
    [],
    utf8(JSON.stringify(jsonSpan({ name: "NAME" })).replace("NAME", "\\ud800")),
  ),
  stored("control characters and quotes", [], attributes({ 'a"\\\n\u0001': '\u001b]0;x\u0007"\\' })),
  stored(
    "keys that JavaScript is afraid of",
    [],
    attributes({ constructor: 1, toString: 2, hasOwnProperty: "x" }),
  ),
  stored(
    "__proto__ as a key",
    [],
    request({
      attributes: [
        { key: utf8("__proto__"), value: { kvlistValue: { values: keyValues({ polluted: 1 }) } } },
      ],
    }),
  ),
  stored(
    "an empty key, an empty value, no value",
    [],
    request({ attributes: [{ value: {} }, { key: utf8("a") }, {}] }),
  ),
  stored("one key three times", [], request({ attributes: [1, 2, 3].flatMap((n) => keyValues({ a: n })) })),
];

const GIANTS: Poison[] = [
  stored("an attribute of 1 MiB", ["cut"], attributes({ a: "x".repeat(1_048_576) })),
  stored("bytes of 1 MiB", ["cut"], attributes({ a: Buffer.alloc(1_048_576, 7) })),
  stored("an attribute's key of 100 KB", ["cut"], attributes({ ["k".repeat(100_000)]: 1 })),
  stored("a name of 1 MiB", ["cut"], span({ name: "é".repeat(524_288) })),
  stored("a service's name of 100 KB", ["cut"], span({ service: "s".repeat(100_000) })),
  stored("a message's key of 100 KB", ["cut"], kafka({ "messaging.kafka.message.key": "k".repeat(100_000) })),
  stored("a group's name of 10 KB", ["cut"], kafka({ "messaging.consumer.group.name": "g".repeat(10_000) })),
  stored(
    "a map of 100,000 elements",
    ["cut"],
    attributes({ a: Array.from({ length: 100_000 }, (_, i) => i) }),
  ),
  stored("an array 10,000 deep", ["too_deep"], deepWire(10_000)),
  stored("an array 33 deep", ["too_deep"], deepWire(33)),
  stored("an array 32 deep", [], deepWire(32)),
  stored(
    "10,000 attributes",
    [],
    attributes(Object.fromEntries(Array.from({ length: 10_000 }, (_, i) => [`a${i}`, i]))),
  ),
  stored(
    "128 attributes that make 1.5 MB of escapes",
    [],
    attributes(Object.fromEntries(Array.from({ length: 128 }, (_, i) => [`a${i}`, "\u0001".repeat(2_000)]))),
  ),
  stored(
    "10,000 events",
    [],
    span({ events: Array.from({ length: 10_000 }, (_, i) => ({ timeNs: BigInt(i), name: "e" })) }),
  ),
  stored(
    "10,000 links",
    [],
    span({
      links: Array.from({ length: 10_000 }, () => ({
        traceId: TRACE_ID.toString("hex"),
        spanId: SPAN_ID.toString("hex"),
      })),
    }),
  ),
];

const BAD_NUMBERS: Poison[] = [
  stored("NaN and infinities", [], attributes({ a: NaN, b: Infinity, c: -Infinity })),
  stored("the largest and smallest doubles", [], attributes({ a: Number.MAX_VALUE, b: 5e-324 })),
  stored(
    "1e200000 in JSON",
    [],
    utf8(
      JSON.stringify(jsonSpan({ attributes: [{ key: "a", value: { doubleValue: 1.5 } }] })).replace(
        "1.5",
        "1e200000",
      ),
    ),
  ),
  stored("64-bit integers", [], attributes({ a: 2n ** 63n - 1n, b: -(2n ** 63n), c: 2n ** 53n + 1n })),
  stored(
    "a start at 2^64-1 ns",
    ["time_out_of_range"],
    request({ startTimeUnixNano: "18446744073709551615", endTimeUnixNano: "18446744073709551615" }),
  ),
  stored(
    "a start at 2^63 ns",
    ["end_before_start", "time_out_of_range"],
    request({ startTimeUnixNano: "9223372036854775808", endTimeUnixNano: "5" }),
  ),
  stored("a start in 1970", [], request({ startTimeUnixNano: "0", endTimeUnixNano: "1" })),
  stored(
    "a start in 2100",
    [],
    request({ startTimeUnixNano: "4102444800000000000", endTimeUnixNano: "4102444800000000001" }),
  ),
  stored("no end", ["end_before_start"], request({ endTimeUnixNano: "0" })),
  stored("a kind and a status that do not exist", [], request({ kind: 99, status: { code: 77 } })),
  stored("a negative kind", [], request({ kind: -1 })),
  stored("an offset beyond 64 bits", [], kafka({ "messaging.kafka.offset": "18446744073709551616" })),
  stored("a partition beyond 32 bits", [], kafka({ "messaging.destination.partition.id": "4294967296" })),
  stored(
    "a topic that Kafka would refuse",
    [],
    kafka({ "messaging.destination.name": "a/b c'; DROP TABLE spans" }),
  ),
  stored(
    "a range of all offsets",
    ["ranges_dropped"],
    kafka({ "kafka_trail.offsets": ["orders/0/0-9223372036854775807"] }),
  ),
  stored(
    "ranges that are none",
    [],
    kafka({ "kafka_trail.offsets": ["orders/0/9-1", "", "orders", "orders/x/1-2"] }),
  ),
];

/** Every kind of bad record we know of. */
export const POISONS: readonly Poison[] = [
  ...OTHER_ENCODINGS,
  ...BAD_JSON,
  ...BAD_FRAMING,
  ...BAD_IDS,
  ...BAD_TEXT,
  ...GIANTS,
  ...BAD_NUMBERS,
];
