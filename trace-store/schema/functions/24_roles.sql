-- Spans of one message and ranges of many, in one form: role 1 sent, 2 handled, 3 handled and failed, 10 forwarded from.
CREATE OR REPLACE FUNCTION trail_private.roles_of(gathered trail_private.spans[], told trail_private.offset_ranges[])
RETURNS TABLE (trace_id uuid, topic_id int, partition int, first_offset bigint, last_offset bigint, role int)
LANGUAGE sql IMMUTABLE AS $$
  SELECT s.trace_id, s.topic_id, s.partition, s.message_offset, s.message_offset,
    CASE WHEN s.operation IN (1, 2) THEN 1 WHEN s.status = 2 THEN 3 ELSE 2 END
  FROM unnest(gathered) s WHERE s.operation IN (1, 2, 3, 4, 6) AND s.message_offset IS NOT NULL
  UNION ALL
  SELECT r.trace_id, r.topic_id, r.partition, r.first_offset, r.last_offset, CASE WHEN r.role IN (10, 11) THEN 2 ELSE r.role END
  FROM unnest(told) r WHERE r.role IN (1, 2, 3, 10, 11)
$$;

COMMENT ON FUNCTION trail_private.roles_of IS 'Who sent and who handled which offsets, as gathered spans and ranges tell.';

-- The messages over which a walk goes on: sent in a later trace, handled (or forwarded from) in an earlier one.
CREATE OR REPLACE FUNCTION trail_private.places_of(
  gathered trail_private.spans[], told trail_private.offset_ranges[], later uuid[], earlier uuid[])
RETURNS TABLE (topic_id int, partition int, message_offset bigint, is_sent boolean) LANGUAGE sql IMMUTABLE AS $$
  SELECT DISTINCT s.topic_id, s.partition, o.message_offset, s.role = 1
  FROM trail_private.roles_of(gathered, told) s
  CROSS JOIN LATERAL generate_series(s.first_offset, s.last_offset) AS o (message_offset)
  WHERE s.role = 1 AND s.trace_id = ANY (later) OR s.role <> 1 AND s.trace_id = ANY (earlier)
$$;

COMMENT ON FUNCTION trail_private.places_of IS 'The messages over which a walk along a trail goes on.';

-- A batch in another trace handled many messages that are none of this trail's: its ranges are cut down to those that are.
CREATE OR REPLACE FUNCTION trail_private.related_ranges(
  gathered trail_private.spans[], told trail_private.offset_ranges[], asked uuid)
RETURNS trail_private.offset_ranges[] LANGUAGE plpgsql STABLE AS $$
DECLARE
  related trail_private.offset_ranges[];
BEGIN
  WITH known AS MATERIALIZED (
    SELECT s.topic_id, s.partition, s.message_offset FROM unnest(gathered) s
    WHERE s.operation IN (1, 2, 3, 4, 6) AND s.message_offset IS NOT NULL
    UNION
    SELECT r.topic_id, r.partition, o.message_offset FROM unnest(told) r
    CROSS JOIN LATERAL generate_series(r.first_offset, r.last_offset) AS o (message_offset)
    WHERE r.trace_id = asked AND r.role IN (1, 2, 3, 10)
  )
  SELECT array_agg(cut) INTO related FROM (
    SELECT r.* FROM unnest(told) r WHERE r.trace_id = asked
    UNION ALL
    SELECT (jsonb_populate_record(r, jsonb_build_object('first_offset', k.message_offset, 'last_offset', k.message_offset))).*
    FROM unnest(told) r
    JOIN known k ON k.topic_id = r.topic_id AND k.partition = r.partition AND k.message_offset BETWEEN r.first_offset AND r.last_offset
    WHERE r.trace_id <> asked
  ) cut;
  RETURN coalesce(related, '{}');
END $$;

COMMENT ON FUNCTION trail_private.related_ranges IS 'Ranges of a trail, those of other traces cut down to messages that the trail knows.';
