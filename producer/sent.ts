import type { Placement } from "./partitioner.ts";

/** What is known of one message after its send resolved. */
export interface Fate {
  /** `undefined` where it cannot be known. */
  readonly partition: number | undefined;
  /** `undefined` where it cannot be known: never guessed. */
  readonly messageOffset: bigint | undefined;
  /** True: the send resolved, and no broker acknowledged this message. */
  readonly isUnacknowledged: boolean;
  /** True: a retry moved the message to another partition, so it may be lost, doubled or neither. */
  readonly isSuspect: boolean;
}

/** A message as far as its place is concerned. */
export interface Sent {
  /** Where the partitioner put it; `undefined` where that is out of reach. */
  readonly placement: Placement | undefined;
  /** Partition that the app named. */
  readonly named: number | undefined;
}

/** The messages of one topic, as one part of a send. */
export interface SentPart {
  readonly topic: string;
  readonly sent: readonly Sent[];
}

/** What is known of the client and the call. */
export interface SendFacts {
  /** True where the client writes one record batch a partition, so that a message's rank is its distance to the first. */
  readonly isOneBatchPerPartition: boolean;
  /** True where no broker answers: acks 0. */
  readonly isUnanswered: boolean;
}
