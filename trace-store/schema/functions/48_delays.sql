-- Read from the spans of the asked time each time it is asked: nothing is summed up at write, so nothing can be doubled.
CREATE OR REPLACE FUNCTION trail.delays(
  from_time timestamptz DEFAULT now() - interval '1 hour', to_time timestamptz DEFAULT now(), only_topic text DEFAULT NULL
) RETURNS TABLE (
  hour timestamptz, topic text, consumer_group text, operation text, spans bigint, failed bigint,
  waited_ms_p50 float8, waited_ms_p95 float8, waited_ms_p99 float8, worked_ms_p50 float8, worked_ms_p95 float8, worked_ms_p99 float8
) LANGUAGE plpgsql STABLE ROWS 100 AS $$
DECLARE
  topics int[];
  hours timestamptz[];
  topic_ids int[];
  group_ids int[];
  operations smallint[];
  counts bigint[];
  failures bigint[];
  waits float8[];
  works float8[];
BEGIN
  IF only_topic IS NOT NULL THEN
    topics := trail_private.topic_ids(only_topic, NULL);
  END IF;
  -- One row per hour, topic, group and operation; the percentiles of each lie side by side, three by three.
  SELECT array_agg(r.h), array_agg(r.topic_id), array_agg(r.consumer_group_id), array_agg(r.operation), array_agg(r.n), array_agg(r.bad),
      array_agg(r.waited), array_agg(r.worked)
    INTO hours, topic_ids, group_ids, operations, counts, failures, waits, works
  FROM (
    SELECT date_trunc('hour', s.start_time) AS h, s.topic_id, s.consumer_group_id, s.operation, count(*) AS n,
      count(*) FILTER (WHERE s.status = 2) AS bad,
      coalesce(percentile_cont(ARRAY[0.5, 0.95, 0.99]) WITHIN GROUP (ORDER BY (s.attributes ->> 'kafka_trail.queue_time_ms')::float8),
        ARRAY[NULL, NULL, NULL]::float8[]) AS waited,
      percentile_cont(ARRAY[0.5, 0.95, 0.99]) WITHIN GROUP (ORDER BY s.duration_ns / 1e6) AS worked
    FROM trail_private.spans s
    WHERE s.start_time >= from_time AND s.start_time < to_time AND s.operation IN (1, 2, 3, 4, 5) AND s.topic_id IS NOT NULL
      AND (topics IS NULL OR s.topic_id = ANY (topics))
    GROUP BY 1, 2, 3, 4
  ) r;
  RETURN QUERY
    SELECT r.h, t.name, g.name, (ARRAY['create', 'send', 'receive', 'process', 'settle'])[r.op], r.n, r.bad,
      waits[r.i][1], waits[r.i][2], waits[r.i][3], works[r.i][1], works[r.i][2], works[r.i][3]
    FROM unnest(hours, topic_ids, group_ids, operations, counts, failures) WITH ORDINALITY AS r (h, t, g, op, n, bad, i)
    LEFT JOIN trail_private.topics t ON t.topic_id = r.t
    LEFT JOIN trail_private.consumer_groups g ON g.consumer_group_id = r.g
    ORDER BY r.h, t.name, g.name NULLS FIRST, r.op;
END $$;

COMMENT ON FUNCTION trail.delays IS 'Rates, failures and delays per hour, topic, group and operation: how long messages waited before they were handled, and how long the work took, in milliseconds. Looks at one hour unless told otherwise.';
