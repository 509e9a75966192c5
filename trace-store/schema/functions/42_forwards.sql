-- Copies that a group made of messages it handled: named by kafka_trail.origin, whatever the spans say; else a send into a
-- dead-letter or retry topic below, or linked to, the group's own attempt. A send that no group can be told for is nobody's.
-- is_odd: there are spans of odd times.
CREATE OR REPLACE FUNCTION trail_private.forwards_of(
  gathered trail_private.spans[], told trail_private.offset_ranges[],
  attempt_offsets bigint[], attempt_groups text[], attempt_traces uuid[], attempt_spans bigint[],
  attempted_from timestamptz, attempted_to timestamptz, topics int[], in_partition int, is_odd boolean,
  OUT offsets bigint[], OUT groups text[], OUT to_topics text[], OUT to_places text[], OUT are_dead_letters boolean[]
) LANGUAGE plpgsql STABLE SET enable_bitmapscan = off AS $$
DECLARE
  copy_topics int[];
  sends trail_private.spans[];
  linked trail_private.spans[];
  link_traces uuid[];
  -- A copy is made while its attempt runs or soon after the last one: an hour is left for that, and for clocks that do not
  -- agree. All other slices stay closed. A copy that names its origin is found whatever its time.
  from_time timestamptz := coalesce(attempted_from - interval '1 hour', '-infinity');
  to_time timestamptz := coalesce(attempted_to + interval '1 hour', 'infinity');
  link_spans bigint[];
  first_link timestamptz;
  last_link timestamptz;
  link_to bigint[];
  link_to_traces uuid[];
  tree_traces uuid[];
  tree_spans bigint[];
  tree_parents bigint[];
BEGIN
  -- Without such a topic there is nothing to look for but what names its origin.
  copy_topics := ARRAY(SELECT t.topic_id FROM trail_private.topics t WHERE t.may_hold_copies);
  IF cardinality(attempt_traces) > 0 AND cardinality(copy_topics) > 0 THEN
    SELECT array_agg(ROW (s.*)::trail_private.spans) INTO sends FROM (
      SELECT * FROM trail_private.spans WHERE trace_id = ANY (attempt_traces) AND start_time BETWEEN from_time AND to_time AND operation IN (1, 2) LIMIT 1000) s
      WHERE s.topic_id = ANY (copy_topics);
    IF is_odd THEN
      SELECT sends || array_agg(ROW (o.*)::trail_private.spans) INTO sends FROM (
        SELECT * FROM trail_private.odd_time_spans WHERE trace_id = ANY (attempt_traces) AND operation IN (1, 2) LIMIT 1000) o
        WHERE o.topic_id = ANY (copy_topics);
    END IF;
    IF sends IS NOT NULL THEN
      -- ARRAY(): of no other topic is the name read.
      SELECT array_agg(s) INTO sends FROM unnest(sends) s WHERE s.topic_id IN (
        SELECT t.topic_id FROM trail_private.topics t WHERE t.topic_id = ANY (ARRAY(SELECT u.topic_id FROM unnest(sends) u))
          AND (trail_private.is_dead_letter_topic(t.name) OR trail_private.is_retry_topic(t.name)));
    END IF;
    IF sends IS NOT NULL THEN
      SELECT array_agg(s.trace_id), array_agg(s.span_id), array_agg(s.parent_span_id) INTO tree_traces, tree_spans, tree_parents
        FROM (SELECT trace_id, span_id, parent_span_id FROM trail_private.spans WHERE trace_id = ANY (attempt_traces) AND start_time BETWEEN from_time AND to_time LIMIT 10000) s;
      SELECT tree_traces || array_agg(o.trace_id), tree_spans || array_agg(o.span_id), tree_parents || array_agg(o.parent_span_id)
        INTO tree_traces, tree_spans, tree_parents
        FROM (SELECT trace_id, span_id, parent_span_id FROM trail_private.odd_time_spans WHERE trace_id = ANY (attempt_traces) LIMIT 10000) o;
    END IF;
    SELECT array_agg(l.trace_id), array_agg(l.span_id), array_agg(l.to_trace_id), array_agg(l.to_span_id),
        min(l.start_time), max(l.start_time)
      INTO link_traces, link_spans, link_to_traces, link_to, first_link, last_link
      FROM (SELECT trace_id, span_id, to_trace_id, to_span_id, start_time FROM trail_private.span_links
        WHERE to_trace_id = ANY (attempt_traces) AND start_time BETWEEN from_time AND to_time AND to_span_id = ANY (attempt_spans) LIMIT 1000) l;
    IF is_odd THEN
      SELECT link_traces || array_agg(l.trace_id), link_spans || array_agg(l.span_id),
          link_to_traces || array_agg(l.to_trace_id), link_to || array_agg(l.to_span_id)
        INTO link_traces, link_spans, link_to_traces, link_to
        FROM (SELECT trace_id, span_id, to_trace_id, to_span_id FROM trail_private.odd_time_span_links
          WHERE to_trace_id = ANY (attempt_traces) AND to_span_id = ANY (attempt_spans) LIMIT 1000) l;
    END IF;
    IF link_traces IS NOT NULL THEN
      SELECT array_agg(s) INTO linked FROM trail_private.spans s
        WHERE s.trace_id = ANY (link_traces) AND s.span_id = ANY (link_spans) AND s.start_time BETWEEN first_link AND last_link AND s.operation IN (1, 2);
      SELECT linked || array_agg(ROW (o.*)::trail_private.spans) INTO linked FROM trail_private.odd_time_spans o
        WHERE o.trace_id = ANY (link_traces) AND o.span_id = ANY (link_spans) AND o.operation IN (1, 2);
    END IF;
  END IF;
  IF sends IS NULL AND linked IS NULL THEN
    IF coalesce(cardinality(told), 0) = 0 THEN
      RETURN;
    ELSIF NOT EXISTS (SELECT FROM unnest(told) r WHERE r.role = 10) THEN
      RETURN;
    END IF;
  END IF;
  WITH RECURSIVE attempts AS (
    SELECT * FROM unnest(attempt_offsets, attempt_groups, attempt_traces, attempt_spans) AS a (at, grp, trace, span)
  ), tree AS (
    SELECT DISTINCT * FROM unnest(tree_traces, tree_spans, tree_parents) AS t (trace, span, parent)
  ), below AS (
    SELECT a.at, a.grp, a.trace, a.span FROM attempts a WHERE a.grp IS NOT NULL
    UNION
    SELECT b.at, b.grp, t.trace, t.span FROM below b JOIN tree t ON t.trace = b.trace AND t.parent = b.span
  ), copies AS (
    -- By origin. Its group stands beside it; of another library's, the group above it in the trace.
    SELECT o.message_offset AS at, coalesce(s.attributes ->> 'kafka_trail.origin.group', b.grp) AS grp,
      s.topic_id, s.partition, s.message_offset, true AS is_named
    FROM unnest(told) r
    JOIN unnest(gathered) s ON s.trace_id = r.trace_id AND s.span_id = r.span_id
    CROSS JOIN LATERAL generate_series(r.first_offset, r.last_offset) AS o (message_offset)
    LEFT JOIN below b ON b.trace = s.trace_id AND b.span = s.span_id AND b.at = o.message_offset
    WHERE r.role = 10 AND r.topic_id = ANY (topics) AND r.partition = in_partition AND s.operation IN (1, 2)
    UNION ALL
    SELECT b.at, b.grp, s.topic_id, s.partition, s.message_offset, false
    FROM unnest(sends) s JOIN below b ON b.trace = s.trace_id AND b.span = s.span_id
    UNION ALL
    SELECT a.at, a.grp, s.topic_id, s.partition, s.message_offset, false
    FROM unnest(linked) s
    JOIN unnest(link_traces, link_spans, link_to_traces, link_to) AS l (trace, span, to_trace, to_span)
      ON l.trace = s.trace_id AND l.span = s.span_id
    JOIN attempts a ON a.trace = l.to_trace AND a.span = l.to_span
    WHERE a.grp IS NOT NULL
  )
  SELECT array_agg(x.at), array_agg(x.grp), array_agg(x.name), array_agg(x.place), array_agg(x.is_dead_letter)
    INTO offsets, groups, to_topics, to_places, are_dead_letters FROM (
      SELECT DISTINCT ON (c.at, c.grp, trail_private.is_dead_letter_topic(t.name))
        c.at, c.grp, t.name, t.name || coalesce('/' || c.partition || '/' || c.message_offset, '') AS place,
        trail_private.is_dead_letter_topic(t.name) AS is_dead_letter
      FROM copies c JOIN trail_private.topics t ON t.topic_id = c.topic_id
      WHERE c.grp IS NOT NULL AND (c.is_named OR trail_private.is_dead_letter_topic(t.name) OR trail_private.is_retry_topic(t.name))
      ORDER BY c.at, c.grp, trail_private.is_dead_letter_topic(t.name), c.is_named DESC, c.message_offset DESC NULLS LAST) x;
END $$;

COMMENT ON FUNCTION trail_private.forwards_of IS 'Dead letters and retries that consumer groups made of some messages; NULL: none.';
