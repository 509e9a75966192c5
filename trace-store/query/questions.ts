import type { FindAnswer, Freshness, MessageAnswer, NotFound, TrailAnswer } from "./answers.ts";
import type { CoverageAnswer, GroupsAnswer, UndeliveredAnswer } from "./list-answers.ts";

/** Coordinates as they are asked by. */
export interface AskedCoordinates {
  /** Default `""`. */
  readonly cluster?: string;
  readonly topic: string;
  readonly partition: number;
  readonly messageOffset: bigint | string;
}

/** What {@link Query.undelivered} is asked. */
export interface UndeliveredQuestion {
  readonly cluster?: string;
  readonly topic: string;
  readonly consumerGroup: string;
  /** Only messages appended at least this long ago. Milliseconds, default 60,000. */
  readonly olderThanMs?: number;
  /** Default 1,000, 1 to 10,000. */
  readonly limit?: number;
  /** The `next` of the page before. */
  readonly after?: { readonly partition: number; readonly messageOffset: string };
}

/** Which groups {@link Query.groups} tells about. */
export interface GroupsQuestion {
  readonly cluster?: string;
  readonly topic?: string;
  readonly consumerGroup?: string;
  /** Default 1,000, 1 to 10,000. */
  readonly limit?: number;
}

/**
 * The one typed question, with one typed answer; every door asks through it.
 *
 * Throws `TrailError`: `TRAIL_BAD_QUESTION` for an id or a parameter of a form that nothing has, `TRAIL_DATABASE` where
 * Postgres is not reachable, `TRAIL_SCHEMA_MISSING` and `TRAIL_QUERY` where it refused. Not finding is an answer.
 */
export interface Query {
  /** Accepts 32 hex characters, the uuid spelling, and a traceparent. */
  trail(traceId: string): Promise<TrailAnswer | NotFound>;
  message(at: AskedCoordinates): Promise<MessageAnswer | NotFound>;
  /** Accepts any id, also inside a pasted URL or JSON. */
  find(anything: string): Promise<FindAnswer>;
  undelivered(question: UndeliveredQuestion): Promise<UndeliveredAnswer>;
  coverage(topic: string, cluster?: string): Promise<CoverageAnswer>;
  groups(question?: GroupsQuestion): Promise<GroupsAnswer>;
  freshness(): Promise<Freshness>;
  close(): Promise<void>;
}
