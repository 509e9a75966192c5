import protobuf from "protobufjs";
import { aSpan, encodeTraces, type AttributeValue, type TestSpan } from "./otlp.ts";
import { TracesData } from "./otlp-schema.ts";

/** Numbers that come again with the same seed. */
export function random(seed: number): (below: number) => number {
  let state = seed >>> 0 || 1;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}
type Random = (below: number) => number;

const TEXTS = [
  "orders",
  "",
  "naïve ☕ 😀",
  'a "quoted" \\ line\n\t\u0001',
  "nul\0inside",
  "x".repeat(2_100),
  "__proto__",
];
const KEYS = [
  "messaging.system",
  "messaging.operation.type",
  "messaging.operation.name",
  "messaging.destination.name",
  "messaging.destination.partition.id",
  "messaging.kafka.offset",
  "messaging.kafka.message.key",
  "messaging.message.id",
  "messaging.consumer.group.name",
  "kafka_trail.offsets",
  "kafka_trail.origin",
  "error.type",
  "k".repeat(300),
  "__proto__",
  "",
];
const LONGS = [0n, 1n, -1n, 2n ** 53n, 2n ** 53n + 1n, -(2n ** 53n) - 1n, 2n ** 63n - 1n, -(2n ** 63n)];
const DOUBLES = [0.5, NaN, Infinity, -Infinity, 1e308, 5e-324, -0.1];
const TIMES = [0n, 1n, 1_795_250_873_651_000_123n, 2n ** 63n - 1n, 2n ** 63n, 2n ** 64n - 1n];

function pick<T>(values: readonly T[], next: Random): T {
  return values[next(values.length)] as T;
}

function value(next: Random, depth: number): AttributeValue {
  switch (next(depth > 3 ? 6 : 8)) {
    case 0:
      return pick(TEXTS, next);
    case 1:
      return "kafka";
    case 2:
      return pick(LONGS, next);
    case 3:
      return pick(DOUBLES, next);
    case 4:
      return next(2) === 0;
    case 5:
      return next(4) === 0 ? null : Buffer.from([0, 255, next(256)]);
    case 6:
      return next(2) === 0
        ? ["orders/1/5-9", `orders/2/${next(9)}-9`]
        : Array.from({ length: next(4) }, () => value(next, depth + 1));
    default:
      return attributes(next, depth + 1);
  }
}

function attributes(next: Random, depth = 0): { [key: string]: AttributeValue } {
  return Object.fromEntries(Array.from({ length: next(6) }, () => [pick(KEYS, next), value(next, depth)]));
}

/** A span with any of the odd things that a span may hold. */
export function oddSpan(next: Random): TestSpan {
  return aSpan({
    name: pick(TEXTS, next),
    kind: next(7),
    startNs: pick(TIMES, next),
    endNs: pick(TIMES, next),
    parentSpanId: pick(["", "0000000000000000", "00000000000000ab", "ab"], next),
    traceState: pick(["", "a=b", "\0"], next),
    attributes: {
      ...(next(3) > 0 && {
        "messaging.system": "kafka",
        "messaging.operation.type": pick(["send", "process", "receive"], next),
        "messaging.destination.name": "orders",
        "messaging.destination.partition.id": String(next(3)),
        "messaging.kafka.offset": pick<AttributeValue>([4711, "4712", -1001, 2n ** 63n - 1n], next),
      }),
      ...attributes(next),
    },
    events: Array.from({ length: next(3) }, () => ({
      timeNs: pick(TIMES, next),
      name: pick(TEXTS, next),
      attributes: attributes(next),
    })),
    links: Array.from({ length: next(3) }, () => ({
      traceId: pick(["0af7651916cd43dd8448eb211c80319c", "00", "0".repeat(32)], next),
      spanId: "b7ad6b7169203331",
      attributes:
        next(2) === 0 ? {} : { "messaging.kafka.offset": 3, "messaging.destination.partition.id": "1" },
    })),
    status: pick([{}, { code: 2, message: "no\0" }, { code: 7 }], next),
    flags: pick([0, 0x101, 0x301, 0xffffffff], next),
    service: pick(["checkout", "", "bill\0ing"], next),
    resource: attributes(next),
    scope: { name: pick(["", "kafka-trail"], next), version: pick(["", "1"], next) },
  });
}

/** A well-formed request of one to three odd spans. */
export function oddRequest(next: Random): Buffer {
  return encodeTraces(Array.from({ length: 1 + next(3) }, () => oddSpan(next)));
}

/** Changes a request so that most of it still looks like one: its bytes, or its fields. */
export function mutate(request: Buffer, other: Buffer, next: Random): Buffer {
  const isReshuffled = next(2) === 0;
  let bytes = isReshuffled ? reshuffle(request, TracesData, next) : Buffer.from(request);
  if (isReshuffled && next(2) === 0) return bytes;
  for (let count = 1 + next(3); count > 0; count--) bytes = mutateBytes(bytes, other, next);
  return bytes;
}

function mutateBytes(bytes: Buffer, other: Buffer, next: Random): Buffer {
  const at = next(bytes.length + 1);
  switch (next(6)) {
    case 0:
      if (at < bytes.length) bytes[at] = next(256);
      return bytes;
    case 1:
      if (at < bytes.length) bytes[at] = (bytes[at] as number) ^ (1 << next(8));
      return bytes;
    case 2:
      return bytes.subarray(0, at);
    case 3:
      return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1 + next(3))]);
    case 4: {
      const inserted = Buffer.from(
        Array.from({ length: 1 + next(12) }, () => (next(2) === 0 ? 0xff : next(256))),
      );
      return Buffer.concat([bytes.subarray(0, at), inserted, bytes.subarray(at)]);
    }
    default: {
      const from = next(other.length + 1);
      return Buffer.concat([
        bytes.subarray(0, at),
        other.subarray(from, from + next(40)),
        bytes.subarray(at),
      ]);
    }
  }
}

/** Fields that no schema knows: a varint, 8 bytes, a string, a group with a field in it, 4 bytes; and broken ones. */
const UNKNOWN_FIELDS = [
  "f80601",
  "f9060000000000000000",
  "fa060161",
  "fb060801fc06",
  "fd0600000000",
  // A group that ends as another, and a varint of eleven bytes.
  "fb06e406",
  "f806ffffffffffffffffffff01",
];

/** Drops, repeats, swaps and adds fields of a message, and of the messages inside it, with all lengths right again. */
function reshuffle(bytes: Uint8Array, type: protobuf.Type, next: Random): Buffer {
  const reader = protobuf.Reader.create(bytes);
  const fields: Buffer[] = [];
  while (reader.pos < reader.len) {
    const start = reader.pos;
    const tag = reader.uint32();
    const inner = type.fieldsById[tag >>> 3]?.resolve().resolvedType;
    if ((tag & 7) === 2 && inner instanceof protobuf.Type && next(2) === 0) {
      const nested = reshuffle(reader.bytes(), inner, next);
      fields.push(Buffer.from(protobuf.Writer.create().uint32(tag).bytes(nested).finish()));
    } else {
      reader.skipType(tag & 7, 0, tag >>> 3);
      fields.push(Buffer.from(bytes.subarray(start, reader.pos)));
    }
  }
  const at = next(fields.length + 1);
  const field = fields[at];
  switch (next(8)) {
    case 0:
      if (field) fields.push(field);
      break;
    case 1:
      fields.splice(at, 1);
      break;
    case 2:
      fields.reverse();
      break;
    case 3:
      fields.splice(at, 0, Buffer.from(pick(UNKNOWN_FIELDS, next), "hex"));
      break;
  }
  return Buffer.concat(fields);
}
