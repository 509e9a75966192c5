import type { MessageBatch } from "./client-shape.ts";
import { timestampOf } from "./message-work.ts";
import { holesOf, runsOf, spellRuns, type OffsetRun } from "./offset-ranges.ts";

/**
 * What a batch held when it was handed over, noted before the handler runs: an app may sort, cut or empty the array it is
 * given. Numbers only: a kept message would keep a whole fetch in memory.
 */
export class NotedBatch {
  readonly topic: string;
  readonly partition: number;
  /** Ascending. */
  readonly offsets: readonly number[];
  /** Timestamp of the first message, 0 where it has none. */
  readonly firstTimestampMs: number;
  readonly latestTimestampMs: number;
  /** The fetch covers every offset from here, */
  readonly knownFrom: number;
  /** to here: those that are not among the messages hold no visible message. */
  readonly knownTo: number;
  /** True where `knownFrom` is the very position that the client asked the broker for. */
  readonly isPositionKnown: boolean;

  constructor(batch: MessageBatch) {
    const { messages, fetchedOffset } = batch;
    this.topic = batch.topic;
    this.partition = batch.partition;
    const offsets: number[] = [];
    let latestTimestampMs = 0;
    for (const message of messages) {
      offsets.push(Number(message.offset));
      latestTimestampMs = Math.max(latestTimestampMs, timestampOf(message));
    }
    this.offsets = offsets;
    this.latestTimestampMs = latestTimestampMs;
    this.firstTimestampMs = messages[0] === undefined ? 0 : timestampOf(messages[0]);
    this.isPositionKnown = fetchedOffset !== undefined;
    this.knownFrom = fetchedOffset === undefined ? this.first : Number(fetchedOffset);
    this.knownTo = typeof batch.lastOffset === "function" ? Number(batch.lastOffset()) : this.last;
  }

  get first(): number {
    return this.offsets[0] ?? 0;
  }

  get last(): number {
    return this.offsets[this.offsets.length - 1] ?? 0;
  }

  /** Spells some of the batch's offsets as ranges. */
  spell(offsets: readonly number[]): string[] {
    return this.#spellRuns(runsOf(offsets));
  }

  /**
   * Spells the offsets that hold no visible message: those that the fetch covers, and the `voidBefore` ones in front of
   * its first message, of which fetches without any message may have told.
   */
  spellVoid(voidBefore = 0): string[] {
    const from = Math.min(this.knownFrom, this.first - voidBefore);
    return this.#spellRuns(holesOf(runsOf(this.offsets), from, this.knownTo));
  }

  #spellRuns(runs: readonly OffsetRun[]): string[] {
    return spellRuns(this.topic, this.partition, runs);
  }
}
