import type { ResumePosition, SourceLog } from "../span/write-part.ts";

/** What the store knows of the newest life of a source topic. */
export interface KnownLife {
  readonly clusterId: string;
  readonly incarnation: number;
  /** Kafka's id of the topic then; `null` where none was told. */
  readonly topicId: string | null;
  readonly partitions: readonly {
    readonly partition: number;
    readonly next: bigint;
    readonly logStart: bigint;
  }[];
}

/** A range of a source that we could not read. */
export interface SourceGap {
  readonly clusterId: string;
  readonly partition: number;
  readonly incarnation: number;
  readonly firstOffset: bigint;
  /** Inclusive; `null` when nobody can tell any more where that life of the topic ended. */
  readonly lastOffset: bigint | null;
  readonly reason: "retention" | "topic made anew" | "another cluster";
}

/** Where reading goes on, and what will never be read. */
export interface Resumption {
  /** One for every partition that the broker lists. */
  readonly positions: ReadonlyMap<number, ResumePosition>;
  readonly gaps: readonly SourceGap[];
}

/** What the store knows: of this cluster's topic, and of a topic of that name elsewhere. */
export interface KnownSource {
  readonly here: KnownLife | undefined;
  readonly elsewhere: KnownLife | undefined;
}

/** What Kafka says now. */
export interface SeenSource {
  readonly topicId: string | null;
  readonly logs: readonly SourceLog[];
}

/**
 * Decides where to go on reading a source topic. Whatever is in doubt is read again, as writing twice leaves one row.
 *
 * - Never seen on this cluster: from the earliest offset of a new life; one of that name elsewhere ends there (gap).
 * - Made anew, which any one partition may prove for all (another topic id, an offset of ours beyond the log's end, a log
 *   start that went backwards): from the earliest offset of a new life, and a gap from where we were.
 * - Retention has passed us: from the log's start, and a gap up to it.
 * - Otherwise: from where we were. A partition added meanwhile: from its start.
 */
export function decideResume({ here, elsewhere }: KnownSource, seen: SeenSource): Resumption {
  if (here === undefined) {
    return newLife((elsewhere?.incarnation ?? 0) + 1, seen, elsewhere, "another cluster");
  }
  if (isMadeAnew(here, seen)) {
    const newest = Math.max(here.incarnation, elsewhere?.incarnation ?? 0);
    return newLife(newest + 1, seen, here, "topic made anew");
  }
  const gaps: SourceGap[] = [];
  const positions = new Map<number, ResumePosition>();
  for (const { partition, logStart } of seen.logs) {
    const known = here.partitions.find((it) => it.partition === partition);
    const next = known === undefined || known.next < logStart ? logStart : known.next;
    positions.set(partition, { incarnation: here.incarnation, next });
    if (known === undefined || known.next >= logStart) continue;
    gaps.push({
      clusterId: here.clusterId,
      partition,
      incarnation: here.incarnation,
      firstOffset: known.next,
      lastOffset: logStart - 1n,
      reason: "retention",
    });
  }
  return { positions, gaps };
}

function isMadeAnew(here: KnownLife, seen: SeenSource): boolean {
  if (here.topicId !== null && seen.topicId !== null && here.topicId !== seen.topicId) return true;
  // Under the same id, the log was cut short by an unclean election: what comes below our offsets now is new as well.
  return seen.logs.some(({ partition, logStart, logEnd }) => {
    const known = here.partitions.find((it) => it.partition === partition);
    return known !== undefined && (known.next > logEnd || logStart < known.logStart);
  });
}

function newLife(
  incarnation: number,
  seen: SeenSource,
  ended: KnownLife | undefined,
  reason: SourceGap["reason"],
): Resumption {
  return {
    positions: new Map(
      seen.logs.map(({ partition, logStart }) => [partition, { incarnation, next: logStart }]),
    ),
    gaps: (ended?.partitions ?? []).map(({ partition, next }) => ({
      clusterId: ended?.clusterId ?? "",
      partition,
      incarnation: ended?.incarnation ?? 0,
      firstOffset: next,
      lastOffset: null,
      reason,
    })),
  };
}
