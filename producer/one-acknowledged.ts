import type { OffsetRange } from "../trace-context/index.ts";
import { readOffset } from "./answers.ts";
import type { RecordMetadata } from "./client-shape.ts";
import type { Fate, SendFacts, SentPart } from "./sent.ts";

/**
 * One message in the partition that the partitioner chose, and one answer, from that very partition: nearly every send
 * of one message. With the tables that any other send needs its end took 8 us where caches are cold; now 4.5.
 */
export class OneAcknowledged {
  readonly unacknowledged = 0;
  readonly isSuspect = false;
  readonly #topic: string;
  readonly #fate: Fate & { readonly partition: number; readonly messageOffset: bigint };

  /** Returns `undefined` for anything else. */
  static of(parts: readonly SentPart[], metadata: unknown, facts: SendFacts): OneAcknowledged | undefined {
    if (facts.isUnanswered || parts.length !== 1 || !Array.isArray(metadata) || metadata.length !== 1) {
      return undefined;
    }
    const { topic, sent } = parts[0]!;
    const placement = sent[0]?.placement;
    if (sent.length !== 1 || placement?.partition === undefined || placement.earlier !== undefined) {
      return undefined;
    }
    const answer = metadata[0] as RecordMetadata | null | undefined;
    if (typeof answer !== "object" || answer === null) return undefined;
    const { topicName, partition, baseOffset, offset } = answer;
    if (topicName !== topic || partition !== placement.partition) return undefined;
    const messageOffset = readOffset(baseOffset ?? offset);
    return messageOffset === undefined ? undefined : new OneAcknowledged(topic, partition, messageOffset);
  }

  private constructor(topic: string, partition: number, messageOffset: bigint) {
    this.#topic = topic;
    this.#fate = { partition, messageOffset, isUnacknowledged: false, isSuspect: false };
  }

  get ranges(): readonly OffsetRange[] {
    const { partition, messageOffset } = this.#fate;
    return [{ topic: this.#topic, partition, firstOffset: messageOffset, lastOffset: messageOffset }];
  }

  fateOf(): Fate {
    return this.#fate;
  }
}
