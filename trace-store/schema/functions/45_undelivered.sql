-- The offsets that may not be delivered, per partition, from the watcher's positions and the ledger alone: what the group
-- has not committed past, what retention took before it, and below its commit what no ok attempt was seen of, where its
-- spans are whole enough to tell.
CREATE OR REPLACE FUNCTION trail_private.undelivered_candidates(topics int[], in_group text, older_than_at timestamptz)
RETURNS TABLE (partition int, offsets int8multirange) LANGUAGE plpgsql STABLE ROWS 10 AS $$
BEGIN
  RETURN QUERY
  WITH logs AS (
    SELECT DISTINCT ON (p.partition) p.topic_id, p.incarnation, p.partition, p.log_start, p.first_end,
      coalesce(
        CASE WHEN p.observed_at <= older_than_at THEN p.log_end END,
        (SELECT c.log_end FROM trail_private.log_position_changes c
          WHERE c.topic_id = p.topic_id AND c.incarnation = p.incarnation AND c.partition = p.partition AND c.observed_at <= older_than_at
          ORDER BY c.observed_at DESC LIMIT 1),
        CASE WHEN p.first_seen_at <= older_than_at THEN p.first_end ELSE p.log_start END) AS old_end
    FROM trail_private.log_positions p WHERE p.topic_id = ANY (topics)
    ORDER BY p.partition, p.incarnation DESC
  ), positions AS (
    SELECT l.*, g.consumer_group_id AS group_id, gp.committed, gp.first_position, gp.expired,
      -- Without a commit here, what was in the log before the group may never have been meant for it.
      coalesce(gp.committed, (SELECT c.log_end FROM trail_private.log_position_changes c
        WHERE c.topic_id = l.topic_id AND c.incarnation = l.incarnation AND c.partition = l.partition AND c.observed_at <= o.since
        ORDER BY c.observed_at DESC LIMIT 1), l.first_end) AS reached
    FROM logs l
    JOIN trail_private.consumer_groups g ON g.name = in_group
    JOIN LATERAL (
      SELECT min(o.first_seen_at) AS since FROM trail_private.group_positions o
      WHERE o.consumer_group_id = g.consumer_group_id AND o.topic_id = l.topic_id AND o.incarnation = l.incarnation AND o.gone_at IS NULL
      HAVING count(*) > 0) o ON true
    LEFT JOIN trail_private.group_positions gp ON gp.consumer_group_id = g.consumer_group_id AND gp.topic_id = l.topic_id
      AND gp.incarnation = l.incarnation AND gp.partition = l.partition
    WHERE gp.gone_at IS NULL
  ), marks AS (
    SELECT p.partition,
      coalesce(range_agg(m.ranges) FILTER (WHERE m.is_void AND NOT m.sampled), '{}') AS void,
      coalesce(range_agg(m.ranges) FILTER (WHERE NOT m.is_void AND NOT m.sampled), '{}') AS done,
      -- Blocks of which the group's spans tell everything they ever will.
      coalesce(range_agg(trail_private.offsets_between(m.block * 65536, (m.block + 1) * 65536)) FILTER (WHERE NOT m.is_void AND NOT m.sampled), '{}') AS told
    FROM positions p
    LEFT JOIN LATERAL (
      SELECT l.ranges, l.sampled, l.block, l.consumer_group_id = -1 AS is_void FROM trail_private.ledger l
      WHERE l.topic_id = ANY (topics) AND l.incarnation = p.incarnation AND l.partition = p.partition
        AND (l.consumer_group_id = -1 OR l.consumer_group_id IN (SELECT g.consumer_group_id FROM trail_private.consumer_groups g WHERE g.name = in_group))
    ) m ON true
    GROUP BY p.partition
  )
  SELECT p.partition,
    (trail_private.offsets_between(greatest(p.reached, p.log_start), p.old_end)
      + coalesce(p.expired, '{}')
      + trail_private.offsets_between(p.first_position, p.committed) * m.told
    ) * trail_private.offsets_between(0, p.old_end) - m.done - m.void
  FROM positions p JOIN marks m ON m.partition = p.partition;
END $$;

COMMENT ON FUNCTION trail_private.undelivered_candidates IS 'The offsets of each partition that may not be delivered to a group.';

CREATE OR REPLACE FUNCTION trail.undelivered(
  topic text, consumer_group text, older_than interval DEFAULT interval '1 minute', rows_max int DEFAULT 1000,
  after_partition int DEFAULT NULL, after_offset bigint DEFAULT NULL, cluster text DEFAULT NULL,
  as_of timestamptz DEFAULT now(), settle interval DEFAULT interval '60 s'
) RETURNS TABLE (
  partition int, message_offset bigint, verdict text, why text, sent_at timestamptz, message_key text, trace_id uuid
) LANGUAGE plpgsql STABLE ROWS 100 AS $$
DECLARE
  topics int[] := trail_private.topic_ids($1, $7);
  candidate record;
  left_over int8multirange;
  chunk bigint[];
  found int := 0;
  examined int := 0;
  added int;
BEGIN
  FOR candidate IN
    SELECT c.partition, c.offsets FROM trail_private.undelivered_candidates(topics, $2, as_of - older_than) c
    WHERE NOT isempty(c.offsets) AND (after_partition IS NULL OR c.partition >= after_partition)
    ORDER BY c.partition
  LOOP
    left_over := candidate.offsets;
    IF candidate.partition = after_partition THEN
      left_over := left_over * int8multirange(int8range(coalesce(after_offset, -1) + 1, NULL));
    END IF;
    WHILE NOT isempty(left_over) AND found < rows_max AND examined < 10000 LOOP
      -- A set-returning function among the columns is read lazily; in FROM it would first make all of a long range.
      SELECT array_agg(o) INTO chunk FROM (
        SELECT generate_series(lower(r), upper(r) - 1) AS o FROM unnest(left_over) r LIMIT least(rows_max - found, 200)) s;
      examined := examined + cardinality(chunk);
      left_over := left_over * int8multirange(int8range(chunk[cardinality(chunk)] + 1, NULL));
      RETURN QUERY
        SELECT candidate.partition, j.message_offset, j.verdict, j.why, j.sent_at, j.message_key, j.sent_trace_id
        FROM trail_private.judge(topics, $1, candidate.partition, chunk, $2, as_of, settle) j
        WHERE j.verdict IN ('WAITING', 'PROCESSING', 'RETRYING', 'FAILED', 'EXPIRED', 'SKIPPED')
          -- Behind its commit, and nobody has looked at the broker lately: it may still be undelivered.
          OR j.verdict = 'UNKNOWN' AND j.committed IS NOT NULL
        ORDER BY j.message_offset;
      GET DIAGNOSTICS added = ROW_COUNT;
      found := found + added;
    END LOOP;
  END LOOP;
END $$;

COMMENT ON FUNCTION trail.undelivered IS 'Messages that were appended at least "older_than" ago and that a group has not dealt with: waiting, in progress, failing, failed, expired, skipped. By partition and offset; page on with after_partition and after_offset. What the group passed without a trace is never listed.';
