CREATE OR REPLACE FUNCTION trail.verdicts(
  topic text, partition int, message_offset bigint, cluster text DEFAULT NULL,
  as_of timestamptz DEFAULT now(), settle interval DEFAULT interval '60 s'
) RETURNS TABLE (
  consumer_group text, verdict text, why text, forwarded_to text, attempts bigint, failed_attempts bigint,
  started_at timestamptz, ended_at timestamptz, waited_ns bigint, worked_ns bigint, committed bigint, committed_at timestamptz,
  ahead_messages bigint, behind interval, eta interval, flags text[], trace_id uuid, span_id text,
  rewound_to bigint, rewound_at timestamptz
) LANGUAGE plpgsql STABLE ROWS 5 AS $$
BEGIN
  RETURN QUERY
    SELECT j.consumer_group, j.verdict, j.why, j.forwarded_to, j.attempts, j.failed_attempts, j.started_at, j.ended_at,
      j.waited_ns, j.worked_ns, j.committed, j.committed_at, j.ahead_messages, j.behind, j.eta, j.flags, j.trace_id, j.span_id,
      j.rewound_to, j.rewound_at
    FROM trail_private.judge(trail_private.topic_ids($1, $4), $1, $2, ARRAY[$3], NULL, $5, $6) j;
END $$;

COMMENT ON FUNCTION trail.verdicts IS 'What became of one message for every consumer group that is known to read its topic, with the evidence. Nothing negative is said before the indexer is "settle" past what happened.';

CREATE OR REPLACE FUNCTION trail_private.message_ruling(
  topics int[], in_partition int, at bigint, of_incarnation int, log_end bigint,
  gathered trail_private.spans[], told trail_private.offset_ranges[], OUT verdict text, OUT why text
) LANGUAGE plpgsql STABLE AS $$
DECLARE
  is_aborted boolean;
  is_void boolean;
  is_seen boolean;
BEGIN
  SELECT coalesce(bool_or(r.role = 6), false), coalesce(bool_or(r.role IN (1, 2, 3, 11, 13)), false) INTO is_aborted, is_seen
    FROM unnest(told) r WHERE at BETWEEN r.first_offset AND r.last_offset;
  is_seen := is_seen OR EXISTS (SELECT FROM unnest(gathered) s WHERE s.message_offset = at AND s.partition = in_partition AND s.operation IN (1, 2, 3, 4, 6));
  is_void := EXISTS (SELECT FROM trail_private.ledger l
    WHERE l.topic_id = ANY (topics) AND l.incarnation = of_incarnation AND l.partition = in_partition
      AND l.consumer_group_id = -1 AND l.block = at / 65536 AND NOT l.sampled AND l.ranges @> at);
  verdict := trail_private.message_rule(is_aborted, is_void, is_seen, at, log_end);
  why := CASE verdict
    WHEN 'ABORTED' THEN 'its transaction was aborted'
    WHEN 'VOID' THEN 'no visible message is at this offset: a marker, an aborted message, or one that was compacted away'
    WHEN 'APPENDED' THEN CASE WHEN is_seen THEN 'spans name its offset' ELSE format('the log goes to %s; no span names it, so it may also be a transaction''s marker or an aborted message', log_end) END
    ELSE CASE WHEN log_end IS NULL THEN 'no span names it, and the log is not watched' ELSE format('no span names it, and the log ends at %s', log_end) END END;
END $$;

COMMENT ON FUNCTION trail_private.message_ruling IS 'The verdict of a message itself, by the spans and ranges that speak of it.';

CREATE OR REPLACE FUNCTION trail.message_verdict(
  topic text, partition int, message_offset bigint, cluster text DEFAULT NULL, as_of timestamptz DEFAULT now()
) RETURNS TABLE (verdict text, why text, incarnation int, log_start bigint, log_end bigint) LANGUAGE plpgsql STABLE ROWS 1 AS $$
DECLARE
  topics int[] := trail_private.topic_ids($1, $4);
  life record;
  got record;
BEGIN
  SELECT * INTO life FROM trail_private.life_of(topics, $2, $3, $5);
  SELECT * INTO got FROM trail_private.gather_offsets(topics, $2, ARRAY[$3], life.born_at, life.died_at);
  RETURN QUERY
    SELECT r.verdict, r.why, life.incarnation, life.log_start, life.log_end
    FROM trail_private.message_ruling(topics, $2, $3, life.incarnation, life.log_end, got.gathered, got.told) r;
END $$;

COMMENT ON FUNCTION trail.message_verdict IS 'What became of one message itself: ABORTED, VOID, APPENDED, or UNKNOWN where neither a span nor the log knows of it.';
