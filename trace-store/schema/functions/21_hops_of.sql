-- The rules of trail.hops over spans and ranges that are already gathered: functions gather, then judge, which is the
-- shape that also runs on Citus. One row per hop, as a span of one message: of a span of many, one for each of its offsets.
-- What few traces have is looked at only where it is there: starting a statement takes longer than running it.
CREATE OR REPLACE FUNCTION trail_private.hop_spans_of(gathered trail_private.spans[], told trail_private.offset_ranges[])
RETURNS trail_private.spans[] LANGUAGE plpgsql STABLE AS $$
DECLARE
  alone trail_private.spans[];
  spread trail_private.spans[];
  is_finer boolean;
BEGIN
  -- is_finer: there may be a finer span that stands for another.
  SELECT array_agg(u.s) FILTER (WHERE (u.s).operation IN (1, 2, 3, 4, 6) AND (u.s).topic_id IS NOT NULL
      AND ((u.s).message_offset IS NOT NULL OR (u.s).kind IN (4, 5) AND (u.s).attributes -> 'messaging.batch.message_count' IS NULL
        OR (u.s).operation = 2 AND (u.s).status = 2)),
      bool_or((u.s).operation IN (3, 6) OR (u.s).operation = 2 AND (u.s).message_offset IS NULL)
    INTO alone, is_finer
    FROM (SELECT DISTINCT ON (s.trace_id, s.span_id, s.start_time) s FROM unnest(gathered) s) u;
  IF is_finer THEN
    SELECT array_agg(s) INTO alone FROM unnest(alone) s
      WHERE NOT (s.operation = 3 AND EXISTS (
          SELECT FROM unnest(gathered) f WHERE f.trace_id = s.trace_id AND f.operation = 4 AND f.topic_id = s.topic_id AND f.partition = s.partition
            AND f.message_offset = s.message_offset AND f.consumer_group_id IS NOT DISTINCT FROM s.consumer_group_id))
        AND NOT (s.operation = 6 AND (
          EXISTS (SELECT FROM unnest(gathered) f WHERE f.trace_id = s.trace_id AND f.operation = 4 AND f.span_id = s.parent_span_id)
          OR EXISTS (SELECT FROM unnest(gathered) f WHERE f.trace_id = s.trace_id AND f.operation = 6 AND f.parent_span_id = s.parent_span_id
            AND (f.duration_ns, f.span_id) > (s.duration_ns, s.span_id))))
        AND NOT (s.operation = 2 AND s.message_offset IS NULL AND EXISTS (
          SELECT FROM unnest(gathered) f WHERE f.trace_id = s.trace_id AND f.operation = 1 AND f.parent_span_id = s.span_id));
  END IF;
  IF cardinality(told) > 0 THEN
    WITH s AS MATERIALIZED (
      SELECT DISTINCT ON (u.trace_id, u.span_id, u.start_time) u.* FROM unnest(gathered) u
    ), r AS MATERIALIZED (
      SELECT DISTINCT u.trace_id, u.span_id, u.topic_id, u.partition, u.consumer_group_id, u.role, o.message_offset
      FROM unnest(told) u CROSS JOIN LATERAL generate_series(u.first_offset, u.last_offset) AS o (message_offset)
      WHERE u.role IN (1, 2, 3, 11, 20, 21)
    )
    SELECT array_agg((s.start_time, s.span_id, s.parent_span_id, r.message_offset, s.duration_ns, s.service_id, s.span_name_id, s.resource_id,
        r.topic_id, r.partition, r.consumer_group_id, s.attempt, s.start_ns, s.kind,
        CASE WHEN r.role = 3 OR r.role >= 20 AND s.status = 2 THEN 2 ELSE 0 END,
        s.operation, s.trace_id, NULL, NULL, s.attributes, s.detail)::trail_private.spans)
      INTO spread FROM s JOIN r ON r.trace_id = s.trace_id AND r.span_id = s.span_id
      WHERE (s.operation = 2 AND r.role = 1 OR s.operation = 4 AND r.role IN (2, 3) OR s.operation = 6 AND r.role = 11
        OR s.operation IN (3, 4) AND r.role >= 20)
        AND NOT (s.operation = 6 AND EXISTS (
          SELECT FROM s f WHERE f.trace_id = s.trace_id AND (f.operation = 4 AND f.span_id = s.parent_span_id
            OR f.operation = 6 AND f.parent_span_id = s.parent_span_id AND (f.duration_ns, f.span_id) > (s.duration_ns, s.span_id))))
        AND NOT EXISTS (
          SELECT FROM s f WHERE f.trace_id = r.trace_id AND f.topic_id = r.topic_id AND f.partition = r.partition
            AND f.message_offset = r.message_offset
            AND (r.role = 1 AND f.operation IN (1, 2)
              OR r.role IN (2, 3, 11) AND f.operation = 4 AND f.consumer_group_id IS NOT DISTINCT FROM r.consumer_group_id));
  END IF;
  RETURN alone || spread;
END $$;

COMMENT ON FUNCTION trail_private.hop_spans_of IS 'The hops that gathered spans and ranges tell of, each as the span of one message.';

-- Here a message's own id is known on all its hops, as they are judged together.
CREATE OR REPLACE FUNCTION trail_private.hops_of(gathered trail_private.spans[], told trail_private.offset_ranges[])
RETURNS SETOF trail.hops LANGUAGE plpgsql STABLE ROWS 20 AS $$
BEGIN
  RETURN QUERY
  WITH named AS (
    SELECT m.trace_id, m.span_id, m.parent_span_id, m.start_time, m.start_ns, m.duration_ns, m.service_id, m.span_name_id,
      m.topic_id, m.partition, m.message_offset, m.consumer_group_id, m.message_key, m.message_id, m.attempt, m.operation,
      CASE WHEN m.status = 2 THEN 'error' WHEN m.operation = 6 THEN 'in_progress' ELSE 'ok' END AS status,
      m.attributes, m.detail,
      coalesce(m.message_id, CASE WHEN m.message_offset IS NOT NULL THEN
        max(m.message_id) OVER (PARTITION BY m.topic_id, m.partition, m.message_offset) END) AS own_id
    FROM unnest(trail_private.hop_spans_of(gathered, told)) m
  )
  SELECT
    m.trace_id,
    coalesce(m.own_id, t.name || '/' || m.partition || '/' || m.message_offset,
      replace(m.trace_id::text, '-', '') || ':'
        || lpad(to_hex(CASE WHEN m.operation IN (3, 4) THEN coalesce(m.parent_span_id, m.span_id) ELSE m.span_id END), 16, '0')),
    coalesce(v.name, m.detail -> 'inline' ->> 'service'),
    m.status,
    (ARRAY['none', 'create', 'send', 'receive', 'process', 'settle', 'in_progress', 'session'])[m.operation + 1],
    coalesce(t.name, m.detail -> 'inline' ->> 'topic'),
    m.partition,
    m.message_offset,
    coalesce(g.name, m.detail -> 'inline' ->> 'consumer_group'),
    m.message_key,
    m.attempt,
    m.start_time,
    make_interval(secs => m.duration_ns / 1e9),
    m.message_id,
    coalesce(t.cluster, ''),
    CASE WHEN m.status = 'error' THEN coalesce(m.attributes ->> 'error.type', m.detail ->> 'status', 'error') END,
    lpad(to_hex(m.span_id), 16, '0'),
    lpad(to_hex(m.parent_span_id), 16, '0'),
    coalesce(n.name, m.detail -> 'inline' ->> 'name'),
    (extract(epoch FROM m.start_time) * 1000000)::bigint * 1000 + m.start_ns,
    m.duration_ns,
    replace(m.trace_id::text, '-', '')
  FROM named m
  LEFT JOIN trail_private.services v ON v.service_id = m.service_id
  LEFT JOIN trail_private.span_names n ON n.span_name_id = m.span_name_id
  LEFT JOIN trail_private.topics t ON t.topic_id = m.topic_id
  LEFT JOIN trail_private.consumer_groups g ON g.consumer_group_id = m.consumer_group_id
  ORDER BY 20, 17;
END $$;

COMMENT ON FUNCTION trail_private.hops_of IS 'The hops that gathered spans and ranges tell of, oldest first.';
