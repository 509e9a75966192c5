import { aSpan, encodeMessage, encodeTraces, type AttributeValue, type TestSpan } from "./otlp.ts";

export const utf8 = (text: string): Buffer => Buffer.from(text, "utf8");
export const hex = (text: string): Buffer => Buffer.from(text, "hex");

/** A protobuf field of wire type 2. */
export function field(number: number, content: Buffer, length = content.length): Buffer {
  const header: number[] = [(number << 3) | 2];
  let rest = length;
  for (; rest > 0x7f; rest = Math.floor(rest / 128)) header.push((rest % 128) | 0x80);
  header.push(rest);
  return Buffer.concat([Buffer.from(header), content]);
}

export const TRACE_ID = hex("0af7651916cd43dd8448eb211c80319c");
export const SPAN_ID = hex("b7ad6b7169203331");
/** Where a poison does not say otherwise, its span began then and took a millisecond. */
export const START_NS = 1_795_250_873_651_000_000n;
const START = { startTimeUnixNano: String(START_NS), endTimeUnixNano: String(START_NS + 1_000_000n) };

/** A request of one span with these fields in the place of good ones. */
export function request(span: object, resource: object = {}): Buffer {
  const good = { traceId: TRACE_ID, spanId: SPAN_ID, name: utf8("send orders"), kind: 4, ...START };
  return encodeMessage({ resourceSpans: [{ resource, scopeSpans: [{ spans: [{ ...good, ...span }] }] }] });
}

/** A request of one span whose bytes on the wire are given. */
export const rawSpan = (...parts: Buffer[]): Buffer => field(1, field(2, field(2, Buffer.concat(parts))));
export const GOOD_IDS = Buffer.concat([field(1, TRACE_ID), field(2, SPAN_ID)]);

export const span = (given: Partial<TestSpan>): Buffer =>
  encodeTraces([aSpan({ startNs: START_NS, ...given })]);
export const attributes = (given: { [key: string]: AttributeValue }): Buffer => span({ attributes: given });
export const json = (value: unknown): Buffer => utf8(JSON.stringify(value));
export const jsonSpan = (given: object): object => ({
  resourceSpans: [
    {
      scopeSpans: [
        {
          spans: [
            {
              traceId: TRACE_ID.toString("hex"),
              spanId: SPAN_ID.toString("hex"),
              name: "x",
              ...START,
              ...given,
            },
          ],
        },
      ],
    },
  ],
});

export const kafka = (given: { [key: string]: AttributeValue }): Buffer =>
  attributes({
    "messaging.system": "kafka",
    "messaging.operation.type": "process",
    "messaging.destination.name": "orders",
    "messaging.destination.partition.id": "0",
    "messaging.kafka.offset": 1,
    ...given,
  });

/** Arrays inside each other, written outside in: no encoder recurses this far. */
export function deepWire(levels: number): Buffer {
  let value: Buffer = Buffer.alloc(0);
  for (let level = 0; level < levels; level++) value = field(5, field(1, value));
  return rawSpan(GOOD_IDS, field(9, Buffer.concat([field(1, utf8("deep")), field(2, value)])));
}
