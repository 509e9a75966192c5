import type { GroupLook, LogRange } from "./look.ts";

/** A topic as the watcher knows it. */
export interface KnownTopic {
  /** As the watcher's own cluster name has it. */
  readonly topicId: number;
  /** The present life. */
  incarnation: number;
  topicUuid: string | null;
  logs: Map<number, LogRange>;
}

/** A committed offset as the watcher knows it. */
export interface KnownPosition {
  committed: bigint;
  isGone: boolean;
}

/** Everything the watcher knows, kept so that only changes are written; read from the tables when it takes over. */
export interface Known {
  /** False until something was ever written: then what is found is how it was, and nothing new. */
  hasHistory: boolean;
  clusterId: string | null;
  sweptAt: Date | null;
  readonly topics: Map<string, KnownTopic>;
  readonly groupIds: Map<string, number>;
  readonly groups: Map<string, GroupLook>;
  /** By {@link positionKey}. */
  readonly positions: Map<string, KnownPosition>;
}

export const positionKey = (groupId: string, topic: string, partition: number): string =>
  `${groupId}\0${topic}\0${partition}`;

/** A commit, or what a poll found. */
export interface Commit {
  readonly groupId: string;
  readonly topic: string;
  readonly partition: number;
  /** `null`: the broker has no such offset any more. */
  readonly committed: bigint | null;
  readonly atMs: number;
  /** The first commit there is a record of, where that is known to be earlier. */
  readonly first?: bigint;
}

/**
 * Returns the lowest offset that a group seen for the first time can be held to.
 *
 * `before` is the log as it was when the group was not there yet. A group that commits below its end must have begun at
 * its start; one that commits beyond may have begun at its end (`auto.offset.reset=latest`), so it is held to no more.
 */
export function firstPositionOf(
  committed: bigint,
  hasHistory: boolean,
  before: LogRange | undefined,
): bigint {
  if (!hasHistory) return committed;
  if (before === undefined) return 0n;
  return committed < before.logEnd ? before.logStart : before.logEnd;
}

/** True when what the broker shows under a topic's name is not what it was. */
export function isMadeAnew(known: KnownTopic, topicUuid: string | null, logs: readonly LogRange[]): boolean {
  if (topicUuid !== null && known.topicUuid !== null) return topicUuid !== known.topicUuid;
  return logs.some(({ partition, logEnd }) => logEnd < (known.logs.get(partition)?.logEnd ?? 0n));
}
