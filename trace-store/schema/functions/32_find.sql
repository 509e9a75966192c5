-- One row per message: the hop by which it was found, its producer's where there is one.
CREATE OR REPLACE FUNCTION trail.find(id text, matches_max int DEFAULT 100)
RETURNS TABLE (found_by text, hop trail.hops) LANGUAGE plpgsql STABLE ROWS 10 AS $$
DECLARE
  by_id trail_private.spans[];
  by_key trail_private.spans[];
  odd trail_private.spans[];
BEGIN
  -- The SQL indexes hold the first 128 characters. Newest first, as an old key may have been used a million times.
  SELECT array_agg(ROW (s.*)::trail_private.spans) INTO by_id FROM (
    SELECT * FROM trail_private.spans WHERE left(message_id, 128) = left(id, 128) AND message_id = id
    ORDER BY start_time DESC LIMIT matches_max * 10) s;
  SELECT array_agg(ROW (s.*)::trail_private.spans) INTO by_key FROM (
    SELECT * FROM trail_private.spans WHERE left(message_key, 128) = left(id, 128) AND message_key = id
    ORDER BY start_time DESC LIMIT matches_max * 10) s;
  SELECT array_agg(ROW (o.*)::trail_private.spans) INTO odd FROM (
    SELECT * FROM trail_private.odd_time_spans
    WHERE left(message_id, 128) = left(id, 128) AND message_id = id OR left(message_key, 128) = left(id, 128) AND message_key = id
    LIMIT matches_max * 10) o;
  RETURN QUERY
    SELECT DISTINCT ON (h.start_unix_nano, h.topic, h.partition, h.message_offset) m.found_by, m.hop
    FROM (
      SELECT DISTINCT ON (x.hop_topic, x.hop_partition, x.hop_offset, x.lone) x.found_by, x.hop
      FROM (
        SELECT CASE WHEN h.message_id = id THEN 'message_id' ELSE 'message_key' END AS found_by, h AS hop,
          h.topic AS hop_topic, h.partition AS hop_partition, h.message_offset AS hop_offset,
          CASE WHEN h.message_offset IS NULL THEN h.msg_id END AS lone, h.operation, h.start_unix_nano
        FROM trail_private.hops_of(trail_private.with_senders(coalesce(by_id, '{}') || by_key || odd, '{}'), '{}') h
      ) x
      ORDER BY x.hop_topic, x.hop_partition, x.hop_offset, x.lone, x.operation IN ('create', 'send') DESC, x.start_unix_nano
    ) m CROSS JOIN LATERAL (SELECT (m.hop).*) h
    ORDER BY h.start_unix_nano DESC, h.topic, h.partition, h.message_offset
    LIMIT matches_max;
END $$;

COMMENT ON FUNCTION trail.find IS 'Messages that bear a message id, a business id or a key, newest first, each with the hop that tells it.';
