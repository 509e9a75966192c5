-- Some instrumentations' sends are roots of traces of their own whatever they were sent for (aiokafka, .NET): nothing ties a
-- dead letter to the message that it is a copy of but its key. So where a service handled a message and then sent a copy
-- with its key that hangs below nothing, that the handling was ok says nothing of the message. Only the last handling of the
-- key before the send is in doubt: a partition's messages are handled one after the other.
CREATE OR REPLACE FUNCTION trail_private.loose_copies_of(handled trail.hops[])
RETURNS TABLE (message_offset bigint, consumer_group text, copied_to text) LANGUAGE plpgsql STABLE ROWS 1 AS $$
DECLARE
  keys text[];
  starts text[];
  from_time timestamptz;
  to_time timestamptz;
  same_key trail_private.spans[];
  some_spans trail_private.spans[];
BEGIN
  -- kafka-trail's own handlings count attempts, and its dead letters name their origin.
  SELECT array_agg(DISTINCT h.message_key), array_agg(DISTINCT left(h.message_key, 128)), min(h.start_time), max(h.start_time + h.duration) + interval '1 hour'
    INTO keys, starts, from_time, to_time FROM unnest(handled) h
    WHERE h.operation IN ('process', 'receive') AND h.status = 'ok' AND h.attempt IS NULL AND h.message_key IS NOT NULL;
  IF keys IS NULL THEN
    RETURN;
  END IF;
  SELECT array_agg(ROW (s.*)::trail_private.spans) INTO same_key FROM (
    SELECT * FROM trail_private.spans WHERE left(message_key, 128) = ANY (starts) AND start_time BETWEEN from_time AND to_time LIMIT 1000) s;
  SELECT array_agg(ROW (o.*)::trail_private.spans) INTO some_spans FROM (
    SELECT * FROM trail_private.odd_time_spans WHERE left(message_key, 128) = ANY (starts) AND start_time BETWEEN from_time AND to_time LIMIT 1000) o;
  same_key := same_key || some_spans;
  IF NOT EXISTS (SELECT FROM unnest(same_key) s WHERE s.operation IN (1, 2) AND s.kind = 4 AND s.parent_span_id IS NULL) THEN
    RETURN;
  END IF;
  RETURN QUERY
  SELECT h.message_offset, coalesce(h.consumer_group, chr(1) || h.service), string_agg(DISTINCT t.name, ', ')
  FROM unnest(handled) h
  JOIN unnest(same_key) s ON s.message_key = h.message_key AND s.start_time >= h.start_time
  JOIN trail_private.services v ON v.service_id = s.service_id AND v.name = h.service
  JOIN trail_private.topics t ON t.topic_id = s.topic_id AND (trail_private.is_dead_letter_topic(t.name) OR trail_private.is_retry_topic(t.name))
  WHERE h.operation IN ('process', 'receive') AND h.status = 'ok' AND h.attempt IS NULL
    AND s.operation IN (1, 2) AND s.kind = 4 AND s.parent_span_id IS NULL AND t.name <> h.topic
    AND NOT EXISTS (SELECT FROM unnest(same_key) o WHERE o.message_key = h.message_key AND o.service_id = s.service_id
      AND o.operation IN (3, 4) AND o.start_time > h.start_time AND o.start_time <= s.start_time
      AND (o.partition, o.message_offset) <> (h.partition, h.message_offset))
  GROUP BY 1, 2;
END $$;

COMMENT ON FUNCTION trail_private.loose_copies_of IS 'Copies that may be of these messages, as their key and their sender are the same, and no span tells what they are of.';
