-- Offsets are dense but for void ones, so what was seen of what there is is a number.
CREATE OR REPLACE FUNCTION trail.coverage(topic text, cluster text DEFAULT NULL, only_partition int DEFAULT NULL)
RETURNS TABLE (
  partition int, consumer_group text, offsets bigint, void bigint, seen bigint, unaccounted bigint, ratio numeric,
  is_sampled boolean, first_offset bigint, end_offset bigint, since timestamptz
) LANGUAGE plpgsql STABLE ROWS 100 AS $$
DECLARE
  topics int[] := trail_private.topic_ids($1, $2);
BEGIN
  RETURN QUERY
  WITH logs AS (
    SELECT DISTINCT ON (p.partition) p.* FROM trail_private.log_positions p
    WHERE p.topic_id = ANY (topics) AND (only_partition IS NULL OR p.partition = only_partition)
    ORDER BY p.partition, p.incarnation DESC
  ), marks AS (
    SELECT l.partition, CASE WHEN l.consumer_group_id = -1 THEN 'void' WHEN l.consumer_group_id = 0 THEN 'sent' ELSE 'done' END AS what,
      g.name AS grp, range_agg(l.ranges) AS ranges, bool_or(l.sampled) AS is_sampled
    FROM logs JOIN trail_private.ledger l ON l.topic_id = ANY (topics) AND l.incarnation = logs.incarnation AND l.partition = logs.partition
    LEFT JOIN trail_private.consumer_groups g ON g.consumer_group_id = l.consumer_group_id
    GROUP BY 1, 2, 3
  ), wanted AS (
    SELECT l.partition, NULL::text AS grp, 'sent' AS what, greatest(l.first_end, l.ledger_from) AS low, l.log_end AS high, l.first_seen_at AS since FROM logs l
    UNION ALL
    SELECT l.partition, g.name, 'done', greatest(min(p.first_position), max(l.ledger_from)), max(p.committed_max), min(p.first_seen_at)
    FROM logs l
    JOIN trail_private.group_positions p ON p.topic_id = l.topic_id AND p.incarnation = l.incarnation AND p.partition = l.partition AND p.gone_at IS NULL
    JOIN trail_private.consumer_groups g USING (consumer_group_id)
    GROUP BY 1, 2
  ), counted AS (
    SELECT w.partition, w.grp, w.low, greatest(w.low, w.high) AS high, w.since,
      greatest(0, w.high - w.low) AS offsets,
      trail_private.length_of(v.ranges * x.span) AS void,
      trail_private.length_of(m.ranges * x.span - coalesce(v.ranges, '{}')) AS seen,
      coalesce(m.is_sampled, false) OR coalesce(v.is_sampled, false) AS is_sampled
    FROM wanted w
    CROSS JOIN LATERAL (SELECT trail_private.offsets_between(w.low, w.high) AS span) x
    LEFT JOIN marks m ON m.partition = w.partition AND m.what = w.what AND m.grp IS NOT DISTINCT FROM w.grp
    LEFT JOIN marks v ON v.partition = w.partition AND v.what = 'void' AND NOT v.is_sampled
  )
  SELECT c.partition, c.grp, c.offsets, c.void, c.seen, c.offsets - c.void - c.seen,
    round(c.seen::numeric / nullif(c.offsets - c.void, 0), 6), c.is_sampled, c.low, c.high, c.since
  FROM counted c ORDER BY c.partition, c.grp NULLS FIRST;
END $$;

COMMENT ON FUNCTION trail.coverage IS 'How much of each partition spans tell of, by its producers (consumer_group NULL) and by each group: seen out of the offsets that exist and are not void, counted since they were first seen, and not further back than spans are kept. Where is_sampled, only the bounds of what was seen are known, and seen is an upper bound.';
