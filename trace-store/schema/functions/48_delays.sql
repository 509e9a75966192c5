-- Closed minutes are read as they were summed up, all others (and those that are to be summed up again) from their spans, in
-- the same buckets: so the answer is the same, however much of the time is summed up.
CREATE OR REPLACE FUNCTION trail.delays(
  from_time timestamptz DEFAULT now() - interval '1 hour', to_time timestamptz DEFAULT now(), only_topic text DEFAULT NULL
) RETURNS TABLE (
  hour timestamptz, topic text, consumer_group text, operation text, spans bigint, failed bigint,
  waited_ms_p50 float8, waited_ms_p95 float8, waited_ms_p99 float8, worked_ms_p50 float8, worked_ms_p95 float8, worked_ms_p99 float8
) LANGUAGE plpgsql STABLE ROWS 100 AS $$
DECLARE
  topics int[] := CASE WHEN only_topic IS NOT NULL THEN trail_private.topic_ids(only_topic, NULL) END;
  first_minute timestamptz := date_trunc('minute', from_time + interval '1 minute' - interval '1 microsecond');
  -- Nothing is closed before the first time.
  end_minute timestamptz := least(date_trunc('minute', to_time), coalesce((SELECT s.closed_through FROM trail_private.rollup_state s), '-infinity'));
  due timestamptz[];
  froms timestamptz[];
  tos timestamptz[];
BEGIN
  IF end_minute IS NULL OR end_minute <= first_minute THEN
    first_minute := to_time;
    end_minute := to_time;
  END IF;
  due := ARRAY(SELECT DISTINCT d.minute FROM trail_private.rollups_due d WHERE d.minute >= first_minute AND d.minute < end_minute);
  -- What is read from spans: both ends, and what is due, neighbouring minutes together.
  SELECT array_agg(x.a), array_agg(x.b) INTO froms, tos FROM (
    SELECT from_time AS a, first_minute AS b UNION ALL SELECT end_minute, to_time UNION ALL
    SELECT min(m.minute), max(m.minute) + interval '1 minute'
    FROM (SELECT d.minute, d.minute - row_number() OVER (ORDER BY d.minute) * interval '1 minute' AS island FROM unnest(due) AS d (minute)) m
    GROUP BY m.island
  ) x WHERE x.a < x.b;

  RETURN QUERY
  WITH parts AS MATERIALIZED (
    SELECT r.* FROM trail_private.rollups r
    WHERE r.minute >= first_minute AND r.minute < end_minute AND r.minute <> ALL (due) AND (topics IS NULL OR r.topic_id = ANY (topics))
    UNION ALL
    SELECT s.* FROM unnest(froms, tos) AS x (a, b) CROSS JOIN LATERAL trail_private.sum_up(x.a, x.b, topics) s
  ), totals AS (
    SELECT date_trunc('hour', p.minute) AS h, p.topic_id, p.consumer_group_id, p.operation, sum(p.spans) AS n, sum(p.failed) AS bad
    FROM parts p GROUP BY 1, 2, 3, 4
  ), buckets AS (
    SELECT date_trunc('hour', p.minute) AS h, p.topic_id, p.consumer_group_id, p.operation, b.is_wait, b.bucket, sum(b.n)::int AS n
    FROM parts p CROSS JOIN LATERAL (
      SELECT true AS is_wait, w.bucket, w.n FROM unnest(p.waited_buckets, p.waited_counts) AS w (bucket, n) UNION ALL
      SELECT false, w.bucket, w.n FROM unnest(p.worked_buckets, p.worked_counts) AS w (bucket, n)) b
    GROUP BY 1, 2, 3, 4, 5, 6
  ), delays AS (
    SELECT b.h, b.topic_id, b.consumer_group_id, b.operation,
      array_agg(b.bucket ORDER BY b.bucket) FILTER (WHERE b.is_wait) AS waited, array_agg(b.n ORDER BY b.bucket) FILTER (WHERE b.is_wait) AS waited_n,
      array_agg(b.bucket ORDER BY b.bucket) FILTER (WHERE NOT b.is_wait) AS worked, array_agg(b.n ORDER BY b.bucket) FILTER (WHERE NOT b.is_wait) AS worked_n
    FROM buckets b GROUP BY 1, 2, 3, 4
  )
  SELECT a.h, t.name, g.name, (ARRAY['create', 'send', 'receive', 'process', 'settle'])[a.operation], a.n, a.bad,
    trail_private.percentile_of(d.waited, d.waited_n, 0.5), trail_private.percentile_of(d.waited, d.waited_n, 0.95), trail_private.percentile_of(d.waited, d.waited_n, 0.99),
    trail_private.percentile_of(d.worked, d.worked_n, 0.5), trail_private.percentile_of(d.worked, d.worked_n, 0.95), trail_private.percentile_of(d.worked, d.worked_n, 0.99)
  FROM totals a
  LEFT JOIN delays d ON d.h = a.h AND d.topic_id = a.topic_id AND d.operation = a.operation
    AND coalesce(d.consumer_group_id, -1) = coalesce(a.consumer_group_id, -1)
  LEFT JOIN trail_private.topics t ON t.topic_id = a.topic_id
  LEFT JOIN trail_private.consumer_groups g ON g.consumer_group_id = a.consumer_group_id
  ORDER BY a.h, t.name, g.name NULLS FIRST, a.operation;
END $$;

COMMENT ON FUNCTION trail.delays IS 'Rates, failures and delays per hour, topic, group and operation: how long messages waited before they were handled, and how long the work took, in milliseconds. Counts are exact, percentiles within 2 % of the exact ones. Looks at one hour unless told otherwise.';
