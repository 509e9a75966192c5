-- One row per message and handling: a send, or one group's attempt at it. A span of many messages is spread over them by
-- its ranges of offsets. Where one trace tells of the same handling twice, the finer span stands for it:
-- a message's own span before its batch's, process before receive, the ended span before "still in progress".
CREATE OR REPLACE VIEW trail_private.all_hops AS
-- Spans of one message.
SELECT s.trace_id, s.span_id, s.parent_span_id, s.start_time, s.start_ns, s.duration_ns, s.service_id, s.span_name_id,
  s.topic_id, s.partition, s.message_offset, s.consumer_group_id, s.message_key, s.message_id, s.attempt, s.operation,
  CASE WHEN s.status = 2 THEN 'error' WHEN s.operation = 6 THEN 'in_progress' ELSE 'ok' END AS status,
  s.attributes, s.detail
FROM trail_private.all_spans s
WHERE s.operation IN (1, 2, 3, 4, 6) AND s.topic_id IS NOT NULL
  AND (s.message_offset IS NOT NULL OR s.kind IN (4, 5) AND s.attributes -> 'messaging.batch.message_count' IS NULL
    OR s.operation = 2 AND s.status = 2)
  AND NOT EXISTS (
    SELECT FROM trail_private.all_spans f
    WHERE f.trace_id = s.trace_id AND (
      s.operation = 3 AND f.operation = 4 AND f.topic_id = s.topic_id AND f.partition = s.partition AND f.message_offset = s.message_offset
        AND f.consumer_group_id IS NOT DISTINCT FROM s.consumer_group_id
      OR s.operation = 6 AND (f.operation = 4 AND f.span_id = s.parent_span_id
        OR f.operation = 6 AND f.parent_span_id = s.parent_span_id AND (f.duration_ns, f.span_id) > (s.duration_ns, s.span_id))
      OR s.operation = 2 AND s.message_offset IS NULL AND f.operation = 1 AND f.parent_span_id = s.span_id))
UNION ALL
-- Spans of many: role 1 sent, 2 processed, 3 failed, 11 in hand.
SELECT s.trace_id, s.span_id, s.parent_span_id, s.start_time, s.start_ns, s.duration_ns, s.service_id, s.span_name_id,
  r.topic_id, r.partition, o.message_offset, r.consumer_group_id, NULL, NULL, s.attempt, s.operation,
  CASE r.role WHEN 3 THEN 'error' WHEN 11 THEN 'in_progress' ELSE 'ok' END AS status,
  s.attributes, s.detail
FROM trail_private.all_spans s
JOIN trail_private.all_offset_ranges r ON r.trace_id = s.trace_id AND r.span_id = s.span_id
CROSS JOIN LATERAL generate_series(r.first_offset, r.last_offset) AS o (message_offset)
WHERE (s.operation = 2 AND r.role = 1 OR s.operation = 4 AND r.role IN (2, 3) OR s.operation = 6 AND r.role = 11)
  AND NOT EXISTS (
    SELECT FROM trail_private.all_spans f
    WHERE f.trace_id = s.trace_id AND (
      f.topic_id = r.topic_id AND f.partition = r.partition AND f.message_offset = o.message_offset
        AND (r.role = 1 AND f.operation IN (1, 2)
          OR r.role <> 1 AND f.operation = 4 AND f.consumer_group_id IS NOT DISTINCT FROM r.consumer_group_id)
      OR s.operation = 6 AND (f.operation = 4 AND f.span_id = s.parent_span_id
        OR f.operation = 6 AND f.parent_span_id = s.parent_span_id AND (f.duration_ns, f.span_id) > (s.duration_ns, s.span_id))));
