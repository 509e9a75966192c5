CREATE OR REPLACE VIEW trail.spans AS
SELECT
  s.trace_id,
  lpad(to_hex(s.span_id), 16, '0') AS span_id,
  lpad(to_hex(s.parent_span_id), 16, '0') AS parent_span_id,
  coalesce(s.service_name, s.detail -> 'inline' ->> 'service') AS service,
  coalesce(s.name, s.detail -> 'inline' ->> 'name') AS span_name,
  -- The positions are OTLP's SpanKind and StatusCode and span/vocabulary.ts's Operation, all from 0.
  (ARRAY['unspecified', 'internal', 'server', 'client', 'producer', 'consumer'])[s.kind + 1] AS kind,
  (ARRAY['none', 'create', 'send', 'receive', 'process', 'settle', 'in_progress', 'session'])[s.operation + 1] AS operation,
  (ARRAY['unset', 'ok', 'error'])[s.status + 1] AS status,
  s.start_time,
  make_interval(secs => s.duration_ns / 1e9) AS duration,
  s.cluster,
  coalesce(s.topic_name, s.detail -> 'inline' ->> 'topic') AS topic,
  s.partition,
  s.message_offset,
  coalesce(s.group_name, s.detail -> 'inline' ->> 'consumer_group') AS consumer_group,
  s.message_key,
  s.message_id,
  s.attempt,
  -- What the span says itself, what it has in common with others, and what its columns hold (ingest/shared-attributes.ts).
  CASE WHEN s.whole_detail ? 'columns' THEN
    s.attributes::jsonb || (s.whole_detail -> 'attributes') || (jsonb_build_object(
      coalesce(s.whole_detail -> 'columns' ->> 'partition', ''), s.partition,
      coalesce(s.whole_detail -> 'columns' ->> 'partition_text', ''), s.partition::text,
      coalesce(s.whole_detail -> 'columns' ->> 'message_offset', ''), s.message_offset,
      coalesce(s.whole_detail -> 'columns' ->> 'message_offset_text', ''), s.message_offset::text,
      coalesce(s.whole_detail -> 'columns' ->> 'message_key', ''), s.message_key,
      coalesce(s.whole_detail -> 'columns' ->> 'message_id', ''), s.message_id) - '')
    ELSE s.attributes::jsonb END AS attributes,
  coalesce(s.resource_attributes, s.detail -> 'inline_resource') AS resource,
  CASE WHEN s.whole_detail ? 'columns' THEN nullif(s.whole_detail - '{attributes,columns}'::text[], '{}')
    ELSE s.whole_detail END AS detail,
  replace(s.trace_id::text, '-', '') AS trace_hex,
  (extract(epoch FROM s.start_time) * 1000000)::bigint * 1000 + s.start_ns AS start_unix_nano,
  s.duration_ns
FROM trail_private.named_spans s;

COMMENT ON VIEW trail.spans IS 'Every span that is stored, with names for ids. trace_id takes 32 hex characters as well as the uuid spelling; trace_hex is how logs and Jaeger spell it. start_time has microseconds, start_unix_nano all of it.';
