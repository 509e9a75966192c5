CREATE OR REPLACE VIEW trail.hops AS
SELECT
  m.trace_id,
  coalesce(m.message_id, m.topic_name || '/' || m.partition || '/' || m.message_offset,
    -- The creation context, which is known before any offset: the consumer knows it as its parent.
    replace(m.trace_id::text, '-', '') || ':'
      || lpad(to_hex(CASE WHEN m.operation IN (3, 4) THEN coalesce(m.parent_span_id, m.span_id) ELSE m.span_id END), 16, '0')) AS msg_id,
  coalesce(m.service_name, m.detail -> 'inline' ->> 'service') AS service,
  m.status,
  (ARRAY['none', 'create', 'send', 'receive', 'process', 'settle', 'in_progress', 'session'])[m.operation + 1] AS operation,
  coalesce(m.topic_name, m.detail -> 'inline' ->> 'topic') AS topic,
  m.partition,
  m.message_offset,
  coalesce(m.group_name, m.detail -> 'inline' ->> 'consumer_group') AS consumer_group,
  m.message_key,
  m.attempt,
  m.start_time,
  make_interval(secs => m.duration_ns / 1e9) AS duration,
  m.message_id,
  coalesce(m.cluster, '') AS cluster,
  CASE WHEN m.status = 'error' THEN coalesce(m.attributes ->> 'error.type', m.detail ->> 'status', 'error') END AS error,
  lpad(to_hex(m.span_id), 16, '0') AS span_id,
  lpad(to_hex(m.parent_span_id), 16, '0') AS parent_span_id,
  coalesce(m.name, m.detail -> 'inline' ->> 'name') AS span_name,
  (extract(epoch FROM m.start_time) * 1000000)::bigint * 1000 + m.start_ns AS start_unix_nano,
  m.duration_ns,
  replace(m.trace_id::text, '-', '') AS trace_hex
FROM trail_private.named_hops m;

COMMENT ON VIEW trail.hops IS 'One row per message and handling: a send, or one consumer group''s attempt at it. msg_id is the message''s own id where its span carries one, else topic/partition/offset, else the traceId:spanId it was created under.';
