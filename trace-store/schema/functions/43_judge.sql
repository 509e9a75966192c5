-- Gathers all evidence about some messages of one partition, for every consumer group or for one, and lays it beside the
-- rules. One row per message and group. Groups never share evidence: everything is joined by the group's name. Many
-- instrumentations do not name their group: then each service stands for itself, as chr(1) and its name.
CREATE OR REPLACE FUNCTION trail_private.judge(
  topics int[], in_topic text, in_partition int, offsets bigint[], only_group text, as_of timestamptz, settle interval
) RETURNS TABLE (
  message_offset bigint, consumer_group text, verdict text, why text, forwarded_to text,
  attempts bigint, failed_attempts bigint, started_at timestamptz, ended_at timestamptz, waited_ns bigint, worked_ns bigint,
  committed bigint, committed_at timestamptz, ahead_messages bigint, behind interval, eta interval,
  flags text[], trace_id uuid, span_id text, sent_at timestamptz, message_key text, sent_trace_id uuid,
  rewound_to bigint, rewound_at timestamptz
) LANGUAGE plpgsql STABLE ROWS 10 AS $$
DECLARE
  life record;
  got record;
  through timestamptz := coalesce(trail_private.indexed_through(as_of), as_of);
  hops trail.hops[];
  tries trail.hops[];
  is_foreign boolean;
  handled record;
  copied_offsets bigint[];
  copied_groups text[];
  dead_letters text[];
  retries text[];
  of_many record;
  doubted_offsets bigint[];
  doubted_groups text[];
  doubted_to text[];
  loose_offsets bigint[];
  loose_groups text[];
  loose_to text[];
  failed_traces uuid[];
  failed_spans text[];
  failed_names text[];
  hidden int8multirange;
  told_offsets bigint[];
  told_roles int[];
  told_groups text[];
  traced_groups text[];
  traced_from bigint[];
BEGIN
  SELECT * INTO life FROM trail_private.life_of(topics, in_partition, (SELECT max(o) FROM unnest(offsets) o), as_of);
  SELECT * INTO got FROM trail_private.gather_offsets(topics, in_partition, offsets, life.born_at, life.died_at, only_group);
  SELECT array_agg(h) INTO hops FROM trail_private.hops_of(got.gathered, got.told) h
    WHERE h.message_offset = ANY (offsets) AND h.partition = in_partition AND h.topic = in_topic AND h.start_time <= as_of;
  SELECT a.hops, a.attempts, a.is_foreign INTO hops, tries, is_foreign FROM trail_private.attempts_of(hops) a;
  SELECT array_agg(h.message_offset) AS offsets, array_agg(coalesce(h.consumer_group, chr(1) || h.service)) AS groups,
      array_agg(h.trace_id) AS traces, array_agg(('x' || h.span_id)::bit(64)::bigint) AS spans,
      min(h.start_time) AS started_at, max(h.start_time + h.duration) AS ended_at
    INTO handled FROM unnest(hops) h
    WHERE h.operation IN ('process', 'receive', 'in_progress') AND (only_group IS NULL OR h.consumer_group = only_group)
      AND (NOT got.is_led OR (h.trace_id, ('x' || h.span_id)::bit(64)::bigint) NOT IN (SELECT r.trace_id, r.span_id FROM unnest(got.told) r WHERE r.role = 21));
  -- Without an attempt, and without a copy that names its origin, there is none to look for.
  IF handled.offsets IS NOT NULL OR EXISTS (SELECT FROM unnest(got.told) r WHERE r.role = 10) THEN
    SELECT array_agg(f.message_offset), array_agg(f.consumer_group), array_agg(f.dead_lettered_to), array_agg(f.forwarded_to)
      INTO copied_offsets, copied_groups, dead_letters, retries FROM (
        SELECT f.message_offset, f.consumer_group, max(f.to_place) FILTER (WHERE f.is_dead_letter) AS dead_lettered_to,
          max(f.to_place) FILTER (WHERE NOT f.is_dead_letter) AS forwarded_to
        FROM trail_private.forwards_of(got.gathered, got.told, coalesce(handled.offsets, '{}'), coalesce(handled.groups, '{}'),
          coalesce(handled.traces, '{}'), coalesce(handled.spans, '{}'), handled.started_at, handled.ended_at, topics, in_partition) f
        GROUP BY f.message_offset, f.consumer_group) f;
  END IF;
  -- What was sent below the handling of many messages may be a copy of any of them.
  IF got.is_led THEN
    SELECT array_agg(h.message_offset) AS offsets, array_agg(coalesce(h.consumer_group, chr(1) || h.service)) AS groups,
        array_agg(h.trace_id) AS traces, array_agg(r.span_id) AS spans,
        min(h.start_time) AS started_at, max(h.start_time + h.duration) AS ended_at
      INTO of_many FROM unnest(got.told) r
      JOIN unnest(hops) h ON h.trace_id = r.trace_id AND ('x' || h.span_id)::bit(64)::bigint = r.span_id AND h.message_offset = r.first_offset
      WHERE r.role = 21 AND (only_group IS NULL OR h.consumer_group = only_group);
    SELECT array_agg(f.message_offset), array_agg(f.consumer_group), array_agg(f.copied_to) INTO doubted_offsets, doubted_groups, doubted_to
      FROM (SELECT f.message_offset, f.consumer_group, string_agg(DISTINCT f.to_topic, ', ') AS copied_to
        FROM trail_private.forwards_of('{}', '{}', of_many.offsets, of_many.groups, of_many.traces, of_many.spans,
          of_many.started_at, of_many.ended_at, topics, in_partition) f
        GROUP BY f.message_offset, f.consumer_group) f;
  END IF;
  IF is_foreign THEN
    SELECT array_agg(l.message_offset), array_agg(l.consumer_group), array_agg(l.copied_to) INTO loose_offsets, loose_groups, loose_to
      FROM trail_private.loose_copies_of(hops) l WHERE only_group IS NULL OR l.consumer_group = only_group;
    SELECT array_agg(f.trace_id), array_agg(f.span_id), array_agg(f.names) INTO failed_traces, failed_spans, failed_names
      FROM trail_private.failed_below(tries) f;
  END IF;

  -- What no group can have seen: void, and aborted.
  SELECT coalesce(range_agg(l.ranges), '{}') INTO hidden FROM trail_private.ledger l
    WHERE l.topic_id = ANY (topics) AND l.incarnation = life.incarnation AND l.partition = in_partition
      AND l.consumer_group_id = -1 AND l.block = ANY (ARRAY(SELECT DISTINCT o / 65536 FROM unnest(offsets) o)) AND NOT l.sampled;
  -- Aborted, held by a session, jumped over, of a batch: few messages have any of these.
  IF EXISTS (SELECT FROM unnest(got.told) r WHERE r.role IN (6, 8, 9, 13)) THEN
    SELECT hidden + coalesce(range_agg(int8range(r.first_offset, r.last_offset, '[]')) FILTER (WHERE r.role = 6), '{}') INTO hidden
      FROM unnest(got.told) r;
    SELECT array_agg(o.message_offset), array_agg(r.role), array_agg(g.name) INTO told_offsets, told_roles, told_groups
      FROM unnest(got.told) r
      CROSS JOIN LATERAL generate_series(r.first_offset, r.last_offset) AS o (message_offset)
      JOIN trail_private.consumer_groups g ON g.consumer_group_id = r.consumer_group_id
      WHERE r.role IN (8, 9, 13) AND o.message_offset = ANY (offsets);
  END IF;
  -- Which groups' spans tell of this partition, and from where on: their first blocks.
  SELECT array_agg(t.name), array_agg(t.told_from) INTO traced_groups, traced_from FROM (
    SELECT g.name, min(lower(f.ranges)) AS told_from
    FROM (SELECT DISTINCT ON (l.topic_id, l.consumer_group_id) l.consumer_group_id, l.ranges FROM trail_private.ledger l
      WHERE l.topic_id = ANY (topics) AND l.incarnation = life.incarnation AND l.partition = in_partition AND l.consumer_group_id > 0
      ORDER BY l.topic_id, l.consumer_group_id, l.block) f
    JOIN trail_private.consumer_groups g USING (consumer_group_id)
    GROUP BY g.name) t;

  RETURN QUERY
  WITH positions AS MATERIALIZED (
    -- One row per group that ever committed on the topic; its offset on this partition, if it has one there.
    SELECT g.name AS grp, x.*, st.members, st.consumer_group_id IS NOT NULL AS is_state_known
    FROM (
      SELECT p.consumer_group_id AS group_id, min(p.first_seen_at) AS since,
        max(p.committed) FILTER (WHERE p.partition = in_partition) AS committed,
        max(p.committed_max) FILTER (WHERE p.partition = in_partition) AS committed_max,
        min(p.first_position) FILTER (WHERE p.partition = in_partition) AS first_position,
        coalesce(bool_and(p.gone_at IS NOT NULL) FILTER (WHERE p.partition = in_partition), bool_and(p.gone_at IS NOT NULL)) AS is_gone,
        (array_agg(p.expired) FILTER (WHERE p.partition = in_partition))[1] AS expired
      FROM trail_private.group_positions p
      WHERE p.topic_id = life.topic_id AND p.incarnation = life.incarnation
      GROUP BY p.consumer_group_id) x
    JOIN trail_private.consumer_groups g ON g.consumer_group_id = x.group_id AND (only_group IS NULL OR g.name = only_group)
    LEFT JOIN trail_private.group_states st ON st.consumer_group_id = x.group_id
  ), sent AS MATERIALIZED (
    SELECT DISTINCT ON (h.message_offset) h.message_offset AS at, h.start_time AS sent_at, h.start_unix_nano AS sent_ns,
      h.start_unix_nano + h.duration_ns AS acknowledged_ns, h.trace_id, h.message_key
    FROM unnest(hops) h WHERE h.operation IN ('create', 'send')
    ORDER BY h.message_offset, h.operation DESC, h.start_unix_nano DESC
  ), asked AS MATERIALIZED (
    -- What the histories are asked. All lists are made in the same order of rows.
    SELECT array_agg(p.group_id) FILTER (WHERE p.committed_max > o.at) AS passed_groups,
      array_agg(o.at) FILTER (WHERE p.committed_max > o.at) AS passed_offsets,
      array_agg(n.sent_at) FILTER (WHERE p.committed_max > o.at) AS passed_sent_at,
      array_agg(DISTINCT o.at) FILTER (WHERE p.expired @> o.at) AS expired_offsets,
      array_agg(p.group_id) FILTER (WHERE p.committed <= o.at AND p.committed_max > o.at) AS rewound_groups,
      array_agg(o.at) FILTER (WHERE p.committed <= o.at AND p.committed_max > o.at) AS rewound_offsets,
      array_agg(DISTINCT p.group_id) FILTER (WHERE p.committed_max <= o.at) AS waiting_groups
    FROM positions p CROSS JOIN unnest(offsets) AS o (at) LEFT JOIN sent n ON n.at = o.at
    WHERE p.committed_max IS NOT NULL
  ), passings AS MATERIALIZED (
    SELECT h.* FROM asked a CROSS JOIN LATERAL trail_private.passings_of(life.topic_id, life.incarnation, in_partition,
      a.passed_groups, a.passed_offsets, a.passed_sent_at) h
  ), takings AS MATERIALIZED (
    SELECT h.* FROM asked a CROSS JOIN LATERAL trail_private.takings_of(life.topic_id, life.incarnation, in_partition, a.expired_offsets) h
  ), rewinds AS MATERIALIZED (
    SELECT h.* FROM asked a CROSS JOIN LATERAL trail_private.rewinds_of(life.topic_id, life.incarnation, in_partition,
      a.rewound_groups, a.rewound_offsets) h
  ), paces AS MATERIALIZED (
    SELECT h.* FROM asked a CROSS JOIN LATERAL trail_private.paces_of(life.topic_id, life.incarnation, in_partition, a.waiting_groups, as_of) h
  ), leads AS MATERIALIZED (
    SELECT r.trace_id, r.span_id, r.first_offset AS at, r.role FROM unnest(got.told) r
    WHERE r.role = 13 OR got.is_led AND r.role IN (20, 21)
  ), tried AS MATERIALIZED (
    SELECT h.message_offset AS at, coalesce(h.consumer_group, chr(1) || h.service) AS grp,
      -- Role 13: one of a batch whose spans are all alike, whatever became of each message.
      count(*) FILTER (WHERE h.status = 'ok' AND l.role IS DISTINCT FROM 13) AS ok,
      count(*) FILTER (WHERE h.status = 'ok' AND l.role IS DISTINCT FROM 13 AND l.role IS DISTINCT FROM 21) AS ok_alone,
      -- 0 where an attempt names the message itself: then nothing had to be concluded.
      min(coalesce(l.role, 0)) FILTER (WHERE l.role IS DISTINCT FROM 13) AS lead,
      count(*) FILTER (WHERE h.status = 'error' AND l.role IS DISTINCT FROM 13) AS failed,
      count(*) FILTER (WHERE l.role = 13) AS handed,
      count(*) FILTER (WHERE l.role = 13 AND h.status = 'error') AS handed_failed,
      bool_or(h.status = 'in_progress' AND h.start_time + h.duration > as_of - interval '2 minutes') AS is_in_progress,
      min(h.start_unix_nano) AS first_ns,
      max(h.start_time + h.duration) AS ended_at,
      min(h.start_time) AS started_at,
      -- The attempt that decides: the first that was ok, else the last.
      (array_agg(h ORDER BY h.status = 'ok' DESC, CASE WHEN h.status = 'ok' THEN h.start_unix_nano ELSE -h.start_unix_nano END))[1] AS decisive,
      min(h.service) AS service
    FROM unnest(tries) h
    LEFT JOIN leads l ON l.trace_id = h.trace_id AND l.span_id = ('x' || h.span_id)::bit(64)::bigint AND l.at = h.message_offset
    WHERE h.operation IN ('process', 'receive', 'in_progress') AND (only_group IS NULL OR h.consumer_group = only_group)
    GROUP BY 1, 2
  ), nameless AS MATERIALIZED (
    SELECT h.message_offset AS at, string_agg(DISTINCT h.service, ', ') AS services
    FROM unnest(hops) h
    WHERE h.operation IN ('process', 'receive', 'in_progress') AND h.consumer_group IS NULL AND only_group IS NULL
    GROUP BY 1
  ), copies AS MATERIALIZED (
    SELECT * FROM unnest(copied_offsets, copied_groups, dead_letters, retries) AS c (at, grp, dead_lettered_to, forwarded_to)
  ), cases AS (
    -- Of what was never there no group can have anything to say.
    SELECT o.at, p.grp FROM unnest(offsets) AS o (at) CROSS JOIN positions p
    WHERE o.at < life.log_end OR o.at IN (SELECT h.message_offset FROM unnest(hops) h)
    UNION
    SELECT t.at, t.grp FROM tried t
    UNION
    SELECT c.at, c.grp FROM copies c WHERE only_group IS NULL OR c.grp = only_group
  ), facts AS MATERIALIZED (
    SELECT c.at, c.grp, p.group_id, p.committed, p.committed_max, p.first_position, p.is_gone, p.since, p.members, p.is_state_known,
      coalesce(t.ok, 0) AS ok, coalesce(t.failed, 0) AS failed, coalesce(t.is_in_progress, false) AS is_in_progress,
      t.first_ns, t.started_at, t.ended_at, t.decisive, t.service, t.at IS NOT NULL AS is_tried,
      -- Here, and not where it is asked for: a rule that is given a subquery is not inlined, and called for each row (10 us).
      CASE WHEN only_group IS NULL THEN (SELECT n.services FROM nameless n WHERE n.at = c.at) END AS services,
      t.lead, CASE WHEN t.ok_alone = 0 THEN (SELECT d.copied_to FROM unnest(doubted_offsets, doubted_groups, doubted_to) AS d (at, grp, copied_to)
        WHERE d.at = c.at AND d.grp = c.grp) END AS maybe_copied_to,
      t.handed, t.handed_failed, l.copied_to AS loose_copied_to,
      f.dead_lettered_to, f.forwarded_to, hidden @> c.at AS is_hidden,
      s.sent_at, s.sent_ns, s.acknowledged_ns, s.trace_id AS sent_trace_id, s.message_key,
      coalesce(p.expired @> c.at, false) AS is_expired,
      told_offsets IS NOT NULL AND EXISTS (SELECT FROM unnest(told_offsets, told_groups, told_roles) AS x (at, grp, role)
        WHERE x.at = c.at AND x.grp = c.grp AND x.role = 9) AS is_skipped,
      told_offsets IS NOT NULL AND EXISTS (SELECT FROM unnest(told_offsets, told_groups, told_roles) AS x (at, grp, role)
        WHERE x.at = c.at AND x.grp = c.grp AND x.role IN (8, 13)) AS is_held,
      coalesce(traced_from[array_position(traced_groups, c.grp)] <= c.at, false) AS is_seen_before,
      coalesce(c.grp = ANY (traced_groups), false) AS is_traced,
      passed.passed_at, gone.expired_at, back.rewound_to, back.rewound_at,
      (SELECT pace.per_second FROM paces pace WHERE pace.group_id = p.group_id) AS per_second
    FROM cases c
    LEFT JOIN positions p ON p.grp = c.grp
    LEFT JOIN tried t ON t.at = c.at AND t.grp IS NOT DISTINCT FROM c.grp
    LEFT JOIN copies f ON f.at = c.at AND f.grp = c.grp
    LEFT JOIN unnest(loose_offsets, loose_groups, loose_to) AS l (at, grp, copied_to) ON l.at = c.at AND l.grp = c.grp
    LEFT JOIN sent s ON s.at = c.at
    LEFT JOIN passings passed ON passed.at = c.at AND passed.group_id = p.group_id
    LEFT JOIN takings gone ON gone.at = c.at AND p.expired @> c.at
    LEFT JOIN rewinds back ON back.at = c.at AND back.group_id = p.group_id
  ), ruled AS (
    SELECT f.*, CASE WHEN left(f.grp, 1) <> chr(1) THEN f.grp END AS named,
      f.committed_max > f.at AND f.committed <= f.at AS is_rewound,
      coalesce(coalesce(f.passed_at, f.expired_at) + settle <= through, true) AS is_settled,
      f.at < f.first_position AND NOT f.is_seen_before AND NOT f.is_held AS is_before_group,
      coalesce(f.sent_at >= f.since, false) AS is_sent_since_group
    FROM facts f
  ), judged AS MATERIALIZED (
    -- Worked out once: else the rule would be copied to each of the ten places below that ask for it.
    SELECT r.*, trail_private.group_rule(r.at, r.dead_lettered_to, r.forwarded_to, r.ok, r.failed, r.is_in_progress,
      r.committed, r.committed_max, r.is_hidden, coalesce(r.is_before_group, false), r.is_expired,
      life.is_broker_seen AND NOT coalesce(r.is_gone, false), r.is_sent_since_group, r.is_settled, r.is_skipped) AS ruling
    FROM ruled r
  ), doubted AS (
    -- Whoever catches and forwards ends well: where the copy may be of this message, that says nothing.
    SELECT j.*, coalesce(j.maybe_copied_to, j.loose_copied_to) IS NOT NULL AND j.ruling IN ('DELIVERED', 'PROCESSED') AS is_doubted FROM judged j
  )
  SELECT j.at, j.named, CASE WHEN j.is_doubted THEN 'UNKNOWN' ELSE j.ruling END,
    CASE WHEN j.is_doubted AND j.maybe_copied_to IS NOT NULL THEN trail_private.doubt_of(j.service, j.maybe_copied_to)
      WHEN j.is_doubted THEN trail_private.loose_doubt_of(j.service, j.loose_copied_to)
      WHEN j.ruling = 'UNKNOWN' AND j.handed > 0 THEN trail_private.handed_of(j.service, j.handed, j.handed_failed)
      ELSE trail_private.reason_of(j.ruling, j.at, j.named, coalesce(j.service, j.services), j.ok, j.failed, j.is_tried, j.committed, j.committed_max, j.first_position,
      j.is_traced, j.is_held, j.is_gone, life.is_broker_seen, j.ended_at, coalesce(j.dead_lettered_to, j.forwarded_to), life.log_start)
      || trail_private.lead_of(j.ruling, j.lead, j.failed)
      || CASE WHEN j.ruling IN ('DELIVERED', 'PROCESSED') THEN coalesce('; right below it failed: '
          || (SELECT x.names FROM unnest(failed_traces, failed_spans, failed_names) AS x (trace, span, names)
            WHERE x.trace = (j.decisive).trace_id AND x.span = (j.decisive).span_id), '') ELSE '' END
      || CASE WHEN j.ruling = 'PASSED_UNTRACED' AND coalesce(j.service, j.services) IS NULL AND NOT j.is_traced AND NOT j.is_held
          AND EXISTS (SELECT FROM trail_private.unplaced_topics u WHERE u.topic_id = ANY (topics))
        THEN '; handlings of this topic''s messages are traced, but without their offsets' ELSE '' END END,
    CASE j.ruling WHEN 'DEAD_LETTERED' THEN j.dead_lettered_to WHEN 'FORWARDED' THEN j.forwarded_to END,
    j.ok + j.failed, j.failed, j.started_at, j.ended_at,
    -- greatest() passes over NULL: what is not known is not 0.
    CASE WHEN j.first_ns < j.acknowledged_ns THEN 0 ELSE j.first_ns - j.acknowledged_ns END,
    (j.decisive).duration_ns,
    j.committed,
    CASE WHEN j.committed_max > j.at THEN j.passed_at END,
    CASE WHEN j.ruling = 'WAITING' THEN greatest(0, j.at - coalesce(j.committed, j.first_position, life.log_start)) END,
    CASE WHEN j.ruling = 'WAITING' THEN as_of - j.sent_at END,
    CASE WHEN j.ruling = 'WAITING' AND j.per_second > 0 AND j.committed IS NOT NULL
      THEN make_interval(secs => ((j.at - j.committed + 1) / j.per_second)::float8) END,
    array_remove(ARRAY[
      CASE WHEN j.ok > 1 THEN 'duplicated' END,
      CASE WHEN j.is_rewound THEN 'rewound' END,
      CASE WHEN j.first_ns < j.sent_ns THEN 'clock_skew' END,
      CASE WHEN j.ruling = 'WAITING' AND j.members = 0 THEN 'offline' END,
      CASE WHEN j.ruling = 'WAITING' AND j.is_state_known AND j.members IS NULL THEN 'members_unknown' END,
      CASE WHEN j.group_id IS NOT NULL AND NOT life.is_broker_seen THEN 'incomplete' END], NULL),
    (j.decisive).trace_id, (j.decisive).span_id, j.sent_at, j.message_key, j.sent_trace_id,
    j.rewound_to, j.rewound_at
  FROM doubted j
  ORDER BY j.at, j.named NULLS LAST, j.service;
END $$;

COMMENT ON FUNCTION trail_private.judge IS 'Gathers the evidence about some messages of one partition and judges it by the rules.';
