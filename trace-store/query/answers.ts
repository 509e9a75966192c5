/**
 * What the doors hand out. Everything is JSON as it stands: 64-bit numbers are decimal strings, ids are lower-case hex,
 * times are RFC 3339 in UTC with microseconds, what is not known is `null`, and nothing is `undefined`.
 */

/** How fresh an answer is, and what the store could know at all. */
export interface Freshness {
  /** When the question was answered. */
  readonly at: string;
  /** The span of time for which spans are stored; both `null` in an empty store. */
  readonly holds: { readonly from: string | null; readonly to: string | null };
  /** Spans that reached the span topic before this are stored. `null`: nobody can tell. */
  readonly indexedThrough: string | null;
  /** Milliseconds between {@link indexedThrough} and {@link at}. */
  readonly indexerDelayMs: number | null;
  /** The watcher's word on the broker, per cluster. Empty: no watcher ever ran. */
  readonly watchers: readonly WatcherAnswer[];
}

/** How well the broker's own truth is known. */
export interface WatcherAnswer {
  readonly cluster: string;
  readonly way: "consumer_offsets" | "poll";
  /** When the last whole look at the broker began; `null`: there was none. */
  readonly sweptAt: string | null;
  /** Milliseconds since then. */
  readonly ageMs: number | null;
  /** Why the broker cannot be seen, in words; `null` when it can. */
  readonly problem: string | null;
}

/** Nothing is stored under that id: what we know instead. Never said when the store could not look. */
export interface NotFound {
  readonly found: false;
  /** What was looked for, as understood. */
  readonly asked: AskedId;
  readonly holds: Freshness["holds"];
  readonly indexerDelayMs: number | null;
  /** `expired`: the trace id's own time (UUIDv7) lies before what is held. `not_yet`: the log ends before the offset. */
  readonly reason: "not_in_store" | "expired" | "not_yet" | "never_existed";
  /** The whole of it in one sentence. */
  readonly sentence: string;
}

/** An id as {@link parseId} understood it. */
export type AskedId =
  | { readonly kind: "trace"; readonly traceId: string }
  | {
      readonly kind: "message";
      readonly cluster: string;
      readonly topic: string;
      readonly partition: number;
      readonly messageOffset: string;
    }
  /** A key, a message id or a business id: text whose form does not tell which. */
  | { readonly kind: "text"; readonly text: string };

export type HopStatus = "ok" | "error" | "in_progress";
export type HopOperation = "create" | "send" | "receive" | "process" | "in_progress";

/** One service's handling of one message. Field for field a row of `trail.hops`. */
export interface HopAnswer {
  readonly traceId: string;
  /** The message's own id where it has one, else `topic/partition/offset`, else `traceId:spanId`. */
  readonly msgId: string;
  readonly service: string;
  readonly status: HopStatus;
  readonly operation: HopOperation;
  readonly cluster: string;
  readonly topic: string | null;
  readonly partition: number | null;
  readonly messageOffset: string | null;
  readonly consumerGroup: string | null;
  readonly messageKey: string | null;
  readonly messageId: string | null;
  /** 1 for the first delivery. */
  readonly attempt: number | null;
  readonly startTime: string;
  readonly startUnixNano: string;
  readonly durationNs: string;
  readonly spanId: string;
  readonly parentSpanId: string | null;
  readonly spanName: string;
  /** Class of the failure, else its text. */
  readonly error: string | null;
}

/** Everything that happened around a trace id, in time order. */
export interface TrailAnswer {
  readonly found: true;
  readonly traceId: string;
  /** The asked trace and all that were reached from it, over links and coordinates. */
  readonly traceIds: readonly string[];
  readonly hops: readonly HopAnswer[];
  /** The messages on the trail, oldest first. */
  readonly messages: readonly MessagePlace[];
  /** The trail is longer than is answered at once. */
  readonly isCut: boolean;
  readonly freshness: Freshness;
}

/** Where a message lies. */
export interface MessagePlace {
  readonly cluster: string;
  readonly topic: string;
  readonly partition: number;
  readonly messageOffset: string;
}

export const MESSAGE_VERDICTS = ["NOT_APPENDED", "ABORTED", "VOID", "APPENDED", "UNKNOWN"] as const;
/** What became of the message itself. */
export type MessageVerdict = (typeof MESSAGE_VERDICTS)[number];

export const GROUP_VERDICTS = [
  "DEAD_LETTERED",
  "FORWARDED",
  "DELIVERED",
  "PROCESSED",
  "PROCESSING",
  "RETRYING",
  "FAILED",
  "NOT_VISIBLE",
  "BEFORE_GROUP",
  "EXPIRED",
  "WAITING",
  "SETTLING",
  "SKIPPED",
  "PASSED_UNTRACED",
  "UNKNOWN",
] as const;
/** What became of the message for one consumer group; the first that fits, in this order. */
export type GroupVerdict = (typeof GROUP_VERDICTS)[number];

/** One group's verdict on one message. Field for field a row of `trail.verdicts(...)`. */
export interface GroupVerdictAnswer {
  /** `null`: spans that do not name their group; `why` names their service. */
  readonly consumerGroup: string | null;
  readonly verdict: GroupVerdict;
  /** Why, in words: what the verdict rests on. */
  readonly why: string;
  /** Where the message went on, for DEAD_LETTERED and FORWARDED: `topic/partition/offset`, or the topic alone. */
  readonly forwardedTo: string | null;
  /** Attempts that were seen. */
  readonly attempts: number;
  readonly failedAttempts: number;
  /** Of the first attempt. */
  readonly startedAt: string | null;
  /** Of the last attempt. */
  readonly endedAt: string | null;
  /** Nanoseconds from the end of the send to the first attempt; never negative. `null` without an attempt, or a send. */
  readonly waitedNs: string | null;
  /** Nanoseconds of the attempt that decided. */
  readonly workedNs: string | null;
  /** The group's committed offset: the next one it will read. */
  readonly committed: string | null;
  /** When the commit that passed this message was made, else `null`. */
  readonly committedAt: string | null;
  /** WAITING: messages before this one, this one not counted. */
  readonly aheadMessages: string | null;
  /** WAITING: milliseconds since it was sent. */
  readonly behindMs: number | null;
  /** WAITING: milliseconds until it is reached at the group's present pace. */
  readonly etaMs: number | null;
  /**
   * `duplicated` by several ok attempts; `rewound` behind it since it was passed, to and at what `rewoundTo` and `rewoundAt`
   * say; `clock_skew`: handled before it was sent,
   * so `waitedNs` is 0; `incomplete`: the broker was not looked at lately; `offline`: no members; `members_unknown`.
   */
  readonly flags: readonly string[];
  /** `rewound`: the position to which the group was set back behind this message; `null` also where that is past retention. */
  readonly rewoundTo: string | null;
  readonly rewoundAt: string | null;
  /** The span that decided. */
  readonly traceId: string | null;
  readonly spanId: string | null;
}

/** One message: what it is, what became of it, and for whom. */
export interface MessageAnswer {
  readonly found: true;
  readonly message: MessageIdentity;
  /** One row per consumer group that is known to read the topic. */
  readonly groups: readonly GroupVerdictAnswer[];
  readonly hops: readonly HopAnswer[];
  /** Messages whose handling sent this one. */
  readonly causes: readonly RelatedMessage[];
  /** Messages that were sent while this one was handled. */
  readonly effects: readonly RelatedMessage[];
  /** `null` where no log end is known. */
  readonly completeness: CompletenessAnswer | null;
  readonly freshness: Freshness;
}

/** A message and its own verdict. */
export interface MessageIdentity extends MessagePlace {
  readonly msgId: string;
  readonly messageKey: string | null;
  readonly messageId: string | null;
  readonly verdict: MessageVerdict;
  readonly why: string;
  /** The producer's hop; `null` where no send was traced. */
  readonly traceId: string | null;
  readonly spanId: string | null;
  readonly service: string | null;
  readonly sentAt: string | null;
  /** When the acknowledgement was back. */
  readonly appendedAt: string | null;
  /** The life of the topic that was looked at, from 1; a topic made anew has another. */
  readonly incarnation: number;
}

/** A message that another one's handling sent, or was sent by. */
export interface RelatedMessage {
  readonly msgId: string;
  readonly topic: string | null;
  readonly partition: number | null;
  readonly messageOffset: string | null;
  /** Who sent it. */
  readonly service: string;
  readonly traceId: string;
  readonly spanId: string;
}

/** How much of the message's partition is covered by spans of its producers. */
export interface CompletenessAnswer {
  /** Offsets since the first sight. */
  readonly offsets: string;
  readonly void: string;
  readonly seen: string;
  /** `seen / (offsets - void)`. */
  readonly ratio: number | null;
  readonly since: string;
}

/** Several messages bear what was asked for: a key, an id that was sent twice. Newest first. */
export interface MatchesAnswer {
  readonly found: true;
  readonly asked: AskedId;
  readonly matches: readonly MatchAnswer[];
  readonly isCut: boolean;
  readonly freshness: Freshness;
}

/** One hop per message that matched. */
export interface MatchAnswer {
  /** By what it was found. */
  readonly by: "message_id" | "message_key";
  /** NOT_APPENDED where the send failed and no offset is known. */
  readonly verdict: MessageVerdict;
  readonly hop: HopAnswer;
}

/** Answer of {@link Query.find}: which one it is, `kind` tells. */
export type FindAnswer =
  | { readonly kind: "trail"; readonly trail: TrailAnswer }
  | { readonly kind: "message"; readonly message: MessageAnswer }
  | { readonly kind: "matches"; readonly matches: MatchesAnswer }
  | { readonly kind: "not_found"; readonly notFound: NotFound };
