-- Some instrumentations' handlings tell no offset: confluent-kafka's consume(), kafka-python, batch listeners. Such a span
-- hangs below, or links to, the sender of each message it handled. Where that sender's place is known, so is its. It is then
-- told as a range: of role 20, or 21 where it leads to several senders and so speaks of none of them alone.
--
-- Never where a handling of another place on the topic leads to the same sender: then somebody sent a copy on with the old
-- context.
CREATE OR REPLACE FUNCTION trail_private.with_unplaced(
  topics int[], in_partition int, offsets bigint[],
  INOUT gathered trail_private.spans[], INOUT told trail_private.offset_ranges[], OUT is_led boolean
) LANGUAGE plpgsql STABLE AS $$
DECLARE
  senders trail_private.spans[];
  traces uuid[];
  ids bigint[];
  earliest timestamptz;
  latest timestamptz;
  handlings trail_private.spans[];
  some_spans trail_private.spans[];
  to_senders trail_private.span_links[];
  links trail_private.span_links[];
  some_links trail_private.span_links[];
  led trail_private.offset_ranges[];
BEGIN
  is_led := false;
  SELECT array_agg(s), array_agg(s.trace_id), array_agg(s.span_id), min(s.start_time) - interval '1 hour' INTO senders, traces, ids, earliest
    FROM unnest(gathered) s JOIN trail_private.topics t ON t.topic_id = s.topic_id
    WHERE s.operation IN (1, 2) AND s.message_offset = ANY (offsets) AND s.partition = in_partition
      AND t.name = (SELECT a.name FROM trail_private.topics a WHERE a.topic_id = topics[1]);
  IF senders IS NULL THEN
    RETURN;
  END IF;
  SELECT array_agg(s) INTO handlings FROM trail_private.spans s
    WHERE s.trace_id = ANY (traces) AND s.parent_span_id = ANY (ids) AND s.start_time >= earliest
      AND s.operation IN (3, 4) AND s.kind = 5;
  SELECT array_agg(ROW (o.*)::trail_private.spans) INTO some_spans FROM trail_private.odd_time_spans o
    WHERE o.trace_id = ANY (traces) AND o.parent_span_id = ANY (ids) AND o.operation IN (3, 4) AND o.kind = 5;
  handlings := handlings || some_spans;
  SELECT array_agg(l) INTO to_senders FROM trail_private.span_links l
    WHERE l.to_trace_id = ANY (traces) AND l.to_span_id = ANY (ids) AND l.start_time >= earliest;
  SELECT array_agg(ROW (o.*)::trail_private.span_links) INTO some_links FROM trail_private.odd_time_span_links o
    WHERE o.to_trace_id = ANY (traces) AND o.to_span_id = ANY (ids);
  to_senders := to_senders || some_links;
  IF to_senders IS NOT NULL THEN
    SELECT array_agg(l.trace_id), array_agg(l.span_id), min(l.start_time), max(l.start_time) INTO traces, ids, earliest, latest
      FROM unnest(to_senders) l;
    SELECT array_agg(s) INTO some_spans FROM trail_private.spans s
      WHERE s.trace_id = ANY (traces) AND s.span_id = ANY (ids) AND s.start_time BETWEEN earliest AND latest
        AND s.operation IN (3, 4) AND s.kind = 5;
    handlings := handlings || some_spans;
    SELECT array_agg(ROW (o.*)::trail_private.spans) INTO some_spans FROM trail_private.odd_time_spans o
      WHERE o.trace_id = ANY (traces) AND o.span_id = ANY (ids) AND o.operation IN (3, 4) AND o.kind = 5;
    handlings := handlings || some_spans;
  END IF;
  SELECT array_agg(h.trace_id), array_agg(h.span_id), min(h.start_time), max(h.start_time) INTO traces, ids, earliest, latest
    FROM unnest(handlings) h WHERE h.message_offset IS NULL;
  IF traces IS NULL THEN
    RETURN;
  END IF;
  -- What else they link to.
  SELECT array_agg(l) INTO links FROM trail_private.span_links l
    WHERE l.trace_id = ANY (traces) AND l.span_id = ANY (ids) AND l.start_time BETWEEN earliest AND latest;
  SELECT array_agg(ROW (o.*)::trail_private.span_links) INTO some_links FROM trail_private.odd_time_span_links o
    WHERE o.trace_id = ANY (traces) AND o.span_id = ANY (ids);
  links := links || some_links;
  WITH sent AS MATERIALIZED (
    SELECT DISTINCT p.trace_id, p.span_id, p.message_offset AS at FROM unnest(senders) p
  ), h AS MATERIALIZED (
    SELECT DISTINCT ON (u.trace_id, u.span_id) u.* FROM unnest(handlings) u WHERE u.topic_id = ANY (topics)
  ), ways AS MATERIALIZED (
    SELECT h.trace_id, h.span_id, p.trace_id AS sent_trace, p.span_id AS sent_span, p.at
    FROM h JOIN sent p ON p.trace_id = h.trace_id AND p.span_id = h.parent_span_id
    UNION
    SELECT l.trace_id, l.span_id, p.trace_id, p.span_id, p.at
    FROM unnest(to_senders) l JOIN sent p ON p.trace_id = l.to_trace_id AND p.span_id = l.to_span_id
  ), copied AS MATERIALIZED (
    SELECT DISTINCT w.sent_trace, w.sent_span FROM ways w JOIN h USING (trace_id, span_id)
    WHERE h.partition <> in_partition OR h.message_offset <> w.at
  )
  SELECT array_agg(DISTINCT (h.start_time, h.span_id, w.at, w.at, h.topic_id, in_partition, h.consumer_group_id,
      CASE WHEN EXISTS (SELECT FROM unnest(links) l WHERE l.trace_id = h.trace_id AND l.span_id = h.span_id
        AND (l.to_trace_id, l.to_span_id) <> (w.sent_trace, w.sent_span)) THEN 21 ELSE 20 END,
      h.trace_id)::trail_private.offset_ranges)
    INTO led
    FROM ways w JOIN h USING (trace_id, span_id)
    WHERE h.message_offset IS NULL
      -- The poll that handed messages over tells of none; of one handling, what was done with the message counts.
      AND NOT (h.operation = 3 AND (h.attributes -> 'messaging.batch.message_count' IS NOT NULL
        OR EXISTS (SELECT FROM h f WHERE f.trace_id = h.trace_id AND f.operation = 4 AND f.service_id = h.service_id)))
      AND (w.sent_trace, w.sent_span) NOT IN (SELECT c.sent_trace, c.sent_span FROM copied c)
      -- kafka-trail's own name their offsets, in ranges.
      AND h.attributes::text NOT LIKE '%"kafka_trail.%'
      AND NOT EXISTS (SELECT FROM unnest(told) r WHERE r.trace_id = h.trace_id AND r.span_id = h.span_id)
      -- What names the message says more.
      AND NOT EXISTS (SELECT FROM unnest(gathered) f WHERE f.operation IN (3, 4) AND f.message_offset = w.at AND f.partition = in_partition
        AND f.service_id = h.service_id AND coalesce(f.consumer_group_id = h.consumer_group_id, true));
  is_led := led IS NOT NULL;
  IF is_led THEN
    told := told || led;
    gathered := gathered || ARRAY(SELECT u FROM unnest(handlings) u
      WHERE (u.trace_id, u.span_id) IN (SELECT l.trace_id, l.span_id FROM unnest(led) l));
  END IF;
END $$;

COMMENT ON FUNCTION trail_private.with_unplaced IS 'The same spans and ranges, and the handlings that tell no offset but lead to the senders of these messages.';
