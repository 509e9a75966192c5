-- Which life of a topic an offset is asked of: the newest that has it, else the newest. first_seen_at of a life is when
-- the one before it was last seen, so that no message of the new one is older.
CREATE OR REPLACE FUNCTION trail_private.life_of(
  topics int[], in_partition int, at bigint, as_of timestamptz,
  OUT topic_id int, OUT incarnation int, OUT born_at timestamptz, OUT died_at timestamptz,
  OUT log_start bigint, OUT log_end bigint, OUT is_broker_seen boolean
) LANGUAGE plpgsql STABLE AS $$
BEGIN
  SELECT p.topic_id, p.incarnation, p.log_start, p.log_end,
      -- Three periods without a look, or a fault since the last one: what is known of positions may be old.
      coalesce(w.swept_at >= as_of - greatest(make_interval(secs => w.poll_ms * 3 / 1e3), interval '30 s')
        AND (w.problem_at IS NULL OR w.problem_at < w.swept_at), false),
      (SELECT max(i.first_seen_at) FROM trail_private.topic_incarnations i WHERE i.topic_id = p.topic_id AND i.incarnation = p.incarnation AND i.incarnation > 1),
      (SELECT min(i.first_seen_at) FROM trail_private.topic_incarnations i WHERE i.topic_id = p.topic_id AND i.incarnation > p.incarnation)
    INTO topic_id, incarnation, log_start, log_end, is_broker_seen, born_at, died_at
    FROM trail_private.log_positions p
    JOIN trail_private.topics t ON t.topic_id = p.topic_id
    LEFT JOIN trail_private.watchers w ON w.cluster = t.cluster
    WHERE p.topic_id = ANY (topics) AND p.partition = in_partition
    ORDER BY p.log_end > at DESC, p.incarnation DESC LIMIT 1;
  incarnation := coalesce(incarnation, 1);
  is_broker_seen := coalesce(is_broker_seen, false);
  born_at := coalesce(born_at, '-infinity');
  died_at := coalesce(died_at, 'infinity');
END $$;

COMMENT ON FUNCTION trail_private.life_of IS 'The life of a topic that an offset is asked of, and its log.';
