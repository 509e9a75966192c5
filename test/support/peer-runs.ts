import { readFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import type { TestDatabase } from "./database.ts";

const FOLDER = join(__dirname, "..", "fixtures", "peers");

/** What became of a message for one group, as the programs themselves wrote it down. */
export type Outcome =
  | "processed_ok"
  | "processed_ok_after_retry"
  | "sent_to_dlq"
  | "failed"
  | "delivered_not_processed"
  | "never_consumed";

/** One message as the broker's log and the programs know it. */
export interface TrueMessage {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly key: string | null;
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly transaction_aborted: boolean;
  readonly groups: Readonly<
    Record<
      string,
      {
        readonly outcome: Outcome;
        readonly dlq?: { readonly topic: string; readonly partition: number; readonly offset: number };
      }
    >
  >;
}

/** The truth about a run: nothing in it was read from spans. */
export interface Truth {
  readonly topics: Readonly<
    Record<
      string,
      {
        readonly partitions: Readonly<
          Record<string, { readonly log_start: number; readonly log_end: number }>
        >;
      }
    >
  >;
  readonly groups: Readonly<
    Record<
      string,
      {
        /** Whose consumer it was. */
        readonly service?: string;
        readonly partitions: Readonly<
          Record<string, Readonly<Record<string, { readonly committed: number }>>>
        >;
      }
    >
  >;
  readonly messages: readonly TrueMessage[];
}

/** Programs that ran with some instrumentation: every request body of their exporters, and the truth. */
export interface PeerRun {
  readonly bodies: readonly Buffer[];
  readonly truth: Truth;
}

/** Captures that have their truth beside them. */
export type Captured =
  | "java-plain"
  | "go-kotel"
  | "java-links"
  | "java-stable"
  | "java-polled"
  | "node-kafkajs"
  | "python-aiokafka"
  | "python-confluent"
  | "python-kafkapython";

/** A whole capture, byte for byte as the exporters sent it. */
export function capturedRun(peer: Captured): PeerRun {
  const truth = gunzipSync(readFileSync(join(FOLDER, `${peer}.truth.json.gz`))).toString();
  return { bodies: capturedBodies(peer), truth: JSON.parse(truth) as Truth };
}

/** The request bodies of a capture. */
export function capturedBodies(peer: Captured | "python-mixed"): Buffer[] {
  return delimited(gunzipSync(readFileSync(join(FOLDER, `${peer}.binpb.gz`))));
}

/** Bodies, each behind its length as a varint. */
function delimited(bytes: Buffer): Buffer[] {
  const bodies: Buffer[] = [];
  for (let at = 0; at < bytes.length;) {
    let [length, shift] = [0, 0];
    for (; ; shift += 7) {
      const byte = bytes.readUInt8(at++);
      length += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) break;
    }
    bodies.push(bytes.subarray(at, at + length));
    at += length;
  }
  return bodies;
}

/** Tells the store what a watcher of that run's broker would have: logs and committed offsets, of half an hour ago. */
export async function tellTruth(
  database: TestDatabase,
  { topics, groups }: Truth,
  watched: { readonly cluster: string; readonly clusterId: string | null },
): Promise<void> {
  const logs = Object.entries(topics).flatMap(([topic, { partitions }]) =>
    Object.entries(partitions).map(([partition, at]) => ({ topic, partition: Number(partition), ...at })),
  );
  const positions = Object.entries(groups).flatMap(([group, { partitions }]) =>
    Object.entries(partitions).flatMap(([topic, byPartition]) =>
      Object.entries(byPartition).map(([partition, { committed }]) => ({
        group,
        topic,
        partition,
        committed,
      })),
    ),
  );
  await database.pool.query(
    `WITH w AS (
       INSERT INTO trail_private.watchers (cluster, cluster_id, way, poll_ms, swept_at) VALUES ($1, $2, 'poll', 300000, now())
     ), t AS (
       INSERT INTO trail_private.topics (cluster, name) SELECT DISTINCT $1, name FROM unnest($3::text[]) AS n (name)
       ON CONFLICT (cluster, name) DO UPDATE SET name = EXCLUDED.name RETURNING topic_id, name
     ), i AS (
       INSERT INTO trail_private.topic_incarnations SELECT topic_id, 1, NULL, now() - interval '1 hour' FROM t
     ), l AS (
       INSERT INTO trail_private.log_positions (topic_id, incarnation, partition, log_start, log_end, first_end, first_seen_at, observed_at)
       SELECT topic_id, 1, l.partition, l.log_start, l.log_end, l.log_start, now() - interval '1 hour', now()
       FROM unnest($3::text[], $4::int[], $5::bigint[], $6::bigint[]) AS l (name, partition, log_start, log_end) JOIN t USING (name)
     ), c AS (
       INSERT INTO trail_private.log_position_changes (observed_at, log_start, log_end, topic_id, incarnation, partition)
       SELECT now() - interval '59 minutes', l.log_start, l.log_end, topic_id, 1, l.partition
       FROM unnest($3::text[], $4::int[], $5::bigint[], $6::bigint[]) AS l (name, partition, log_start, log_end) JOIN t USING (name)
     ), g AS (
       INSERT INTO trail_private.consumer_groups (cluster, name) SELECT DISTINCT $1, name FROM unnest($7::text[]) AS n (name)
       ON CONFLICT (cluster, name) DO UPDATE SET name = EXCLUDED.name RETURNING consumer_group_id, name
     )
     INSERT INTO trail_private.group_positions (consumer_group_id, topic_id, incarnation, partition, committed, first_position,
       committed_max, first_seen_at, committed_at)
     SELECT g.consumer_group_id, t.topic_id, 1, p.partition, p.committed, 0, p.committed, now() - interval '1 hour', now() - interval '30 minutes'
     FROM unnest($7::text[], $8::text[], $9::int[], $10::bigint[]) AS p (group_name, topic, partition, committed)
     JOIN t ON t.name = p.topic JOIN g ON g.name = p.group_name`,
    [
      watched.cluster,
      watched.clusterId,
      logs.map((it) => it.topic),
      logs.map((it) => it.partition),
      logs.map((it) => it.log_start),
      logs.map((it) => it.log_end),
      positions.map((it) => it.group),
      positions.map((it) => it.topic),
      positions.map((it) => Number(it.partition)),
      positions.map((it) => it.committed),
    ],
  );
}
