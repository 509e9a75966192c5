import type { Operation, RangeRole } from "./vocabulary.ts";

/** What a process said of itself. One object is shared by many spans of a `ResourceSpans`. */
export interface ResourceRow {
  /** SHA-256 of `attributes`, and of a NUL and `detail` where there is one, hex: the key under which it is stored once. */
  readonly hash: string;
  /** UTF-8 JSON object, already sanitised. */
  readonly attributes: Buffer;
  /**
   * The detail of the spans whose own is `null`: scope and flags, which most spans of a scope have in common. Beside them
   * `attributes` that the spans have in common, and `columns`: from a column to the attribute that it holds.
   */
  readonly detail: Buffer | null;
}

/** A span that the row's span points at. Attributes of the link are kept in {@link SpanRow.detail}. */
export interface LinkRow {
  /** 32 lower-case hex characters. */
  readonly traceId: string;
  /** 16 lower-case hex characters. */
  readonly spanId: string;
}

/** A contiguous range of offsets that the row's span is evidence of: `kafka_trail.offsets` and its kin. */
export interface OffsetRangeRow {
  readonly role: RangeRole;
  readonly topic: string;
  readonly partition: number;
  readonly firstOffset: bigint;
  /** Inclusive. A range is at most {@link OFFSET_RANGE_LENGTH_MAX} long; longer ones arrive in pieces. */
  readonly lastOffset: bigint;
}

/** Longest range stored as one row, so that a look-up by offset has a bounded place to look. */
export const OFFSET_RANGE_LENGTH_MAX = 4096;

/**
 * One span as the store knows it: decoded, normalised, sanitised and bounded, ready to be written.
 *
 * Every field is always present (one hidden class), absent values are `null`.
 */
export interface SpanRow {
  /** 32 lower-case hex characters, never all zero. */
  traceId: string;
  /** 16 lower-case hex characters, never all zero. */
  spanId: string;
  parentSpanId: string | null;
  /** Nanoseconds since 1970, 0 to 2^63-1. */
  startNs: bigint;
  /** Nanoseconds, 0 to 2^63-1: an end before its start counts as 0. */
  durationNs: bigint;
  service: string;
  name: string;
  /** OTLP's SpanKind, 0 to 5. */
  kind: number;
  /** OTLP's StatusCode: 0 unset, 1 ok, 2 error. A span with `error.type` counts as 2. */
  status: number;
  resource: ResourceRow;

  operation: Operation;
  /** The Kafka cluster's name as the span gives it, `""` where it gives none. */
  cluster: string;
  topic: string | null;
  partition: number | null;
  messageOffset: bigint | null;
  consumerGroup: string | null;
  messageKey: string | null;
  /** The message's own or business id, when an attribute carries one. Never the coordinates. */
  messageId: string | null;
  /** 1 for the first delivery. */
  attempt: number | null;
  /** Offsets directly before this one that hold no visible message. */
  voidBefore: number | null;

  /** UTF-8 JSON object of the attributes as they came, but for those that the resource's detail says how to give back. */
  attributes: Buffer;
  /** True where ingest wrote `attributes` itself, as jsonb takes them. What others wrote is looked through before it is stored. */
  isReadable: boolean;
  /** UTF-8 JSON object of what Jaeger shows and nobody asks by; `null` when the resource's is all of it. */
  detail: Buffer | null;
  links: readonly LinkRow[];
  ranges: readonly OffsetRangeRow[];
}

/** Where a write came from, as far as it matters for what is stored beside it. */
export interface QuarantineRow {
  readonly reason: string;
  /** Where it was seen: a source's name, and for Kafka its partition and offset. */
  readonly source: string;
  readonly partition: number | null;
  readonly sourceOffset: bigint | null;
  /** The undecodable bytes, cut at 64 KiB. */
  readonly bytes: Buffer;
  /** Their full length. */
  readonly bytesTotal: number;
}
