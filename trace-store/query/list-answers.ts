import type { Freshness, GroupVerdict, MessagePlace } from "./answers.ts";

/** One message that a group has not dealt with. Field for field a row of `trail.undelivered(...)`. */
export interface UndeliveredMessage extends MessagePlace {
  readonly verdict: GroupVerdict;
  readonly why: string;
  readonly sentAt: string | null;
  readonly messageKey: string | null;
  readonly traceId: string | null;
}

export interface UndeliveredAnswer {
  readonly consumerGroup: string;
  readonly messages: readonly UndeliveredMessage[];
  /** Hand this to the next question; `null` at the end. */
  readonly next: { readonly partition: number; readonly messageOffset: string } | null;
  readonly freshness: Freshness;
}

/** One partition's coverage, by its producers or by one group. Field for field a row of `trail.coverage(...)`. */
export interface CoverageRow {
  readonly cluster: string;
  readonly topic: string;
  readonly partition: number;
  /** `null`: the producers. */
  readonly consumerGroup: string | null;
  /** Offsets since the first sight. */
  readonly offsets: string;
  readonly void: string;
  readonly seen: string;
  /** Offsets that nobody has told of. */
  readonly unaccounted: string;
  /** `seen / (offsets - void)`, 0 to 1; `null` where there is nothing to see. */
  readonly ratio: number | null;
  /** Only the bounds of what was seen are kept here, so `seen` is an upper bound. */
  readonly isSampled: boolean;
  readonly since: string;
}

export interface CoverageAnswer {
  readonly rows: readonly CoverageRow[];
  readonly freshness: Freshness;
}

/** One group on one partition. Field for field a row of `trail.groups`. */
export interface GroupRow {
  readonly cluster: string;
  readonly consumerGroup: string;
  /** Kafka's word; `null` where the broker was never asked. */
  readonly state: string | null;
  /** `null`: not known, as for groups of the new protocol. */
  readonly members: number | null;
  readonly topic: string;
  readonly partition: number;
  readonly committed: string;
  readonly committedAt: string;
  readonly logStart: string;
  readonly logEnd: string;
  /** Void offsets are not counted. */
  readonly lagMessages: string;
  /** Offsets that retention took before the group had read them. */
  readonly expiredMessages: string;
}

export interface GroupsAnswer {
  readonly rows: readonly GroupRow[];
  readonly freshness: Freshness;
}
