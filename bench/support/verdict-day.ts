import type { ClientBase } from "pg";

export const TOPICS = 40;
export const PARTITIONS = 12;
const GROUPS = 5;
const BATCH = 50;
/** How far each group's commit is behind the log's end. Group 4 sends no spans. */
const LAG = 60;

/** What was loaded. */
export interface Day {
  readonly perPartition: number;
}

/** Loads a day of messages: each sent by a span of its own and handled by four traced groups in batches of 50. */
export async function loadDay(client: ClientBase, messages: number): Promise<Day> {
  const perPartition = Math.floor(messages / TOPICS / PARTITIONS);
  const handled = Math.max(0, perPartition - LAG);
  const step = `interval '24 hours' / ${messages}`;
  await client.query(`
    INSERT INTO trail_private.services (service_id, name) VALUES (1, 'sender'), (2, 'reader');
    INSERT INTO trail_private.span_names (span_name_id, name) VALUES (1, 'send'), (2, 'process');
    INSERT INTO trail_private.resources (resource_id, hash, attributes) VALUES (1, '\\x00', '{}');
    INSERT INTO trail_private.topics (topic_id, name) SELECT t, 'topic-' || t - 1 FROM generate_series(1, ${TOPICS}) t;
    INSERT INTO trail_private.consumer_groups (consumer_group_id, name) SELECT g, 'group-' || g - 1 FROM generate_series(1, ${GROUPS}) g;
    INSERT INTO trail_private.watchers (cluster, way, poll_ms, swept_at) VALUES ('', 'poll', 3600000, now());
    INSERT INTO trail_private.topic_incarnations SELECT t, 1, NULL, now() - interval '24 hours' FROM generate_series(1, ${TOPICS}) t;
    INSERT INTO trail_private.log_positions (topic_id, incarnation, partition, log_start, log_end, first_end, first_seen_at, observed_at)
    SELECT t, 1, p, 0, ${perPartition}, 0, now() - interval '24 hours', now() - interval '2 minutes'
    FROM generate_series(1, ${TOPICS}) t, generate_series(0, ${PARTITIONS - 1}) p;
    INSERT INTO trail_private.group_positions (consumer_group_id, topic_id, incarnation, partition, committed, first_position, committed_max, first_seen_at, committed_at)
    SELECT g, t, 1, p, ${handled}, 0, ${handled}, now() - interval '24 hours', now() - interval '3 minutes'
    FROM generate_series(1, ${GROUPS}) g, generate_series(1, ${TOPICS}) t, generate_series(0, ${PARTITIONS - 1}) p;
    INSERT INTO trail_private.ledger (topic_id, incarnation, partition, consumer_group_id, block, first_at, last_at, ranges)
    SELECT t, 1, p, g, 0, now(), now(), int8multirange(int8range(0, CASE g WHEN 0 THEN ${perPartition} ELSE ${handled} END))
    FROM generate_series(0, ${GROUPS - 1}) g, generate_series(1, ${TOPICS}) t, generate_series(0, ${PARTITIONS - 1}) p`);
  await client.query(`
    INSERT INTO trail_private.spans
    SELECT now() - interval '24 hours' + m * ${step}, m + 1, NULL, m / ${TOPICS * PARTITIONS}, 2000000, 1, 1, 1,
      m % ${TOPICS} + 1, m / ${TOPICS} % ${PARTITIONS}, NULL, NULL, 0, 4, 0, 2, md5('send' || m)::uuid, 'key-' || m % 100000, NULL,
      '{"messaging.system": "kafka", "messaging.operation.name": "send"}', NULL
    FROM generate_series(0, ${perPartition * TOPICS * PARTITIONS - 1}) m`);
  const batches = `generate_series(1, ${GROUPS - 1}) g, generate_series(1, ${TOPICS}) t, generate_series(0, ${PARTITIONS - 1}) p,
    generate_series(0, ${Math.max(0, Math.floor(handled / BATCH) - 1)}) b`;
  const at = `now() - interval '24 hours' + (b + 1) * ${BATCH * TOPICS * PARTITIONS} * ${step}`;
  const trace = "md5(concat_ws('/', g, t, p, b))::uuid";
  await client.query(`
    INSERT INTO trail_private.spans
    SELECT ${at}, 1, NULL, NULL, 9000000, 2, 2, 1, t, p, g, 1, 0, 5, 0, 4, ${trace}, NULL, NULL,
      '{"messaging.batch.message_count": ${BATCH}}', NULL FROM ${batches};
    INSERT INTO trail_private.offset_ranges
    SELECT ${at}, 1, b * ${BATCH}, b * ${BATCH} + ${BATCH - 1}, t, p, g, 2, ${trace} FROM ${batches};
    INSERT INTO trail_private.group_position_changes (committed_at, committed, committed_max, consumer_group_id, topic_id, incarnation, partition)
    SELECT ${at}, (b + 1) * ${BATCH}, (b + 1) * ${BATCH}, g, t, 1, p FROM ${batches}`);
  await client.query("ANALYZE");
  return { perPartition };
}
