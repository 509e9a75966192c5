-- Minutes before this are closed at that moment. A writer asks at the moment it writes, and says of spans in a closed minute
-- that they came late; who sums up waits for all writers that might have been asked before (schema/rollups.ts).
CREATE OR REPLACE FUNCTION trail_private.closed_before(at timestamptz) RETURNS timestamptz LANGUAGE sql STABLE AS $$
  SELECT date_trunc('minute', at - interval '3 minutes')
$$;
COMMENT ON FUNCTION trail_private.closed_before IS 'The end of the minutes that are closed at a moment.';

-- Buckets are e^0.04 wide, so that their middle is within tanh(0.02) < 2 % of everything in them; -32768 is none.
CREATE OR REPLACE FUNCTION trail_private.bucket_middle(bucket smallint) RETURNS float8 LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE WHEN bucket = -32768 THEN 0 ELSE 2 * exp(0.04 * bucket) / (exp(0.04) + 1) END
$$;
COMMENT ON FUNCTION trail_private.bucket_middle IS 'Milliseconds that stand for everything in a bucket, within 2 %.';

-- As percentile_cont on the delays themselves: between the two spans about the rank. Each is within 2 %, hence so is what lies between.
CREATE OR REPLACE FUNCTION trail_private.percentile_of(buckets smallint[], counts int[], share float8)
RETURNS float8 LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT low + (high - low) * (rank - floor(rank)) FROM (
    SELECT min(r.rank) AS rank,
      trail_private.bucket_middle(min(r.bucket) FILTER (WHERE r.upto > floor(r.rank))) AS low,
      trail_private.bucket_middle(min(r.bucket) FILTER (WHERE r.upto > ceil(r.rank))) AS high
    FROM (
      SELECT b.bucket, sum(b.n) OVER (ORDER BY b.bucket) AS upto, share * (sum(b.n) OVER () - 1) AS rank
      FROM unnest(buckets, counts) AS b (bucket, n)
    ) r
  ) x
$$;
COMMENT ON FUNCTION trail_private.percentile_of IS 'A percentile of delays in buckets, in milliseconds, within 2 % of the exact one.';

-- Sums up the spans of a stretch of time, per minute. The services are named so that the SQL index by service and time is
-- used: there is none on time alone. Of functions only those that every worker of a Citus cluster has.
CREATE OR REPLACE FUNCTION trail_private.sum_up(from_time timestamptz, to_time timestamptz, topics int[] DEFAULT NULL)
RETURNS SETOF trail_private.rollups LANGUAGE plpgsql STABLE ROWS 1000 AS $$
DECLARE
  every_service int[] := ARRAY(SELECT service_id FROM trail_private.services) || 0;
BEGIN
  RETURN QUERY
  WITH cells AS MATERIALIZED (
    SELECT date_trunc('minute', s.start_time) AS minute, s.topic_id, s.service_id, s.consumer_group_id, s.operation,
      CASE WHEN s.duration_ns = 0 THEN -32768 ELSE ceil(ln(s.duration_ns / 1e6::float8) / 0.04) END::smallint AS worked,
      -- To see that it is not there takes a tenth of reading the JSON.
      CASE WHEN strpos(s.attributes::text, '"kafka_trail.queue_time_ms"') = 0 THEN NULL
        WHEN json_typeof(s.attributes -> 'kafka_trail.queue_time_ms') IS DISTINCT FROM 'number' THEN NULL
        -- Clocks that disagree make it less than nothing.
        WHEN (s.attributes ->> 'kafka_trail.queue_time_ms')::float8 < 1e-6 THEN -32768
        ELSE least(32767, ceil(ln((s.attributes ->> 'kafka_trail.queue_time_ms')::float8) / 0.04)) END::smallint AS waited,
      count(*) AS n, count(*) FILTER (WHERE s.status = 2) AS bad
    FROM trail_private.spans s
    WHERE s.start_time >= from_time AND s.start_time < to_time AND s.service_id = ANY (every_service)
      AND s.operation IN (1, 2, 3, 4, 5) AND s.topic_id IS NOT NULL AND (topics IS NULL OR s.topic_id = ANY (topics))
    GROUP BY 1, 2, 3, 4, 5, 6, 7
  ), worked AS (
    SELECT c.minute, c.topic_id, c.service_id, c.consumer_group_id, c.operation, c.worked AS bucket, sum(c.n)::int AS n, sum(c.bad)::int AS bad
    FROM cells c GROUP BY 1, 2, 3, 4, 5, 6
  ), waited AS (
    SELECT c.minute, c.topic_id, c.service_id, c.consumer_group_id, c.operation, c.waited AS bucket, sum(c.n)::int AS n
    FROM cells c WHERE c.waited IS NOT NULL GROUP BY 1, 2, 3, 4, 5, 6
  ), waits AS (
    SELECT w.minute, w.topic_id, w.service_id, w.consumer_group_id, w.operation,
      array_agg(w.bucket ORDER BY w.bucket) AS buckets, array_agg(w.n ORDER BY w.bucket) AS counts
    FROM waited w GROUP BY 1, 2, 3, 4, 5
  )
  SELECT w.minute, sum(w.n)::int, sum(w.bad)::int, w.topic_id, w.service_id, w.consumer_group_id, w.operation,
    array_agg(w.bucket ORDER BY w.bucket), array_agg(w.n ORDER BY w.bucket),
    coalesce(min(x.buckets), '{}'), coalesce(min(x.counts), '{}')
  FROM worked w
  LEFT JOIN waits x ON x.minute = w.minute AND x.topic_id = w.topic_id AND x.service_id = w.service_id AND x.operation = w.operation
    -- No id is negative.
    AND coalesce(x.consumer_group_id, -1) = coalesce(w.consumer_group_id, -1)
  GROUP BY w.minute, w.topic_id, w.service_id, w.consumer_group_id, w.operation;
END $$;
COMMENT ON FUNCTION trail_private.sum_up IS 'What the spans of a stretch of time tell, per minute, topic, group, service and operation.';

CREATE OR REPLACE VIEW trail.rates AS
SELECT r.minute, t.cluster, t.name AS topic, g.name AS consumer_group, v.name AS service,
  (ARRAY['create', 'send', 'receive', 'process', 'settle'])[r.operation] AS operation, r.spans, r.failed,
  trail_private.percentile_of(r.waited_buckets, r.waited_counts, 0.5) AS waited_ms_p50,
  trail_private.percentile_of(r.waited_buckets, r.waited_counts, 0.99) AS waited_ms_p99,
  trail_private.percentile_of(r.worked_buckets, r.worked_counts, 0.5) AS worked_ms_p50,
  trail_private.percentile_of(r.worked_buckets, r.worked_counts, 0.99) AS worked_ms_p99
FROM trail_private.rollups r
LEFT JOIN trail_private.topics t ON t.topic_id = r.topic_id
LEFT JOIN trail_private.consumer_groups g ON g.consumer_group_id = r.consumer_group_id
LEFT JOIN trail_private.services v ON v.service_id = r.service_id;

COMMENT ON VIEW trail.rates IS 'Spans, failures and delays per minute, topic, group, service and operation, of closed minutes: some four minutes after they end; a span that comes later is counted within a minute or two. Percentiles are within 2 % of the exact ones.';
