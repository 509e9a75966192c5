-- Most instrumentations do not know a sent message's offset (Python's, OpenTelemetry's kafkajs, Spring). Whoever handled the
-- message does, and is its sender's child, or has a single link, to the sender: so the sender's span is fetched and given
-- the place. Never where handlings of two places lead to it: then somebody sent a copy on with the old context.
CREATE OR REPLACE FUNCTION trail_private.with_senders(
  gathered trail_private.spans[], told trail_private.offset_ranges[], with_own boolean DEFAULT false)
RETURNS trail_private.spans[] LANGUAGE plpgsql STABLE AS $$
DECLARE
  handled trail_private.spans[];
  traces uuid[];
  ids bigint[];
  earliest timestamptz;
  latest timestamptz;
  links trail_private.span_links[];
  some_links trail_private.span_links[];
  to_traces uuid[];
  to_spans bigint[];
  senders trail_private.spans[];
  others trail_private.spans[];
  some_spans trail_private.spans[];
  placed trail_private.spans[];
BEGIN
  WITH s AS MATERIALIZED (SELECT * FROM unnest(gathered))
  SELECT array_agg(h) INTO handled FROM s h
    WHERE h.operation IN (3, 4) AND h.kind = 5 AND h.message_offset IS NOT NULL AND h.partition IS NOT NULL
      -- Spans that count attempts are kafka-trail's own, whose senders know their offsets wherever they can be known.
      -- Elsewhere than on a topic that others send to as well: with_own.
      AND (with_own OR h.attempt IS NULL)
      AND NOT EXISTS (SELECT FROM s p WHERE p.operation IN (1, 2) AND p.message_offset = h.message_offset AND p.partition = h.partition
        AND p.topic_id = h.topic_id)
      AND NOT EXISTS (SELECT FROM unnest(told) r WHERE r.role = 1 AND r.topic_id = h.topic_id AND r.partition = h.partition
        AND h.message_offset BETWEEN r.first_offset AND r.last_offset);
  IF handled IS NULL THEN
    RETURN gathered;
  END IF;
  -- Bounded, as every slice that is opened costs: a sender is looked for in the day before its message was handled.
  SELECT array_agg(h.trace_id), array_agg(h.span_id), min(h.start_time) - interval '1 day', max(h.start_time) + interval '1 hour'
    INTO traces, ids, earliest, latest FROM unnest(handled) h;
  SELECT array_agg(l) INTO links FROM trail_private.span_links l
    WHERE l.trace_id = ANY (traces) AND l.span_id = ANY (ids) AND l.start_time BETWEEN earliest AND latest;
  SELECT array_agg(ROW (o.*)::trail_private.span_links) INTO some_links FROM trail_private.odd_time_span_links o
    WHERE o.trace_id = ANY (traces) AND o.span_id = ANY (ids);
  links := links || some_links;
  -- A span with several links handled several messages, and its place is that of one.
  SELECT array_agg(l.to_trace_id), array_agg(l.to_span_id), array_agg(l.trace_id), array_agg(l.span_id)
    INTO to_traces, to_spans, traces, ids
    FROM (SELECT DISTINCT u.*, count(*) OVER (PARTITION BY u.trace_id, u.span_id) AS siblings FROM unnest(links) u) l WHERE l.siblings = 1;
  SELECT to_traces || array_agg(h.trace_id), to_spans || array_agg(h.parent_span_id), traces || array_agg(h.trace_id), ids || array_agg(h.span_id)
    INTO to_traces, to_spans, traces, ids
    FROM unnest(handled) h WHERE h.parent_span_id IS NOT NULL;
  SELECT array_agg(s) INTO senders FROM trail_private.spans s
    WHERE s.trace_id = ANY (to_traces) AND s.span_id = ANY (to_spans) AND s.start_time BETWEEN earliest AND latest
      AND s.operation IN (1, 2) AND s.kind = 4 AND s.message_offset IS NULL AND s.topic_id IS NOT NULL;
  SELECT array_agg(ROW (o.*)::trail_private.spans) INTO some_spans FROM trail_private.odd_time_spans o
    WHERE o.trace_id = ANY (to_traces) AND o.span_id = ANY (to_spans)
      AND o.operation IN (1, 2) AND o.kind = 4 AND o.message_offset IS NULL AND o.topic_id IS NOT NULL;
  senders := senders || some_spans;
  IF senders IS NULL THEN
    RETURN gathered;
  END IF;
  -- Every other handling in the senders' traces.
  SELECT array_agg(s) INTO others FROM trail_private.spans s
    WHERE s.trace_id = ANY (to_traces) AND s.parent_span_id = ANY (to_spans) AND s.start_time >= earliest
      AND s.operation IN (3, 4) AND s.message_offset IS NOT NULL;
  SELECT array_agg(ROW (o.*)::trail_private.spans) INTO some_spans FROM trail_private.odd_time_spans o
    WHERE o.trace_id = ANY (to_traces) AND o.parent_span_id = ANY (to_spans)
      AND o.operation IN (3, 4) AND o.message_offset IS NOT NULL;
  others := others || some_spans;
  WITH ways AS (
    SELECT w.to_trace, w.to_span, w.trace, w.span FROM unnest(to_traces, to_spans, traces, ids) AS w (to_trace, to_span, trace, span)
    UNION
    SELECT o.trace_id, o.parent_span_id, o.trace_id, o.span_id FROM unnest(others) o
  ), places AS (
    SELECT p.trace_id, p.span_id, min(h.partition) AS partition, min(h.message_offset) AS message_offset
    FROM unnest(senders) p
    JOIN ways w ON w.to_trace = p.trace_id AND w.to_span = p.span_id
    JOIN unnest(handled || others) h ON h.trace_id = w.trace AND h.span_id = w.span
    JOIN trail_private.topics sent ON sent.topic_id = p.topic_id
    JOIN trail_private.topics taken ON taken.topic_id = h.topic_id AND taken.name = sent.name
    WHERE p.partition IS NULL OR p.partition = h.partition
    GROUP BY p.trace_id, p.span_id
    HAVING count(DISTINCT (h.partition, h.message_offset)) = 1
  )
  SELECT array_agg(jsonb_populate_record(p, jsonb_build_object('partition', x.partition, 'message_offset', x.message_offset))) INTO placed
    FROM (SELECT DISTINCT ON (u.trace_id, u.span_id) u AS p, u.trace_id, u.span_id FROM unnest(senders) u) s JOIN places x USING (trace_id, span_id);
  RETURN coalesce(placed, '{}') || ARRAY(SELECT s FROM unnest(gathered) s
    WHERE (s.trace_id, s.span_id) NOT IN (SELECT p.trace_id, p.span_id FROM unnest(placed) p));
END $$;

COMMENT ON FUNCTION trail_private.with_senders IS 'The same spans, and those that sent the messages they handled, with the places of these.';
