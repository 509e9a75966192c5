import { type ClientBase } from "pg";
import type { SourceIdentity } from "../span/write-part.ts";
import {
  decideResume,
  type KnownLife,
  type KnownSource,
  type Resumption,
  type SeenSource,
  type SourceGap,
} from "./resume.ts";

/**
 * Says where to go on reading every partition of a source topic, and stores that: new lives, gaps, log starts.
 *
 * `look` asks Kafka; it must list all partitions of the topic, as one of them may prove for all that it was made anew.
 * It is called after the stored offsets were read: an end of the log before them is then a proof, and never a matter of
 * who asked first. The client must not be in a transaction. Several indexers may ask at once; they get the same answer.
 */
export async function resumeOffsets(
  client: ClientBase,
  { clusterId, topic }: Pick<SourceIdentity, "clusterId" | "topic">,
  look: () => Promise<SeenSource>,
): Promise<Resumption> {
  for (;;) {
    const known = await knownSource(client, clusterId, topic);
    const seen = await look();
    const resumption = await store(client, { clusterId, topic }, known, seen);
    // Undefined: another indexer began a new life meanwhile.
    if (resumption !== undefined) return resumption;
  }
}

async function store(
  client: ClientBase,
  { clusterId, topic }: Pick<SourceIdentity, "clusterId" | "topic">,
  known: KnownSource,
  seen: SeenSource,
): Promise<Resumption | undefined> {
  await client.query("BEGIN");
  try {
    // Without it two indexers could begin two lives.
    await client.query("SELECT pg_advisory_xact_lock(hashtextextended('kafka-trail source ' || $1, 0))", [
      topic,
    ]);
    const now = await knownSource(client, clusterId, topic);
    const isSame = now.here?.incarnation === known.here?.incarnation;
    const resumption = isSame ? decideResume(known, seen) : undefined;
    for (const gap of resumption?.gaps ?? []) await recordGap(client, topic, gap);
    if (resumption) await storePositions(client, { clusterId, topic }, seen, resumption);
    await client.query("COMMIT");
    return resumption;
  } catch (fault) {
    await client.query("ROLLBACK").catch(() => undefined);
    throw fault;
  }
}

async function knownSource(client: ClientBase, clusterId: string, topic: string): Promise<KnownSource> {
  const lives = await newestLives(client, topic);
  return {
    here: lives.find((it) => it.clusterId === clusterId),
    elsewhere: lives.find((it) => it.clusterId !== clusterId),
  };
}

/** Stores that a range of a source could not be read. The same gap is stored once. */
export async function recordGap(client: ClientBase, topic: string, gap: SourceGap): Promise<void> {
  await client.query(
    `INSERT INTO trail_private.source_gaps
       (cluster_id, topic, partition, incarnation, first_offset, last_offset, reason)
     VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING`,
    [
      gap.clusterId,
      topic,
      gap.partition,
      gap.incarnation,
      String(gap.firstOffset),
      gap.lastOffset === null ? null : String(gap.lastOffset),
      gap.reason,
    ],
  );
}

/** Says in words, for a log, what will never be read; `undefined` when nothing is missing. */
export function describeGaps(topic: string, gaps: readonly SourceGap[]): string | undefined {
  if (gaps.length === 0) return undefined;
  const said = gaps.map(({ partition, firstOffset, lastOffset, reason }) =>
    lastOffset === null
      ? `${topic}/${partition} from ${firstOffset} on (${reason})`
      : `${topic}/${partition}/${firstOffset}-${lastOffset} (${reason})`,
  );
  return `Span records that were not read and cannot be any more: ${said.join(", ")}. Reading goes on behind them.`;
}

/** The newest life of the topic on each cluster, the one that was read last first. */
async function newestLives(client: ClientBase, topic: string): Promise<KnownLife[]> {
  const { rows } = await client.query<{
    cluster_id: string;
    incarnation: number;
    topic_uuid: string | null;
    partition: number;
    next_offset: string;
    log_start: string;
  }>(
    `SELECT cluster_id, incarnation, topic_uuid, partition, next_offset, log_start
     FROM trail_private.source_offsets s
     WHERE topic = $1 AND incarnation = (
       SELECT max(incarnation) FROM trail_private.source_offsets
       WHERE cluster_id = s.cluster_id AND topic = s.topic)
     ORDER BY incarnation DESC, updated_at DESC, partition`,
    [topic],
  );
  return [...new Set(rows.map((row) => row.cluster_id))].map((clusterId) => {
    const life = rows.filter((row) => row.cluster_id === clusterId);
    return {
      clusterId,
      incarnation: life[0]?.incarnation ?? 1,
      topicId: life.find((row) => row.topic_uuid !== null)?.topic_uuid ?? null,
      partitions: life.map((row) => ({
        partition: row.partition,
        next: BigInt(row.next_offset),
        logStart: BigInt(row.log_start),
      })),
    };
  });
}

async function storePositions(
  client: ClientBase,
  { clusterId, topic }: Pick<SourceIdentity, "clusterId" | "topic">,
  { topicId, logs }: SeenSource,
  { positions }: Resumption,
): Promise<void> {
  // next_offset moves here only over a gap; greatest(): another indexer's write may have moved it on since it was read.
  await client.query(
    `INSERT INTO trail_private.source_offsets AS s
       (cluster_id, topic, topic_uuid, partition, incarnation, next_offset, log_start)
     SELECT $1, $2, $3, * FROM unnest($4::int[], $5::int[], $6::bigint[], $7::bigint[]) ORDER BY 4
     ON CONFLICT (cluster_id, topic, partition, incarnation) DO UPDATE SET
       next_offset = greatest(s.next_offset, EXCLUDED.next_offset),
       log_start = EXCLUDED.log_start,
       topic_uuid = coalesce(EXCLUDED.topic_uuid, s.topic_uuid)
     WHERE s.next_offset < EXCLUDED.next_offset OR s.log_start <> EXCLUDED.log_start
       OR s.topic_uuid IS DISTINCT FROM coalesce(EXCLUDED.topic_uuid, s.topic_uuid)`,
    [
      clusterId,
      topic,
      topicId,
      logs.map(({ partition }) => partition),
      logs.map(({ partition }) => positions.get(partition)?.incarnation),
      logs.map(({ partition }) => String(positions.get(partition)?.next)),
      logs.map(({ logStart }) => String(logStart)),
    ],
  );
}
