-- What trail.message, trail.message_verdict and trail.related say of one message, gathered once: to gather is most of their work.
CREATE OR REPLACE FUNCTION trail_private.message_page(
  topic text, partition int, message_offset bigint, cluster text, related_max int,
  OUT hops trail.hops[], OUT directions text[], OUT related trail.hops[],
  OUT verdict text, OUT why text, OUT incarnation int, OUT log_start bigint, OUT log_end bigint
) LANGUAGE plpgsql STABLE AS $$
DECLARE
  topics int[] := trail_private.topic_ids($1, $4);
  life record;
  got record;
BEGIN
  SELECT * INTO life FROM trail_private.life_of(topics, $2, $3, now());
  SELECT * INTO got FROM trail_private.gather_offsets(topics, $2, ARRAY[$3], life.born_at, life.died_at);
  SELECT array_agg(h) INTO hops FROM trail_private.hops_of(got.gathered, got.told) h
    WHERE h.message_offset = $3 AND h.partition = $2 AND h.topic = $1;
  SELECT array_agg(r.direction), array_agg(r.hop) INTO directions, related
    FROM trail_private.related_of($1, $2, $3, got.gathered, got.told, related_max) r;
  SELECT r.verdict, r.why INTO verdict, why
    FROM trail_private.message_ruling(topics, $2, $3, life.incarnation, life.log_end, got.gathered, got.told) r;
  incarnation := life.incarnation;
  log_start := life.log_start;
  log_end := life.log_end;
END $$;

COMMENT ON FUNCTION trail_private.message_page IS 'The hops, the verdict and the neighbours of one message.';
