-- Gathers all evidence about some messages of one partition, for every consumer group or for one, and lays it beside the
-- rules. One row per message and group, by offset and name; the offsets are given in ascending order. Groups never share
-- evidence: everything is found by the group's name. Many instrumentations do not name their group: then each service stands
-- for itself, as chr(1) and its name.
--
-- Judged message by message over variables, and not in one statement over all: to start a statement of a hundred nodes takes
-- Postgres 0.7 ms, whatever it finds, and a step here 0.1 us.
CREATE OR REPLACE FUNCTION trail_private.judge(
  topics int[], in_topic text, in_partition int, offsets bigint[], only_group text, as_of timestamptz, settle interval,
  through timestamptz DEFAULT NULL,  -- indexed_through, where it was asked already
  is_brief boolean DEFAULT false,    -- for lists: without committed_at, and ahead_messages to eta; without attempts, forwarded_to, times and flags
  only_ids int[] DEFAULT NULL        -- consumer_group_ids of only_group, where it was asked already
) RETURNS TABLE (
  message_offset bigint, consumer_group text, verdict text, why text, forwarded_to text,
  attempts bigint, failed_attempts bigint, started_at timestamptz, ended_at timestamptz, waited_ns bigint, worked_ns bigint,
  committed bigint, committed_at timestamptz, ahead_messages bigint, behind interval, eta interval,
  flags text[], trace_id uuid, span_id text, sent_at timestamptz, message_key text, sent_trace_id uuid,
  rewound_to bigint, rewound_at timestamptz
) LANGUAGE plpgsql STABLE ROWS 10 AS $$
DECLARE
  n int := cardinality(offsets);
  life record;
  got record;
  spans trail_private.spans[];
  s trail_private.spans;
  other trail_private.spans;
  same_named int[];
  is_handled boolean := false;
  handled record;
  hops trail.hops[];
  are_attempts boolean[];
  is_foreign boolean;
  h trail.hops;
  k int;
  -- Of each offset: whether a hop tells of it, the span that sent it, and its first attempt.
  is_told boolean[] := array_fill(false, ARRAY[n]);
  sends int[] := array_fill(NULL::int, ARRAY[n]);
  first_tries int[] := array_fill(NULL::int, ARRAY[n]);
  -- Of each attempt, by offset: its hop, the offset's number, its group, and by what it is one of this message (lead_of).
  tries int := 0;
  try_hops int[];
  try_offsets int[];
  try_groups text[];
  try_roles int[];
  is_nameless boolean := false;
  -- Where copies are looked for.
  handled_offsets bigint[] := '{}';
  handled_groups text[] := '{}';
  handled_traces uuid[] := '{}';
  handled_spans bigint[] := '{}';
  handled_from timestamptz;
  handled_to timestamptz;
  many_spans text[];
  -- What only few messages have, each with "offset/group" as its key.
  copied record;
  copied_keys text[];
  dead_letters text[];
  retries text[];
  doubted record;
  doubted_keys text[];
  doubted_to text[];
  loose_keys text[];
  loose_to text[];
  told record;
  held_keys text[];
  skipped_keys text[];
  failed_spans text[];
  failed_names text[];
  hidden int8multirange;
  traced record;
  traced_groups text[];
  traced_from bigint[];
  -- Of each group: its position on this partition, if it has one. Those after them have only attempts or copies.
  others text[];
  place record;
  groups text[];
  ids int[];
  positions bigint[];
  positions_max bigint[];
  expired int8multirange[];
  -- What the histories tell, in the order in which they were asked.
  sent_times timestamptz[] := array_fill(NULL::timestamptz, ARRAY[n]);
  history record;
  passed_at timestamptz[];
  passed int := 0;
  rewound_keys text[];
  rewind int;
  expired_offsets bigint[];
  -- Of one message and group.
  grp text;
  key text;
  copy int;
  sent trail_private.spans;
  decisive trail.hops;
  sent_ns bigint;
  acknowledged_ns bigint;
  ok bigint;
  ok_alone bigint;
  handed bigint;
  handed_failed bigint;
  lead int;
  first_ns bigint;
  service text;
  services text;
  per_second numeric;
  dead_lettered_to text;
  retried_to text;
  doubt text;
  committed_max bigint;
  dealt_at timestamptz;
  is_tried boolean := true;
  is_in_progress boolean;
  is_rare boolean;
  is_expired boolean := false;
  is_held boolean := false;
  is_skipped boolean := false;
  is_traced boolean;
BEGIN
  through := coalesce(through, trail_private.indexed_through(as_of), as_of);
  life := trail_private.life_of(topics, in_partition, offsets[n], as_of);
  IF only_group IS NOT NULL AND only_ids IS NULL THEN
    only_ids := trail_private.consumer_group_ids(only_group, NULL);
  END IF;
  got := trail_private.gather_offsets(topics, in_partition, offsets, life.born_at, life.died_at, only_ids);
  spans := trail_private.hop_spans_of(got.gathered, got.told);
  FOR i IN 1..coalesce(cardinality(spans), 0) LOOP
    s := spans[i];
    k := array_position(offsets, s.message_offset);
    CONTINUE WHEN k IS NULL OR s.partition IS DISTINCT FROM in_partition OR s.start_time > as_of;
    IF s.topic_id <> ALL (topics) THEN
      -- A sender's topic may be of a cluster by another name.
      same_named := coalesce(same_named, ARRAY(SELECT t.topic_id FROM trail_private.topics t WHERE t.name = in_topic));
      CONTINUE WHEN s.topic_id <> ALL (same_named);
    END IF;
    is_told[k] := true;
    IF s.operation NOT IN (1, 2) THEN
      is_handled := true;
    ELSIF sends[k] IS NULL THEN
      sends[k] := i;
    ELSE
      -- The last send; where there is none, the last creation.
      other := spans[sends[k]];
      IF (s.operation, s.start_time, s.start_ns) > (other.operation, other.start_time, other.start_ns) THEN
        sends[k] := i;
      END IF;
    END IF;
  END LOOP;
  IF is_handled THEN
    handled := trail_private.handlings_of(spans, topics || same_named, in_topic, in_partition, offsets, as_of);
    hops := handled.hops;
    are_attempts := handled.are_attempts;
    is_foreign := handled.is_foreign;
  END IF;
  IF got.is_led THEN
    many_spans := ARRAY(SELECT r.trace_id || lpad(to_hex(r.span_id), 16, '0') FROM unnest(got.told) r WHERE r.role = 21);
  END IF;
  FOR i IN 1..coalesce(cardinality(hops), 0) LOOP
    h := hops[i];
    CONTINUE WHEN h.consumer_group <> only_group OR only_group IS NOT NULL AND h.consumer_group IS NULL;
    grp := coalesce(h.consumer_group, chr(1) || h.service);
    is_nameless := is_nameless OR h.consumer_group IS NULL;
    IF are_attempts IS NULL OR are_attempts[i] THEN
      tries := tries + 1;
      try_hops[tries] := i;
      k := array_position(offsets, h.message_offset);
      try_offsets[tries] := k;
      try_groups[tries] := grp;
      first_tries[k] := coalesce(first_tries[k], tries);
    END IF;
    -- What was sent below the handling of many messages may be a copy of any of them: asked apart.
    IF many_spans IS NULL OR (h.trace_id || h.span_id) <> ALL (many_spans) THEN
      handled_offsets := handled_offsets || h.message_offset;
      handled_groups := handled_groups || grp;
      handled_traces := handled_traces || h.trace_id;
      handled_spans := handled_spans || ('x' || h.span_id)::bit(64)::bigint;
      handled_from := least(handled_from, h.start_time);
      handled_to := greatest(handled_to, h.start_time + h.duration);
    END IF;
  END LOOP;
  -- Without an attempt, and without a copy that names its origin, there is none to look for.
  IF cardinality(handled_offsets) > 0 OR 10 = ANY (got.roles) THEN
    copied := trail_private.copies_of(got.gathered, got.told, handled_offsets, handled_groups, handled_traces, handled_spans,
      handled_from, handled_to, topics, in_partition, got.is_odd, only_group);
    copied_keys := copied.keys;
    dead_letters := copied.dead_letters;
    retries := copied.retries;
  END IF;
  IF got.is_led THEN
    doubted := trail_private.doubted_copies_of(got.told, hops, topics, in_partition, got.is_odd, only_group);
    doubted_keys := doubted.keys;
    doubted_to := doubted.copied_to;
  END IF;
  IF is_foreign THEN
    SELECT array_agg(l.message_offset || '/' || l.consumer_group), array_agg(l.copied_to) INTO loose_keys, loose_to
      FROM trail_private.loose_copies_of(hops) l WHERE only_group IS NULL OR l.consumer_group = only_group;
    SELECT array_agg(f.trace_id || f.span_id), array_agg(f.names) INTO failed_spans, failed_names
      FROM trail_private.failed_below(ARRAY(SELECT hops[x.hop] FROM unnest(try_hops) AS x (hop))) f;
  END IF;

  -- What no group can have seen: void, and aborted.
  SELECT coalesce(range_agg(l.ranges), '{}') INTO hidden FROM trail_private.ledger l
    WHERE l.topic_id = ANY (topics) AND l.incarnation = life.incarnation AND l.partition = in_partition
      AND l.consumer_group_id = -1 AND l.block BETWEEN offsets[1] / 65536 AND offsets[n] / 65536 AND NOT l.sampled;
  IF got.roles && '{6,8,9,13}' THEN
    told := trail_private.told_of(got.told, offsets);
    hidden := hidden + told.aborted;
    held_keys := told.held_keys;
    skipped_keys := told.skipped_keys;
  END IF;
  IF tries > 0 AND (got.is_led OR 13 = ANY (got.roles)) THEN
    try_roles := trail_private.try_roles_of(got.told, hops, try_hops, got.is_led);
  END IF;
  others := try_groups;
  IF copied_keys IS NOT NULL THEN
    others := others || copied.groups;
  END IF;
  place := trail_private.positions_on(life.topic_id, life.incarnation, in_partition, only_ids, others);
  groups := place.groups;
  ids := place.ids;
  positions := place.committed;
  positions_max := place.committed_max;
  expired := place.expired;
  -- Asked of what a group may have passed.
  IF offsets[1] < ANY (positions_max) OR offsets[1] < ANY (place.firsts) THEN
    traced := trail_private.traced_on(topics, life.incarnation, in_partition);
    traced_groups := traced.groups;
    traced_from := traced.told_from;
  END IF;
  FOR k IN 1..n LOOP
    sent_times[k] := (spans[sends[k]]).start_time;
  END LOOP;
  history := trail_private.passages_of(life.topic_id, life.incarnation, in_partition, offsets, sent_times, ids, positions, positions_max,
    expired, as_of, through - settle, is_brief);
  passed_at := history.passed_at;
  rewound_keys := history.rewound_keys;
  expired_offsets := history.expired_offsets;

  is_rare := copied_keys IS NOT NULL OR rewound_keys IS NOT NULL OR expired_offsets IS NOT NULL OR held_keys IS NOT NULL
    OR skipped_keys IS NOT NULL;
  FOR k IN 1..n LOOP
    message_offset := offsets[k];
    sent := spans[sends[k]];
    sent_at := sent.start_time;
    sent_ns := NULL;
    message_key := sent.message_key;
    sent_trace_id := sent.trace_id;
    IF is_nameless THEN
      SELECT string_agg(DISTINCT t.service, ', ') INTO services FROM unnest(hops) t
        WHERE t.message_offset = offsets[k] AND t.consumer_group IS NULL;
    END IF;
    FOR g IN 1..coalesce(cardinality(groups), 0) LOOP
      grp := groups[g];
      key := message_offset || '/' || grp;
      committed := positions[g];
      committed_max := positions_max[g];
      committed_at := NULL;
      IF committed_max > message_offset THEN
        passed := passed + 1;
        committed_at := passed_at[passed];
      END IF;

      IF is_tried THEN
        is_tried := false;
        decisive := NULL;
        ok := 0; ok_alone := 0; failed_attempts := 0; handed := 0; handed_failed := 0;
        lead := NULL; first_ns := NULL; started_at := NULL; ended_at := NULL; service := NULL;
        is_in_progress := false;
      END IF;
      FOR i IN coalesce(first_tries[k], tries + 1)..tries LOOP
        EXIT WHEN try_offsets[i] <> k;
        CONTINUE WHEN try_groups[i] IS DISTINCT FROM grp;
        h := hops[try_hops[i]];
        -- Role 13: one of a batch whose spans are all alike, whatever became of each message.
        IF try_roles[i] = 13 THEN
          handed := handed + 1;
          handed_failed := handed_failed + (h.status = 'error')::int;
        ELSE
          ok := ok + (h.status = 'ok')::int;
          ok_alone := ok_alone + (h.status = 'ok' AND try_roles[i] IS DISTINCT FROM 21)::int;
          failed_attempts := failed_attempts + (h.status = 'error')::int;
          -- 0 where an attempt names the message itself: then nothing had to be concluded.
          lead := least(lead, coalesce(try_roles[i], 0));
        END IF;
        is_in_progress := is_in_progress OR h.status = 'in_progress' AND h.start_time + h.duration > as_of - interval '2 minutes';
        first_ns := least(first_ns, h.start_unix_nano);
        started_at := least(started_at, h.start_time);
        ended_at := greatest(ended_at, h.start_time + h.duration);
        service := least(service, h.service);
        -- The attempt that decides: the first that was ok, else the last.
        IF NOT is_tried OR decisive.status <> 'ok' THEN
          decisive := h;
        END IF;
        is_tried := true;
      END LOOP;
      IF is_rare THEN
        copy := array_position(copied_keys, key);
        dead_lettered_to := dead_letters[copy];
        retried_to := retries[copy];
        rewind := CASE WHEN committed_max > message_offset AND committed <= message_offset
          THEN array_position(rewound_keys, message_offset || '/' || ids[g]) END;
        rewound_to := history.rewinds_to[rewind];
        rewound_at := history.rewinds_at[rewind];
        is_expired := coalesce(expired[g] @> message_offset, false);
        is_held := coalesce(key = ANY (held_keys), false);
        is_skipped := coalesce(key = ANY (skipped_keys), false);
      END IF;
      -- Of what was never there no group can have anything to say.
      CONTINUE WHEN NOT is_tried AND copy IS NULL
        AND NOT (ids[g] IS NOT NULL AND (is_told[k] OR coalesce(message_offset < life.log_end, false)));

      dealt_at := committed_at;
      IF is_expired THEN
        dealt_at := coalesce(dealt_at, history.expired_at[array_position(expired_offsets, message_offset)]);
      END IF;
      is_traced := coalesce(grp = ANY (traced_groups), false);
      verdict := trail_private.group_rule(message_offset, dead_lettered_to, retried_to, ok, failed_attempts, is_in_progress,
        committed, committed_max, hidden @> message_offset,
        -- Before its first position, unless its spans or sessions tell that it was there.
        coalesce(message_offset < place.firsts[g] AND NOT is_held
          AND NOT coalesce(traced_from[array_position(traced_groups, grp)] <= message_offset, false), false),
        is_expired, life.is_broker_seen AND NOT coalesce(place.are_gone[g], false), coalesce(sent_at >= place.sinces[g], false),
        coalesce(dealt_at + settle <= through, true), is_skipped);

      consumer_group := CASE WHEN left(grp, 1) <> chr(1) THEN grp END;
      trace_id := decisive.trace_id;
      span_id := decisive.span_id;
      IF NOT is_brief THEN
        attempts := ok + failed_attempts;
        forwarded_to := CASE verdict WHEN 'DEAD_LETTERED' THEN dead_lettered_to WHEN 'FORWARDED' THEN retried_to END;
        IF is_tried AND sent_ns IS NULL THEN
          sent_ns := (extract(epoch FROM sent.start_time) * 1000000)::bigint * 1000 + sent.start_ns;
          acknowledged_ns := sent_ns + sent.duration_ns;
        END IF;
        -- What is not known is not 0.
        waited_ns := CASE WHEN first_ns < acknowledged_ns THEN 0 ELSE first_ns - acknowledged_ns END;
        worked_ns := decisive.duration_ns;
        ahead_messages := NULL; behind := NULL; eta := NULL;
        IF verdict = 'WAITING' THEN
          ahead_messages := greatest(0, message_offset - coalesce(committed, place.firsts[g], life.log_start));
          behind := as_of - sent_at;
          per_second := history.paces[array_position(history.pace_groups, ids[g])];
          IF per_second > 0 AND committed IS NOT NULL THEN
            eta := make_interval(secs => ((message_offset - committed + 1) / per_second)::float8);
          END IF;
        END IF;
        flags := array_remove(ARRAY[
          CASE WHEN ok > 1 THEN 'duplicated' END,
          CASE WHEN committed_max > message_offset AND committed <= message_offset THEN 'rewound' END,
          CASE WHEN first_ns < sent_ns THEN 'clock_skew' END,
          CASE WHEN verdict = 'WAITING' AND place.members[g] = 0 THEN 'offline' END,
          CASE WHEN verdict = 'WAITING' AND place.are_states_known[g] AND place.members[g] IS NULL THEN 'members_unknown' END,
          CASE WHEN ids[g] IS NOT NULL AND NOT life.is_broker_seen THEN 'incomplete' END], NULL);
      END IF;

      -- Whoever catches and forwards ends well: where the copy may be of this message, that says nothing.
      doubt := NULL;
      IF verdict IN ('DELIVERED', 'PROCESSED') THEN
        IF ok_alone = 0 AND key = ANY (doubted_keys) THEN
          doubt := trail_private.doubt_of(service, doubted_to[array_position(doubted_keys, key)]);
        ELSIF key = ANY (loose_keys) THEN
          doubt := trail_private.loose_doubt_of(service, loose_to[array_position(loose_keys, key)]);
        END IF;
      END IF;
      IF doubt IS NOT NULL THEN
        verdict := 'UNKNOWN';
        why := doubt;
      ELSIF verdict = 'UNKNOWN' AND handed > 0 THEN
        why := trail_private.handed_of(service, handed, handed_failed);
      ELSE
        why := trail_private.reason_of(verdict, message_offset, consumer_group, coalesce(service, services), ok, failed_attempts, is_tried,
          committed, committed_max, place.firsts[g], is_traced, is_held, place.are_gone[g], life.is_broker_seen, ended_at,
          coalesce(dead_lettered_to, retried_to), life.log_start);
        IF lead > 0 THEN
          why := why || trail_private.lead_of(verdict, lead, failed_attempts);
        END IF;
        IF failed_spans IS NOT NULL AND verdict IN ('DELIVERED', 'PROCESSED') THEN
          why := why || coalesce('; right below it failed: ' || failed_names[array_position(failed_spans, trace_id || span_id)], '');
        ELSIF got.is_unplaced AND verdict = 'PASSED_UNTRACED' AND coalesce(service, services) IS NULL AND NOT is_traced AND NOT is_held THEN
          why := why || '; handlings of this topic''s messages are traced, but without their offsets';
        END IF;
      END IF;
      RETURN NEXT;
    END LOOP;
  END LOOP;
END $$;

COMMENT ON FUNCTION trail_private.judge IS 'Gathers the evidence about some messages of one partition and judges it by the rules.';
