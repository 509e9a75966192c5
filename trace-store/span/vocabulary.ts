/**
 * What a span's process did with messages. Stored as a small integer; the views spell it.
 * `create` to `settle` are the conventions' operation types; the rest are kafka-trail's own.
 */
export const Operation = {
  none: 0,
  create: 1,
  send: 2,
  receive: 3,
  process: 4,
  settle: 5,
  /** An ended span that says: the same work is still going on. */
  inProgress: 6,
  /** What a consumer held between assignment and revocation. */
  session: 7,
} as const;
export type Operation = (typeof Operation)[keyof typeof Operation];

/** What a span's range of offsets is evidence of. Stored as a small integer; the views spell it. */
export const RangeRole = {
  sent: 1,
  processed: 2,
  failed: 3,
  notReached: 4,
  committed: 5,
  /** Ranges of a transaction that was aborted. */
  aborted: 6,
  /** Ranges of a transaction that was committed. */
  transactionCommitted: 7,
  /** Positions that a consumer's session went through. */
  held: 8,
  /** Positions that a consumer's session jumped over by seek or reset. */
  skipped: 9,
  /** The message that this span's message is a forwarded copy of. */
  origin: 10,
  received: 11,
  /** Offsets that a batch found to hold no visible message. */
  void: 12,
  /** Handed over together with others; nothing is told of what became of this one. */
  handed: 13,
} as const;
export type RangeRole = (typeof RangeRole)[keyof typeof RangeRole];
