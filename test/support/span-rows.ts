import { createHash, randomBytes } from "node:crypto";
import type { ResourceRow, SpanRow } from "../../trace-store/span/span-row.ts";
import { Operation } from "../../trace-store/span/vocabulary.ts";
import type { SourceAdvance, WritePart } from "../../trace-store/span/write-part.ts";

/** What a process said of itself, as a row. */
export function aResource(
  attributes: Readonly<Record<string, unknown>> = { "service.name": "shop" },
): ResourceRow {
  const bytes = Buffer.from(JSON.stringify(attributes));
  return { hash: createHash("sha256").update(bytes).digest("hex"), attributes: bytes, detail: null };
}

const SHOP = aResource();

/** Nanoseconds since 1970 of a moment. */
export const nsOf = (moment: Date | string): bigint => BigInt(new Date(moment).getTime()) * 1_000_000n;

/** A span that started just now, about no message, unless said otherwise. */
export function aSpanRow(given: Partial<SpanRow> = {}): SpanRow {
  return {
    traceId: randomBytes(16).toString("hex"),
    spanId: randomBytes(8).toString("hex"),
    parentSpanId: null,
    startNs: nsOf(new Date()),
    durationNs: 1_000_000n,
    service: "shop",
    name: "work",
    kind: 1,
    status: 0,
    resource: SHOP,
    operation: Operation.none,
    cluster: "",
    topic: null,
    partition: null,
    messageOffset: null,
    consumerGroup: null,
    messageKey: null,
    messageId: null,
    attempt: null,
    voidBefore: null,
    attributes: Buffer.from("{}"),
    isReadable: false,
    detail: null,
    links: [],
    ranges: [],
    ...given,
  };
}

/** The span of a message's send. */
export function aSend(
  topic: string,
  partition: number,
  messageOffset: bigint,
  given: Partial<SpanRow> = {},
): SpanRow {
  return aSpanRow({
    kind: 4,
    operation: Operation.send,
    name: `send ${topic}`,
    topic,
    partition,
    messageOffset,
    ...given,
  });
}

/** The span of one group's handling of a message. */
export function aProcess(
  topic: string,
  partition: number,
  messageOffset: bigint,
  consumerGroup: string,
  given: Partial<SpanRow> = {},
): SpanRow {
  return aSpanRow({
    kind: 5,
    operation: Operation.process,
    name: `process ${topic}`,
    topic,
    partition,
    messageOffset,
    consumerGroup,
    ...given,
  });
}

/** So many different spans. */
export const spanRows = (count: number): SpanRow[] => Array.from({ length: count }, () => aSpanRow());

/** What came from a source without offsets. */
export function aPart(rows: SpanRow[], given: Partial<WritePart> = {}): WritePart {
  return { advance: null, rows, quarantined: [], bytes: 0, ...given };
}

/** A step of the span topic's partition 0, in its first life. */
export function anAdvance(from: number, to: number, given: Partial<SourceAdvance> = {}): SourceAdvance {
  return {
    clusterId: "test-cluster",
    topic: "otlp_spans",
    partition: 0,
    incarnation: 1,
    from: BigInt(from),
    to: BigInt(to),
    ...given,
  };
}
