-- Where logs ended at some times. Only where something is asked: see 42_histories.sql.
CREATE OR REPLACE FUNCTION trail_private.log_ends_at(topics int[], incarnations int[], partitions int[], times timestamptz[])
RETURNS bigint[] LANGUAGE plpgsql STABLE SET enable_bitmapscan = off AS $$
DECLARE
  ends bigint[];
BEGIN
  SELECT array_agg((SELECT c.log_end FROM trail_private.log_position_changes c
      WHERE c.topic_id = u.t AND c.incarnation = u.i AND c.partition = u.p AND c.observed_at <= u.at
      ORDER BY c.observed_at DESC LIMIT 1) ORDER BY u.n)
    INTO ends FROM unnest(topics, incarnations, partitions, times) WITH ORDINALITY AS u (t, i, p, at, n);
  RETURN ends;
END $$;

COMMENT ON FUNCTION trail_private.log_ends_at IS 'Where logs ended at some times, in the order asked; NULL: no look at the log is that old.';

-- Where offsets that are not delivered may lie, per partition, from the watcher's positions alone: what the group has not
-- committed past, what retention took before it, and what lies below its commit.
CREATE OR REPLACE FUNCTION trail_private.undelivered_candidates(topics int[], in_group text, older_than_at timestamptz)
RETURNS TABLE (partition int, incarnation int, offsets int8multirange, passed int8multirange) LANGUAGE plpgsql STABLE ROWS 10 AS $$
DECLARE
  logs trail_private.log_positions[];
  positions trail_private.group_positions[];
  sinces timestamptz[];
  log trail_private.log_positions;
  pos trail_private.group_positions;
  -- What the history of the logs is asked, and what it answers, in the same order.
  asked_topics int[];
  asked_incarnations int[];
  asked_partitions int[];
  asked_times timestamptz[];
  ends bigint[];
  answers int := 0;
  old_end bigint;
  reached bigint;
BEGIN
  SELECT array_agg(l.log), array_agg(gp), array_agg(o.since) INTO logs, positions, sinces
    FROM (
      SELECT DISTINCT ON (p.partition) p AS log FROM trail_private.log_positions p WHERE p.topic_id = ANY (topics)
      ORDER BY p.partition, p.incarnation DESC) l
    JOIN (
      SELECT p.consumer_group_id, p.topic_id, p.incarnation, min(p.first_seen_at) AS since
      FROM trail_private.group_positions p JOIN trail_private.consumer_groups g ON g.consumer_group_id = p.consumer_group_id
      WHERE g.name = in_group AND p.topic_id = ANY (topics) AND p.gone_at IS NULL
      GROUP BY 1, 2, 3) o ON o.topic_id = (l.log).topic_id AND o.incarnation = (l.log).incarnation
    LEFT JOIN trail_private.group_positions gp ON gp.consumer_group_id = o.consumer_group_id AND gp.topic_id = o.topic_id
      AND gp.incarnation = o.incarnation AND gp.partition = (l.log).partition
    WHERE gp.gone_at IS NULL;
  FOR i IN 1..coalesce(cardinality(logs), 0) LOOP
    log := logs[i];
    pos := positions[i];
    IF (log.observed_at <= older_than_at) IS NOT TRUE THEN
      asked_topics := asked_topics || log.topic_id;
      asked_incarnations := asked_incarnations || log.incarnation;
      asked_partitions := asked_partitions || log.partition;
      asked_times := asked_times || older_than_at;
    END IF;
    IF pos.committed IS NULL THEN
      asked_topics := asked_topics || log.topic_id;
      asked_incarnations := asked_incarnations || log.incarnation;
      asked_partitions := asked_partitions || log.partition;
      asked_times := asked_times || sinces[i];
    END IF;
  END LOOP;
  IF asked_topics IS NOT NULL THEN
    ends := trail_private.log_ends_at(asked_topics, asked_incarnations, asked_partitions, asked_times);
  END IF;
  FOR i IN 1..coalesce(cardinality(logs), 0) LOOP
    log := logs[i];
    pos := positions[i];
    old_end := log.log_end;
    IF (log.observed_at <= older_than_at) IS NOT TRUE THEN
      answers := answers + 1;
      old_end := coalesce(ends[answers], CASE WHEN log.first_seen_at <= older_than_at THEN log.first_end ELSE log.log_start END);
    END IF;
    reached := pos.committed;
    IF reached IS NULL THEN
      -- Without a commit here, what was in the log before the group may never have been meant for it.
      answers := answers + 1;
      reached := coalesce(ends[answers], log.first_end);
    END IF;
    partition := log.partition;
    incarnation := log.incarnation;
    offsets := (trail_private.offsets_between(greatest(reached, log.log_start), old_end) + coalesce(pos.expired, '{}'))
      * trail_private.offsets_between(0, old_end);
    passed := trail_private.offsets_between(pos.first_position, least(pos.committed, old_end));
    RETURN NEXT;
  END LOOP;
END $$;

COMMENT ON FUNCTION trail_private.undelivered_candidates IS 'The offsets of each partition that a group has not gone past, and those it has passed.';

-- Of these, by the ledger, what no ok attempt was seen of: below the group's commit, where its spans are whole enough to tell.
-- For one partition alone, when its turn has come: a page is often full after the first.
CREATE OR REPLACE FUNCTION trail_private.without_ok(
  topics int[], in_incarnation int, in_partition int, groups int[], INOUT offsets int8multirange, INOUT passed int8multirange
) LANGUAGE plpgsql STABLE AS $$
DECLARE
  void int8multirange;
  done int8multirange;
  told int8multirange;
BEGIN
  SELECT coalesce(range_agg(l.ranges) FILTER (WHERE l.consumer_group_id = -1), '{}'),
      coalesce(range_agg(l.ranges) FILTER (WHERE l.consumer_group_id <> -1), '{}'),
      -- Blocks of which the group's spans tell everything they ever will.
      coalesce(range_agg(int8range(l.block * 65536, (l.block + 1) * 65536)) FILTER (WHERE l.consumer_group_id <> -1), '{}')
    INTO void, done, told FROM trail_private.ledger l
    WHERE l.topic_id = ANY (topics) AND l.incarnation = in_incarnation AND l.partition = in_partition
      AND l.consumer_group_id = ANY (groups || -1) AND NOT l.sampled;
  offsets := offsets - done - void;
  passed := passed * told - done - void - offsets;
END $$;

COMMENT ON FUNCTION trail_private.without_ok IS 'Those of the offsets of which no ok attempt was seen.';

-- What a group has passed was not dealt with only where something tells so: a failed attempt, one that never ended, a jump.
-- All other offsets without an ok attempt are merely untraced. Looks at "looks" pieces of evidence at most, lowest offsets
-- first, and says up to which offset it has seen all of them.
CREATE OR REPLACE FUNCTION trail_private.passed_in_trouble(
  topics int[], in_partition int, groups int[], passed int8multirange, looks int,
  OUT offsets int8multirange, OUT complete_to bigint
) LANGUAGE plpgsql STABLE SET enable_bitmapscan = off AS $$
DECLARE
  low bigint := lower(passed);
  high bigint := upper(passed) - 1;
  seen bigint[];
  firsts bigint[];
  lasts bigint[];
BEGIN
  complete_to := high;
  SELECT array_agg(s.message_offset) INTO seen FROM (
    SELECT message_offset FROM trail_private.spans
    WHERE topic_id = ANY (topics) AND partition = in_partition AND message_offset BETWEEN low AND high
      AND message_offset IS NOT NULL AND (status = 2 OR operation = 6) AND (consumer_group_id = ANY (groups) OR consumer_group_id IS NULL)
    ORDER BY message_offset LIMIT looks) s;
  IF cardinality(seen) = looks THEN
    complete_to := seen[looks];
  END IF;
  SELECT array_agg(r.first_offset), array_agg(r.last_offset) INTO firsts, lasts FROM (
    SELECT first_offset, last_offset FROM trail_private.offset_ranges
    WHERE topic_id = ANY (topics) AND partition = in_partition AND first_offset BETWEEN low - 4095 AND high AND last_offset >= low
      AND role IN (3, 9, 11) AND (consumer_group_id = ANY (groups) OR consumer_group_id IS NULL)
    ORDER BY first_offset LIMIT looks) r;
  IF cardinality(firsts) = looks THEN
    complete_to := least(complete_to, greatest(firsts[looks], low));
  END IF;
  offsets := '{}';
  IF seen IS NOT NULL OR firsts IS NOT NULL THEN
    SELECT coalesce(range_agg(int8range(f, l, '[]')), '{}') INTO offsets FROM unnest(seen || firsts, seen || lasts) AS r (f, l);
  END IF;
  IF EXISTS (SELECT 1 FROM trail_private.odd_time_spans) THEN
    SELECT offsets + coalesce(range_agg(t.told), '{}') INTO offsets FROM (
      SELECT int8range(message_offset, message_offset, '[]') AS told FROM trail_private.odd_time_spans
      WHERE topic_id = ANY (topics) AND partition = in_partition AND message_offset BETWEEN low AND high AND (status = 2 OR operation = 6)
      UNION ALL
      SELECT int8range(first_offset, last_offset, '[]') FROM trail_private.odd_time_offset_ranges
      WHERE topic_id = ANY (topics) AND partition = in_partition AND first_offset <= high AND last_offset >= low AND role IN (3, 9, 11)) t;
  END IF;
  offsets := offsets * passed * trail_private.offsets_between(low, complete_to + 1);
END $$;

COMMENT ON FUNCTION trail_private.passed_in_trouble IS 'Those of the offsets that a group has passed of which a failed attempt, an unfinished one or a jump tells.';

-- The last offset, from one on, at which spans prove that there is a message: its send is known, or somebody dealt with it.
CREATE OR REPLACE FUNCTION trail_private.last_proven(topics int[], in_incarnation int, in_partition int, low bigint)
RETURNS bigint LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN (
    -- Which offsets of a block were told is not kept where they were many single ones.
    SELECT max(CASE WHEN l.sampled THEN (l.block + 1) * 65536 ELSE upper(l.ranges) END) - 1 FROM trail_private.ledger l
    WHERE l.topic_id = ANY (topics) AND l.incarnation = in_incarnation AND l.partition = in_partition
      AND l.consumer_group_id <> -1 AND l.block >= low / 65536);
END $$;

COMMENT ON FUNCTION trail_private.last_proven IS 'The last offset at which spans prove that there is a message; NULL: at none.';

CREATE OR REPLACE FUNCTION trail.undelivered(
  topic text, consumer_group text, older_than interval DEFAULT interval '1 minute', rows_max int DEFAULT 1000,
  after_partition int DEFAULT NULL, after_offset bigint DEFAULT NULL, cluster text DEFAULT NULL,
  as_of timestamptz DEFAULT now(), settle interval DEFAULT interval '60 s'
) RETURNS TABLE (
  partition int, message_offset bigint, verdict text, why text, sent_at timestamptz, message_key text, trace_id uuid
) LANGUAGE plpgsql STABLE ROWS 100 AS $$
DECLARE
  topics int[] := trail_private.topic_ids($1, $7);
  groups int[] := trail_private.consumer_group_ids($2, NULL);
  candidate record;
  unseen record;
  trouble record;
  passed int8multirange;
  left_over int8multirange;
  chunk bigint[];
  found int := 0;
  added int;
  through timestamptz := coalesce(trail_private.indexed_through(as_of), as_of);
BEGIN
  FOR candidate IN
    SELECT c.partition, c.incarnation, c.offsets, c.passed,
      CASE WHEN c.partition = after_partition THEN int8multirange(int8range(coalesce(after_offset, -1) + 1, NULL)) ELSE '{(,)}' END AS asked
    FROM trail_private.undelivered_candidates(topics, $2, as_of - older_than) c
    WHERE after_partition IS NULL OR c.partition >= after_partition
    ORDER BY c.partition
  LOOP
    EXIT WHEN found >= rows_max;
    unseen := trail_private.without_ok(topics, candidate.incarnation, candidate.partition, groups, candidate.offsets, candidate.passed);
    passed := unseen.passed * candidate.asked;
    candidate.offsets := unseen.offsets * candidate.asked;
    -- By offset: what was passed in pieces, each with what lies between it and the next; then the rest.
    WHILE found < rows_max AND NOT (isempty(passed) AND isempty(candidate.offsets)) LOOP
      left_over := candidate.offsets;
      IF isempty(passed) THEN
        candidate.offsets := '{}';
      ELSE
        trouble := trail_private.passed_in_trouble(topics, candidate.partition, groups, passed, 1000);
        passed := passed * int8multirange(int8range(trouble.complete_to + 1, NULL));
        IF NOT isempty(passed) THEN
          left_over := left_over * int8multirange(int8range(NULL, trouble.complete_to + 1));
        END IF;
        candidate.offsets := candidate.offsets - left_over;
        left_over := left_over + trouble.offsets;
      END IF;
      WHILE NOT isempty(left_over) AND found < rows_max LOOP
        -- A set-returning function among the columns is read lazily; in FROM it would first make all of a long range.
        SELECT array_agg(o) INTO chunk FROM (
          SELECT generate_series(lower(r), upper(r) - 1) AS o FROM unnest(left_over) r LIMIT least(rows_max - found, 200)) s;
        left_over := left_over * int8multirange(int8range(chunk[cardinality(chunk)] + 1, NULL));
        RETURN QUERY
          SELECT candidate.partition, j.message_offset, j.verdict,
            -- At a log's end a transaction leaves its marker, which no group ever reads. Looked for once, and only where it matters.
            j.why || CASE WHEN j.verdict = 'WAITING' AND j.sent_at IS NULL AND j.message_offset > coalesce(
                (SELECT trail_private.last_proven(topics, candidate.incarnation, candidate.partition, chunk[1])), -1)
              THEN '; no message is known at or behind it, so it may also be a transaction''s marker or an aborted message' ELSE '' END,
            j.sent_at, j.message_key, j.sent_trace_id
          FROM trail_private.judge(topics, $1, candidate.partition, chunk, $2, as_of, settle, through, true, groups) j
          WHERE j.verdict IN ('WAITING', 'PROCESSING', 'RETRYING', 'FAILED', 'EXPIRED', 'SKIPPED')
            -- Behind its commit, and nobody has looked at the broker lately: it may still be undelivered.
            OR j.verdict = 'UNKNOWN' AND j.committed IS NOT NULL
          ORDER BY j.message_offset;
        GET DIAGNOSTICS added = ROW_COUNT;
        found := found + added;
      END LOOP;
    END LOOP;
  END LOOP;
END $$;

COMMENT ON FUNCTION trail.undelivered IS 'Messages that were appended at least "older_than" ago and that a group has not dealt with: waiting, in progress, failing, failed, expired, skipped. By partition and offset; page on with after_partition and after_offset. What the group passed without a trace is never listed.';
