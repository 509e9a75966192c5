import type { TestDatabase } from "./database.ts";

/** What a watcher would have seen of one partition. */
export interface SeenPartition {
  readonly topic: string;
  readonly partition: number;
  readonly logEnd: number;
  /** By group: the next offset it will read. */
  readonly committed: Readonly<Record<string, number>>;
}

const STATEMENTS = [
  `INSERT INTO trail_private.topics (cluster, name) VALUES ('', $1) ON CONFLICT DO NOTHING`,
  `INSERT INTO trail_private.consumer_groups (cluster, name) SELECT '', unnest($4::text[]) ON CONFLICT DO NOTHING`,
  `INSERT INTO trail_private.topic_incarnations (topic_id, incarnation, first_seen_at)
   SELECT topic_id, 1, now() - interval '1 day' FROM trail_private.topics WHERE name = $1 ON CONFLICT DO NOTHING`,
  `INSERT INTO trail_private.log_positions (topic_id, incarnation, partition, log_start, log_end, first_end, first_seen_at, observed_at)
   SELECT topic_id, 1, $2, 0, $3, 0, now() - interval '1 day', now() FROM trail_private.topics WHERE name = $1
   ON CONFLICT (topic_id, incarnation, partition) DO UPDATE SET log_end = EXCLUDED.log_end, observed_at = now()`,
  `INSERT INTO trail_private.group_positions
     (consumer_group_id, topic_id, incarnation, partition, committed, first_position, committed_max, first_seen_at, committed_at)
   SELECT g.consumer_group_id, t.topic_id, 1, $2, c.committed, 0, c.committed, now() - interval '1 day', now()
   FROM unnest($4::text[], $5::bigint[]) AS c (name, committed)
   JOIN trail_private.consumer_groups g USING (name) JOIN trail_private.topics t ON t.name = $1
   ON CONFLICT (consumer_group_id, topic_id, incarnation, partition)
   DO UPDATE SET committed = EXCLUDED.committed, committed_max = EXCLUDED.committed_max, committed_at = now()`,
  `INSERT INTO trail_private.group_position_changes
     (committed_at, committed, committed_max, consumer_group_id, topic_id, incarnation, partition)
   SELECT p.committed_at, p.committed, p.committed_max, p.consumer_group_id, p.topic_id, p.incarnation, p.partition
   FROM trail_private.group_positions p ON CONFLICT DO NOTHING`,
  `INSERT INTO trail_private.group_states (consumer_group_id, state, members, observed_at)
   SELECT consumer_group_id, 'Stable', 1, now() FROM trail_private.consumer_groups ON CONFLICT DO NOTHING`,
  `INSERT INTO trail_private.watchers (cluster, way, poll_ms, swept_at) VALUES ('', 'consumer_offsets', 5000, now())
   ON CONFLICT (cluster) DO UPDATE SET swept_at = now()`,
];

/** Tells the store what the broker would have told its watcher just now. */
export async function tellBrokerTruth(database: TestDatabase, seen: SeenPartition): Promise<void> {
  const values = [
    seen.topic,
    seen.partition,
    seen.logEnd,
    Object.keys(seen.committed),
    Object.values(seen.committed),
  ];
  const client = await database.pool.connect();
  try {
    await client.query("BEGIN");
    for (const statement of STATEMENTS) {
      // Postgres wants no more values than a statement names.
      const places = [...statement.matchAll(/\$(\d)/g)].map(([, number]) => Number(number));
      const kept = [...new Set(places)].toSorted((a, b) => a - b);
      const text = statement.replace(
        /\$(\d)/g,
        (_, number: string) => `$${kept.indexOf(Number(number)) + 1}`,
      );
      await client.query(
        text,
        kept.map((it) => values[it - 1]),
      );
    }
    await client.query("COMMIT");
  } finally {
    client.release();
  }
}
