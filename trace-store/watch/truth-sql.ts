/** $1 cluster, $2 names. Gives ids to topics that have none. */
export const TOPIC_IDS = `
  WITH made AS (
    INSERT INTO trail_private.topics (cluster, name) SELECT $1, name FROM unnest($2::text[]) AS n (name) ORDER BY name
    ON CONFLICT DO NOTHING RETURNING name, topic_id)
  SELECT name, topic_id AS id FROM made
  UNION ALL
  SELECT name, topic_id FROM trail_private.topics WHERE cluster = $1 AND name = ANY ($2)`;

/** $1 cluster, $2 names. Gives ids to consumer groups that have none. */
export const GROUP_IDS = `
  WITH made AS (
    INSERT INTO trail_private.consumer_groups (cluster, name) SELECT $1, name FROM unnest($2::text[]) AS n (name) ORDER BY name
    ON CONFLICT DO NOTHING RETURNING name, consumer_group_id)
  SELECT name, consumer_group_id AS id FROM made
  UNION ALL
  SELECT name, consumer_group_id FROM trail_private.consumer_groups WHERE cluster = $1 AND name = ANY ($2)`;

/** $1 names, $2 incarnations, $3 Kafka's ids, $4 since, $5 cluster, $6 its id. Spans may know the topic under three cluster names. */
export const LIVES = `
  INSERT INTO trail_private.topic_incarnations (topic_id, incarnation, topic_uuid, first_seen_at)
  SELECT t.topic_id, l.incarnation, l.topic_uuid, l.since
  FROM unnest($1::text[], $2::int[], $3::text[], $4::timestamptz[]) AS l (name, incarnation, topic_uuid, since)
  JOIN trail_private.topics t ON t.name = l.name AND (t.cluster = $5 OR l.incarnation > 1 AND t.cluster IN ($6, ''))
  ON CONFLICT DO NOTHING`;

/** $1 topic ids, $2 incarnations, $3 partitions, $4 log starts, $5 log ends, $6 first ends, $7 when, $8 whether that time has a slice. */
export const LOGS = `
  WITH seen AS (
    SELECT * FROM unnest($1::int[], $2::int[], $3::int[], $4::bigint[], $5::bigint[], $6::bigint[])
      AS s (topic_id, incarnation, partition, log_start, log_end, first_end)
  ), changed AS (
    INSERT INTO trail_private.log_position_changes (observed_at, log_start, log_end, topic_id, incarnation, partition)
    SELECT $7::timestamptz, log_start, log_end, topic_id, incarnation, partition FROM seen WHERE $8::boolean
    ON CONFLICT DO NOTHING)
  INSERT INTO trail_private.log_positions AS p
    (topic_id, incarnation, partition, log_start, log_end, first_end, first_seen_at, observed_at)
  SELECT topic_id, incarnation, partition, log_start, log_end, first_end, $7, $7 FROM seen ORDER BY 1, 2, 3
  ON CONFLICT (topic_id, incarnation, partition) DO UPDATE SET
    log_start = EXCLUDED.log_start, log_end = EXCLUDED.log_end, observed_at = EXCLUDED.observed_at`;

/** $1 group ids, $2 states, $3 members, $4 when. */
export const GROUPS = `
  INSERT INTO trail_private.group_states (consumer_group_id, state, members, observed_at)
  SELECT *, $4::timestamptz FROM unnest($1::int[], $2::text[], $3::int[]) ORDER BY 1
  ON CONFLICT (consumer_group_id) DO UPDATE SET
    state = EXCLUDED.state, members = EXCLUDED.members, observed_at = EXCLUDED.observed_at`;

/**
 * $1 group ids, $2 topic ids, $3 incarnations, $4 partitions, $5 committed, $6 first positions, $7 when, $8 whether that
 * time has a slice; in the order of the commits. Several of one position in one write: the last one is where it stands.
 */
export const COMMITS = `
  WITH told AS (
    SELECT * FROM unnest($1::int[], $2::int[], $3::int[], $4::int[], $5::bigint[], $6::bigint[], $7::timestamptz[], $8::boolean[])
      WITH ORDINALITY AS c (group_id, topic_id, incarnation, partition, committed, first_position, at, has_slice, position)
  ), changed AS (
    INSERT INTO trail_private.group_position_changes
      (committed_at, committed, committed_max, consumer_group_id, topic_id, incarnation, partition)
    SELECT t.at, t.committed, greatest(p.committed_max, max(t.committed) OVER (
        PARTITION BY t.group_id, t.topic_id, t.incarnation, t.partition ORDER BY t.position)),
      t.group_id, t.topic_id, t.incarnation, t.partition
    FROM told t LEFT JOIN trail_private.group_positions p
      ON p.consumer_group_id = t.group_id AND p.topic_id = t.topic_id AND p.incarnation = t.incarnation AND p.partition = t.partition
    WHERE t.has_slice
    ON CONFLICT DO NOTHING
  ), newest AS (
    SELECT DISTINCT ON (group_id, topic_id, incarnation, partition) *,
      max(committed) OVER same AS highest, min(first_position) OVER same AS lowest, min(at) OVER same AS first_at
    FROM told WINDOW same AS (PARTITION BY group_id, topic_id, incarnation, partition)
    ORDER BY group_id, topic_id, incarnation, partition, position DESC
  )
  INSERT INTO trail_private.group_positions AS p
    (consumer_group_id, topic_id, incarnation, partition, committed, first_position, committed_max, first_seen_at, committed_at)
  SELECT group_id, topic_id, incarnation, partition, committed, lowest, highest, first_at, at FROM newest
  ON CONFLICT (consumer_group_id, topic_id, incarnation, partition) DO UPDATE SET
    committed = EXCLUDED.committed, committed_at = EXCLUDED.committed_at,
    committed_max = greatest(p.committed_max, EXCLUDED.committed_max), gone_at = NULL`;

/** $1 group ids, $2 topic ids, $3 incarnations, $4 partitions, $5 when. */
export const GONE = `
  UPDATE trail_private.group_positions p SET gone_at = g.at
  FROM unnest($1::int[], $2::int[], $3::int[], $4::int[], $5::timestamptz[]) AS g (group_id, topic_id, incarnation, partition, at)
  WHERE p.consumer_group_id = g.group_id AND p.topic_id = g.topic_id AND p.incarnation = g.incarnation AND p.partition = g.partition`;

/**
 * $1 cluster. What retention took from below a group before it got there; after a rewind, only what it had never passed.
 * Joined to the update, the topics would be refused by Citus, where they are not a table of the coordinator's own.
 */
export const EXPIRE = `
  UPDATE trail_private.group_positions p SET expired = p.expired + int8multirange(int8range(p.committed_max, l.log_start))
  FROM trail_private.log_positions l
  WHERE l.topic_id IN (SELECT t.topic_id FROM trail_private.topics t WHERE t.cluster = $1)
    AND l.topic_id = p.topic_id AND l.incarnation = p.incarnation AND l.partition = p.partition
    AND p.gone_at IS NULL AND p.committed_max < l.log_start
    AND NOT p.expired @> int8range(p.committed_max, l.log_start)`;

/** $1 cluster, $2 its id, $3 way, $4 period, $5 when the sweep began, $6 problem. */
export const SWEPT = `
  INSERT INTO trail_private.watchers (cluster, cluster_id, way, poll_ms, swept_at, problem, problem_at)
  VALUES ($1, $2, $3, $4, $5, $6, NULL)
  ON CONFLICT (cluster) DO UPDATE SET
    cluster_id = EXCLUDED.cluster_id, way = EXCLUDED.way, poll_ms = EXCLUDED.poll_ms, swept_at = EXCLUDED.swept_at,
    problem = EXCLUDED.problem, problem_at = EXCLUDED.problem_at`;

/** $1 cluster, $2 way, $3 period, $4 problem. */
export const PROBLEM = `
  INSERT INTO trail_private.watchers (cluster, way, poll_ms, problem, problem_at) VALUES ($1, $2, $3, $4, now())
  ON CONFLICT (cluster) DO UPDATE SET way = EXCLUDED.way, poll_ms = EXCLUDED.poll_ms, problem = EXCLUDED.problem, problem_at = now()`;
