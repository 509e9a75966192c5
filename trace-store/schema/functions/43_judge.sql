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
  is_brief boolean DEFAULT false     -- for lists: without committed_at, and ahead_messages to eta
) RETURNS TABLE (
  message_offset bigint, consumer_group text, verdict text, why text, forwarded_to text,
  attempts bigint, failed_attempts bigint, started_at timestamptz, ended_at timestamptz, waited_ns bigint, worked_ns bigint,
  committed bigint, committed_at timestamptz, ahead_messages bigint, behind interval, eta interval,
  flags text[], trace_id uuid, span_id text, sent_at timestamptz, message_key text, sent_trace_id uuid,
  rewound_to bigint, rewound_at timestamptz
) LANGUAGE plpgsql STABLE ROWS 10 AS $$
DECLARE
  n int := cardinality(offsets);
  only_ids int[];
  life record;
  got record;
  spans trail_private.spans[];
  s trail_private.spans;
  other trail_private.spans;
  same_named int[];
  is_handled boolean := false;
  hops trail.hops[];
  is_attempt boolean[];
  is_foreign boolean;
  is_received boolean;
  handlings bigint[];
  parents bigint[];
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
  of_many record;
  many_spans text[];
  -- What only few messages have, each with "offset/group" as its key.
  copied record;
  copied_keys text[];
  copied_groups text[];
  dead_letters text[];
  retries text[];
  doubted_keys text[];
  doubted_to text[];
  loose_keys text[];
  loose_to text[];
  held_keys text[];
  skipped_keys text[];
  failed_spans text[];
  failed_names text[];
  hidden int8multirange;
  traced_groups text[];
  traced_from bigint[];
  is_early boolean := false;
  -- Of each group: its position on this partition, if it has one. Those after them have only attempts or copies.
  groups text[];
  ids int[];
  sinces timestamptz[];
  positions bigint[];
  positions_max bigint[];
  first_positions bigint[];
  are_gone boolean[];
  expired int8multirange[];
  members int[];
  are_states_known boolean[];
  -- What the histories tell, in the order in which they were asked.
  passed_groups int[];
  passed_offsets bigint[];
  passed_sent_at timestamptz[];
  passed_at timestamptz[];
  passed int := 0;
  rewound_groups int[];
  rewound_offsets bigint[];
  rewound_keys text[];
  rewinds_to bigint[];
  rewinds_at timestamptz[];
  rewind int;
  waiting_groups int[];
  pace_groups int[];
  paces numeric[];
  expired_offsets bigint[];
  expired_at timestamptz[];
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
  IF only_group IS NOT NULL THEN
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
    -- Of a handling, what is judged.
    SELECT array_agg((m.trace_id, NULL, coalesce(v.name, m.detail -> 'inline' ->> 'service'),
        CASE WHEN m.status = 2 THEN 'error' WHEN m.operation = 6 THEN 'in_progress' ELSE 'ok' END,
        (ARRAY[NULL, NULL, 'receive', 'process', NULL, 'in_progress'])[m.operation],
        in_topic, m.partition, m.message_offset, coalesce(c.name, m.detail -> 'inline' ->> 'consumer_group'), m.message_key, m.attempt,
        m.start_time, make_interval(secs => m.duration_ns / 1e9::float8), NULL, NULL, NULL,
        lpad(to_hex(m.span_id), 16, '0'), lpad(to_hex(m.parent_span_id), 16, '0'), NULL,
        (extract(epoch FROM m.start_time) * 1000000)::bigint * 1000 + m.start_ns, m.duration_ns, NULL)::trail.hops
        ORDER BY m.message_offset, m.start_time, m.start_ns, m.span_id),
        -- An attempt of another library's is ok, which counts none: only then more is asked about it.
        bool_or(m.operation IN (3, 4) AND m.status <> 2 AND m.attempt IS NULL),
        bool_or(m.operation = 3), array_agg(m.span_id) FILTER (WHERE m.operation = 4), array_agg(m.parent_span_id) FILTER (WHERE m.operation = 4)
      INTO hops, is_foreign, is_received, handlings, parents
      FROM unnest(spans) m
      LEFT JOIN trail_private.services v ON v.service_id = m.service_id
      LEFT JOIN trail_private.consumer_groups c ON c.consumer_group_id = m.consumer_group_id
      WHERE m.operation NOT IN (1, 2) AND m.message_offset = ANY (offsets) AND m.partition = in_partition AND m.start_time <= as_of
        AND (m.topic_id = ANY (topics) OR m.topic_id = ANY (same_named));
  END IF;
  -- A join, and not the arrays' overlap: a list has thousands of handlings, and that compares each with each.
  IF is_received OR cardinality(handlings) > 1 AND EXISTS (SELECT FROM unnest(handlings) x JOIN unnest(parents) p ON p = x) THEN
    SELECT a.hops, a.is_attempt INTO hops, is_attempt FROM trail_private.attempts_of(hops) a;
  END IF;
  IF got.is_led THEN
    many_spans := ARRAY(SELECT r.trace_id || lpad(to_hex(r.span_id), 16, '0') FROM unnest(got.told) r WHERE r.role = 21);
  END IF;
  FOR i IN 1..coalesce(cardinality(hops), 0) LOOP
    h := hops[i];
    CONTINUE WHEN h.consumer_group <> only_group OR only_group IS NOT NULL AND h.consumer_group IS NULL;
    grp := coalesce(h.consumer_group, chr(1) || h.service);
    is_nameless := is_nameless OR h.consumer_group IS NULL;
    IF is_attempt IS NULL OR is_attempt[i] THEN
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
    copied := trail_private.forwards_of(got.gathered, got.told, handled_offsets, handled_groups, handled_traces, handled_spans,
      handled_from, handled_to, topics, in_topic, in_partition, got.is_odd);
    FOR i IN 1..coalesce(cardinality(copied.offsets), 0) LOOP
      grp := copied.groups[i];
      CONTINUE WHEN grp <> only_group;
      key := copied.offsets[i] || '/' || grp;
      copy := coalesce(array_position(copied_keys, key), coalesce(cardinality(copied_keys), 0) + 1);
      copied_keys[copy] := key;
      copied_groups[copy] := grp;
      IF copied.are_dead_letters[i] THEN
        dead_letters[copy] := greatest(dead_letters[copy], copied.to_places[i]);
      ELSE
        retries[copy] := greatest(retries[copy], copied.to_places[i]);
      END IF;
    END LOOP;
  END IF;
  IF got.is_led THEN
    SELECT array_agg(t.message_offset) AS offsets, array_agg(coalesce(t.consumer_group, chr(1) || t.service)) AS groups,
        array_agg(t.trace_id) AS traces, array_agg(r.span_id) AS spans,
        min(t.start_time) AS started_at, max(t.start_time + t.duration) AS ended_at
      INTO of_many FROM unnest(got.told) r
      JOIN unnest(hops) t ON t.trace_id = r.trace_id AND ('x' || t.span_id)::bit(64)::bigint = r.span_id AND t.message_offset = r.first_offset
      WHERE r.role = 21 AND (only_group IS NULL OR t.consumer_group = only_group);
    copied := trail_private.forwards_of('{}', '{}', of_many.offsets, of_many.groups, of_many.traces, of_many.spans,
      of_many.started_at, of_many.ended_at, topics, in_topic, in_partition, got.is_odd);
    SELECT array_agg(f.key), array_agg(f.copied_to) INTO doubted_keys, doubted_to
      FROM (SELECT u.o || '/' || u.g AS key, string_agg(DISTINCT u.t, ', ') AS copied_to
        FROM unnest(copied.offsets, copied.groups, copied.to_topics) AS u (o, g, t) GROUP BY 1) f;
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
  -- Aborted, held by a session, jumped over, of a batch: few messages have any of these.
  IF got.roles && '{6,8,9,13}' THEN
    SELECT hidden + coalesce(range_agg(int8range(r.first_offset, r.last_offset, '[]')) FILTER (WHERE r.role = 6), '{}') INTO hidden
      FROM unnest(got.told) r;
    SELECT array_agg(o.message_offset || '/' || g.name) FILTER (WHERE r.role IN (8, 13)),
        array_agg(o.message_offset || '/' || g.name) FILTER (WHERE r.role = 9)
      INTO held_keys, skipped_keys
      FROM unnest(got.told) r
      CROSS JOIN LATERAL generate_series(r.first_offset, r.last_offset) AS o (message_offset)
      JOIN trail_private.consumer_groups g ON g.consumer_group_id = r.consumer_group_id
      WHERE r.role IN (8, 9, 13) AND o.message_offset = ANY (offsets);
  END IF;
  IF tries > 0 AND (got.is_led OR 13 = ANY (got.roles)) THEN
    SELECT array_agg(t.role ORDER BY t.i) INTO try_roles FROM (
      SELECT x.i, min(r.role) AS role FROM unnest(try_hops) WITH ORDINALITY AS x (hop, i)
      LEFT JOIN unnest(got.told) r ON r.trace_id = (hops[x.hop]).trace_id AND r.span_id = ('x' || (hops[x.hop]).span_id)::bit(64)::bigint
        AND r.first_offset = (hops[x.hop]).message_offset AND (r.role = 13 OR got.is_led AND r.role IN (20, 21))
      GROUP BY x.i) t;
  END IF;
  -- One row per group that ever committed on the topic; its offset on this partition, if it has one there.
  SELECT array_agg(x.name), array_agg(x.group_id), array_agg(x.since), array_agg(x.committed), array_agg(x.committed_max),
      array_agg(x.first_position), array_agg(x.is_gone), array_agg(x.expired), array_agg(x.members), array_agg(x.is_state_known)
    INTO groups, ids, sinces, positions, positions_max, first_positions, are_gone, expired, members, are_states_known
    FROM (
      SELECT coalesce(g.name, u.name) AS name, x.*, st.members, st.consumer_group_id IS NOT NULL AS is_state_known
      FROM (
        SELECT p.consumer_group_id AS group_id, min(p.first_seen_at) AS since,
          max(p.committed) FILTER (WHERE p.partition = in_partition) AS committed,
          max(p.committed_max) FILTER (WHERE p.partition = in_partition) AS committed_max,
          min(p.first_position) FILTER (WHERE p.partition = in_partition) AS first_position,
          coalesce(bool_and(p.gone_at IS NOT NULL) FILTER (WHERE p.partition = in_partition), bool_and(p.gone_at IS NOT NULL)) AS is_gone,
          (array_agg(p.expired) FILTER (WHERE p.partition = in_partition))[1] AS expired
        FROM trail_private.group_positions p
        WHERE p.topic_id = life.topic_id AND p.incarnation = life.incarnation AND (only_ids IS NULL OR p.consumer_group_id = ANY (only_ids))
        GROUP BY p.consumer_group_id) x
      JOIN trail_private.consumer_groups g ON g.consumer_group_id = x.group_id
      LEFT JOIN trail_private.group_states st ON st.consumer_group_id = x.group_id
      FULL JOIN (SELECT DISTINCT unnest(try_groups || copied_groups) AS name) u ON u.name = g.name
      ORDER BY left(coalesce(g.name, u.name), 1) = chr(1), 1) x;

  -- What the histories are asked.
  FOR k IN 1..n LOOP
    FOR g IN 1..coalesce(cardinality(groups), 0) LOOP
      IF positions_max[g] > offsets[k] THEN
        passed_groups := passed_groups || ids[g];
        passed_offsets := passed_offsets || offsets[k];
        passed_sent_at := passed_sent_at || (spans[sends[k]]).start_time;
        IF positions[g] <= offsets[k] THEN
          rewound_groups := rewound_groups || ids[g];
          rewound_offsets := rewound_offsets || offsets[k];
        END IF;
      ELSIF positions_max[g] <= offsets[k] AND ids[g] <> ALL (coalesce(waiting_groups, '{}')) THEN
        waiting_groups := waiting_groups || ids[g];
      END IF;
      is_early := is_early OR offsets[k] < first_positions[g];
      IF expired[g] @> offsets[k] THEN
        expired_offsets := expired_offsets || offsets[k];
      END IF;
    END LOOP;
  END LOOP;
  -- Which groups' spans tell of this partition, and from where on: their first blocks. Asked of what a group may have passed.
  IF passed_groups IS NOT NULL OR is_early THEN
    SELECT array_agg(t.name), array_agg(t.told_from) INTO traced_groups, traced_from FROM (
      SELECT g.name, min(lower(f.ranges)) AS told_from
      FROM (SELECT DISTINCT ON (l.topic_id, l.consumer_group_id) l.consumer_group_id, l.ranges FROM trail_private.ledger l
        WHERE l.topic_id = ANY (topics) AND l.incarnation = life.incarnation AND l.partition = in_partition AND l.consumer_group_id > 0
        ORDER BY l.topic_id, l.consumer_group_id, l.block) f
      JOIN trail_private.consumer_groups g USING (consumer_group_id)
      GROUP BY g.name) t;
  END IF;
  -- A list only needs to know whether they had passed long enough ago, and most had.
  IF passed_groups IS NOT NULL AND NOT (is_brief AND cardinality(groups) = 1 AND expired_offsets IS NULL
    AND trail_private.is_passed_by(life.topic_id, life.incarnation, in_partition, ids[1], passed_offsets[cardinality(passed_offsets)],
      coalesce((SELECT max(p) FROM unnest(passed_sent_at) p) - interval '1 hour', '-infinity'), through - settle))
  THEN
    passed_at := trail_private.passings_of(life.topic_id, life.incarnation, in_partition, passed_groups, passed_offsets, passed_sent_at);
  END IF;
  IF rewound_groups IS NOT NULL THEN
    SELECT array_agg(b.at || '/' || b.group_id), array_agg(b.rewound_to), array_agg(b.rewound_at) INTO rewound_keys, rewinds_to, rewinds_at
      FROM trail_private.rewinds_of(life.topic_id, life.incarnation, in_partition, rewound_groups, rewound_offsets) b;
  END IF;
  IF expired_offsets IS NOT NULL THEN
    SELECT array_agg(t.at), array_agg(t.expired_at) INTO expired_offsets, expired_at
      FROM trail_private.takings_of(life.topic_id, life.incarnation, in_partition, expired_offsets) t;
  END IF;
  IF waiting_groups IS NOT NULL AND NOT is_brief THEN
    SELECT array_agg(p.group_id), array_agg(p.per_second) INTO pace_groups, paces
      FROM trail_private.paces_of(life.topic_id, life.incarnation, in_partition, waiting_groups, as_of) p;
  END IF;

  is_rare := copied_keys IS NOT NULL OR rewound_groups IS NOT NULL OR expired_offsets IS NOT NULL OR held_keys IS NOT NULL
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
        rewound_to := rewinds_to[rewind];
        rewound_at := rewinds_at[rewind];
        is_expired := coalesce(expired[g] @> message_offset, false);
        is_held := coalesce(key = ANY (held_keys), false);
        is_skipped := coalesce(key = ANY (skipped_keys), false);
      END IF;
      -- Of what was never there no group can have anything to say.
      CONTINUE WHEN NOT is_tried AND copy IS NULL
        AND NOT (ids[g] IS NOT NULL AND (is_told[k] OR coalesce(message_offset < life.log_end, false)));

      dealt_at := committed_at;
      IF is_expired THEN
        dealt_at := coalesce(dealt_at, expired_at[array_position(expired_offsets, message_offset)]);
      END IF;
      is_traced := coalesce(grp = ANY (traced_groups), false);
      verdict := trail_private.group_rule(message_offset, dead_lettered_to, retried_to, ok, failed_attempts, is_in_progress,
        committed, committed_max, hidden @> message_offset,
        -- Before its first position, unless its spans or sessions tell that it was there.
        coalesce(message_offset < first_positions[g] AND NOT is_held
          AND NOT coalesce(traced_from[array_position(traced_groups, grp)] <= message_offset, false), false),
        is_expired, life.is_broker_seen AND NOT coalesce(are_gone[g], false), coalesce(sent_at >= sinces[g], false),
        coalesce(dealt_at + settle <= through, true), is_skipped);

      consumer_group := CASE WHEN left(grp, 1) <> chr(1) THEN grp END;
      attempts := ok + failed_attempts;
      forwarded_to := CASE verdict WHEN 'DEAD_LETTERED' THEN dead_lettered_to WHEN 'FORWARDED' THEN retried_to END;
      IF is_tried AND sent_ns IS NULL THEN
        sent_ns := (extract(epoch FROM sent.start_time) * 1000000)::bigint * 1000 + sent.start_ns;
        acknowledged_ns := sent_ns + sent.duration_ns;
      END IF;
      -- What is not known is not 0.
      waited_ns := CASE WHEN first_ns < acknowledged_ns THEN 0 ELSE first_ns - acknowledged_ns END;
      worked_ns := decisive.duration_ns;
      trace_id := decisive.trace_id;
      span_id := decisive.span_id;
      ahead_messages := NULL; behind := NULL; eta := NULL;
      IF verdict = 'WAITING' AND NOT is_brief THEN
        ahead_messages := greatest(0, message_offset - coalesce(committed, first_positions[g], life.log_start));
        behind := as_of - sent_at;
        per_second := paces[array_position(pace_groups, ids[g])];
        IF per_second > 0 AND committed IS NOT NULL THEN
          eta := make_interval(secs => ((message_offset - committed + 1) / per_second)::float8);
        END IF;
      END IF;
      flags := array_remove(ARRAY[
        CASE WHEN ok > 1 THEN 'duplicated' END,
        CASE WHEN committed_max > message_offset AND committed <= message_offset THEN 'rewound' END,
        CASE WHEN first_ns < sent_ns THEN 'clock_skew' END,
        CASE WHEN verdict = 'WAITING' AND members[g] = 0 THEN 'offline' END,
        CASE WHEN verdict = 'WAITING' AND are_states_known[g] AND members[g] IS NULL THEN 'members_unknown' END,
        CASE WHEN ids[g] IS NOT NULL AND NOT life.is_broker_seen THEN 'incomplete' END], NULL);

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
          committed, committed_max, first_positions[g], is_traced, is_held, are_gone[g], life.is_broker_seen, ended_at,
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
