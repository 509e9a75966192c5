-- Of the spans that handled some messages of one partition, what is judged, by offset and start; which of them are attempts
-- (NULL: all), and whether there is one of another library's, of which more is asked.
CREATE OR REPLACE FUNCTION trail_private.handlings_of(
  spans trail_private.spans[], topics int[], in_topic text, in_partition int, offsets bigint[], as_of timestamptz,
  OUT hops trail.hops[], OUT are_attempts boolean[], OUT is_foreign boolean
) LANGUAGE plpgsql STABLE AS $$
DECLARE
  is_received boolean;
  handlings bigint[];
  parents bigint[];
BEGIN
  SELECT array_agg((m.trace_id, NULL, coalesce(v.name, m.detail -> 'inline' ->> 'service'),
      CASE WHEN m.status = 2 THEN 'error' WHEN m.operation = 6 THEN 'in_progress' ELSE 'ok' END,
      (ARRAY[NULL, NULL, 'receive', 'process', NULL, 'in_progress'])[m.operation],
      in_topic, m.partition, m.message_offset, coalesce(c.name, m.detail -> 'inline' ->> 'consumer_group'), m.message_key, m.attempt,
      m.start_time, make_interval(secs => m.duration_ns / 1e9::float8), NULL, NULL, NULL,
      lpad(to_hex(m.span_id), 16, '0'), lpad(to_hex(m.parent_span_id), 16, '0'), NULL,
      (extract(epoch FROM m.start_time) * 1000000)::bigint * 1000 + m.start_ns, m.duration_ns, NULL)::trail.hops
      ORDER BY m.message_offset, m.start_time, m.start_ns, m.span_id),
      -- An attempt of another library's is ok, which counts none.
      bool_or(m.operation IN (3, 4) AND m.status <> 2 AND m.attempt IS NULL),
      bool_or(m.operation = 3), array_agg(m.span_id) FILTER (WHERE m.operation = 4), array_agg(m.parent_span_id) FILTER (WHERE m.operation = 4)
    INTO hops, is_foreign, is_received, handlings, parents
    FROM unnest(spans) m
    LEFT JOIN trail_private.services v ON v.service_id = m.service_id
    LEFT JOIN trail_private.consumer_groups c ON c.consumer_group_id = m.consumer_group_id
    WHERE m.operation NOT IN (1, 2) AND m.message_offset = ANY (offsets) AND m.partition = in_partition AND m.start_time <= as_of
      AND m.topic_id = ANY (topics);
  -- A join, and not the arrays' overlap: a list has thousands of handlings, and that compares each with each.
  IF is_received OR cardinality(handlings) > 1 AND EXISTS (SELECT FROM unnest(handlings) x JOIN unnest(parents) p ON p = x) THEN
    SELECT a.hops, a.is_attempt INTO hops, are_attempts FROM trail_private.attempts_of(hops) a;
  END IF;
END $$;

COMMENT ON FUNCTION trail_private.handlings_of IS 'The handlings among some spans, as they are judged.';
