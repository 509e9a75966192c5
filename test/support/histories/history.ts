/** What is known of one partition of one topic, as it was stored: the whole evidence, and nothing else. Times in ms. */
export interface History {
  /** From the oldest to the present one. */
  readonly lives: readonly Life[];
  readonly asOfMs: number;
  readonly isBrokerSeen: boolean;
}

/** One life of the topic. */
export interface Life {
  readonly bornAtMs: number;
  logStart: number;
  /** Retention's steps: from then on the log began there. */
  readonly logStarts: { readonly atMs: number; readonly logStart: number }[];
  logEnd: number;
  readonly sends: { readonly offset: number; readonly startMs: number; readonly endMs: number }[];
  readonly aborted: Set<number>;
  readonly voids: Set<number>;
  readonly groups: Map<string, GroupEvidence>;
}

/** Everything known of one group in one life. */
export interface GroupEvidence {
  readonly name: string;
  /** In their order. Empty: the group is known by its spans alone. */
  readonly commits: { readonly atMs: number; readonly committed: number }[];
  /** The watcher's; `null` without a commit. */
  firstPosition: number | null;
  /** Ranges that retention took before the group: from inclusive, to exclusive. */
  readonly expired: { readonly from: number; readonly to: number }[];
  isGone: boolean;
  readonly attempts: Attempt[];
  readonly copies: Copy[];
  readonly skipped: Set<number>;
  readonly held: Set<number>;
}

export interface Attempt {
  readonly offset: number;
  readonly startMs: number;
  readonly endMs: number;
  readonly outcome: "ok" | "failed" | "in_progress";
  /** Told by the range of a batch's span instead of a span of its own. */
  readonly isBatch: boolean;
}

export interface Copy {
  readonly offset: number;
  readonly to: "dead letter" | "retry" | "plain";
  /** Named as its origin, sent below an attempt, or linked to one. */
  readonly how: "origin" | "below" | "link";
  /** Index in `attempts`, for the last two. */
  readonly attempt: number;
}

export const COPY_TOPICS = {
  "dead letter": "orders.dlq",
  retry: "orders.retry",
  plain: "shipments",
} as const;
