CREATE OR REPLACE FUNCTION trail.message(topic text, partition int, message_offset bigint, cluster text DEFAULT NULL)
RETURNS SETOF trail.hops LANGUAGE plpgsql STABLE ROWS 10 AS $$
DECLARE
  topics int[] := trail_private.topic_ids($1, $4);
  life record;
  got record;
BEGIN
  SELECT * INTO life FROM trail_private.life_of(topics, $2, $3, now());
  SELECT * INTO got FROM trail_private.gather_offsets(topics, $2, ARRAY[$3], life.born_at, life.died_at);
  RETURN QUERY
    SELECT h.* FROM trail_private.hops_of(got.gathered, got.told) h
    WHERE h.message_offset = $3 AND h.partition = $2 AND h.topic = $1;
END $$;

COMMENT ON FUNCTION trail.message IS 'Every hop of one message by its coordinates, oldest first, batches included. Of a topic that was made anew, the newest life that has the offset.';
