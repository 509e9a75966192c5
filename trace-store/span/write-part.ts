import type { QuarantineRow, SpanRow } from "./span-row.ts";

/** One partition of one life of a span topic, as a place that spans come from. */
export interface SourcePartition {
  /** The broker's own cluster id. */
  readonly clusterId: string;
  readonly topic: string;
  readonly partition: number;
  /** 1 for the first life of the topic that the store saw. */
  readonly incarnation: number;
}

/** How far a source is read once a write is durable: from `from` (what the store holds now) to `to`, the next to read. */
export interface SourceAdvance extends SourcePartition {
  readonly from: bigint;
  readonly to: bigint;
}

/** One record among those of a part. */
export interface SourceRecord {
  readonly offset: bigint;
  /** Index of its first row; the next record's says where they end. */
  readonly firstRow: number;
}

/** What is written together or not at all: the rows of one piece of one source, and how far it advances that source. */
export interface WritePart {
  /** `null` for OTLP, whose sender asks again by itself. */
  readonly advance: SourceAdvance | null;
  readonly rows: SpanRow[];
  readonly quarantined: QuarantineRow[];
  /** In order, the records of the source that the rows came in: a row that Postgres refuses is named by its own. */
  readonly records?: readonly SourceRecord[];
  /** Hashes of entries of quarantine that the rows come from: gone with the same commit. */
  readonly released?: readonly Buffer[];
  /** What the part holds in memory, estimated. */
  readonly bytes: number;
}

/**
 * What became of a part. `stored`: durable. `fenced`: somebody else moved the source meanwhile, nothing of the part is
 * kept, read again from where the store says. `stopped`: the store went down before it was tried.
 */
export type PartOutcome = "stored" | "fenced" | "stopped";

/** What Kafka says of a partition of the span topic at the time of asking. */
export interface SourceLog {
  readonly partition: number;
  readonly logStart: bigint;
  readonly logEnd: bigint;
}

/** Which topic is asked about. */
export interface SourceIdentity {
  readonly clusterId: string;
  readonly topic: string;
}

/** What Kafka says of the span topic at the time of asking. */
export interface SeenSource {
  /** Kafka's id of the topic; `null` where the broker tells none. */
  readonly topicId: string | null;
  /** Every partition of the topic. */
  readonly logs: readonly SourceLog[];
}

/** Where to go on reading a partition. */
export interface ResumePosition {
  readonly incarnation: number;
  readonly next: bigint;
}
